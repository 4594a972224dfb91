import { hasRepeatedFields, RepeatedField, sizeOfJson } from '#domain/json-text';
import { ownText } from '#domain/own-text';
import { exactly } from './raw-numbers.js';

const TOKEN = /'((?:[^'\\]|\\.)*)'|("(?:[^"\\]|\\.)*")|\b(None|True|False)\b/g;
const CONSTANTS: Readonly<Record<string, string>> = { None: 'null', True: 'true', False: 'false' };

/**
 * The value of a JSON text in a cell, with numbers as they were written. Also read: an object without its braces (tags
 * of Azure), and a list as Python prints it (a table of BigQuery saved by pandas). undefined: none of these. Errors:
 * RepeatedField.
 */
export function looseJson(text: string): unknown {
  if (text.length > LONGEST_REMEMBERED) return read(text);
  if (remembered.has(text)) return remembered.get(text);
  if (remembered.size === MOST_REMEMBERED) remembered.clear();
  const value = read(text);
  remembered.set(ownText(text), value);
  return value;
}

/** The tags of a resource are the same in each of its rows. Nobody changes a value. */
const remembered = new Map<string, unknown>();
const MOST_REMEMBERED = 1000;
const LONGEST_REMEMBERED = 2000;

function read(text: string): unknown {
  const trimmed = text.trim();
  return (
    parsed(trimmed) ??
    parsed(trimmed.startsWith('"') ? `{${trimmed}}` : '') ??
    parsed(
      trimmed.replace(TOKEN, (all, single?: string, double?: string, constant?: string) =>
        constant !== undefined
          ? (CONSTANTS[constant] ?? all)
          : (double ?? JSON.stringify((single ?? '').replaceAll("\\'", "'"))),
      ),
    )
  );
}

function parsed(text: string): unknown {
  let value: unknown;
  try {
    value = exactly(text);
  } catch {
    return undefined;
  }
  if (hasRepeatedFields(value, sizeOfJson(text).values)) throw new RepeatedField(text);
  return value;
}
