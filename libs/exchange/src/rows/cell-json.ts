import { fieldPath } from '#domain/faults';
import { parseJson, RepeatedField } from '#domain/json-text';
import { isStorable, unstorableIn } from '#domain/storable';
import { RowFault } from './row.js';

/** Errors: RowFault, if the log can't store the value. */
export function storable<Value>(field: string, value: Value): Value {
  // Nearly all values are texts, which need no search.
  if (typeof value === 'string' && isStorable(value)) return value;
  const found = unstorableIn(value);
  if (found === undefined) return value;
  throw new RowFault(fieldPath([field, ...found.path]), value, found.message);
}

/** The value of a JSON text in a cell. undefined: it is not JSON. Errors: RowFault, if it gives a field twice. */
export function jsonIn(field: string, text: string, read: (text: string) => unknown = parseJson): unknown {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof RepeatedField) throw new RowFault(field, text, `${error.message}. Give it once.`);
    return undefined;
  }
}
