import { basename } from 'node:path';
import type { EventSource } from '#domain/events';

/** Row numbers of a file in order, with neighbours as a range: `4-9,12`. */
function rowsText(rows: readonly number[]): string {
  const ranges: { from: number; to: number }[] = [];
  for (const row of rows) {
    const last = ranges.at(-1);
    if (last !== undefined && row === last.to + 1) last.to = row;
    else ranges.push({ from: row, to: row });
  }
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** The name without folders: the folders of the importing user are private. */
export const sourceInFile = (
  { name, digest }: { readonly name: string; readonly digest?: string },
  rows: readonly number[],
): EventSource => ({
  file: basename(name),
  ...(digest === undefined ? {} : { sha256: digest }),
  rows: rowsText(rows),
});

/** The file row of the n-th item of an event. undefined: there are fewer rows. */
export function rowAt({ rows }: EventSource, n: number): number | undefined {
  let before = 0;
  for (const range of rows.split(',')) {
    const [from = 0, to = from] = range.split('-').map(Number);
    if (n < before + to - from + 1) return from + n - before;
    before += to - from + 1;
  }
  return undefined;
}
