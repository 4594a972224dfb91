import { attributedShares } from '#domain/margin/attribution';
import { type CostShare, type Margin, marginOf } from '#domain/margin/margin';
import { decimal } from '#domain/money/decimal';
import type { Period } from '#domain/time/period';
import type { CostLineRow } from '#projections/costs/costs.table';
import { timelinesOf } from '../inventory/timelines.js';
import { inForceAt } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';

/** A UTC month's margin in one currency. */
export async function marginIn(context: QueryContext, period: Period, currency: string): Promise<Margin> {
  const { rows: revenue } = await context.core.pool.query<{
    tenant_id: string;
    deployment_id: string;
    billing_kind: string;
    amount: string;
  }>(
    `SELECT tenant_id, deployment_id, billing_kind, sum(amount) AS amount FROM revenue WHERE month = $1 AND currency = $2 AND position_from <= $3
     GROUP BY tenant_id, deployment_id, billing_kind ORDER BY billing_kind`,
    [period.start.slice(0, 7), currency, context.position],
  );
  const shares = revenue.map((row) => ({
    tenantId: row.tenant_id,
    deploymentId: row.deployment_id,
    billingKind: row.billing_kind,
    amount: decimal(row.amount),
  }));
  return marginOf(shares, await costsIn(context, period, currency), currency);
}

/** The month's cost, tax left out, each share with whose it was then, and the line that it is of. */
export async function costsIn(
  { core, position }: QueryContext,
  period: Period,
  currency: string,
): Promise<(CostShare & { readonly costLine: string })[]> {
  const { rows } = await core.pool.query<CostLineRow>(
    `SELECT * FROM cost_lines WHERE currency = $1 AND category <> 'tax' AND charge_period_start < $3 AND charge_period_end > $2
       AND position_from <= $4 AND (position_to IS NULL OR position_to > $4) ORDER BY kind, provider, invoice_ref, line_key`,
    [currency, period.start, period.end, position],
  );
  const resourceIds = [...new Set(rows.flatMap(({ resource_id }) => (resource_id === null ? [] : [resource_id])))];
  const timelines = new Map(
    (await timelinesOf(core, position, { providerIds: resourceIds })).map((each) => [
      JSON.stringify([each.provider, each.providerId]),
      each.timeline,
    ]),
  );
  const assigned = await core.db
    .selectFrom('deployment_assignments')
    .selectAll()
    .where(inForceAt(position))
    .orderBy('effective_from')
    .execute();
  const assignments = Map.groupBy(
    assigned.map((row) => ({ deploymentId: row.deployment_id, tenantId: row.tenant_id, from: row.effective_from })),
    ({ deploymentId }) => deploymentId,
  );
  return rows.flatMap((row) => {
    const resource =
      row.resource_id === null ? null : (timelines.get(JSON.stringify([row.provider, row.resource_id])) ?? null);
    const cost = {
      amount: decimal(row.amount),
      currency: row.currency,
      chargePeriod: { start: row.charge_period_start, end: row.charge_period_end },
      tenantId: row.tenant_id,
      resource,
    };
    return attributedShares(cost, period, (id) => assignments.get(id) ?? []).map((share) => ({
      ...share,
      kind: row.kind,
      costLine: `${row.provider}/${row.invoice_ref}/${row.line_key}`,
    }));
  });
}

/** Every month and currency that has revenue or cost; with `since`, those alone whose figures may have changed after that position. */
export async function marginMonths(
  { core, position }: QueryContext,
  since?: number,
): Promise<{ readonly month: string; readonly currency: string }[]> {
  const { rows } = await core.pool.query<{ month: string; currency: string; changed: boolean }>(
    `WITH moved AS (SELECT EXISTS (SELECT FROM deployment_assignments WHERE position_from > $2 AND position_from <= $1)
       OR EXISTS (SELECT FROM resource_sightings WHERE position_from > $2 AND position_from <= $1) OR EXISTS (SELECT FROM resource_corrections WHERE position_from > $2 AND position_from <= $1) AS holder)
     SELECT month, currency, bool_or(changed) OR (SELECT holder FROM moved) AS changed FROM (
       SELECT month, currency, position_from > $2 AS changed FROM revenue WHERE position_from <= $1
       UNION ALL SELECT to_char(m AT TIME ZONE 'UTC', 'YYYY-MM'), currency, position_from > $2 OR position_to IS NOT NULL
       FROM cost_lines c, generate_series(date_trunc('month', charge_period_start, 'UTC'), charge_period_end - interval '1 microsecond', interval '1 month') m
       WHERE category <> 'tax' AND position_from <= $1) f
     GROUP BY month, currency ORDER BY month, currency`,
    [position, since ?? 0],
  );
  return rows
    .filter(({ changed }) => since === undefined || changed)
    .map(({ month, currency }) => ({ month, currency }));
}
