import { type Decimal, decimals, max, min, sum, ZERO } from '../money/decimal.js';
import { allocate } from '../money/money.js';
import { MINIMUM_COMMITMENT, pooledRef } from '../prices/refs.js';
import { type AllowanceUse, allowanceUse, billable } from '../rating/billable.js';
import type { RatedRow } from '../rating/row.js';
import { subtract } from '../rating/subtract.js';
import type { Instant } from '../time/instant.js';
import type { LineDefinition, LineSegment } from './line.js';

/**
 * A pool: the lines of one plan item over one billing period, of all subscriptions that one payer pays for when the
 * period ends. What one line leaves of its included units, the others may use. It is shared out when the period ends.
 */

/** Whether a line shares its included units. One that ends before its billing period does takes no part. */
const isPooled = ({ segments, period, billingPeriod }: LineDefinition): boolean =>
  segments.at(-1)?.pooled === true && period.end === billingPeriod.end;

/** The lines, and those that their commitments count, that share their included units. */
export const pooledAmong = (lines: readonly LineDefinition[]): LineDefinition[] =>
  lines.flatMap((line) => [line, ...(line.counted ?? [])]).filter(isPooled);

const keyOf = (line: LineDefinition): string =>
  JSON.stringify([line.segments.at(-1)?.planId, line.itemKey, line.billingPeriod]);

/** The pool of a line: all that share with it, itself too. */
export type PoolOf = (line: LineDefinition) => readonly LineDefinition[];

/** The pools among the lines of all tenants that one payer pays for. */
export function poolsAmong(lines: readonly LineDefinition[]): PoolOf {
  const sharing = [...new Map(lines.filter(isPooled).map((line) => [line.lineId, line])).values()];
  const pools = Map.groupBy(
    sharing.sort((a, b) => (a.lineId < b.lineId ? -1 : 1)),
    keyOf,
  );
  return (line) => pools.get(keyOf(line)) ?? [];
}

/** Lines, also those that commitments count, with their pools. */
export function withPools(lines: readonly LineDefinition[], poolOf: PoolOf): LineDefinition[] {
  const withPool = (line: LineDefinition): LineDefinition => {
    const pool = isPooled(line) ? poolOf(line) : [];
    return pool.length < 2 ? line : { ...line, pool };
  };
  return lines.map((line) =>
    withPool(line.counted === undefined ? line : { ...line, counted: line.counted.map(withPool) }),
  );
}

/** The usage of a line from its start up to an instant, as one quantity. */
export type QuantityUpTo = (line: LineDefinition, at: Instant) => Decimal;

/** What a line of a pool uses, in converted units. */
interface PoolMember extends AllowanceUse {
  readonly line: LineDefinition;
  /** What is billed of it where its included units are pooled. */
  readonly excess: Decimal;
  /** What it gets of the others' unused units. */
  readonly share: Decimal;
}

/** How the unused units of a pool are shared out, in converted units. */
export interface SharedOut {
  /** By the id of the line, in its order. */
  readonly members: ReadonlyMap<string, PoolMember>;
  readonly included: Decimal;
  readonly used: Decimal;
  readonly unused: Decimal;
  readonly excess: Decimal;
}

/**
 * All of the excess if the unused units suffice, else a share of these in proportion to the excess of each, exact to
 * the last decimal of the quantities, by largest remainder (ties by line id).
 */
export function sharedOut(pool: readonly LineDefinition[], quantityUpTo: QuantityUpTo): SharedOut {
  const uses = pool.map((line) => ({
    line,
    ...allowanceUse(line.segments.at(-1)?.terms ?? noTerms(line), quantityUpTo(line, line.period.end)),
    excess: excessOf(line, quantityUpTo),
  }));
  const excesses = uses.map((use) => use.excess);
  const [unused, excess] = [sum(uses.map((use) => use.unused)), sum(excesses)];
  const scale = Math.max(...[...excesses, unused].map(decimals));
  const shares = excess.lte(unused) ? excesses : allocate(unused, excesses, scale);
  return {
    ...{ included: sum(uses.map((use) => use.included)), used: sum(uses.map((use) => use.used)), unused, excess },
    members: new Map(uses.map((use, index) => [use.line.lineId, { ...use, share: shares[index] ?? ZERO }])),
  };
}

const noTerms = ({ lineId }: LineDefinition): never => {
  throw new Error(`line ${lineId} has no segment`);
};

const isShared = ({ pooled }: LineSegment): boolean => pooled === true;

/** What is billed from the start to the end of each pooled segment. Before a plan is pooled, nothing is shared. */
function excessOf(line: LineDefinition, quantityUpTo: QuantityUpTo): Decimal {
  const billed = line.segments.filter(isShared).map((segment) => {
    const { start, end } = billedOver(line, segment, quantityUpTo);
    return end.minus(start);
  });
  return max(sum(billed), ZERO);
}

/** The instants up to which the usage of a line of a pool must be known to share its units out. */
export const sharedInstants = ({ segments, period }: LineDefinition): Instant[] => {
  const bounds = segments.filter(isShared).flatMap((segment) => [segment.period.start, segment.period.end]);
  return [...new Set([...bounds, period.end])].filter((at) => at !== period.start);
};

/** What is billed from the line's start up to the start and the end of a segment, both by the segment's terms. */
function billedOver(
  line: LineDefinition,
  { terms, period: { start, end } }: LineSegment,
  quantityUpTo: QuantityUpTo,
): { readonly start: Decimal; readonly end: Decimal } {
  return {
    start: start === line.period.start ? ZERO : billable(terms, quantityUpTo(line, start)),
    end: billable(terms, quantityUpTo(line, end)),
  };
}

/** By how much a share raises the included units of a segment. */
export interface Raised {
  /** At its start. */
  readonly before: Decimal;
  /** At a usage within it, from the line's start. */
  readonly upTo: (used: Decimal) => Decimal;
}

const NOT_RAISED: Raised = { before: ZERO, upTo: () => ZERO };

/**
 * Of each segment. A share is used as included units are, from the first usage on that would be billed. So all of it
 * has an effect, also where a segment has other included units than the one before.
 */
export function raisedBy(line: LineDefinition, share: Decimal, quantityUpTo: QuantityUpTo): Raised[] {
  let left = share;
  return line.segments.map((segment) => {
    if (!isShared(segment)) return NOT_RAISED;
    const { start, end } = billedOver(line, segment, quantityUpTo);
    const [before, most] = [min(start, share.minus(left)), left];
    const raisedAt = (billed: Decimal): Decimal => min(billed, before.plus(min(most, max(billed.minus(start), ZERO))));
    left = left.minus(raisedAt(end).minus(before));
    return { before, upTo: (used) => raisedAt(billable(segment.terms, used)) };
  });
}

const isMinimum = ({ ref }: RatedRow): boolean => ref === MINIMUM_COMMITMENT;

export const withoutMinimum = (rows: readonly RatedRow[]): RatedRow[] => rows.filter((row) => !isMinimum(row));

/** What a share takes off each charge, and the minimum commitment of what is left. `alone`: the same without it. */
export const takenOff = (
  alone: readonly (readonly RatedRow[])[],
  shared: readonly (readonly RatedRow[])[],
): RatedRow[][] =>
  shared.map((rows, index) => [
    ...subtract(withoutMinimum(rows), withoutMinimum(alone[index] ?? [])).map((row) => ({
      ...row,
      ref: pooledRef(row.ref),
    })),
    ...rows.filter(isMinimum),
  ]);
