import { policyFor } from '#domain/margin/sharing';
import type { SharingPolicy } from '#domain/margin/sharing-policy';
import { type Decimal, sum } from '#domain/money/decimal';
import { isBefore } from '#domain/time/instant';
import { overlaps, type Period } from '#domain/time/period';
import type { KindTotal } from './kept-costs.js';

/** The cost of a month in all. */
export interface SharedTotals {
  readonly direct: Decimal;
  readonly shared: Decimal;
  /** The direct cost of nobody. */
  readonly unattributed: Decimal;
}

/**
 * Whether policies decide by provider, kind and whether a tenant held it alone what of a month's cost is shared: none
 * asks for a tag or shares a pool, and none begins or ends within the month.
 */
export const isSharedByKind = (month: Period, policies: readonly SharingPolicy[]): boolean =>
  policies
    .filter(({ period }) => overlaps(period, month))
    .every(
      ({ costs, capacity, period: { start, end } }) =>
        costs.tag === undefined &&
        capacity === undefined &&
        !isBefore(month.start, start) &&
        (end === null || !isBefore(end, month.end)),
    );

/** What such a month comes to if some tenant had a deployment in it: then tenants bear all that is shared. */
export function sharedTotals(
  month: Period,
  kinds: readonly KindTotal[],
  policies: readonly SharingPolicy[],
): SharedTotals {
  const isShared = ({ provider, kind, isOfNobody }: KindTotal): boolean =>
    policyFor(policies, { provider, kind, tags: {}, tenantId: isOfNobody ? null : '', at: month.start }) !== null;
  const amountOf = (of: readonly KindTotal[]): Decimal => sum(of.map(({ amount }) => amount));
  const direct = kinds.filter((each) => !isShared(each));
  return {
    direct: amountOf(direct),
    shared: amountOf(kinds.filter(isShared)),
    unattributed: amountOf(direct.filter(({ isOfNobody }) => isOfNobody)),
  };
}
