import { BASE_FEE } from '#domain/plans/plan';
import { decimal, text } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { usageWaivers } from '#projections/deployments/deployments.table';
import { usageRecords } from '#projections/usage-records/usage-records.table';
import { inForce } from '#read-model/table';
import { allLines } from '../invoices/billing.js';
import { asJsonb, recordsInForce } from '../usage/pruned-usage.js';
import { prunedBesideLines } from './pruned-beside-lines.js';

interface UnbilledRow {
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly subscribed: boolean;
  readonly readings: number;
  readonly quantity: string;
  readonly first: Instant;
  readonly last: Instant;
}

/** Up to when lines matter to the readings that there are, pruned ones included; null: there are none. */
export async function lastReading({ core, position }: QueryContext): Promise<Instant | null> {
  const { rows } = await core.pool.query<{ at: Instant | null }>(
    `SELECT greatest((SELECT max(period_start) FROM ${inForce(usageRecords, '$1')} u), (SELECT max(month) + interval '1 month' FROM pruned_usage)) AS at`,
    [position],
  );
  return rows[0]?.at ?? null;
}

/** Usage that no line covers, by deployment and billing kind; of all, or of some deployments' readings that begin within a period. */
export async function unbilledUsage(
  context: QueryContext,
  among: { readonly deploymentIds: readonly string[]; readonly period: Period } | null = null,
) {
  const { core, position } = context;
  const until = await lastReading(context);
  if (until === null) return [];
  const lines = await allLines(core, position, until, among);
  const where =
    '($9::text[] IS NULL OR deployment_id = ANY($9)) AND ($10::timestamptz IS NULL OR (period_start >= $10 AND period_start < $11))';
  const { rows } = await core.pool.query<UnbilledRow>(
    `WITH lines AS (SELECT * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::jsonb[]) AS l(deployment_id, kind, start_at, end_at, filter))
     SELECT u.deployment_id, u.billing_kind, s.subscribed, count(*)::int AS readings, sum(u.quantity) AS quantity, min(u.period_start) AS first, max(u.period_end) AS last
     FROM ${recordsInForce('$1', where, '$8')} u
     CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM lines l WHERE l.kind = $7 AND l.deployment_id = u.deployment_id
       AND u.period_start >= l.start_at AND u.period_start < l.end_at) AS subscribed) s
     WHERE NOT EXISTS (SELECT FROM lines l WHERE l.deployment_id = u.deployment_id AND l.kind = u.billing_kind
       AND u.period_start >= l.start_at AND u.period_start < l.end_at AND (l.filter IS NULL OR u.attributes @> l.filter))
       AND NOT EXISTS (SELECT FROM ${inForce(usageWaivers, '$1')} w WHERE w.deployment_id = u.deployment_id AND w.billing_kind = u.billing_kind
       AND u.period_start >= w.period_start AND u.period_start < w.period_end)
     GROUP BY u.deployment_id, u.billing_kind, s.subscribed`,
    [
      position,
      lines.map(({ deploymentId }) => deploymentId),
      lines.map(({ billingKind }) => billingKind),
      lines.map(({ period }) => period.start),
      lines.map(({ period }) => period.end),
      lines.map(({ filter }) => (filter === null ? null : JSON.stringify(filter))),
      BASE_FEE,
      asJsonb(await prunedBesideLines(core, position, lines)),
      among?.deploymentIds ?? null,
      among?.period.start ?? null,
      among?.period.end ?? null,
    ],
  );
  return rows.map((row) => ({
    deploymentId: row.deployment_id,
    billingKind: row.billing_kind,
    reason: row.subscribed ? ('no_plan_item' as const) : ('no_subscription' as const),
    readings: row.readings,
    quantity: text(decimal(row.quantity)),
    period: { start: row.first, end: row.last },
  }));
}
