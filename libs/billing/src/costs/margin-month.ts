import { coveragePercent, type Margin, type MarginFigures, marginFigures, marginOf } from '#domain/margin/margin';
import { decimal, ZERO } from '#domain/money/decimal';
import type { Period } from '#domain/time/period';
import { monthName, readCostLines } from '#projections/costs/charged.read';
import { readMarginMonths, readRevenue, readRevenueTotals } from '#projections/margins/margins.read';
import type { QueryContext } from '#ledger/query';
import { attributionOf } from './cost-holders.js';
import type { CostSum } from './cost-sums.js';
import { costSums, costTotals } from './kept-costs.js';

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
  const names = months.map(monthName);
  const revenue = Map.groupBy(await readRevenue(core.db, position, { months: names, currency }), ({ month }) => month);
  const costs = await costSums(context, months, currency);
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

/** A month's margin in all, and the attributed cost in percent of all cost; null where there is no cost. */
export type MonthTotals = MarginFigures & { readonly coveragePct: string | null };

/** The margins of UTC months in one currency, in all. It reads sums only, so many months take no longer than one. */
export async function marginTotals(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<readonly MonthTotals[]> {
  const { core, position } = context;
  const names = months.map(monthName);
  const revenue = new Map(
    (await readRevenueTotals(core.db, position, { months: names, currency })).map((row) => [row.month, row.amount]),
  );
  const costs = await costTotals(context, months, currency);
  return names.map((name, index) => {
    const { cogs, unattributed } = costs[index] ?? { cogs: ZERO, unattributed: ZERO };
    return {
      ...marginFigures(decimal(revenue.get(name) ?? '0'), cogs, currency),
      coveragePct: coveragePercent(cogs, unattributed),
    };
  });
}

/** A share of a cost line, and the log position at which the line was recorded. */
export interface CostLineShare extends CostSum {
  readonly costLine: string;
  readonly position: number;
}

/** The month's cost without tax. Each share names the tenant and the deployment that held the resource then. */
export async function costsIn(context: QueryContext, month: Period, currency: string): Promise<CostLineShare[]> {
  const rows = await readCostLines(context.core.db, context.position, { months: [month], currency });
  const resourceIds = new Set(rows.map(({ resource_id }) => resource_id).filter((id) => id !== null));
  const attribute = await attributionOf(context, { resourceIds, deploymentIds: [] });
  return rows.flatMap((row) => {
    const { provider, resource_id: resourceId } = row;
    const cost = {
      amount: decimal(row.amount),
      currency: row.currency,
      chargePeriod: { start: row.charge_period_start, end: row.charge_period_end },
      tenantId: row.tenant_id,
      resource: resourceId === null ? null : { provider, resourceId },
    };
    return attribute(cost, month).map((share) => ({
      ...share,
      provider,
      kind: row.kind,
      costLine: `${provider}/${row.invoice_ref}/${row.line_key}`,
      position: row.position_from,
    }));
  });
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
