import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { monthNamed } from '#domain/time/period';
import { prunedUsage, usageProviders, usageRecords } from './usage-records.table.js';

type UsageEvent = RecordedEvent<'UsageObserved' | 'UsageCorrected' | 'UsageProviderNamed' | 'UsagePruned'>;
const isUsage = ({ type }: RecordedEvent): boolean =>
  type === 'UsageObserved' || type === 'UsageCorrected' || type === 'UsageProviderNamed' || type === 'UsagePruned';

/** What of a batch concerns months whose raw records are kept no more, also from within the batch on. */
export interface Pruned {
  /** The event with what the tables keep of it; null: nothing. */
  without(event: RecordedEvent): RecordedEvent | null;
}

export async function prunedAmong(client: pg.ClientBase, batch: readonly RecordedEvent[]): Promise<Pruned> {
  const pruned = new Set<string>();
  const keyOf = (deploymentId: string, month: string, billingKind: string): string =>
    JSON.stringify([deploymentId, month, billingKind]);
  const streams = new Map(
    (batch.filter(isUsage) as UsageEvent[]).map(({ data: { deploymentId, month } }) => [
      `${deploymentId}\n${month}`,
      { deploymentId, month },
    ]),
  );
  const { rows } = await client.query<{ deployment_id: string; month: string; billing_kind: string }>({
    name: 'pruned_usage_among',
    text:
      "SELECT p.deployment_id, to_char(p.month AT TIME ZONE 'UTC', 'YYYY-MM') AS month, p.billing_kind FROM unnest($1::text[], $2::timestamptz[]) AS v(deployment_id, month)" +
      ` JOIN ${prunedUsage.name} p USING (deployment_id, month)`,
    values: [
      [...streams.values()].map(({ deploymentId }) => deploymentId),
      [...streams.values()].map(({ month }) => monthNamed(month).start),
    ],
  });
  for (const { deployment_id: deploymentId, month, billing_kind: billingKind } of rows)
    pruned.add(keyOf(deploymentId, month, billingKind));

  return {
    without(event) {
      if (event.type === 'UsagePruned') {
        for (const billingKind of event.data.billingKinds)
          pruned.add(keyOf(event.data.deploymentId, event.data.month, billingKind));
        return event;
      }
      if (pruned.size === 0) return event;
      const kept = <Reading extends { readonly billingKind: string }>(
        { deploymentId, month }: { deploymentId: string; month: string },
        readings: readonly Reading[],
      ): Reading[] => readings.filter(({ billingKind }) => !pruned.has(keyOf(deploymentId, month, billingKind)));
      if (event.type === 'UsageObserved')
        return some(
          { ...event, data: { ...event.data, observations: kept(event.data, event.data.observations) } },
          ({ data }) => data.observations,
        );
      if (event.type === 'UsageCorrected')
        return some(
          { ...event, data: { ...event.data, corrections: kept(event.data, event.data.corrections) } },
          ({ data }) => data.corrections,
        );
      if (event.type === 'UsageProviderNamed')
        return some(
          { ...event, data: { ...event.data, readings: kept(event.data, event.data.readings) } },
          ({ data }) => data.readings,
        );
      return event;
    },
  };
}

const some = <Event extends RecordedEvent>(
  event: Event,
  readings: (event: Event) => readonly unknown[],
): Event | null => (readings(event).length === 0 ? null : event);

/** Takes the records away, a month's and kind's of all deployments at once: by the index of those in force, and of those superseded. */
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
      'deployment_id = ANY($1::text[]) AND billing_kind = $2 AND period_start >= $3::timestamptz AND period_start < $4::timestamptz';
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
