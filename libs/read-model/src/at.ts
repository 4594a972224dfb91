import { type Expression, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Versioned } from './table.js';

/** Log positions from the first to the last, both included. */
export interface Positions {
  readonly first: number;
  readonly last: number;
}

/** As of one log position, or of each of several. */
export type AsOf = number | Positions;

/** The range that contains these positions. */
export const positionsOf = (positions: readonly number[]): Positions => ({
  first: positions.reduce((first, each) => Math.min(first, each), positions[0] ?? 0),
  last: positions.reduce((last, each) => Math.max(last, each), 0),
});

const columnOf =
  (alias: string | undefined) =>
  (name: keyof Versioned): RawBuilder<unknown> =>
    sql.ref(alias === undefined ? name : `${alias}.${name}`);

/**
 * The one way to say "in force at a log position". A row is valid from position_from up to, but not including,
 * position_to. For a range of positions: the row was in force at one of them at least, and `isAt` tells at which.
 * `alias`: that of the table, where a statement has several tables.
 */
export function at(asOf: AsOf | Expression<number>, alias?: string): RawBuilder<boolean> {
  const column = columnOf(alias);
  const { first, last } = typeof asOf === 'object' && 'first' in asOf ? asOf : { first: asOf, last: asOf };
  const to = column('position_to');
  return sql<boolean>`(${column('position_from')} <= ${last} AND (${to} IS NULL OR ${to} > ${first}))`;
}

/** The same of a row that was read. */
export const isAt = ({ position_from: from, position_to: to }: Versioned, position: number): boolean =>
  from <= position && (to === null || to > position);

/** A version of a row began or ended at one of these positions. `alias`: see `at`. */
export function changedAt({ first, last }: Positions, alias?: string): RawBuilder<boolean> {
  const column = columnOf(alias);
  return sql<boolean>`(${column('position_from')} BETWEEN ${first} AND ${last}
    OR ${column('position_to')} BETWEEN ${first} AND ${last})`;
}

/** SQL: the row is in force at this instant: `[effective_from, effective_until)` contains it. */
export const isEffectiveAt = (instant: Instant): RawBuilder<boolean> =>
  sql<boolean>`(effective_from <= ${instant} AND (effective_until IS NULL OR effective_until > ${instant}))`;
