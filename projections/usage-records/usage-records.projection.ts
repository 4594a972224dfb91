import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { RecordedEvent } from '#domain/events';
import { handled, ignoring, type Projection } from '#read-model/projection';
import { usageProviders, usageRecords } from './usage-records.table.js';

const answers = {
  UsageObserved: 'handled',
  UsageCorrected: 'handled',
  UsageProviderNamed: 'handled',
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
  version: 3,
  tables: [usageRecords, usageProviders],
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
    await insertNamed(client, batch.filter((event) => event.type === 'UsageProviderNamed'));
  },
};

async function insertObserved(client: pg.ClientBase, events: readonly RecordedEvent<'UsageObserved'>[]): Promise<void> {
  const rows = events.flatMap(({ data, position }) =>
    data.observations.map((observation) => ({ observation, deploymentId: data.deploymentId, origin: data.origin, position })),
  );
  if (rows.length === 0) return;
  if (rows.length >= FEWEST_COPIED) {
    await copyObserved(client, rows);
    return;
  }
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

/** From so many rows on, COPY's round trips are worth it: it takes half the time of an INSERT, here and in Postgres. */
const FEWEST_COPIED = 500;
const LINES_PER_WRITE = 1000;

interface Observed {
  readonly observation: RecordedEvent<'UsageObserved'>['data']['observations'][number];
  readonly deploymentId: string;
  readonly origin: string;
  readonly position: number;
}

async function copyObserved(client: pg.ClientBase, rows: readonly Observed[]): Promise<void> {
  const columns =
    'deployment_id, billing_kind, period_start, resource_id, period_end, granularity, provider, source_id, quantity,' +
    ' origin, resource_type, resource_family, location, attributes, sub_attribution, position_from';
  await pipeline(Readable.from(copyLines(rows)), client.query(copyFrom(`COPY usage_records (${columns}) FROM STDIN`)));
}

function* copyLines(rows: readonly Observed[]): Generator<string> {
  for (let from = 0; from < rows.length; from += LINES_PER_WRITE) yield rows.slice(from, from + LINES_PER_WRITE).map(copyLine).join('');
}

function copyLine({ observation, deploymentId, origin, position }: Observed): string {
  const { billingKind, period, resourceId, granularity, provider, sourceId, quantity, rateKey, attributes, subAttribution } = observation;
  const key = `${escaped(deploymentId)}\t${escaped(billingKind)}\t${period.start}\t${escaped(resourceId)}\t${period.end}\t${granularity}\t${escaped(provider ?? '')}\t${escaped(sourceId ?? '')}`;
  const rate = rateKey === undefined ? '\\N\t\\N\t\\N' : `${escaped(rateKey.resourceType)}\t${escaped(rateKey.resourceFamily)}\t${escaped(rateKey.location)}`;
  return `${key}\t${quantity}\t${origin}\t${rate}\t${escapedJson(attributes)}\t${escapedJson(subAttribution)}\t${position}\n`;
}

const escapedJson = (value: object | undefined): string => (value === undefined ? '\\N' : escaped(JSON.stringify(value)));
/** COPY's own characters; ids and JSON have no other control characters. */
const escaped = (text: string): string => (text.includes('\\') ? text.replaceAll('\\', '\\\\') : text);

const jsonOrNull = (value: object | undefined): string | null => (value === undefined ? null : JSON.stringify(value));

async function insertNamed(client: pg.ClientBase, events: readonly RecordedEvent<'UsageProviderNamed'>[]): Promise<void> {
  const rows = events.flatMap(({ data, position }) => data.readings.map((reading) => ({ reading, deploymentId: data.deploymentId, position })));
  if (rows.length === 0) return;
  await client.query(
    'INSERT INTO usage_providers (deployment_id, billing_kind, period_start, resource_id, period_end, granularity, source_id, provider, position_from)' +
      ' SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::bigint[])',
    [
      rows.map(({ deploymentId }) => deploymentId),
      rows.map(({ reading }) => reading.billingKind),
      rows.map(({ reading }) => reading.period.start),
      rows.map(({ reading }) => reading.resourceId),
      rows.map(({ reading }) => reading.period.end),
      rows.map(({ reading }) => reading.granularity),
      rows.map(({ reading }) => reading.sourceId ?? ''),
      rows.map(({ reading }) => reading.provider),
      rows.map(({ position }) => position),
    ],
  );
}

const KEY = ['billing_kind', 'period_start', 'resource_id', 'period_end', 'granularity', 'provider', 'source_id'];
const keyOf = (table: string): string => KEY.map((column) => `${table}.${column}`).join(', ');
const CORRECTED =
  '(SELECT * FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::numeric[])' +
  ` AS c(${KEY.join(', ')}, quantity)) c`;
/** All of a record but what a correction changes. */
const KEPT = 'resource_type, resource_family, location, attributes, sub_attribution';

/** Closes the versions in force of the corrected keys, then opens the next of those that still are: one that was withdrawn goes on from its last. */
async function applyCorrection(client: pg.ClientBase, { data, position }: RecordedEvent<'UsageCorrected'>): Promise<void> {
  const { corrections, deploymentId, origin } = data;
  const values = [
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
  ];
  await client.query({
    name: 'close_corrected_usage_records',
    text:
      `UPDATE usage_records u SET position_to = $10, superseded_by = $11 FROM ${CORRECTED}` +
      ` WHERE u.position_to IS NULL AND u.deployment_id = $1 AND (${keyOf('u')}) = (${keyOf('c')})`,
    values,
  });
  const result = await client.query({
    name: 'open_corrected_usage_records',
    text:
      `WITH last AS (SELECT DISTINCT ON (${keyOf('u')}) u.*, c.quantity AS corrected FROM ${CORRECTED}` +
      ` JOIN usage_records u ON u.position_to IS NOT NULL AND u.deployment_id = $1 AND (${keyOf('u')}) = (${keyOf('c')})` +
      ` ORDER BY ${keyOf('u')}, u.position_from DESC),` +
      ` opened AS (INSERT INTO usage_records (deployment_id, ${KEY.join(', ')}, quantity, origin, corrected_by, ${KEPT}, position_from)` +
      ` SELECT deployment_id, ${KEY.join(', ')}, corrected, origin, $11, ${KEPT}, $10::bigint FROM last WHERE corrected IS NOT NULL)` +
      ' SELECT count(*)::int AS found FROM last',
    values,
  });
  const found = (result.rows[0] as { found: number } | undefined)?.found ?? 0;
  if (found !== corrections.length)
    throw new Error(`${corrections.length - found} of ${corrections.length} corrected readings of deployment ${deploymentId} are not in usage_records`);
}
