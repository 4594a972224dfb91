const BAR_WIDTH = 24;
const PLAIN_EVERY_MS = 10_000;
const BAR_EVERY_MS = 100;
/** Shorter work shows no bar. */
const NO_BAR_MS = 1000;

let barShown = false;

function clearBar(): void {
  if (barShown) process.stderr.write('\r\u001b[K');
  barShown = false;
}

/** Prints a result to stdout. Everything else goes to stderr. */
export const print = (text: string): void => {
  clearBar();
  process.stdout.write(`${text}\n`);
};
export const printJson = (document: unknown): void => {
  print(JSON.stringify(document, null, 2));
};
export const say = (text: string): void => {
  clearBar();
  process.stderr.write(`${text}\n`);
};

/**
 * Shows the progress of long work: a bar on a terminal, otherwise a plain line every 10 s. `share` is from 0 to 1, or
 * null if unknown.
 */
export function progress(): { show(share: number | null, text: string): void; end(): void } {
  const bar = process.stderr.isTTY;
  let shownAt = performance.now() + (bar ? NO_BAR_MS : 0);
  return {
    show(share, text) {
      if (performance.now() - shownAt < (bar ? BAR_EVERY_MS : PLAIN_EVERY_MS)) return;
      shownAt = performance.now();
      const percent = share === null ? '' : `${Math.floor(share * 100)} % `;
      if (!bar) {
        say(`${percent}${text}`);
        return;
      }
      const full = Math.floor((share ?? 0) * BAR_WIDTH);
      process.stderr.write(`\r\u001b[K[${'#'.repeat(full).padEnd(BAR_WIDTH)}] ${percent}${text}`);
      barShown = true;
    },
    end: clearBar,
  };
}

/** A number and its noun: `1 row`, `2 rows`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Rows as a plain table with column names. An object in a cell is printed as JSON. */
export function table(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'string') return value;
  if (isPeriod(value)) return `${value.start} … ${value.end ?? 'open'}`;
  return JSON.stringify(value);
}

export const isPeriod = (value: unknown): value is { start: string; end: string | null } =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 2 && 'start' in value && 'end' in value;
