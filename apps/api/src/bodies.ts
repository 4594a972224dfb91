import { V1 } from './http.js';
import { BodyTooLarge } from './problem.js';

/** What a JSON text may hold. */
interface Most {
  /** Those within lists and objects included. */
  readonly values: number;
  /** Free fields have at most 64. In a list, an item with more is refused by itself, and harms no parser. */
  readonly levels: number;
  /** Fields of one object. An object of 500,000 fields that nobody knows takes 5 s. */
  readonly fields: number;
}

/** What the body of a request may hold. */
interface BodyLimits extends Most {
  readonly mebibytes: number;
}

/** Queries have fewer parameters: their own limit of values is lower. */
const QUERY: BodyLimits = { mebibytes: 1, values: 50_000, levels: 100, fields: 20_000 };
const GRAPHQL: BodyLimits = { mebibytes: 2, values: 100_000, levels: 100, fields: 20_000 };
/**
 * Up to 10,000 items, or one command with a complete provider invoice or listing. 500,000 values are parsed in 0.1 to
 * 0.4 s, which keep all other requests waiting. 16 MiB can hold ten times as many.
 */
const LIST: BodyLimits = { mebibytes: 16, values: 500_000, levels: 500_000, fields: 20_000 };

const LIMITS: ReadonlyMap<string | undefined, BodyLimits> = new Map([
  ['/graphql', GRAPHQL],
  [`/${V1}/usage`, LIST],
  [`/${V1}/commands`, LIST],
  [`/${V1}/preview`, LIST],
]);
const limitsOf = (route: string | undefined): BodyLimits => LIMITS.get(route) ?? QUERY;

/** `route`: its path, as Fastify has it. */
export const maxBytesOf = (route: string | undefined): number => limitsOf(route).mebibytes * 1024 * 1024;

export const tooManyBytes = (route: string | undefined): BodyTooLarge =>
  new BodyTooLarge(`The body is larger than ${limitsOf(route).mebibytes} MiB, the limit here. Send less in a request.`);

/** Errors: `body_too_large`, if the JSON has too many values or levels. It is only scanned: parsing it takes longer. */
export function assertParsable(json: Uint8Array, route: string | undefined): void {
  const most = limitsOf(route);
  const excess = excessOf(json, most);
  if (excess !== undefined) throw new BodyTooLarge(EXCESSES[excess](most[excess]));
}

const EXCESSES: Readonly<Record<keyof Most, (most: number) => string>> = {
  values: (most) => `The body has more than ${most} values, the limit here. Send less in a request.`,
  levels: (most) => `The body is nested deeper than ${most} levels, the limit here. Nest its values less.`,
  fields: (most) => `The body has an object with more than ${most} fields, the limit here. Use fewer, or a list.`,
};

const [QUOTE, COMMA, BACKSLASH, SPACE] = [0x22, 0x2c, 0x5c, 0x20];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * What a JSON text has too much of. A list or an object with n > 0 values has n - 1 commas. A text that is not valid
 * JSON is for the parser to refuse. It takes some 3 ms a megabyte, in which the parser takes 7.
 */
export function excessOf(json: Uint8Array, most: Most): keyof Most | undefined {
  let values = 1;
  /** Of the innermost list or object. In a list there are none. */
  let fields = 0;
  const outer: number[] = [];
  let isFirst = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] ?? 0;
    if (byte <= SPACE) continue;
    const closes = byte === CLOSE_LIST || byte === CLOSE_OBJECT;
    if (byte === COMMA || (isFirst && !closes)) {
      values += 1;
      fields += 1;
      if (values > most.values) return 'values';
      if (fields > most.fields) return 'fields';
    }
    isFirst = byte === OPEN_LIST || byte === OPEN_OBJECT;
    if (isFirst) {
      if (outer.push(fields) > most.levels) return 'levels';
      fields = byte === OPEN_LIST ? -Infinity : 0;
    } else if (closes) fields = outer.pop() ?? 0;
    else if (byte === QUOTE) at = endOfText(json, at);
  }
  return undefined;
}

/** The place of the quote that ends the text which begins with the quote at this place. */
function endOfText(json: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}
