import { BASE_FEE } from '#domain/plans/plan';
import { decimal, text } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import { usageWaivers } from '#projections/deployments/deployments.table';
import { usageRecords } from '#projections/usage-records/usage-records.table';
import { inForce } from '#read-model/table';
import { allLines } from '../billing.js';
import { defineQuery, pageOfAll, type QueryContext, STAFF, zPage } from '../query.js';

interface UnbilledRow {
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly subscribed: boolean;
  readonly readings: number;
  readonly quantity: string;
  readonly first: Instant;
  readonly last: Instant;
}

/** Usage that no line covers, by deployment and billing kind. */
export async function unbilledUsage({ core, position }: QueryContext) {
  const latest = await core.pool.query<{ at: Instant | null }>(`SELECT max(period_start) AS at FROM ${inForce(usageRecords, '$1')} u`, [position]);
  const until = latest.rows[0]?.at ?? null;
  if (until === null) return [];
  const lines = await allLines(core, position, until);
  const { rows } = await core.pool.query<UnbilledRow>(
    `WITH lines AS (SELECT * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::jsonb[]) AS l(deployment_id, kind, start_at, end_at, filter))
     SELECT u.deployment_id, u.billing_kind, s.subscribed, count(*)::int AS readings, sum(u.quantity) AS quantity, min(u.period_start) AS first, max(u.period_end) AS last
     FROM ${inForce(usageRecords, '$1')} u
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

/** Usage that no line covers is on no invoice: it is listed, with the reason, until a command covers it or waives it. */
const unbilledQuery = defineQuery({
  name: 'unbilled',
  summary: 'Usage that no line covers: its deployment had no subscription then, or the plan no item for its billing kind',
  params: zPage,
  roles: STAFF,
  async answer(page, context) {
    return pageOfAll(await unbilledUsage(context), page, context.position, (item) => JSON.stringify([item.deploymentId, item.billingKind, item.reason]));
  },
});

export const unbilledQueries = [unbilledQuery];
