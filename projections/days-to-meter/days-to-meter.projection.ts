import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { changedDays, type Dates, spanning } from '#domain/metering/changed-days';
import { granularityOn, type MeteringConfiguration } from '#domain/metering/metering';
import type { Instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import { answer, type Answers } from '#read-model/projection';
import { type Passing, projection } from '../flow.js';
import { changesOf, type ChangedResource } from './changed-resources.read.js';
import { daysToMeter } from './days-to-meter.table.js';

/** What an event may change of what was metered. */
interface Reach {
  readonly cause: string;
  /** The first date that may change. */
  readonly from: string;
  readonly find: (days: MeteredDays, client: pg.ClientBase) => Promise<Dates | null>;
}

/** Changes made by one event. */
type Marking = Exclude<Passing<'days-to-meter'>, 'DayMetered'>;

const reaches: Answers<Marking, Reach> = {
  DeploymentRegistered: ({ data, position }) => ({
    cause: `deployment ${data.deploymentId} was registered`,
    from: FIRST_DATE,
    find: async (_days, client) => daysSkippedFor(client, data.deploymentId, position),
  }),
  ResourcesObserved: ({ data, position }) => {
    const ids = [...data.resources.map(({ providerId }) => providerId), ...(data.removed ?? [])];
    return {
      cause: `resources of ${data.provider} as of ${data.seenAt} were recorded`,
      from: ids.length === 0 ? NEVER : dateOf(data.seenAt),
      find: ofResources(
        ids.map((providerId) => ({ provider: data.provider, providerId, from: data.seenAt, position })),
      ),
    };
  },
  ResourceRemoved: ({ data, position }) => ({
    cause: `resource ${data.providerId} of ${data.provider} was removed as of ${data.at}`,
    from: dateOf(data.at),
    find: ofResources([{ provider: data.provider, providerId: data.providerId, from: data.at, position }]),
  }),
  ResourceSightingWithdrawn: ({ data, position }) => ({
    cause:
      `the ${data.gone ? 'removal' : 'sighting'} of resource ${data.providerId} of ${data.provider} as of ${data.at} ` +
      `was withdrawn: ${data.reason}`,
    from: dateOf(data.at),
    find: ofResources([{ provider: data.provider, providerId: data.providerId, from: data.at, position }]),
  }),
  ResourceCorrected: ({ data, position }) => ({
    cause: `resource ${data.providerId} of ${data.provider} was corrected: ${data.reason}`,
    from: dateOf(data.from),
    find: ofResources([
      { provider: data.provider, providerId: data.providerId, from: data.from, until: data.until, position },
    ]),
  }),
  MeteringConfigured: ({ data, position }) => ({
    cause: `the metering of ${data.billingKind} was configured from ${data.from}`,
    from: dateOf(data.from),
    find: ofConfiguration(data.billingKind, data.from, position),
  }),
  MeteringCorrected: ({ data, position }) => ({
    cause: `the metering of ${data.billingKind} was corrected: ${data.reason}`,
    from: data.changedFrom === null ? NEVER : dateOf(data.changedFrom),
    find: data.changedFrom === null ? async () => null : ofConfiguration(data.billingKind, data.changedFrom, position),
  }),
};

const FIRST_DATE = '0000-01-01';
/** After every date. */
const NEVER = '9999-12-32';
const dateOf = (at: Instant): string => at.slice(0, 10);

/**
 * Every look-up is as of the position of its event, so that the size of batches makes no difference. An event that
 * reaches no metered day, such as a listing of today, is not looked up at all.
 */
export const daysToMeterProjection = projection('days-to-meter', {
  version: 1,
  tables: [daysToMeter],
  async project(batch, client) {
    const latest = await latestMeteredDate(client);
    if (latest === null) return;
    let days: MeteredDays | null = null;
    for (const event of batch) {
      if (event.type === 'DayMetered') {
        await endMarks(client, event);
        continue;
      }
      const { cause, from, find } = answer(reaches, event);
      if (from > latest) continue;
      days ??= await meteredDays(client);
      const dates = await find(days, client);
      if (dates !== null)
        await client.query(
          'INSERT INTO days_to_meter (marked_at, first_date, last_date, cause, position_from)' +
            ' VALUES ($1, $2, $3, $4, $1)',
          [event.position, dates.first, dates.last, cause],
        );
    }
  },
});

/** Ends the marks of which every day was metered since. */
const endMarks = async (client: pg.ClientBase, { data, position }: RecordedEvent<'DayMetered'>): Promise<unknown> =>
  client.query(
    'UPDATE days_to_meter m SET position_to = $2 WHERE m.position_to IS NULL' +
      ' AND $1 BETWEEN m.first_date AND m.last_date' +
      ' AND NOT EXISTS (SELECT FROM metered_days d WHERE d.date BETWEEN m.first_date AND m.last_date' +
      ` AND ${inForceAt('d', '$2')} AND d.inventory_at < m.marked_at)`,
    [data.date, position],
  );

const inForceAt = (alias: string, position: string): string =>
  `${alias}.position_from <= ${position}::bigint` +
  ` AND (${alias}.position_to IS NULL OR ${alias}.position_to > ${position}::bigint)`;

/** The last date that was ever metered, also later in the batch. */
async function latestMeteredDate(client: pg.ClientBase): Promise<string | null> {
  const { rows } = await client.query<{ date: string | null }>('SELECT max(date) AS date FROM metered_days');
  return rows[0]?.date ?? null;
}

/** The dates that were metered before a position, in order. */
interface MeteredDays {
  from(date: string, position: number): string[];
}

async function meteredDays(client: pg.ClientBase): Promise<MeteredDays> {
  const { rows } = await client.query<{ date: string; since: number }>(
    'SELECT date, min(position_from) AS since FROM metered_days GROUP BY date ORDER BY date',
  );
  return {
    from: (first, position) =>
      rows.filter(({ date, since }) => date >= first && since < position).map(({ date }) => date),
  };
}

/** The days on which a resource was skipped because its deployment was not registered. */
async function daysSkippedFor(client: pg.ClientBase, deploymentId: string, position: number): Promise<Dates | null> {
  const { rows } = await client.query<{ first: string | null; last: string | null }>(
    'SELECT min(date) AS first, max(date) AS last FROM metered_days d' +
      ` WHERE ${inForceAt('d', '$1')} AND d.skipped @> jsonb_build_array(jsonb_build_object('deploymentId', $2::text))`,
    [position, deploymentId],
  );
  const [{ first, last } = { first: null, last: null }] = rows;
  return first === null || last === null ? null : { first, last };
}

const ofResources =
  (resources: readonly ChangedResource[]): Reach['find'] =>
  async (days, client) => {
    const [resource] = resources;
    if (resource === undefined) return null;
    const { position, from } = resource;
    const metered = days.from(dateOf(from), position);
    if (metered.length === 0) return null;
    const configurations = await configurationsAt(client, position);
    let dates: Dates | null = null;
    for (const { until, ...change } of await changesOf(client, resources)) {
      const within = until === null ? metered : metered.filter((date) => date <= dateOf(until));
      dates = spanning(dates, changedDays(within, change, configurations));
    }
    return dates;
  };

function ofConfiguration(billingKind: string, from: Instant, position: number): Reach['find'] {
  return async (days, client) => {
    const [before, after] = [await configurationsAt(client, position - 1), await configurationsAt(client, position)];
    const changed = days.from(dateOf(from), position).filter((date) => {
      const day = dayOf(`${date}T00:00:00Z` as Instant);
      return granularityOn(before, billingKind, day) !== granularityOn(after, billingKind, day);
    });
    const [first] = changed;
    return first === undefined ? null : { first, last: changed.at(-1) ?? first };
  };
}

async function configurationsAt(client: pg.ClientBase, position: number): Promise<MeteringConfiguration[]> {
  const { rows } = await client.query<MeteringConfiguration>(
    'SELECT billing_kind AS "billingKind", granularity, retention_days AS "retentionDays", effective_from AS "from"' +
      ` FROM metering_configurations c WHERE ${inForceAt('c', '$1')} ORDER BY effective_from`,
    [position],
  );
  return rows;
}
