import { jsonIn } from '../rows/cell-json.js';
import type { Cells } from '../rows/cells.js';
import { isObject } from '../rows/answers.js';
import { looseJson } from '../rows/loose-json.js';

/**
 * Tags as `key:value`: of an object, of a list of keys and values, or of the JSON of either. If they can't be read,
 * that is noted and the row is imported, because tags are not amounts. Errors: RowFault, if their JSON gives one twice.
 */
export const tagsOf = (cells: Cells, field: string): string[] => namesOf(tagPairs(cells, field));

/** A tag's key and its value. */
export type Tag = readonly [key: string, value: string];

export const namesOf = (tags: readonly Tag[]): string[] => tags.map(([key, value]) => `${key}:${value}`);

/** Tags as FOCUS has them: a JSON object. undefined: there are none. */
export const tagsText = (tags: readonly Tag[]): string | undefined =>
  tags.length === 0 ? undefined : JSON.stringify(Object.fromEntries(tags));

/** The same as keys and values. */
export function tagPairs(cells: Cells, field: string): Tag[] {
  const written = cells.raw(field);
  if (written === undefined) return [];
  const tags = typeof written === 'string' ? jsonIn(field, written, looseJson) : written;
  if (typeof tags !== 'object' || tags === null) {
    cells.note('unreadable_tags', field, JSON.stringify(written), 'are not JSON. The row is imported without them.');
    return [];
  }
  const entries = Array.isArray(tags) ? tags.map(entryOf) : Object.entries(tags);
  const named = entries.map(([key, value]): [string, string] => [key, String(value)]);
  for (const [key] of named)
    if (key !== key.trim())
      cells.note('tag_key_spaces', field, key, 'tag key has spaces around it. Imported without them.');
  return named.map(([key, value]) => [key.trim(), value]);
}

const entryOf = (tag: unknown): [string, unknown] =>
  isObject(tag) ? [String(tag['key']), tag['value']] : [String(tag), ''];

/** Tags that have a column each, such as `tags/Oracle-Tags.CreatedBy`: the rest of its name is the key. */
export const tagsInColumns = (cells: Cells, start: string): Tag[] =>
  Object.entries(cells.fields()).flatMap(([column, value]): Tag[] =>
    column.startsWith(start) && typeof value === 'string' && value !== '' ? [[column.slice(start.length), value]] : [],
  );
