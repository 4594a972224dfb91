import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { handled, ignoring, type Projection } from '#read-model/projection';
import { usageRecords } from './usage-records.table.js';

const answers = {
  UsageObserved: 'handled',
  UsageCorrected: 'handled',
  ...ignoring('TenantRegistered', 'TenantTaxSet', 'TenantGracePeriodSet'),
    ...ignoring('DeploymentRegistered', 'DeploymentAssigned', 'SubscriptionStarted', 'SubscriptionPlanChanged', 'SubscriptionCancelled', 'UsageWaived'),
    ...ignoring('ResourcesObserved', 'ResourceRemoved', 'ResourceCorrected'),
    ...ignoring('MeteringConfigured', 'DayMetered'),
    ...ignoring('RateSet', 'RateCorrected', 'RateWithdrawn'),
    ...ignoring('PlanPublished', 'PlanPriceCorrected'),
    ...ignoring('LineOpened', 'LineSplit'),
    ...ignoring('InvoicePartsClaimed', 'InvoiceDrafted', 'InvoiceRowsFrozen', 'InvoiceIssued', 'InvoiceVoided', 'InvoicePaid', 'CreditNoteIssued'),
    ...ignoring('CouponGranted', 'CreditGranted', 'CreditRevoked'),
    ...ignoring('CostRecorded', 'CostCorrected'),
    ...ignoring('CommandUnchanged'),
} as const;

/**
 * Written for speed, because usage is nearly all there is: an observation's key is new (that was decided), so it is
 * inserted without looking; only a correction looks its record up, closes that version and opens the next.
 */
export const usageRecordsProjection: Projection = {
  name: 'usage-records',
  version: 1,
  tables: [usageRecords],
  handles: handled(answers),
  async project(batch, client) {
    let observed: RecordedEvent<'UsageObserved'>[] = [];
    for (const event of batch) {
      if (event.type === 'UsageObserved') observed.push(event);
      if (event.type !== 'UsageCorrected') continue;
      await insertObserved(client, observed);
      observed = [];
      await applyCorrection(client, event);
    }
    await insertObserved(client, observed);
  },
};

async function insertObserved(client: pg.ClientBase, events: readonly RecordedEvent<'UsageObserved'>[]): Promise<void> {
  const rows = events.flatMap(({ data, position }) =>
    data.observations.map((observation) => ({ observation, deploymentId: data.deploymentId, origin: data.origin, position })),
  );
  if (rows.length === 0) return;
  await client.query({
    name: 'insert_usage_records',
    text:
      'INSERT INTO usage_records (deployment_id, billing_kind, period_start, resource_id, period_end, granularity, provider, source_id, quantity,' +
      ' origin, resource_type, resource_family, location, attributes, sub_attribution, position_from)' +
      ' SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],' +
      ' $9::numeric[], $10::text[], $11::text[], $12::text[], $13::text[], $14::jsonb[], $15::jsonb[], $16::bigint[])',
    values: [
      rows.map(({ deploymentId }) => deploymentId),
      rows.map(({ observation }) => observation.billingKind),
      rows.map(({ observation }) => observation.period.start),
      rows.map(({ observation }) => observation.resourceId),
      rows.map(({ observation }) => observation.period.end),
      rows.map(({ observation }) => observation.granularity),
      rows.map(({ observation }) => observation.provider ?? ''),
      rows.map(({ observation }) => observation.sourceId ?? ''),
      rows.map(({ observation }) => observation.quantity),
      rows.map(({ origin }) => origin),
      rows.map(({ observation }) => observation.rateKey?.resourceType ?? null),
      rows.map(({ observation }) => observation.rateKey?.resourceFamily ?? null),
      rows.map(({ observation }) => observation.rateKey?.location ?? null),
      rows.map(({ observation }) => jsonOrNull(observation.attributes)),
      rows.map(({ observation }) => jsonOrNull(observation.subAttribution)),
      rows.map(({ position }) => position),
    ],
  });
}

const jsonOrNull = (value: object | undefined): string | null => (value === undefined ? null : JSON.stringify(value));

/** Closes the versions of the corrected keys, and opens the next of those that still are: all but quantity and origin is kept. */
async function applyCorrection(client: pg.ClientBase, { data, position }: RecordedEvent<'UsageCorrected'>): Promise<void> {
  const { corrections, deploymentId, origin } = data;
  const result = await client.query({
    name: 'correct_usage_records',
    text:
      'WITH corrected AS (SELECT * FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],' +
      ' $9::numeric[]) AS c(billing_kind, period_start, resource_id, period_end, granularity, provider, source_id, quantity)),' +
      ' closed AS (UPDATE usage_records u SET position_to = $10 FROM corrected c WHERE u.position_to IS NULL AND u.deployment_id = $1' +
      ' AND u.billing_kind = c.billing_kind AND u.period_start = c.period_start AND u.resource_id = c.resource_id AND u.period_end = c.period_end' +
      ' AND u.granularity = c.granularity AND u.provider = c.provider AND u.source_id = c.source_id RETURNING u.*, c.quantity AS corrected_quantity),' +
      ' opened AS (INSERT INTO usage_records SELECT deployment_id, billing_kind, period_start, resource_id, period_end, granularity, provider,' +
      ' source_id, corrected_quantity, $11, resource_type, resource_family, location, attributes, sub_attribution, $10::bigint, NULL::bigint' +
      ' FROM closed WHERE corrected_quantity IS NOT NULL)' +
      ' SELECT count(*)::int AS closed FROM closed',
    values: [
      deploymentId,
      corrections.map(({ billingKind }) => billingKind),
      corrections.map(({ period }) => period.start),
      corrections.map(({ resourceId }) => resourceId),
      corrections.map(({ period }) => period.end),
      corrections.map(({ granularity }) => granularity),
      corrections.map(({ provider }) => provider ?? ''),
      corrections.map(({ sourceId }) => sourceId ?? ''),
      corrections.map(({ quantity }) => quantity),
      position,
      origin,
    ],
  });
  const closed = (result.rows[0] as { closed: number } | undefined)?.closed ?? 0;
  if (closed !== corrections.length)
    throw new Error(`${corrections.length - closed} of ${corrections.length} corrected readings of deployment ${deploymentId} are not in usage_records`);
}
