/** What a text must be to be kept and found again by its bytes: Unicode, without the NUL that Postgres has no place for. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** Of JSON; a schema that calls itself for each level must not run out of stack. */
const DEEPEST = 64;

export interface Unstorable {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The first place in JSON, at any depth, that can't be kept; undefined where all of it can. */
export const unstorableIn = (value: unknown): Unstorable | undefined => search(value, []);

/** `path`: to the value; changed while it is searched, as very many readings are. */
function search(value: unknown, path: PropertyKey[]): Unstorable | undefined {
  if (typeof value === 'string')
    return isStorable(value)
      ? undefined
      : { path, message: 'contains a NUL character or half a surrogate pair, and is no text that can be kept' };
  if (typeof value !== 'object' || value === null) return undefined;
  if (path.length === DEEPEST) return { path, message: `is nested deeper than ${DEEPEST} levels` };
  for (const [key, each] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    if (typeof key === 'string' && !isStorable(key))
      return { path, message: `has a key with a NUL character or half a surrogate pair: ${JSON.stringify(key)}` };
    path.push(key);
    const found = search(each, path);
    if (found !== undefined) return found;
    path.pop();
  }
  return undefined;
}
