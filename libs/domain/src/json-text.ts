/** What a JSON text may hold. */
export interface MostJson {
  /** Those within lists and objects included. */
  readonly values: number;
  readonly levels: number;
  /** Fields of one object. */
  readonly fields: number;
}

export interface JsonSize {
  readonly values: number;
  /** What there is too much of. The rest was not counted. */
  readonly excess?: keyof MostJson;
}

const WITHOUT_LIMITS: MostJson = { values: Infinity, levels: Infinity, fields: Infinity };

const [QUOTE, COMMA, BACKSLASH, SPACE] = [0x22, 0x2c, 0x5c, 0x20];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * How much a JSON text holds. A list or an object with n > 0 values has n - 1 commas. A text that is not valid JSON is
 * for the parser to refuse. It takes some 3 ms a megabyte, in which the parser takes 7.
 */
export function sizeOfJson(json: string, most: MostJson = WITHOUT_LIMITS): JsonSize {
  let values = 1;
  /** Of the innermost list or object. In a list there are none. */
  let fields = 0;
  const outer: number[] = [];
  let isFirst = false;
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code <= SPACE) continue;
    const closes = code === CLOSE_LIST || code === CLOSE_OBJECT;
    if (code === COMMA || (isFirst && !closes)) {
      values += 1;
      fields += 1;
      if (values > most.values) return { values, excess: 'values' };
      if (fields > most.fields) return { values, excess: 'fields' };
    }
    isFirst = code === OPEN_LIST || code === OPEN_OBJECT;
    if (isFirst) {
      if (outer.push(fields) > most.levels) return { values, excess: 'levels' };
      fields = code === OPEN_LIST ? -Infinity : 0;
    } else if (closes) fields = outer.pop() ?? 0;
    else if (code === QUOTE) at = endOfText(json, at);
  }
  return { values };
}

/** The place of the quote that ends the text which begins with the quote at this place. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

/** A JSON text gives a field of an object twice. Parsers keep one of the two values, and differ in which. */
export class RepeatedField extends SyntaxError {
  constructor(text: string) {
    const [path = []] = repeatedFields(text);
    super(`gives the field ${textOfPath(path)} twice`);
  }
}

/** What is wrong with a text that parseJson refused, as a predicate: the subject is the text. */
export function jsonFault(error: unknown): string {
  if (error instanceof RepeatedField) return error.message;
  return `is not JSON: ${error instanceof Error ? error.message : String(error)}`;
}

/** The value of a JSON text. Errors: SyntaxError; RepeatedField. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (hasRepeatedFields(value, sizeOfJson(text).values)) throw new RepeatedField(text);
  return value;
}

/** Whether the text that was parsed gave a field twice. Then it has more `values` than what was made of it. */
export const hasRepeatedFields = (value: unknown, values: number): boolean => valuesIn(value) < values;

const REPEATED = Symbol('a field of this object that its JSON gave twice');

/** Marks the objects of a value whose JSON text gives a field twice, so that each can be refused by itself. */
export function markRepeatedFields(text: string, value: unknown): void {
  for (const path of repeatedFields(text)) {
    const object = path.slice(0, -1).reduce<unknown>((of, step) => (isRecord(of) ? of[step] : undefined), value);
    if (isRecord(object)) object[REPEATED] = path.at(-1);
  }
}

/** The field that the JSON text of an object gave twice, as far as it was marked. Copies by spread keep the mark. */
export function repeatedFieldOf(object: object): string | undefined {
  const name = REPEATED in object ? object[REPEATED] : undefined;
  return typeof name === 'string' ? name : undefined;
}

const isRecord = (value: unknown): value is Record<PropertyKey, unknown> => typeof value === 'object' && value !== null;

/** With a stack: values may be nested deeper than functions can be. */
function valuesIn(value: unknown): number {
  let count = 0;
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    count += 1;
    if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) open.push(inner);
  }
  return count;
}

/** A list or an object that is not closed yet, and where in it the text is. */
interface Open {
  /** Of an object: the names so far. */
  readonly names: Set<string> | null;
  step: string | number;
  /** What comes next in an object is a name, not a value. */
  isNameNext: boolean;
  /** A name was repeated before. One report is enough. */
  isReported: boolean;
}

/** A path has so many steps at most: nobody reads a longer one, and each step of each path would take time. */
const LONGEST_PATH = 100;

type Path = readonly (string | number)[];

const textOfPath = (path: Path): string =>
  path.map((step, n) => (typeof step === 'number' ? `[${step}]` : n === 0 ? step : `.${step}`)).join('');

/** The paths of the fields that valid JSON gives twice, one for each object. */
function* repeatedFields(json: string): Iterable<Path> {
  const open: Open[] = [];
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    const inner = open.at(-1);
    if (code === OPEN_LIST) open.push({ names: null, step: 0, isNameNext: false, isReported: false });
    else if (code === OPEN_OBJECT) open.push({ names: new Set(), step: '', isNameNext: true, isReported: false });
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) open.pop();
    else if (code === COMMA && inner !== undefined) {
      if (typeof inner.step === 'number') inner.step += 1;
      else inner.isNameNext = true;
    } else if (code === QUOTE) {
      const end = endOfText(json, at);
      if (inner?.isNameNext === true && isRepeated(inner, json.slice(at, end + 1)))
        yield open.slice(0, LONGEST_PATH).map(({ step }) => step);
      at = end;
    }
  }
}

/** `"a"` and `"\u0061"` are the same name. */
function isRepeated(object: Open, written: string): boolean {
  const name = String(JSON.parse(written));
  object.isNameNext = false;
  object.step = name;
  if (object.names?.has(name) !== true) {
    object.names?.add(name);
    return false;
  }
  const isFirst = !object.isReported;
  object.isReported = true;
  return isFirst;
}

/** `application/json; charset=utf-8`, `application/vnd.acme+json`: by CloudEvents 1.0, such data are JSON. */
const JSON_TYPE = /^[^\s/;]+\/(?:[^\s/;]+\+)?json\s*(?:;|$)/i;

/** Whether a media type is one of JSON, whatever its parameters. */
export const isJsonType = (type: string): boolean => JSON_TYPE.test(type.trim());
