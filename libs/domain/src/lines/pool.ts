import { type Decimal, decimal, decimals, sum, text, ZERO } from '../money/decimal.js';
import { allocate } from '../money/money.js';
import { MINIMUM_COMMITMENT, pooledRef } from '../prices/refs.js';
import { type AllowanceUse, allowanceUse } from '../rating/billable.js';
import type { RatedRow } from '../rating/row.js';
import { subtract } from '../rating/subtract.js';
import type { LineDefinition } from './line.js';

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

const keyOf = (line: LineDefinition, payerId: string): string =>
  JSON.stringify([payerId, line.segments.at(-1)?.planId, line.itemKey, line.billingPeriod]);

/**
 * Lines, also those that commitments count, with the lines of their pools. `all`: every line that may share with them,
 * themselves too. `payerOf`: who pays for the tenant of a line when its billing period ends; else that tenant.
 */
export function withPools(
  lines: readonly LineDefinition[],
  all: readonly LineDefinition[],
  payerOf: (line: LineDefinition) => string,
): LineDefinition[] {
  const sharing = [...new Map(all.filter(isPooled).map((line) => [line.lineId, line])).values()];
  const pools = Map.groupBy(
    sharing.sort((a, b) => (a.lineId < b.lineId ? -1 : 1)),
    (line) => keyOf(line, payerOf(line)),
  );
  const withPool = (line: LineDefinition): LineDefinition => {
    const pool = isPooled(line) ? (pools.get(keyOf(line, payerOf(line))) ?? []) : [];
    return pool.length < 2 ? line : { ...line, pool };
  };
  return lines.map((line) =>
    withPool(line.counted === undefined ? line : { ...line, counted: line.counted.map(withPool) }),
  );
}

/** What a line of a pool uses, in converted units. */
interface PoolMember extends AllowanceUse {
  readonly line: LineDefinition;
  /** What it gets of the others' unused units. */
  readonly share: Decimal;
}

/** How the unused units of a pool are shared out, in converted units. */
export interface SharedOut {
  readonly members: readonly PoolMember[];
  readonly included: Decimal;
  readonly used: Decimal;
  readonly unused: Decimal;
  /** What the members use beyond their own included units. */
  readonly excess: Decimal;
}

/**
 * All of the excess if the unused units suffice, else a share of these in proportion to the excess of each, exact to
 * the last decimal of the quantities, by largest remainder (ties by line id). `usageOf`: the usage of a line when the
 * period ends.
 */
export function sharedOut(pool: readonly LineDefinition[], usageOf: (line: LineDefinition) => Decimal): SharedOut {
  const uses = pool.map((line) => ({
    line,
    ...allowanceUse(line.segments.at(-1)?.terms ?? noTerms(line), usageOf(line)),
  }));
  const billed = uses.map((use) => use.billed);
  const [unused, excess] = [sum(uses.map((use) => use.unused)), sum(billed)];
  const scale = Math.max(...[...billed, unused].map(decimals));
  const shares = excess.lte(unused) ? billed : allocate(unused, billed, scale);
  return {
    ...{ included: sum(uses.map((use) => use.included)), used: sum(uses.map((use) => use.used)), unused, excess },
    members: uses.map((use, index) => ({ ...use, share: shares[index] ?? ZERO })),
  };
}

const noTerms = ({ lineId }: LineDefinition): never => {
  throw new Error(`line ${lineId} has no segment`);
};

/** The share of one line. 0: it needs none, or there is no pool. */
export const shareOf = ({ lineId, pool }: LineDefinition, usageOf: (line: LineDefinition) => Decimal): Decimal =>
  pool === undefined
    ? ZERO
    : (sharedOut(pool, usageOf).members.find(({ line }) => line.lineId === lineId)?.share ?? ZERO);

/** A line whose included units are greater by its share, wherever in its period they are pooled. */
export const withShare = (line: LineDefinition, share: Decimal): LineDefinition => ({
  ...line,
  segments: line.segments.map((segment) =>
    segment.pooled === true
      ? {
          ...segment,
          terms: { ...segment.terms, included: text(decimal(segment.terms.included ?? '0').plus(share)) },
        }
      : segment,
  ),
});

/**
 * The rows of the last part: its own, then what the share takes off the whole line, and the minimum commitment of what
 * is left. `alone` and `shared`: the rows of all parts without the share and with it.
 */
export function lastRows(
  alone: readonly (readonly RatedRow[])[],
  shared: readonly (readonly RatedRow[])[],
): readonly RatedRow[] {
  const isMinimum = ({ ref }: RatedRow): boolean => ref === MINIMUM_COMMITMENT;
  const usage = (rows: readonly RatedRow[]): RatedRow[] => rows.filter((row) => !isMinimum(row));
  const taken = subtract(usage(shared.flat()), usage(alone.flat()));
  return [
    ...usage(alone.at(-1) ?? []),
    ...taken.map((row) => ({ ...row, ref: pooledRef(row.ref) })),
    ...shared.flat().filter(isMinimum),
  ];
}
