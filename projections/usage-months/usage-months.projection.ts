import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { usageMonth } from '#domain/usage/usage';
import { answer, type Answers } from '#read-model/projection';
import { type Passing, projection } from '../flow.js';
import { usageMonths } from './usage-months.table.js';

const collecting: Answers<Passing<'usage-months'>, void, [Map<string, readonly unknown[]>]> = {
  UsageObserved: collect,
};

/**
 * A row means that such readings exist, from the first one. Rows are never removed, not even when all readings were
 * withdrawn or pruned: a row too many only costs a look-up.
 */
export const usageMonthsProjection = projection('usage-months', {
  version: 1,
  tables: [usageMonths],
  async project(batch, client) {
    const used = new Map<string, readonly unknown[]>();
    for (const event of batch) answer(collecting, event, used);
    if (used.size > 0) await insert(client, [...used.values()]);
  },
});

/** Adds the rows of an event's readings. Most readings have the same row as the reading before them. */
function collect({ data, position }: RecordedEvent<'UsageObserved'>, used: Map<string, readonly unknown[]>): void {
  let last: readonly [kind: string, month: string] | null = null;
  for (const { billingKind, period } of data.observations) {
    const month = usageMonth(period.start);
    if (last?.[0] === billingKind && last[1] === month) continue;
    last = [billingKind, month];
    const key = JSON.stringify([data.deploymentId, ...last]);
    if (!used.has(key)) used.set(key, [data.deploymentId, billingKind, `${month}-01T00:00:00Z`, position]);
  }
}

async function insert(client: pg.ClientBase, rows: readonly (readonly unknown[])[]): Promise<void> {
  await client.query(
    'INSERT INTO usage_months (deployment_id, billing_kind, month, position_from)' +
      ' SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[]) ON CONFLICT DO NOTHING',
    [0, 1, 2, 3].map((index) => rows.map((row) => row[index])),
  );
}
