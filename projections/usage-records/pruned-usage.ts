import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { monthNamed } from '#domain/time/period';
import { answer, type Answers } from '#read-model/projection';
import type { Passing } from '../flow.js';
import { prunedUsage, usageProviders, usageRecords } from './usage-records.table.js';

export type UsageEvent = RecordedEvent<Passing<'usage-records'>>;

/** The pruned months that events of a batch belong to. A pruning within the batch counts from its event. */
export interface Pruned {
  /** The event without its pruned readings; null: nothing is left. */
  without(event: UsageEvent): UsageEvent | null;
}

export async function prunedAmong(client: pg.ClientBase, batch: readonly UsageEvent[]): Promise<Pruned> {
  const pruned = await prunedBefore(client, batch);
  return {
    without: (event) => (pruned.size === 0 && event.type !== 'UsagePruned' ? event : answer(kept, event, pruned)),
  };
}

/** Deployment, month and billing kind, as one text each. */
type PrunedKeys = Set<string>;

interface MonthOfDeployment {
  readonly deploymentId: string;
  readonly month: string;
}

const keyOf = ({ deploymentId, month }: MonthOfDeployment, billingKind: string): string =>
  JSON.stringify([deploymentId, month, billingKind]);

/** What was pruned before the batch, in the months of its events. */
async function prunedBefore(client: pg.ClientBase, batch: readonly UsageEvent[]): Promise<PrunedKeys> {
  const months = new Map(
    batch.map(({ data: { deploymentId, month } }) => [`${deploymentId}\n${month}`, { deploymentId, month }]),
  );
  const { rows } = await client.query<MonthOfDeployment & { billingKind: string }>({
    name: 'pruned_usage_among',
    text:
      `SELECT p.deployment_id AS "deploymentId", to_char(p.month AT TIME ZONE 'UTC', 'YYYY-MM') AS month,` +
      ' p.billing_kind AS "billingKind" FROM unnest($1::text[], $2::timestamptz[]) AS v(deployment_id, month)' +
      ` JOIN ${prunedUsage.name} p USING (deployment_id, month)`,
    values: [
      [...months.values()].map(({ deploymentId }) => deploymentId),
      [...months.values()].map(({ month }) => monthNamed(month).start),
    ],
  });
  return new Set(rows.map((row) => keyOf(row, row.billingKind)));
}

/** A pruning counts from its event. Other events keep only readings that are not pruned; null: none is left. */
const kept: Answers<Passing<'usage-records'>, UsageEvent | null, [PrunedKeys]> = {
  UsageObserved(event, pruned) {
    const observations = unpruned(event.data, event.data.observations, pruned);
    return observations.length === 0 ? null : { ...event, data: { ...event.data, observations } };
  },
  UsageCorrected(event, pruned) {
    const corrections = unpruned(event.data, event.data.corrections, pruned);
    return corrections.length === 0 ? null : { ...event, data: { ...event.data, corrections } };
  },
  UsageProviderNamed(event, pruned) {
    const readings = unpruned(event.data, event.data.readings, pruned);
    return readings.length === 0 ? null : { ...event, data: { ...event.data, readings } };
  },
  UsagePruned(event, pruned) {
    for (const billingKind of event.data.billingKinds) pruned.add(keyOf(event.data, billingKind));
    return event;
  },
};

const unpruned = <Reading extends { readonly billingKind: string }>(
  month: MonthOfDeployment,
  readings: readonly Reading[],
  pruned: PrunedKeys,
): Reading[] => readings.filter(({ billingKind }) => !pruned.has(keyOf(month, billingKind)));

/**
 * Deletes the records of a month and billing kind, for all deployments at once. Each half uses its own index: the
 * records in force, and those superseded.
 */
export async function pruneUsage(
  client: pg.ClientBase,
  events: readonly RecordedEvent<'UsagePruned'>[],
): Promise<void> {
  const all = events.flatMap(({ position, data: { billingKinds, ...of } }) =>
    billingKinds.map((billingKind) => ({ position, billingKind, ...of })),
  );
  if (all.length === 0) return;
  for (const group of Map.groupBy(all, ({ month, billingKind }) => JSON.stringify([month, billingKind])).values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { start, end } = monthNamed(first.month);
    const values = [group.map(({ deploymentId }) => deploymentId), first.billingKind, start, end];
    const which =
      'deployment_id = ANY($1::text[]) AND billing_kind = $2' +
      ' AND period_start >= $3::timestamptz AND period_start < $4::timestamptz';
    for (const { name } of [usageRecords, usageProviders])
      for (const half of ['IS NULL', 'IS NOT NULL'])
        await client.query(`DELETE FROM ${name} WHERE position_to ${half} AND ${which}`, values);
  }
  await client.query(
    `INSERT INTO ${prunedUsage.name} (deployment_id, billing_kind, month, pruned_at, position_from)` +
      ' SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[])',
    [
      all.map(({ deploymentId }) => deploymentId),
      all.map(({ billingKind }) => billingKind),
      all.map(({ month }) => monthNamed(month).start),
      all.map(({ at }) => at),
      all.map(({ position }) => position),
    ],
  );
}
