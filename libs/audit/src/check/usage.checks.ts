import { usageRecords } from '#projections/usage-records/usage-records.table';
import { inForce } from '#read-model/table';
import { allLines } from '#billing/invoices/contracts';
import { prunedBesideLines } from '#billing/retention/pruned-beside-lines';
import { asJsonb, fromLog, recordsInForce } from '#billing/usage/pruned-usage';
import { lastReading, unbilledUsage } from '#billing/retention/unbilled';
import { type Check, type Finding, now, sqlCheck } from './finding.js';

/** Each reading is on one line of an item, or listed as unbilled, or waived: never on two. */
const twice: Check = async (context) => {
  const { core, position } = context;
  const until = await lastReading(context);
  if (until === null) return [];
  const lines = await allLines(core, position, until);
  const { rows } = await core.pool.query<{
    deployment_id: string;
    billing_kind: string;
    line_ids: string[];
    readings: number;
  }>(
    `WITH lines AS (SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::jsonb[])
       AS l(line_id, deployment_id, kind, item_key, start_at, end_at, filter)),
     covered AS (SELECT u.deployment_id, u.billing_kind, array_agg(l.line_id ORDER BY l.line_id) AS line_ids FROM ${recordsInForce('$1', 'true', '$9')} u
       JOIN lines l ON l.deployment_id = u.deployment_id AND l.kind = u.billing_kind AND u.period_start >= l.start_at AND u.period_start < l.end_at AND (l.filter IS NULL OR u.attributes @> l.filter)
       GROUP BY u.deployment_id, u.billing_kind, u.period_start, u.resource_id, u.period_end, u.granularity, u.provider, u.source_id, l.item_key HAVING count(*) > 1)
     SELECT deployment_id, billing_kind, line_ids, count(*)::int AS readings FROM covered GROUP BY deployment_id, billing_kind, line_ids ORDER BY 1, 2, 3`,
    [
      position,
      lines.map(({ lineId }) => lineId),
      lines.map(({ deploymentId }) => deploymentId),
      lines.map(({ billingKind }) => billingKind),
      lines.map(({ itemKey }) => itemKey),
      lines.map(({ period }) => period.start),
      lines.map(({ period }) => period.end),
      lines.map(({ filter }) => (filter === null ? null : JSON.stringify(filter))),
      asJsonb(await prunedBesideLines(core, position, lines)),
    ],
  );
  return rows.map(
    ({ deployment_id: deploymentId, billing_kind: billingKind, line_ids: lineIds, readings }): Finding => ({
      code: 'usage_on_two_lines',
      message: `${readings} readings of ${deploymentId} (${billingKind}) are on several lines: ${lineIds.join(', ')}`,
      ids: { deploymentId, billingKind, lineIds, readings },
      remedy:
        'Two subscriptions, or tenants, hold the deployment at the same time: see query subscriptions, and cancel or assign as it was.',
    }),
  );
};

const unbilled: Check = async (context) =>
  (await unbilledUsage(context)).map(({ deploymentId, billingKind, reason, readings, quantity, period }) => ({
    code: 'usage_unbilled',
    message: `${quantity} ${billingKind} of ${deploymentId} are on no invoice: ${reason === 'no_subscription' ? 'it had no subscription then' : 'its plan has no such item'}`,
    ids: { deploymentId, billingKind, reason, readings, quantity, period },
    remedy:
      reason === 'no_subscription'
        ? 'Start a subscription that covers it, or waive-usage.'
        : 'Publish the plan with the item, or waive-usage.',
  }));

const notRecorded = sqlCheck(
  'resource_without_usage',
  `SELECT r.provider, r.provider_id, r.kind, r.deployment_id FROM ${now('resources')} r
   WHERE r.deployment_id IS NOT NULL AND r.deleted_at IS NULL AND NOT EXISTS (
     SELECT FROM ${inForce(usageRecords, '$1')} u WHERE u.deployment_id = r.deployment_id AND u.resource_id = r.provider_id AND u.provider IN ('', r.provider))
   ORDER BY 1, 2`,
  ({ provider, providerId, kind, deploymentId }) =>
    `${String(kind)} ${String(providerId)} of ${String(provider)} is ${String(deploymentId)}'s, and no usage of it was ever recorded`,
  'Meter the days since it was first seen (ledgerline meter), or map its kind: one without a billing kind is not metered.',
);

/** Of a resource without a record, its deployment's pruned months are asked too. */
const idle: Check = async (context) => {
  const found = await notRecorded(context);
  const deploymentIds = [...new Set(found.map(({ ids }) => String(ids['deploymentId'])))];
  const months = await context.core.usage.prunedMonths(
    deploymentIds.map((deploymentId) => ({ deploymentId, billingKind: null, start: null, end: null })),
  );
  const { versions } = await fromLog(context.core, months);
  const recorded = new Set(
    versions
      .filter(({ position_to }) => position_to === null)
      .map((row) => JSON.stringify([row.deployment_id, row.resource_id])),
  );
  return found.filter(({ ids }) => !recorded.has(JSON.stringify([ids['deploymentId'], ids['providerId']])));
};

export const USAGE: readonly Check[] = [twice];
export const USAGE_NOTICES: readonly Check[] = [unbilled, idle];
