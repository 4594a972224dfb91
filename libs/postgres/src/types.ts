import pg from 'pg';
import type { Instant } from '#domain/time/instant';
import { DatabaseError } from './errors.js';

type Parse = (text: string) => unknown;

const TIMESTAMPTZ = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?\+00$/;

/** Converts `2026-04-01 00:00:00.500+00`, as a session in UTC writes it, to `2026-04-01T00:00:00.5Z`. */
function instantOf(text: string): Instant {
  const parts = TIMESTAMPTZ.exec(text);
  if (parts === null) {
    throw new DatabaseError(
      'value_out_of_range',
      `timestamptz ${JSON.stringify(text)} is not an instant of the years 0001 to 9999 in UTC. Store a bounded ` +
        `instant, or null for "open". ` +
        'If it has another zone, the session changed its TimeZone, which createPool sets to UTC.',
    );
  }
  const fraction = (parts[3] ?? '').replace(/0+$/, '');
  return `${parts[1]}T${parts[2]}${fraction === '' ? '' : `.${fraction}`}Z` as Instant;
}

/** int8 as an exact number: above 2^53 - 1 a number would silently be a different one. */
function integerOf(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new DatabaseError(
    'value_out_of_range',
    `int8 ${text} is greater than 2^53 - 1. Select it as text ("column::text").`,
  );
}

const asWritten: Parse = (text) => text;
const TEXT_ARRAY_OID: number = 1009;
type Nested = string | null | readonly Nested[];

/** Arrays are parsed as arrays of text, of any depth, and each element as its own type. */
const arrayOf = (parse: Parse): Parse => {
  const parseTexts = pg.types.getTypeParser(TEXT_ARRAY_OID, 'text') as (text: string) => Nested[];
  const each = (value: Nested): unknown =>
    value === null ? null : typeof value === 'string' ? parse(value) : value.map(each);
  return (text) => parseTexts(text).map(each);
};

/** By the oid of the type, from `select oid, typname from pg_type`. Arrays are next to their element type. */
const PARSERS: ReadonlyMap<number, Parse> = new Map([
  [20, integerOf], // int8
  [1016, arrayOf(integerOf)],
  [1700, asWritten], // numeric: decimals stay text until the domain reads them
  [1231, arrayOf(asWritten)],
  [1184, instantOf], // timestamptz
  [1185, arrayOf(instantOf)],
  [1082, asWritten], // date: `2026-04-01`, no Date at some local midnight
  [1182, arrayOf(asWritten)],
]);

/**
 * Only for our pools, never `pg.types.setTypeParser`, which would affect every other user of pg in the process
 * (pg-boss).
 */
export const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): Parse {
    const parse = format === 'binary' ? undefined : PARSERS.get(oid);
    return parse ?? (pg.types.getTypeParser(oid, format ?? 'text') as Parse);
  },
};
