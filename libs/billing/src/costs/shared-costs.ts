import { compareText } from '#domain/compare-text';
import type { ProviderKind } from '#domain/margin/kind-mapping';
import type { MarginCost, RevenueShare } from '#domain/margin/margin';
import {
  type Bases,
  type BasisPart,
  keyOfSharing,
  remainders,
  type SharedCost,
  sharedCost,
} from '#domain/margin/sharing';
import type { SharingPolicy } from '#domain/margin/sharing-policy';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import { tenancies } from '#domain/tenants/deployment';
import { intersection, overlaps, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readAssignments } from '#projections/deployments/deployments.read';
import { asJsonb } from '#projections/usage-records/usage-records.read';
import { readUsageTotals } from '#projections/usage-records/usage-totals.read';
import { within, withPruned } from '../usage/pruned-usage.js';

/** A month's revenue and cost in one currency. */
export interface MonthFigures<Cost extends KindCost> {
  readonly month: Period;
  readonly revenue: readonly RevenueShare[];
  readonly costs: readonly Cost[];
}

/** The same, and what policies share of the cost. What nobody used of a pool is a cost of nobody, by itself. */
export interface SharedFigures<Cost extends KindCost> extends MonthFigures<Cost> {
  readonly shared: readonly SharedCost[];
}

/**
 * What the shared cost of each month comes to, by policy. Bases are of the month, and of direct cost only: what a
 * policy shares is no other one's basis. `policies`: those of all the months.
 */
export async function sharedCosts<Cost extends KindCost>(
  context: QueryContext,
  months: readonly MonthFigures<Cost>[],
  policies: readonly SharingPolicy[],
  currency: string,
): Promise<SharedFigures<Cost>[]> {
  const sharing = policies.filter(({ method }) => method !== 'none');
  if (sharing.length === 0) return months.map((figures) => ({ ...figures, shared: [] }));
  const held = await tenanciesIn(
    context,
    months.map(({ month }) => month),
  );
  const inForce = months.map(({ month }) => sharing.filter(({ period }) => overlaps(period, month)));
  const usage = await usageIn(
    context,
    inForce.flatMap((each, index) =>
      kindsOf(each).flatMap((kind) => held[index]?.map((of) => ({ ...of, kind })) ?? []),
    ),
  );
  return months.map(({ month, revenue, costs: whole }, index) => {
    const bases: Bases = {
      tenants: [...new Set(held[index]?.map(({ tenantId }) => tenantId))],
      directCost: whole.flatMap(({ tenantId, deploymentId, amount, sharedBy }) =>
        tenantId === null || sharedBy !== null ? [] : [{ tenantId, deploymentId, amount }],
      ),
      revenue,
      usage: new Map(kindsOf(inForce[index] ?? []).map((kind) => [kind, usage(month, kind)])),
    };
    const pools = (inForce[index] ?? []).filter(({ capacity }) => capacity !== undefined);
    const costs = pools.reduce((of, policy) => withRemainders(of, policy, bases, currency), whole);
    const byPolicy = Map.groupBy(costs, ({ sharedBy }) => sharedBy);
    const remaining = Map.groupBy(costs, ({ remainderOf }) => remainderOf);
    const shared = (inForce[index] ?? []).map((policy) => {
      const key = keyOfSharing(policy);
      return sharedCost(policy, totalOf(byPolicy.get(key)), bases, currency, totalOf(remaining.get(key)));
    });
    return { month, revenue, costs, shared };
  });
}

const totalOf = (costs: readonly MarginCost[] = []): Decimal => sum(costs.map(({ amount }) => amount));

/** A cost, and whose kind it is of. */
type KindCost = MarginCost & ProviderKind;

/** The costs, with what nobody used of those of one pool apart. By kind it is the same for lines as for their sums. */
function withRemainders<Cost extends KindCost>(
  costs: readonly Cost[],
  policy: SharingPolicy,
  bases: Bases,
  currency: string,
): readonly Cost[] {
  const key = keyOfSharing(policy);
  const own = costs
    .filter(({ sharedBy }) => sharedBy === key)
    .sort((a, b) => compareText(a.kind, b.kind) || compareText(a.provider, b.provider));
  const unused = remainders(
    policy,
    own.map(({ amount }) => amount),
    bases,
    currency,
  );
  const left = new Map(own.map((cost, index) => [cost, unused[index] ?? ZERO]));
  return costs.flatMap((cost) => {
    const amount = left.get(cost) ?? ZERO;
    if (amount.eq(ZERO)) return [cost];
    return [
      { ...cost, amount: cost.amount.minus(amount) },
      { ...cost, amount, sharedBy: null, tenantId: null, deploymentId: null, remainderOf: key },
    ];
  });
}

const kindsOf = (policies: readonly SharingPolicy[]): string[] => [
  ...new Set(policies.flatMap(({ billingKind }) => billingKind ?? [])),
];

/** A deployment of a tenant within a month. */
interface HeldInMonth {
  readonly month: Period;
  readonly tenantId: string;
  readonly deploymentId: string;
  readonly period: Period;
}

/** Who held which deployment in each of the months. */
async function tenanciesIn({ core, position }: QueryContext, months: readonly Period[]): Promise<HeldInMonth[][]> {
  const assigned = Map.groupBy(await readAssignments(core.db, position, null), (row) => row.deployment_id);
  const held = [...assigned].flatMap(([deploymentId, rows]) =>
    tenancies(rows.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from }))).map((of) => ({
      deploymentId,
      ...of,
    })),
  );
  return months.map((month) =>
    held.flatMap(({ tenantId, deploymentId, period: whole }) => {
      const period = intersection(month, whole);
      return period === null ? [] : [{ month, tenantId, deploymentId, period }];
    }),
  );
}

/** The usage of deployments by who held them when it began. */
async function usageIn(
  { core, position }: QueryContext,
  held: readonly (HeldInMonth & { readonly kind: string })[],
): Promise<(month: Period, kind: string) => BasisPart[]> {
  if (held.length === 0) return () => [];
  const spans = held.map(({ deploymentId, kind, period: { start, end } }) => ({
    ...{ deploymentId, billingKind: kind, start, end },
  }));
  const totals = await withPruned(core, spans, async (pruned) =>
    readUsageTotals(
      core.db,
      spans.map((span) => {
        const logged = within(pruned, span);
        return {
          ...span,
          positions: [position],
          instants: [span.start],
          filter: null,
          logged: logged.length === 0 ? null : asJsonb(logged),
        };
      }),
    ),
  );
  const byIndex = Map.groupBy(totals, ({ index }) => index);
  const used = held.map((of, index) => ({
    ...of,
    amount: sum((byIndex.get(index) ?? []).map(({ quantity }) => decimal(quantity))),
  }));
  const byMonth = Map.groupBy(
    used.filter(({ amount }) => !amount.eq(ZERO)),
    ({ month, kind }) => `${month.start} ${kind}`,
  );
  return (month, kind) =>
    (byMonth.get(`${month.start} ${kind}`) ?? []).map(({ tenantId, deploymentId, amount }) => ({
      ...{ tenantId, deploymentId, amount },
    }));
}
