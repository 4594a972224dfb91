import { z } from 'zod';
import { isObject } from './output.js';
import { WrongUsage } from './wrong-usage.js';

/** The rows of an answer as a table, and the lists that are not in it. */
export interface RowsOfAnswer {
  readonly rows: readonly object[];
  readonly others: readonly string[];
}

/**
 * The items of a list, the entries or the only list of an answer, or the list that is named. Without a list, the answer
 * itself is a row. Errors: WrongUsage, if it has several lists and none is named, or not the one that is.
 */
export function rowsOf(answer: unknown, schema: z.ZodType, named: string | undefined): RowsOfAnswer {
  if (!isObject(answer)) throw new WrongUsage('This answer has no rows. Omit --csv.');
  const lists = [...new Set(listsIn(schema))].filter((path) => Array.isArray(at(answer, path)));
  const chosen = named ?? (lists.length === 1 ? lists[0] : DEFAULTS.find((each) => lists.includes(each)));
  if (chosen === undefined && lists.length === 0) return { rows: [answer], others: [] };
  if (chosen === undefined)
    throw new WrongUsage(`This answer has several lists: ${lists.join(', ')}. Choose one with --list, or use --json.`);
  if (!lists.includes(chosen))
    throw new WrongUsage(
      lists.length === 0
        ? `This answer has no list ${chosen}. Omit --list.`
        : `This answer has no list ${chosen}. Choose one of ${lists.join(', ')}.`,
    );
  const rows = at(answer, chosen);
  return {
    rows: Array.isArray(rows) ? rows.filter(isObject) : [],
    others: lists.filter((each) => each !== chosen),
  };
}

/** What an answer is a list of, where it has other lists beside. */
const DEFAULTS = ['items', 'entries'];

/** The paths of the lists of objects in an answer, such as `byKind.revenue`. Lists in rows are not among them. */
function listsIn(schema: unknown, path = ''): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return listsIn(schema.unwrap(), path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => listsIn(option, path));
  if (schema instanceof z.ZodArray) return isOfObjects(schema.element) ? [path] : [];
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).flatMap(([name, field]) =>
    listsIn(field, path === '' ? name : `${path}.${name}`),
  );
}

const isOfObjects = (element: unknown): boolean => element instanceof z.ZodObject || element instanceof z.ZodUnion;

const at = (answer: object, path: string): unknown =>
  path.split('.').reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), answer);
