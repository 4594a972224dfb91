import { cellsFor, type Preset } from '#exchange/presets/preset';
import type { Mapping } from '#exchange/rows/mapping';

/** What a preset makes of a row, and its notes. A row of texts only is one of a CSV file with these columns. */
export function readRow<Item>(
  preset: Preset<Item>,
  fields: Readonly<Record<string, unknown>>,
  mapping: Mapping = {},
): { readonly item: Item; readonly items: readonly Item[]; readonly notes: readonly (readonly [string, string])[] } {
  const isCsv = Object.values(fields).every((value) => typeof value === 'string');
  const cells = cellsFor(preset, mapping, 'file', isCsv ? Object.keys(fields) : null).on({
    row: 1,
    line: 2,
    fields,
    ...(isCsv ? {} : { text: JSON.stringify(fields) }),
  });
  const items = [preset.read(cells)].flat() as readonly Item[];
  const [item] = items;
  if (item === undefined) throw new Error('the preset makes nothing of the row');
  return { item, items, notes: cells.noted().map(({ code, field }) => [code, field]) };
}
