import type { Cells } from '../rows/cells.js';

/**
 * Tags as `key:value`, of an object or its JSON. If they can't be read, that is noted and the row is imported, because
 * tags are not amounts.
 */
export function tagsOf(cells: Cells, field: string): string[] {
  const written = cells.raw(field);
  if (written === undefined) return [];
  const tags = typeof written === 'string' ? parsed(written) : written;
  if (typeof tags !== 'object' || tags === null) {
    cells.note('unreadable_tags', field, String(written), 'are not JSON. The row is imported without them.');
    return [];
  }
  const entries = Object.entries(tags).map(([key, value]): [string, string] => [key, String(value)]);
  for (const [key] of entries)
    if (key !== key.trim())
      cells.note('tag_key_spaces', field, key, 'tag key has spaces around it. Imported without them.');
  return entries.map(([key, value]) => `${key.trim()}:${value}`);
}

/** Azure leaves the braces out: `"team": "a","env": "prod"`. */
function parsed(written: string): unknown {
  try {
    return JSON.parse(written.startsWith('"') ? `{${written}}` : written);
  } catch {
    return undefined;
  }
}
