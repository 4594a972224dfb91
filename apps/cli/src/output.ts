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

/** An object with fields, and not a list. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type Row = Readonly<Record<string, unknown>>;

const columnsOf = (rows: readonly Row[]): string[] => [...new Set(rows.flatMap((row) => Object.keys(row)))];

/** Rows as a plain table with column names. An object in a cell is printed as JSON. */
export const table = (rows: readonly Row[]): string => tableOf(rows, columnsOf(rows));

function tableOf(rows: readonly Row[], columns: readonly string[]): string {
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

/** What people read first, of any list. */
const FIRST: readonly string[] = [
  ...['position', 'number', 'name', 'tenantId', 'deploymentId', 'subscriptionId', 'planId', 'billingKind'],
  ...['resourceType', 'resourceFamily', 'location', 'unitPrice', 'status', 'type', 'quantity', 'net', 'total'],
  ...['invoice', 'before', 'after', 'difference', 'tax'],
  // The widest: what is narrower comes before.
  ...['amountDue', 'currency', 'period'],
];
/** Ids that were derived: people read them last. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A table of at most this width, with the columns that people read first, and the names of those that do not fit. */
export function fittedTable(rows: readonly Row[], width: number): { text: string; leftOut: readonly string[] } {
  const columns = columnsOf(rows);
  const cellsOf = (column: string): string[] => rows.map((row) => cell(row[column]));
  const wideOf = (column: string): number => Math.max(column.length, ...cellsOf(column).map((each) => each.length));
  const widthOf = (shown: readonly string[]): number =>
    shown.reduce((sum, column) => sum + wideOf(column), 2 * (shown.length - 1));
  if (widthOf(columns) <= width) return { text: tableOf(rows, columns), leftOut: [] };
  const rank = (column: string): number => {
    if (FIRST.includes(column)) return FIRST.indexOf(column);
    const isLast = cellsOf(column).every((each) => each === '-' || UUID.test(each));
    return FIRST.length + (isLast ? 1 : 0);
  };
  const shown: string[] = [];
  for (const column of columns.toSorted((a, b) => rank(a) - rank(b)))
    if (shown.length === 0 || widthOf([...shown, column]) <= width) shown.push(column);
  return { text: tableOf(rows, shown), leftOut: columns.filter((column) => !shown.includes(column)) };
}

/** A pipe has no width: what reads it gets all columns. */
export const widthOfTerminal = (): number => (process.stdout.isTTY ? process.stdout.columns : Infinity);

/** Prints a table of at most this width. `others`: the options that show what does not fit. */
export function printFitted(rows: readonly Row[], width: number, others = '--wide, --csv or --json'): void {
  const { text, leftOut } = fittedTable(rows, width);
  print(text);
  if (leftOut.length > 0) say(`left out: ${leftOut.join(', ')} (${others} shows all)`);
}

export function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'string') return value;
  if (isPeriod(value)) return `${value.start} … ${value.end ?? 'open'}`;
  return JSON.stringify(value);
}

export const isPeriod = (value: unknown): value is { start: string; end: string | null } =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 2 && 'start' in value && 'end' in value;
