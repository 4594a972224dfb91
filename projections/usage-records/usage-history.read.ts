import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import { anyOf } from '#read-model/any-of';
import { at, changedAt, type Positions } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import type { ResourceRow } from '../inventory/inventory.table.js';
import {
  asJsonb,
  joinedInForce,
  loggedInForce,
  NONE,
  recordsInForce,
  type RecordVersion,
  recordVersions,
} from './usage-records.read.js';
import type { UsageRecordRow } from './usage-records.table.js';

type Db = Kysely<ReadModels>;

/** Every version, up to a position, of a resource's readings of a kind that start at one instant. */
export async function readVersionsOfReading(
  db: Db,
  position: number,
  reading: Pick<UsageRecordRow, 'deployment_id' | 'billing_kind' | 'resource_id' | 'period_start'>,
  logged: readonly RecordVersion[],
): Promise<RecordVersion[]> {
  const wanted = sql`deployment_id = ${reading.deployment_id} AND billing_kind = ${reading.billing_kind}
    AND resource_id = ${reading.resource_id} AND period_start = ${reading.period_start}::timestamptz
    AND position_from <= ${position}`;
  const { rows } = await sql<RecordVersion>`
    SELECT * FROM ${recordVersions(wanted, asJsonb(logged))} u
    ORDER BY period_end, granularity, provider, source_id, position_from`.execute(db);
  return rows;
}

/** Usage of a deployment, kind and UTC month before and after some log positions. */
export interface UsageChange {
  readonly deployment_id: string;
  readonly billing_kind: string;
  /** `2026-04` */
  readonly month: string;
  /** The quantity of the changed readings only. */
  readonly before: string;
  readonly after: string;
  /** Number of changed readings. */
  readonly readings: number;
  /** The positions of the changes. */
  readonly positions: readonly number[];
}

/** Readings with a version that started or ended at one of these positions. */
export async function readUsageChanges(
  db: Db,
  changed: Positions,
  logged: readonly RecordVersion[],
): Promise<UsageChange[]> {
  const versions = recordVersions(changedAt(changed), asJsonb(logged));
  const { rows } = await sql<UsageChange>`
    SELECT deployment_id, billing_kind, to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
      coalesce(sum(quantity) FILTER (WHERE ${at(changed.first - 1)}), 0) AS before,
      coalesce(sum(quantity) FILTER (WHERE ${at(changed.last)}), 0) AS after,
      count(DISTINCT (resource_id, period_start, period_end, granularity, provider, source_id))::int AS readings,
      array_agg(position_from) || array_agg(position_to) FILTER (WHERE position_to IS NOT NULL) AS positions
    FROM ${versions} u GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`.execute(db);
  return rows;
}

/** A selection of metered readings. null: all, or no end. */
export interface MeteredWanted {
  readonly provider: string | null;
  readonly resourceIds: readonly string[] | null;
  readonly start: Instant;
  readonly end: Instant | null;
}

export type MeteredStart = Pick<UsageRecordRow, 'deployment_id' | 'billing_kind' | 'period_start'>;

/**
 * The starts of readings that were metered from resources within a period. For one provider: up to the next sighting of
 * the resource after `start`.
 */
export async function readMeteredStarts(
  db: Db,
  position: number,
  { provider, resourceIds, start, end }: MeteredWanted,
): Promise<MeteredStart[]> {
  const isOfResources = (column: string) =>
    resourceIds === null ? sql`true` : sql`${sql.ref(column)} = ${anyOf(resourceIds)}`;
  const ofProvider =
    provider === null
      ? sql``
      : sql`
        LEFT JOIN (
          SELECT s.provider_id, min(s.seen_at) AS seen_at FROM resource_sightings s
          WHERE s.provider = ${provider} AND s.seen_at > ${start} AND ${isOfResources('s.provider_id')}
            AND ${at(position, 's')}
          GROUP BY s.provider_id) next ON next.provider_id = u.resource_id`;
  const { rows } = await sql<MeteredStart>`
    SELECT DISTINCT u.deployment_id, u.billing_kind, u.period_start
    FROM usage_records u ${ofProvider}
    WHERE u.origin = 'metering' AND u.period_end > ${start} AND ${at(position, 'u')}
      AND (${end}::timestamptz IS NULL OR u.period_start < ${end}) AND ${isOfResources('u.resource_id')}
      AND ${
        provider === null
          ? sql`true`
          : sql`u.provider = ${provider} AND u.period_start < coalesce(next.seen_at, 'infinity')`
      }`.execute(db);
  return rows;
}

/** Readings that are on several lines of an item. */
export interface UsageOnLines {
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly line_ids: readonly string[];
  readonly readings: number;
}

/** The readings that a line covers. */
export interface LineOfItem {
  readonly lineId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  /** A reading must be on exactly one line of each item. */
  readonly itemKey: string;
  readonly start: Instant;
  readonly end: Instant;
  readonly filter: object | null;
}

/** Readings that several lines of one item cover. `logged`: those that are only in the log. */
export async function readUsageOnSeveralLines(
  db: Db,
  position: number,
  lines: readonly LineOfItem[],
  logged: readonly RecordVersion[],
): Promise<UsageOnLines[]> {
  const filters = lines.map(({ filter }) => (filter === null ? null : JSON.stringify(filter)));
  const covered = sql`
    SELECT u.deployment_id, u.billing_kind, array_agg(u.line_id ORDER BY u.line_id) AS line_ids
    FROM ${linesOf(position, asJsonb(logged))} u
    GROUP BY u.deployment_id, u.billing_kind, u.period_start, u.resource_id, u.period_end, u.granularity, u.provider,
      u.source_id, u.item_key
    HAVING count(*) > 1`;
  const { rows } = await sql<UsageOnLines>`
    WITH lines AS (
      SELECT * FROM unnest(${lines.map(({ lineId }) => lineId)}::text[],
        ${lines.map(({ deploymentId }) => deploymentId)}::text[],
        ${lines.map(({ billingKind }) => billingKind)}::text[], ${lines.map(({ itemKey }) => itemKey)}::text[],
        ${lines.map(({ start }) => start)}::timestamptz[], ${lines.map(({ end }) => end)}::timestamptz[],
        ${filters}::jsonb[])
        AS l(line_id, deployment_id, billing_kind, item_key, start_at, end_at, filter))
    SELECT deployment_id, billing_kind, line_ids, count(*)::int AS readings
    FROM (${covered}) c GROUP BY deployment_id, billing_kind, line_ids ORDER BY 1, 2, 3`.execute(db);
  return rows;
}

/** SQL, for FROM: the readings of each of `lines`, as often as there are lines that cover them. */
function linesOf(position: number, logged: string): RawBuilder<unknown> {
  const isOnLine = sql`
    u.deployment_id = l.deployment_id AND u.billing_kind = l.billing_kind
      AND u.period_start >= l.start_at AND u.period_start < l.end_at
      AND (l.filter IS NULL OR u.attributes @> l.filter)`;
  const selected = sql`
    u.billing_kind, u.period_start, u.resource_id, u.period_end, u.granularity, u.provider, u.source_id,
      l.line_id, l.item_key`;
  const ofTable = joinedInForce({ selected, from: sql`lines l`, on: isOnLine }, { first: position, last: position });
  if (logged === NONE) return ofTable;
  return sql`(
    SELECT * FROM ${ofTable} t
    UNION ALL
    SELECT u.deployment_id, ${selected} FROM lines l JOIN ${loggedInForce(position, logged)} u ON ${isOnLine})`;
}

export type UnmeteredResource = Pick<ResourceRow, 'provider' | 'provider_id' | 'kind'> & {
  readonly deployment_id: string;
};

/** Resources in a deployment that have no record in the table. */
export async function readResourcesWithoutUsage(db: Db, position: number): Promise<UnmeteredResource[]> {
  const { rows } = await sql<UnmeteredResource>`
    WITH held AS (
      SELECT r.provider, r.provider_id, r.kind, r.deployment_id
      FROM resources r
      WHERE r.deployment_id IS NOT NULL AND r.deleted_at IS NULL AND ${at(position, 'r')}),
    used AS MATERIALIZED (
      SELECT u.deployment_id, u.resource_id, u.provider FROM ${recordsInForce(position, sql`true`)} u
      GROUP BY u.deployment_id, u.resource_id, u.provider)
    SELECT r.* FROM held r
    WHERE NOT EXISTS (
      SELECT FROM used u
      WHERE u.deployment_id = r.deployment_id AND u.resource_id = r.provider_id AND u.provider IN ('', r.provider))
    ORDER BY r.provider, r.provider_id`.execute(db);
  return rows;
}
