import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import { recordsInForce } from './usage-records.read.js';

type Db = Kysely<ReadModels>;

/** SQL: readings that begin within a period. */
const beginsWithin = ({ start, end }: Period) => sql`
  period_start >= ${start}::timestamptz AND period_start < ${end}::timestamptz`;

/**
 * The ids of resources that may be idle within a period: the inventory ever saw them in no deployment or not active, or
 * was corrected so, or they have a reading of 0 of a day or an hour. `logged`: readings that are only in the log, as
 * JSON.
 */
export async function readMayBeIdle(db: Db, position: number, within: Period, logged: string): Promise<string[]> {
  const isZero = sql`quantity = 0 AND granularity <> 'event' AND ${beginsWithin(within)}`;
  const { rows } = await sql<{ id: string }>`
    SELECT provider_id AS id FROM resource_sightings
    WHERE NOT gone AND (deployment_id IS NULL OR status <> 'active') AND ${at(position)}
    UNION
    SELECT provider_id FROM resource_corrections
    WHERE changes ?| ARRAY['status', 'deploymentId'] AND ${at(position)}
    UNION
    SELECT DISTINCT resource_id FROM ${recordsInForce(position, isZero, logged)} u
    ORDER BY id`.execute(db);
  return rows.map(({ id }) => id);
}

/** A time that readings of a resource and billing kind cover, within the month in which they begin. */
export interface ReadSpanRow {
  /** Empty: the readings name no provider. */
  readonly provider: string;
  readonly resource_id: string;
  readonly billing_kind: string;
  readonly is_used: boolean;
  readonly start_at: Instant;
  readonly end_at: Instant;
}

/** SQL: an event counts for the hours that it is in, so that a month of events has no more times than it has hours. */
const WHOLE_HOURS = sql`
  tstzrange(date_trunc('hour', period_start),
    least(date_trunc('hour', period_end - interval '1 microsecond') + interval '1 hour', next_month))`;

/**
 * The times that readings of resources cover: those that are 0, and the others. Neighbouring readings are one time. An
 * event of 0 covers none.
 */
export async function readSpans(
  db: Db,
  position: number,
  { resourceIds, within }: { readonly resourceIds: readonly string[]; readonly within: Period },
  logged: string,
): Promise<ReadSpanRow[]> {
  const where = sql`
    resource_id = ${anyOf(resourceIds)} AND ${beginsWithin(within)} AND (granularity <> 'event' OR quantity <> 0)`;
  const { rows } = await sql<ReadSpanRow>`
    SELECT s.provider, s.resource_id, s.billing_kind, s.is_used, lower(r.span) AS start_at, upper(r.span) AS end_at
    FROM (
      SELECT provider, resource_id, billing_kind, is_used, next_month, range_agg(spans) AS spans
      FROM (
        SELECT provider, resource_id, billing_kind, quantity <> 0 AS is_used, next_month,
          range_agg(CASE granularity WHEN 'event' THEN ${WHOLE_HOURS}
            ELSE tstzrange(period_start, least(period_end, next_month)) END) AS spans
        FROM (
          SELECT *, date_trunc('month', period_start, 'UTC') + interval '1 month' AS next_month
          FROM ${recordsInForce(position, where, logged)} u) v
        GROUP BY deployment_id, provider, resource_id, billing_kind, quantity <> 0, next_month) d
      GROUP BY provider, resource_id, billing_kind, is_used, next_month) s
    CROSS JOIN LATERAL unnest(s.spans) AS r(span)
    ORDER BY 1, 2, 3, 5`.execute(db);
  return rows;
}
