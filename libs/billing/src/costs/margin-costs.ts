import type { MarginCost } from '#domain/margin/margin';
import { keyOfSharing, type MatchedCost, policyFor } from '#domain/margin/sharing';
import type { SharingPolicy } from '#domain/margin/sharing-policy';
import { ZERO } from '#domain/money/decimal';
import { type Instant, isBefore } from '#domain/time/instant';
import { boundsOf, overlaps, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import type { LineSelection } from '#projections/costs/charged.read';
import type { CostGrain } from '#projections/margins/kept-costs.read';
import { type CostLineShare, costLinesIn, type CutsOf, type LineQuestion } from './cost-lines.js';
import type { CostSum } from './cost-sums.js';
import { costSums } from './kept-costs.js';

/** A cost, and what its share of a line, or its sum, is of. */
export type DividedCost = MarginCost & CostSum & Pick<CostLineShare, 'at' | 'resourceId' | 'state'>;

/** What must be seen line by line: lines of these kinds or resources, and all of a month in which other rules begin. */
export interface Finer extends Pick<LineSelection, 'kinds' | 'resourceIds'> {
  /** Nothing asks for the deployments of the other cost: its sums need not name them. */
  readonly withoutDeployments?: boolean;
  readonly cuts?: readonly Instant[];
  readonly cutsOf?: CutsOf;
}

/**
 * The cost of months, with the policies that share it. Sums serve where a policy asks for provider, kind and holder
 * only, and over whole months. Lines are read where one of their tags may be asked for, or where terms begin within a
 * month: each is then divided by time at that instant.
 */
export async function marginCosts(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
  policies: readonly SharingPolicy[],
  { cuts = [], cutsOf, kinds = [], resourceIds = [], withoutDeployments = false }: Finer = {},
): Promise<readonly DividedCost[][]> {
  const inForce = months.map((month) => policies.filter(({ period }) => overlaps(period, month)));
  const isCut = months.map((month, index) =>
    [...changesOf(inForce[index] ?? []), ...cuts].some((at) => isWithin(month, at)),
  );
  const cut = await linesOf(
    context,
    months.filter((_, index) => isCut[index]),
    currency,
    {
      cuts: [...changesOf(policies), ...cuts],
      cutsOf,
      select: { withTags: tagKeysOf(policies).length > 0 },
    },
  );
  const whole = months.filter((_, index) => !(isCut[index] ?? false));
  const keys = tagKeysOf(inForce.filter((_, index) => !(isCut[index] ?? false)).flat());
  const grain = grainOf(policies, withoutDeployments);
  const sums = whole.length === 0 ? [] : await costSums(context, whole, currency, grain);
  const select = {
    ...(keys.length === 0 ? {} : { tagKeys: keys }),
    ...(kinds.length === 0 ? {} : { kinds }),
    ...(resourceIds.length === 0 ? {} : { resourceIds }),
  };
  const chosen = await linesOf(context, Object.keys(select).length === 0 ? [] : whole, currency, { cutsOf, select });
  const summed = new Map(whole.map((month, index) => [month, sums[index] ?? []]));
  return months.map((month, index) => {
    const lines = cut.get(month);
    if (lines !== undefined) return lines.map((line) => shared(inForce[index] ?? [], line));
    const byLine = chosen.get(month) ?? [];
    return [
      ...without(summed.get(month) ?? [], grain === undefined ? byLine : byLine.map(ofAnyDeployment)).map((of) => ({
        ...{ ...of, tags: {}, at: month.start, resourceId: null, state: null },
      })),
      ...byLine,
    ].map((cost) => shared(inForce[index] ?? [], cost));
  });
}

/** The same line by line, of one month. */
export async function marginCostLines(
  context: QueryContext,
  month: Period,
  currency: string,
  policies: readonly SharingPolicy[],
): Promise<(MarginCost & CostLineShare)[]> {
  const [lines = []] = await costLinesIn(context, [month], currency, {
    cuts: changesOf(policies),
    select: { withTags: tagKeysOf(policies).length > 0 },
  });
  return lines.map((line) => shared(policies, line));
}

const shared = <Cost extends MatchedCost & CostSum>(policies: readonly SharingPolicy[], cost: Cost) => {
  const policy = policyFor(policies, cost);
  return { ...cost, sharedBy: policy === null ? null : keyOfSharing(policy) };
};

const changesOf = (policies: readonly SharingPolicy[]): Instant[] => policies.flatMap(({ period }) => boundsOf(period));

const isWithin = ({ start, end }: Period, at: Instant): boolean => isBefore(start, at) && isBefore(at, end);

const tagKeysOf = (policies: readonly SharingPolicy[]): string[] => [
  ...new Set(policies.flatMap(({ costs: { tag } }) => (tag === undefined ? [] : [tag.key]))),
];

async function linesOf(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
  how: LineQuestion,
): Promise<ReadonlyMap<Period, readonly CostLineShare[]>> {
  if (months.length === 0) return new Map();
  const lines = await costLinesIn(context, months, currency, how);
  return new Map(months.map((month, index) => [month, lines[index] ?? []]));
}

/** What the sums of a margin are grouped by. undefined: by all, since policies share cost among deployments. */
export const grainOf = (policies: readonly SharingPolicy[], withoutDeployments = false): CostGrain | undefined =>
  withoutDeployments && policies.length === 0 ? 'tenant_kind' : undefined;

const ofAnyDeployment = (cost: CostSum): CostSum => ({ ...cost, deploymentId: null });

/** Sums without some of the shares that are in them. */
function without(sums: readonly CostSum[], shares: readonly CostSum[]): readonly CostSum[] {
  if (shares.length === 0) return sums;
  const keyOf = ({ provider, kind, tenantId, deploymentId }: CostSum): string =>
    JSON.stringify([provider, kind, tenantId, deploymentId]);
  const left = new Map(sums.map((sum) => [keyOf(sum), sum]));
  for (const share of shares) {
    const sum = left.get(keyOf(share));
    if (sum === undefined) throw new Error('a cost line is not in the sums of its month');
    left.set(keyOf(share), { ...sum, amount: sum.amount.minus(share.amount) });
  }
  // Of a sum that is nothing but these shares, nothing is left.
  return [...left.values()].filter(({ amount }, index) => !amount.eq(ZERO) || sums[index]?.amount.eq(ZERO) === true);
}
