import { repeatedFieldOf } from './json-text.js';

/**
 * Whether a text can be stored and found again by its bytes: valid Unicode without NUL, which Postgres cannot store.
 */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** The depth limit of JSON: a recursive schema must not run out of stack. */
const DEEPEST = 64;

export interface Unstorable {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Whether JSON has more than so many values, those within lists and objects included. It looks no further. */
export function hasMoreValues(value: unknown, most: number): boolean {
  const left: unknown[] = [value];
  for (let seen = 1; left.length > 0;) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    const within: unknown[] = Array.isArray(next) ? next : Object.values(next);
    seen += within.length;
    if (seen > most) return true;
    for (const each of within) left.push(each);
  }
  return false;
}

/** The first place in JSON, at any depth, that cannot be stored; undefined if all of it can. */
export const unstorableIn = (value: unknown): Unstorable | undefined => search(value, []);

/** `path` leads to the value. It is changed in place, as large batches of readings are searched. */
function search(value: unknown, path: PropertyKey[]): Unstorable | undefined {
  if (typeof value === 'string')
    return isStorable(value)
      ? undefined
      : { path, message: 'contains a NUL character or half a surrogate pair, which cannot be stored' };
  if (typeof value !== 'object' || value === null) return undefined;
  const repeated = repeatedFieldOf(value);
  if (repeated !== undefined) return { path: [...path, repeated], message: 'is given twice. Give it once' };
  if (path.length === DEEPEST) return { path, message: `is nested deeper than ${DEEPEST} levels` };
  for (const [key, each] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    if (typeof key === 'string' && !isStorable(key))
      return { path, message: `has a key with a NUL character or half a surrogate pair: ${JSON.stringify(key)}` };
    // Assigned to an object, it would change the prototype.
    if (key === '__proto__') return { path, message: 'has the key __proto__, which is not allowed' };
    path.push(key);
    const found = search(each, path);
    if (found !== undefined) return found;
    path.pop();
  }
  return undefined;
}
