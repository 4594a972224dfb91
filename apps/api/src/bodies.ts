import { invalid } from '#domain/errors';
import { hasRepeatedFields, markRepeatedFields, type MostJson, RepeatedField, sizeOfJson } from '#domain/json-text';
import { V1 } from './http.js';
import { BodyTooLarge } from './problem.js';

/** What the body of a request may hold. */
interface BodyLimits extends MostJson {
  readonly mebibytes: number;
}

/** Queries have fewer parameters: their own limit of values is lower. */
const QUERY: BodyLimits = { mebibytes: 1, values: 50_000, levels: 100, fields: 20_000 };
const GRAPHQL: BodyLimits = { mebibytes: 2, values: 100_000, levels: 100, fields: 20_000 };
/**
 * Up to 10,000 items, or one command with a complete provider invoice or listing. 500,000 values are parsed in 0.1 to
 * 0.4 s, which keep all other requests waiting. 16 MiB can hold ten times as many. An item that is nested deeper than
 * its fields may be is refused by itself, and harms no parser. An object of 500,000 fields that nobody knows takes 5 s.
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

/**
 * How many values the JSON of a body holds. Errors: `body_too_large`, if it has too many values or levels. It is only
 * scanned: parsing it takes longer.
 */
export function valuesOfBody(json: string, route: string | undefined): number {
  const most = limitsOf(route);
  const { values, excess } = sizeOfJson(json, most);
  if (excess !== undefined) throw new BodyTooLarge(EXCESSES[excess](most[excess]));
  return values;
}

/**
 * What is wrong with a body whose JSON holds so many values, if it gives a field twice: parsers differ in which of the
 * two they keep. In a list the items that do so are marked, and refused by themselves. null: nothing.
 */
export function repetitionIn(json: string, values: number, body: unknown, isList: boolean): Error | null {
  if (!hasRepeatedFields(body, values)) return null;
  if (!isList) return invalid('malformed_request', `The body ${new RepeatedField(json).message}. Give it once.`);
  markRepeatedFields(json, body);
  return null;
}

const EXCESSES: Readonly<Record<keyof MostJson, (most: number) => string>> = {
  values: (most) => `The body has more than ${most} values, the limit here. Send less in a request.`,
  levels: (most) => `The body is nested deeper than ${most} levels, the limit here. Nest its values less.`,
  fields: (most) => `The body has an object with more than ${most} fields, the limit here. Use fewer, or a list.`,
};
