import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import type { Observation, ReadingKey } from '#domain/usage/usage';
import { numeric, text, timestamptz } from '#read-model/column';
import { COPY_NULL, type CopyLines, copyText, type CopyTarget } from '#read-model/copy';
import { answer, type Answers, type Bulk } from '#read-model/projection';
import { defineTable } from '#read-model/table';
import type { Passing } from '../flow.js';
import { prunedUsage, usageProviders, usageRecords } from './usage-records.table.js';

const KEY = [
  'billing_kind',
  'period_start',
  'resource_id',
  'period_end',
  'granularity',
  'provider',
  'source_id',
] as const;
/** The columns that a correction does not change. */
const KEPT = ['resource_type', 'resource_family', 'location', 'attributes', 'sub_attribution'];
const BODY = ['quantity', 'origin', ...KEPT];

/** Corrections in any order. They are applied once all are there. */
const staging = defineTable({
  name: 'usage_corrections_staged',
  columns: {
    deployment_id: text,
    billing_kind: text,
    period_start: timestamptz,
    resource_id: text,
    period_end: timestamptz,
    granularity: text,
    provider: text,
    source_id: text,
    quantity: numeric.nullable(),
    origin: text,
  },
  key: ['deployment_id', ...KEY],
  distributedBy: 'deployment_id',
});

const RECORDS: CopyTarget = { table: usageRecords.name, columns: ['deployment_id', ...KEY, ...BODY, 'position_from'] };
const STAGED: CopyTarget = {
  table: staging.name,
  columns: ['deployment_id', ...KEY, 'quantity', 'origin', 'position_from'],
};
const PRUNED: CopyTarget = {
  table: prunedUsage.name,
  columns: ['deployment_id', 'billing_kind', 'month', 'pruned_at', 'position_from'],
};
const PROVIDERS: CopyTarget = { table: usageProviders.name, columns: ['deployment_id', ...KEY, 'position_from'] };

/** The data is as it was written, unchecked: a missing value must not become the text "undefined". */
function required(value: unknown, field: string): string {
  if (typeof value !== 'string') throw new Error(`${field} must be a text, but is ${JSON.stringify(value)}`);
  return copyText(value);
}
const optional = (value: unknown, field: string, absent: string): string =>
  value === undefined || value === null ? absent : required(value, field);
const json = (value: object | undefined): string => (value === undefined ? COPY_NULL : copyText(JSON.stringify(value)));

function keyLine({ billingKind, period, resourceId, granularity, provider, sourceId }: ReadingKey): string {
  return (
    `${required(billingKind, 'billingKind')}\t${required(period.start, 'period.start')}\t` +
    `${required(resourceId, 'resourceId')}\t${required(period.end, 'period.end')}\t` +
    `${required(granularity, 'granularity')}\t` +
    `${optional(provider, 'provider', '')}\t${optional(sourceId, 'sourceId', '')}`
  );
}

function bodyLine({ quantity, rateKey, attributes, subAttribution }: Observation, origin: string): string {
  const rate =
    rateKey === undefined
      ? `${COPY_NULL}\t${COPY_NULL}\t${COPY_NULL}`
      : `${required(rateKey.resourceType, 'resourceType')}\t${required(rateKey.resourceFamily, 'resourceFamily')}\t` +
        required(rateKey.location, 'location');
  return `${required(quantity, 'quantity')}\t${origin}\t${rate}\t${json(attributes)}\t${json(subAttribution)}`;
}

function observedRows({ data, position }: RecordedEvent<'UsageObserved'>, lines: CopyLines): void {
  const [deployment, origin] = [required(data.deploymentId, 'deploymentId'), required(data.origin, 'origin')];
  for (const observation of data.observations)
    lines.add(RECORDS, `${deployment}\t${keyLine(observation)}\t${bodyLine(observation, origin)}\t${position}`);
}

function correctedRows({ data, position }: RecordedEvent<'UsageCorrected'>, lines: CopyLines): void {
  const [deployment, origin] = [required(data.deploymentId, 'deploymentId'), required(data.origin, 'origin')];
  for (const correction of data.corrections) {
    const quantity = optional(correction.quantity, 'quantity', COPY_NULL);
    lines.add(STAGED, `${deployment}\t${keyLine(correction)}\t${quantity}\t${origin}\t${position}`);
  }
}

function namedRows({ data, position }: RecordedEvent<'UsageProviderNamed'>, lines: CopyLines): void {
  const deployment = required(data.deploymentId, 'deploymentId');
  for (const reading of data.readings) lines.add(PROVIDERS, `${deployment}\t${keyLine(reading)}\t${position}`);
}

function prunedRows({ data, position }: RecordedEvent<'UsagePruned'>, lines: CopyLines): void {
  const [deployment, month, at] = [
    required(data.deploymentId, 'deploymentId'),
    required(data.month, 'month'),
    required(data.at, 'at'),
  ];
  for (const billingKind of data.billingKinds)
    lines.add(
      PRUNED,
      `${deployment}\t${required(billingKind, 'billingKinds')}\t${month}-01T00:00:00Z\t${at}\t${position}`,
    );
}

/** The rows of an event, as lines for COPY. */
export const copied: Answers<Passing<'usage-records'>, void, [CopyLines]> = {
  UsageObserved: observedRows,
  UsageCorrected: correctedRows,
  UsageProviderNamed: namedRows,
  UsagePruned: prunedRows,
};

const keyOf = (alias: string): string => ['deployment_id', ...KEY].map((column) => `${alias}.${column}`).join(', ');
const sameKey = (a: string, b: string): string =>
  ['deployment_id', ...KEY].map((column) => `${a}.${column} = ${b}.${column}`).join(' AND ');

/** Applies what needs all rows: corrections and prunings. */
async function finish(client: pg.ClientBase): Promise<void> {
  await correct(client);
  await prune(client);
}

async function prune(client: pg.ClientBase): Promise<void> {
  const { rows: pruned } = await client.query<{ first: string | null; last: string | null }>(
    `SELECT min(month)::text AS first, max(month)::text AS last FROM ${prunedUsage.name}`,
  );
  const [{ first, last } = { first: null, last: null }] = pruned;
  if (first === null || last === null) return;
  await client.query(`ANALYZE ${prunedUsage.name}`);
  for (const { name } of [usageRecords, usageProviders])
    await client.query(
      `WITH pruned AS MATERIALIZED (SELECT *, month + interval '1 month' AS next_month FROM ${prunedUsage.name})` +
        ` DELETE FROM ${name} u USING pruned p` +
        ' WHERE u.deployment_id = p.deployment_id AND u.billing_kind = p.billing_kind' +
        ' AND u.period_start >= p.month AND u.period_start < p.next_month' +
        // Limits the look-up to partitions of these months.
        " AND u.period_start >= $1::timestamptz AND u.period_start < $2::timestamptz + interval '1 month'",
      [first, last],
    );
}

/**
 * Each correction closes the version before it and opens the next, unless it withdraws the record. All records at once.
 */
async function correct(client: pg.ClientBase): Promise<void> {
  const { rows: staged } = await client.query(`SELECT FROM ${staging.name} LIMIT 1`);
  if (staged.length === 0) return;
  await client.query(`ANALYZE ${staging.name}`);
  await assertKnown(client);
  await client.query(
    // A reading that was withdrawn may be observed again: a correction is of the last observation before it.
    `WITH owned AS (SELECT DISTINCT ON (${keyOf('s')}, s.position_from) s.*, u.position_from AS observed_at,` +
      ` u.origin AS observed_by, ${KEPT.map((column) => `u.${column}`).join(', ')}` +
      ` FROM ${staging.name} s JOIN usage_records u ON ${sameKey('u', 's')} AND u.position_from < s.position_from` +
      ` ORDER BY ${keyOf('s')}, s.position_from, u.position_from DESC),` +
      ' chain AS MATERIALIZED (SELECT o.*, row_number() OVER own AS n,' +
      ' lead(o.position_from) OVER own AS next_position, lead(o.origin) OVER own AS next_origin' +
      ` FROM owned o WINDOW own AS (PARTITION BY ${keyOf('o')}, o.observed_at ORDER BY o.position_from)),` +
      ` opened AS (INSERT INTO usage_records (deployment_id, ${KEY.join(', ')}, quantity, origin, corrected_by,` +
      ` superseded_by, ${KEPT.join(', ')}, position_from, position_to)` +
      ` SELECT ${keyOf('c')}, c.quantity, c.observed_by, c.origin, c.next_origin,` +
      ` ${KEPT.map((column) => `c.${column}`).join(', ')}, c.position_from, c.next_position` +
      ' FROM chain c WHERE c.quantity IS NOT NULL)' +
      ' UPDATE usage_records u SET position_to = c.position_from, superseded_by = c.origin FROM chain c' +
      ` WHERE c.n = 1 AND ${sameKey('u', 'c')} AND u.position_from = c.observed_at`,
  );
}

/** As in live projecting, a correction of an unknown reading halts. */
async function assertKnown(client: pg.ClientBase): Promise<void> {
  const { rows: unknown } = await client.query<{ position_from: number; deployment_id: string; n: number }>(
    `SELECT s.position_from, s.deployment_id, count(*)::int AS n FROM ${staging.name} s` +
      ` WHERE NOT EXISTS (SELECT FROM usage_records u WHERE ${sameKey('u', 's')}` +
      ' AND u.position_from < s.position_from) GROUP BY 1, 2 ORDER BY 1 LIMIT 1',
  );
  const [first] = unknown;
  if (first !== undefined)
    throw new Error(
      `Position ${first.position_from}: usage_records does not have ${first.n} corrected readings` +
        ` of deployment ${first.deployment_id}`,
    );
}

/** Nearly all events are usage, so it is copied without look-ups. */
export const usageRecordsBulk: Bulk<Passing<'usage-records'>> = {
  staging: [staging],
  rows(event, lines) {
    answer(copied, event, lines);
  },
  finish,
};
