/** Results go to stdout, everything else to stderr. */
export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
export const printJson = (document: unknown): void => {
  print(JSON.stringify(document, null, 2));
};
export const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** Rows as a plain table, columns by name; an object within a cell as JSON. */
export function table(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  return cells.map((row) => row.map((text, index) => text.padEnd(widths[index] ?? 0)).join('  ').trimEnd()).join('\n');
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'string') return value;
  if (isPeriod(value)) return `${value.start} … ${value.end ?? 'open'}`;
  return JSON.stringify(value);
}

const isPeriod = (value: unknown): value is { start: string; end: string | null } =>
  typeof value === 'object' && value !== null && Object.keys(value).join() === 'start,end';
