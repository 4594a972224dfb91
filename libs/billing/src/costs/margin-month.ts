import {
  coveragePercent,
  type Margin,
  type MarginCost,
  type MarginFigures,
  marginFigures,
  marginOf,
  type RevenueShare,
} from '#domain/margin/margin';
import type { SharedCost } from '#domain/margin/sharing';
import type { SharingPolicy } from '#domain/margin/sharing-policy';
import { decimal, ZERO } from '#domain/money/decimal';
import { isBefore } from '#domain/time/instant';
import { monthNamed, overlaps, type Period, spanOf } from '#domain/time/period';
import { readSharingOver, readSharingPolicies } from '#projections/cost-sharing/cost-sharing.read';
import { monthName } from '#projections/costs/charged.read';
import { readFirstAssignment } from '#projections/deployments/deployments.read';
import type { CostGrain } from '#projections/margins/kept-costs.read';
import { readMarginMonths, readRevenue, readRevenueTotals } from '#projections/margins/margins.read';
import type { QueryContext } from '#ledger/query';
import type { CostLineShare } from './cost-lines.js';
import { costKinds, costSums, costTotals } from './kept-costs.js';
import { type DividedCost, type Finer, grainOf, marginCostLines, marginCosts } from './margin-costs.js';
import { sharedCosts, type SharedFigures } from './shared-costs.js';
import { isSharedByKind, sharedTotals, type SharedTotals } from './shared-totals.js';

/** A UTC month's margin in one currency. */
export async function marginIn(context: QueryContext, month: Period, currency: string): Promise<Margin> {
  const [margin] = await marginsIn(context, [month], currency);
  if (margin === undefined) throw new Error('a month has no margin');
  return margin;
}

/** The margins of neighbouring UTC months in one currency, with as many statements as that of one. */
export const marginsIn = async (
  context: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<readonly Margin[]> => marginsBy(context, months, currency, await sharingIn(context, months));

/**
 * Of the margins of UTC months only the view by tenant, deployment or kind. Of months without policies less is read
 * than for all views, and the others are not to be used.
 */
export async function marginsByGrain(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
  grain: CostGrain,
): Promise<readonly Margin[]> {
  return bySharing(context, months, {
    shared: async (of, policies) => marginsBy(context, of, currency, policies),
    async direct(of) {
      const revenue = await revenueOf(context, of, currency, grain);
      const costs = await costSums(context, of, currency, grain);
      return of.map((_, index) => {
        const direct = (costs[index] ?? []).map((cost) => ({ ...cost, sharedBy: null }));
        return marginOf(revenue[index] ?? [], direct, currency);
      });
    },
  });
}

/** The same, if these policies shared the cost. */
export async function marginsBy(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
  policies: readonly SharingPolicy[],
): Promise<readonly Margin[]> {
  const figures = await figuresBy(context, months, currency, policies);
  return figures.map(({ revenue, costs, shared }) => marginOf(revenue, costs, currency, shared));
}

/** What the margin of a month is made of: sums where nothing asks for lines. */
export type MonthSums = SharedFigures<DividedCost>;

/** What the margins of months are made of, if these policies shared the cost. */
export async function figuresBy(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
  policies: readonly SharingPolicy[],
  finer?: Finer,
): Promise<readonly MonthSums[]> {
  const revenue = await revenueOf(context, months, currency, grainOf(policies, finer?.withoutDeployments));
  const costs = await marginCosts(context, months, currency, policies, finer);
  const figures = months.map((month, index) => ({ month, revenue: revenue[index] ?? [], costs: costs[index] ?? [] }));
  return sharedCosts(context, figures, policies, currency);
}

/** The policies in force at some time of neighbouring months. */
export async function sharingIn({ core, position }: QueryContext, months: readonly Period[]) {
  const within = spanOf(months);
  return within === null ? [] : readSharingPolicies(core.db, position, within);
}

/** Answers months in which policies are in force (`shared`) and the others (`direct`), each all at once. */
async function bySharing<Of>(
  context: QueryContext,
  months: readonly Period[],
  answers: {
    readonly shared: (months: readonly Period[], policies: readonly SharingPolicy[]) => Promise<readonly Of[]>;
    readonly direct: (months: readonly Period[]) => Promise<readonly Of[]>;
  },
): Promise<readonly Of[]> {
  const policies = await sharingIn(context, months);
  const isShared = (month: Period): boolean => policies.some(({ period }) => overlaps(period, month));
  const [shared, direct] = [months.filter(isShared), months.filter((month) => !isShared(month))];
  const answered = [
    ...(shared.length === 0 ? [] : await answers.shared(shared, policies)),
    ...(direct.length === 0 ? [] : await answers.direct(direct)),
  ];
  return inOrder(months, [...shared, ...direct], answered);
}

/** The answers of some months, which have another order. */
function inOrder<Of>(months: readonly Period[], answeredMonths: readonly Period[], answers: readonly Of[]): Of[] {
  const found = new Map(answeredMonths.map((month, index) => [month, answers[index]]));
  return months.map((month) => {
    const answer = found.get(month);
    if (answer === undefined) throw new Error('a month has no margin');
    return answer;
  });
}

async function revenueOf(
  { core, position }: QueryContext,
  months: readonly Period[],
  currency: string,
  grain?: CostGrain,
): Promise<RevenueShare[][]> {
  const names = months.map(monthName);
  const read = await readRevenue(core.db, position, { months: names, currency, grain });
  const rows = Map.groupBy(read, ({ month }) => month);
  return names.map((name) =>
    (rows.get(name) ?? []).map((row) => ({
      tenantId: row.tenant_id,
      deploymentId: row.deployment_id,
      billingKind: row.billing_kind,
      amount: decimal(row.amount),
    })),
  );
}

/** A month's margin in all, and the attributed cost in percent of all cost; null where there is no cost. */
export type MonthTotals = MarginFigures & { readonly coveragePct: string | null };

/**
 * The margins of UTC months in one currency, in all. It reads sums only, so many months take no longer than one; but
 * not of months with policies that ask for tags, or begin or end within the month.
 */
export async function marginTotals(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<readonly MonthTotals[]> {
  return bySharing(context, months, {
    async shared(of, policies) {
      const first = await readFirstAssignment(context.core.db, context.position);
      // Without any tenant with a deployment, nobody bears what is shared.
      const isSummed = (month: Period): boolean =>
        first !== null && isBefore(first, month.end) && isSharedByKind(month, policies);
      const [summed, others] = [of.filter(isSummed), of.filter((month) => !isSummed(month))];
      const kinds = summed.length === 0 ? [] : await costKinds(context, summed, currency);
      const totals = summed.map((month, index) => sharedTotals(month, kinds[index] ?? [], policies));
      const margins = others.length === 0 ? [] : await marginsBy(context, others, currency, policies);
      const answered = [...(await withRevenue(context, summed, currency, totals)), ...margins.map(totalsOf)];
      return inOrder(of, [...summed, ...others], answered);
    },
    async direct(of) {
      const costs = await costTotals(context, of, currency);
      const totals = costs.map(({ cogs, unattributed }) => ({ direct: cogs, shared: ZERO, unattributed }));
      return withRevenue(context, of, currency, totals);
    },
  });
}

async function withRevenue(
  { core, position }: QueryContext,
  months: readonly Period[],
  currency: string,
  costs: readonly SharedTotals[],
): Promise<MonthTotals[]> {
  if (months.length === 0) return [];
  const names = months.map(monthName);
  const read = await readRevenueTotals(core.db, position, { months: names, currency });
  const revenue = new Map(read.map((row) => [row.month, row.amount]));
  return names.map((name, index) => {
    const { direct, shared, unattributed } = costs[index] ?? { direct: ZERO, shared: ZERO, unattributed: ZERO };
    return {
      ...marginFigures(decimal(revenue.get(name) ?? '0'), direct, shared, currency),
      coveragePct: coveragePercent(direct.plus(shared), unattributed),
    };
  });
}

const totalsOf = ({ overall, unattributed }: Margin): MonthTotals => ({
  ...overall,
  coveragePct: coveragePercent(decimal(overall.cogs), decimal(unattributed.cogs)),
});

/** A share of a cost line, and the policy that shares it. */
export type MarginCostLine = MarginCost & CostLineShare;

/** What the margin of a month is made of. */
export interface MonthShares {
  readonly revenue: readonly RevenueShare[];
  readonly costs: readonly MarginCostLine[];
  readonly shared: readonly SharedCost[];
  readonly policies: readonly (SharingPolicy & { readonly position: number })[];
}

/** What the margin of a month in one currency is made of: each share of a cost line, and what policies share. */
export async function sharesIn(context: QueryContext, month: Period, currency: string): Promise<MonthShares> {
  const policies = await sharingIn(context, [month]);
  const [revenue = []] = await revenueOf(context, [month], currency);
  const whole = { month, revenue, costs: await marginCostLines(context, month, currency, policies) };
  const [{ costs, shared } = { ...whole, shared: [] }] = await sharedCosts(context, [whole], policies, currency);
  return { revenue, costs, shared, policies };
}

/** The month's cost without tax. Each share names the tenant and the deployment that held the resource then. */
export const costsIn = async (context: QueryContext, month: Period, currency: string): Promise<MarginCostLine[]> =>
  marginCostLines(context, month, currency, await sharingIn(context, [month]));

/**
 * Every month and currency that has revenue or cost. With `since`: only those whose figures may have changed after
 * that position. Changed usage does not count, though policies may share cost by it.
 */
export async function marginMonths(
  { core, position }: QueryContext,
  since?: number,
): Promise<{ readonly month: string; readonly currency: string }[]> {
  const rows = await readMarginMonths(core.db, position, since ?? 0);
  const sharing = since === undefined ? [] : await readSharingOver(core.db, { first: since + 1, last: position });
  const changed = sharing.filter(({ positions }) => positions.length > 0);
  return rows
    .filter(
      (row) =>
        since === undefined || row.changed || changed.some(({ period }) => overlaps(period, monthNamed(row.month))),
    )
    .map(({ month, currency }) => ({ month, currency }));
}
