import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { earlier, later } from '#domain/time/instant';
import { usageMonth } from '#domain/usage/usage';
import { CopyLines } from '#read-model/copy';
import { answer } from '#read-model/projection';
import { projection } from '../flow.js';
import { prunedAmong, pruneUsage, type UsageEvent } from './pruned-usage.js';
import { copied, usageRecordsBulk } from './usage-records.bulk.js';
import { prunedUsage, usageProviders, usageRecords } from './usage-records.table.js';

/**
 * Written for speed, because nearly all events are usage. The key of an observation is new (the decision checked it),
 * so it is inserted without a look-up. Only a correction looks up its record, closes that version and opens the next.
 */
export const usageRecordsProjection = projection('usage-records', {
  version: 6,
  tables: [usageRecords, usageProviders, prunedUsage],
  partitions(batch) {
    const months = new Set<string>();
    for (const event of batch)
      if (event.type === 'UsageObserved')
        for (const { period } of event.data.observations) months.add(usageMonth(period.start));
    return [...months].map((month) => ({ table: usageRecords, month }));
  },
  bulk: usageRecordsBulk,
  async project(batch, client) {
    const pruned = await prunedAmong(client, batch);
    let added: UsageEvent[] = [];
    let prunings: RecordedEvent<'UsagePruned'>[] = [];
    const write = async (): Promise<void> => {
      await copyIn(client, added);
      await pruneUsage(client, prunings);
      [added, prunings] = [[], []];
    };
    for (const each of batch) {
      const event = pruned.without(each);
      if (event === null) continue;
      if (event.type === 'UsagePruned' ? added.length > 0 : prunings.length > 0 || event.type === 'UsageCorrected')
        await write();
      if (event.type === 'UsageCorrected') await applyCorrection(client, event);
      else if (event.type === 'UsagePruned') prunings.push(event);
      else added.push(event);
    }
    await write();
  },
});

async function copyIn(client: pg.ClientBase, events: readonly UsageEvent[]): Promise<void> {
  const lines = new CopyLines();
  const rows = function* (): Generator<void> {
    for (const event of events) {
      answer(copied, event, lines);
      yield;
    }
  };
  await lines.copy(client, rows());
}

const KEY = ['billing_kind', 'period_start', 'resource_id', 'period_end', 'granularity', 'provider', 'source_id'];
const keyOf = (table: string): string => KEY.map((column) => `${table}.${column}`).join(', ');
const CORRECTED =
  '(SELECT * FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[],' +
  ' $6::text[], $7::text[], $8::text[], $9::numeric[])' +
  ` AS c(${KEY.join(', ')}, quantity)) c`;
/** The columns that a correction does not change. */
const KEPT = 'resource_type, resource_family, location, attributes, sub_attribution';

/** Limits the look-up to partitions of these months. */
const WITHIN = 'u.period_start >= $12::timestamptz AND u.period_start <= $13::timestamptz';

/**
 * Closes the versions in force of the corrected keys, then opens the next versions. A withdrawal opens none. A
 * withdrawn record continues from its last version.
 */
async function applyCorrection(
  client: pg.ClientBase,
  { data, position }: RecordedEvent<'UsageCorrected'>,
): Promise<void> {
  const { corrections, deploymentId, origin } = data;
  const starts = corrections.map(({ period }) => period.start);
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
    starts.reduce(earlier),
    starts.reduce(later),
  ];
  await client.query({
    name: 'close_corrected_usage_records',
    text:
      `UPDATE usage_records u SET position_to = $10, superseded_by = $11 FROM ${CORRECTED}` +
      ` WHERE u.position_to IS NULL AND u.deployment_id = $1 AND (${keyOf('u')}) = (${keyOf('c')}) AND ${WITHIN}`,
    values,
  });
  const result = await client.query({
    name: 'open_corrected_usage_records',
    text:
      `WITH last AS (SELECT DISTINCT ON (${keyOf('u')}) u.*, c.quantity AS corrected FROM ${CORRECTED}` +
      ' JOIN usage_records u ON u.position_to IS NOT NULL AND u.deployment_id = $1' +
      ` AND (${keyOf('u')}) = (${keyOf('c')}) AND ${WITHIN}` +
      ` ORDER BY ${keyOf('u')}, u.position_from DESC),` +
      ` opened AS (INSERT INTO usage_records (deployment_id, ${KEY.join(', ')},` +
      ` quantity, origin, corrected_by, ${KEPT}, position_from)` +
      ` SELECT deployment_id, ${KEY.join(', ')}, corrected, origin, $11, ${KEPT}, $10::bigint` +
      ' FROM last WHERE corrected IS NOT NULL)' +
      ' SELECT count(*)::int AS found FROM last',
    values,
  });
  const found = (result.rows[0] as { found: number } | undefined)?.found ?? 0;
  if (found !== corrections.length)
    throw new Error(
      `usage_records does not have ${corrections.length - found} of ${corrections.length} corrected readings` +
        ` of deployment ${deploymentId}`,
    );
}
