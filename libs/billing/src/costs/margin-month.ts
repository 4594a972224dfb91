import { attributedShares } from '#domain/margin/attribution';
import { type CostShare, type Margin, marginOf } from '#domain/margin/margin';
import { decimal, sum } from '#domain/money/decimal';
import { isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { readCostLines } from '#projections/costs/costs.read';
import { readAssignments } from '#projections/deployments/deployments.read';
import { readMarginMonths, readRevenue } from '#projections/margins/margins.read';
import { timelinesOf } from '../inventory/timelines.js';
import type { QueryContext } from '#ledger/query';

/** A UTC month's margin in one currency. */
export async function marginIn(context: QueryContext, month: Period, currency: string): Promise<Margin> {
  const [margin] = await marginsIn(context, [month], currency);
  if (margin === undefined) throw new Error('a month has no margin');
  return margin;
}

/** The margins of neighbouring UTC months in one currency, with as many statements as that of one. */
export async function marginsIn(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<readonly Margin[]> {
  const { core, position } = context;
  const names = months.map(({ start }) => start.slice(0, 7));
  const revenue = Map.groupBy(await readRevenue(core.db, position, { months: names, currency }), ({ month }) => month);
  const costs = await costSumsOf(context, months, currency);
  return names.map((name, index) => {
    const shares = (revenue.get(name) ?? []).map((row) => ({
      tenantId: row.tenant_id,
      deploymentId: row.deployment_id,
      billingKind: row.billing_kind,
      amount: decimal(row.amount),
    }));
    return marginOf(shares, costs[index] ?? [], currency);
  });
}

/** The sum of a month's cost shares that have all of these in common. */
interface CostSum extends CostShare {
  readonly provider: string;
}

/**
 * The cost without tax of each of neighbouring UTC months, summed by provider, kind, tenant and deployment, in the
 * order of kinds. The only place that margins take cost from.
 */
async function costSumsOf(context: QueryContext, months: readonly Period[], currency: string): Promise<CostSum[][]> {
  return (await costsOf(context, months, currency)).map(summed);
}

const summed = (shares: readonly CostSum[]): CostSum[] =>
  [
    ...Map.groupBy(shares, ({ provider, kind, tenantId, deploymentId }) =>
      JSON.stringify([provider, kind, tenantId, deploymentId]),
    ).values(),
  ].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const { provider, kind, tenantId, deploymentId } = first;
    return [{ provider, kind, tenantId, deploymentId, amount: sum([first, ...others].map(({ amount }) => amount)) }];
  });

/** A share of a cost line, and the log position at which the line was recorded. */
export interface CostLineShare extends CostSum {
  readonly costLine: string;
  readonly position: number;
}

/** The month's cost without tax. Each share names the tenant and the deployment that held the resource then. */
export const costsIn = async (context: QueryContext, month: Period, currency: string): Promise<CostLineShare[]> =>
  (await costsOf(context, [month], currency)).flat();

/** The same for each of neighbouring months. */
async function costsOf(
  { core, position }: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<CostLineShare[][]> {
  const [first, last] = [months[0], months.at(-1)];
  if (first === undefined || last === undefined) return [];
  const period = { start: first.start, end: last.end };
  const rows = await readCostLines(core.db, position, { period, currency });
  const resourceIds = [...new Set(rows.flatMap(({ resource_id }) => (resource_id === null ? [] : [resource_id])))];
  const timelines = new Map(
    (await timelinesOf(core, position, { providerIds: resourceIds })).map((each) => [
      JSON.stringify([each.provider, each.providerId]),
      each.timeline,
    ]),
  );
  const assigned = await readAssignments(core.db, position, null);
  const assignments = Map.groupBy(
    assigned.map((row) => ({ deploymentId: row.deployment_id, tenantId: row.tenant_id, from: row.effective_from })),
    ({ deploymentId }) => deploymentId,
  );
  return months.map((month) =>
    rows
      .filter((row) => isBefore(row.charge_period_start, month.end) && isBefore(month.start, row.charge_period_end))
      .flatMap((row) => {
        const resource =
          row.resource_id === null ? null : (timelines.get(JSON.stringify([row.provider, row.resource_id])) ?? null);
        const cost = {
          amount: decimal(row.amount),
          currency: row.currency,
          chargePeriod: { start: row.charge_period_start, end: row.charge_period_end },
          tenantId: row.tenant_id,
          resource,
        };
        return attributedShares(cost, month, (id) => assignments.get(id) ?? []).map((share) => ({
          ...share,
          provider: row.provider,
          kind: row.kind,
          costLine: `${row.provider}/${row.invoice_ref}/${row.line_key}`,
          position: row.position_from,
        }));
      }),
  );
}

/**
 * Every month and currency that has revenue or cost. With `since`: only those whose figures may have changed after
 * that position.
 */
export async function marginMonths(
  { core, position }: QueryContext,
  since?: number,
): Promise<{ readonly month: string; readonly currency: string }[]> {
  const rows = await readMarginMonths(core.db, position, since ?? 0);
  return rows
    .filter(({ changed }) => since === undefined || changed)
    .map(({ month, currency }) => ({ month, currency }));
}
