import { cellsFor, type Preset } from '#exchange/presets/preset';

/** What a preset makes of a row, and its notes. A row of texts is one of CSV, with these columns. */
export function readRow<Item>(preset: Preset<Item>, fields: Readonly<Record<string, unknown>>) {
  const isCsv = Object.values(fields).every((value) => typeof value === 'string');
  const cells = cellsFor(preset, {}, 'file', isCsv ? Object.keys(fields) : null).on({
    row: 1,
    line: 2,
    fields,
    ...(isCsv ? {} : { text: JSON.stringify(fields) }),
  });
  const item = preset.read(cells);
  return { item, notes: cells.noted().map(({ code, field }) => [code, field]) };
}
