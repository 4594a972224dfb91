import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { type Instant, lastInstantBefore } from '#domain/time/instant';
import { monthOf, type Period } from '#domain/time/period';
import { answer, type Answers } from '#read-model/projection';
import { type Passing, projection } from '../flow.js';
import { rateKeyUsage } from './rate-key-usage.table.js';

const collecting: Answers<Passing<'rate-key-usage'>, void, [Map<string, readonly unknown[]>]> = {
  UsageObserved: collect,
};

/**
 * A row means that such readings exist, from the first one. Rows are never removed: a row too many only costs a
 * look-up.
 */
export const rateKeyUsageProjection = projection('rate-key-usage', {
  version: 1,
  tables: [rateKeyUsage],
  async project(batch, client) {
    const used = new Map<string, readonly unknown[]>();
    for (const event of batch) answer(collecting, event, used);
    if (used.size > 0) await insert(client, [...used.values()]);
  },
});

/** Adds the rows of an event's readings. Most readings have the same row as the reading before them. */
function collect({ data, position }: RecordedEvent<'UsageObserved'>, used: Map<string, readonly unknown[]>): void {
  let last = '';
  for (const { rateKey, billingKind, period } of data.observations) {
    if (rateKey === undefined) continue;
    const { resourceType, resourceFamily, location } = rateKey;
    const row = [
      resourceType,
      resourceFamily,
      location,
      data.deploymentId,
      billingKind,
      firstOf(period.start),
      lastMonth(period),
    ];
    const text = row.join('\n');
    if (text !== last && !used.has(text)) used.set(text, [...row, position]);
    last = text;
  }
}

const firstOf = (at: Instant): string => `${at.slice(0, 7)}-01T00:00:00Z`;

/** The month in which a reading ends. If it ends exactly where a month begins, it is the month before. */
function lastMonth({ start, end }: Period): string {
  if (start.slice(0, 7) === end.slice(0, 7) || end === monthOf(start).end) return firstOf(start);
  return firstOf(lastInstantBefore(end));
}

async function insert(client: pg.ClientBase, rows: readonly (readonly unknown[])[]): Promise<void> {
  const column = (index: number): unknown[] => rows.map((row) => row[index]);
  await client.query(
    'INSERT INTO rate_key_usage (resource_type, resource_family, location, deployment_id, billing_kind,' +
      ' first_month, last_month, position_from)' +
      ' SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],' +
      ' $6::timestamptz[], $7::timestamptz[], $8::bigint[]) ON CONFLICT DO NOTHING',
    Array.from({ length: 8 }, (_, index) => column(index)),
  );
}
