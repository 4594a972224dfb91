import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Covered } from '#domain/lines/line';
import { BASE_FEE } from '#domain/plans/plan';
import type { Instant } from '#domain/time/instant';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { ReadModels } from '#read-model/read-models';
import { loggedInForce, recordsInForce, spans, type VisibleUsage } from './usage-records.read.js';

type Db = Kysely<ReadModels>;

/** The start of the last reading, or the end of the last pruned month. null: there are none. */
export async function readLastReading(db: Db, position: number): Promise<Instant | null> {
  const { rows } = await sql<{ at: Instant | null }>`
    SELECT greatest(
      (SELECT max(period_start) FROM ${recordsInForce(position, sql`true`)} u),
      (SELECT max(month) + interval '1 month' FROM pruned_usage)) AS at`.execute(db);
  return rows[0]?.at ?? null;
}

export interface UncoveredRow {
  readonly deployment_id: string;
  readonly billing_kind: string;
  /** `no_plan_item`: the deployment had a subscription then, but its plan has no item for the kind. */
  readonly reason: 'no_subscription' | 'no_plan_item';
  readonly readings: number;
  readonly quantity: string;
  readonly first: Instant;
  readonly last: Instant;
}

export const UNCOVERED_ORDER = keyset<
  Pick<UncoveredRow, 'deployment_id' | 'billing_kind'> & { readonly reason: string }
>({ deployment_id: 'text', billing_kind: 'text', reason: 'text' });

/** What lines cover, and the usage to examine. */
export interface Coverage {
  readonly covered: readonly Covered[];
  /** Usage that is only in the log, as JSON. */
  readonly logged: string;
  /** null: all usage. */
  readonly among: readonly VisibleUsage[] | null;
}

/**
 * Usage that no line covers and no waiver waives, in the order of deployment, kind and reason. `rows`: null for all.
 *
 * Only the gaps are read: of each deployment and kind, the times that are not covered. A kind of which only readings
 * with certain attributes are covered is a gap whose readings are looked at one by one.
 */
export async function readUncoveredUsage(
  db: Db,
  position: number,
  { covered, logged, among }: Coverage,
  rows: Rows | null,
): Promise<UncoveredRow[]> {
  const filters = covered.map(({ filter }) => (filter === null ? null : JSON.stringify(filter)));
  const result = await sql<UncoveredRow>`
    WITH RECURSIVE covered AS (
      SELECT * FROM unnest(${covered.map(({ deploymentId }) => deploymentId)}::text[],
        ${covered.map(({ billingKind }) => billingKind)}::text[],
        ${covered.map(({ period }) => period.start)}::timestamptz[],
        ${covered.map(({ period }) => period.end)}::timestamptz[], ${filters}::jsonb[])
        AS c(deployment_id, kind, start_at, end_at, filter)),
    visible AS (${visibleTimes(among)}),
    -- Each step finds the next kind of each deployment by the index.
    recorded(deployment_id, kind) AS (
      SELECT v.deployment_id, (
        SELECT min(u.billing_kind) FROM usage_records u
        WHERE u.deployment_id = v.deployment_id AND u.position_to IS NULL)
      FROM visible v
      UNION ALL
      SELECT r.deployment_id, (
        SELECT min(u.billing_kind) FROM usage_records u
        WHERE u.deployment_id = r.deployment_id AND u.billing_kind > r.kind AND u.position_to IS NULL)
      FROM recorded r
      WHERE r.kind IS NOT NULL),
    logged AS MATERIALIZED (SELECT * FROM ${loggedInForce(position, sql`${logged}::jsonb`)} l),
    kinds AS (
      SELECT deployment_id, kind FROM recorded WHERE kind IS NOT NULL
      UNION
      SELECT deployment_id, billing_kind FROM usage_records WHERE position_to > ${position}
      UNION
      SELECT deployment_id, billing_kind FROM logged),
    lined AS (
      SELECT deployment_id, kind, range_agg(tstzrange(start_at, end_at)) AS times
      FROM covered WHERE filter IS NULL GROUP BY deployment_id, kind),
    waived AS (
      SELECT w.deployment_id, w.billing_kind AS kind, range_agg(tstzrange(w.period_start, w.period_end)) AS times
      FROM usage_waivers w WHERE ${at(position, 'w')} GROUP BY w.deployment_id, w.billing_kind),
    gaps AS MATERIALIZED (
      SELECT k.deployment_id, k.kind, coalesce(lower(gap), '-infinity') AS start_at,
        coalesce(upper(gap), 'infinity') AS end_at, coalesce(s.times, '{}') AS subscribed
      FROM kinds k
      JOIN visible v USING (deployment_id)
      LEFT JOIN lined l USING (deployment_id, kind)
      LEFT JOIN waived w USING (deployment_id, kind)
      LEFT JOIN lined s ON s.deployment_id = k.deployment_id AND s.kind = ${BASE_FEE}
      CROSS JOIN LATERAL unnest(v.times - coalesce(l.times, '{}') - coalesce(w.times, '{}')) gap)
    SELECT g.* FROM (
      SELECT u.deployment_id, u.billing_kind,
        CASE WHEN u.subscribed @> u.period_start THEN 'no_plan_item' ELSE 'no_subscription' END AS reason,
        count(*)::int AS readings, sum(u.quantity) AS quantity, min(u.period_start) AS first, max(u.period_end) AS last
      FROM (
        SELECT g.deployment_id, u.billing_kind, u.period_start, u.period_end, u.quantity, u.attributes, g.subscribed
        FROM gaps g CROSS JOIN LATERAL ${recordsInForce(
          position,
          sql`deployment_id = g.deployment_id AND billing_kind = g.kind
            AND period_start >= g.start_at AND period_start < g.end_at`,
        )} u
        UNION ALL
        SELECT g.deployment_id, u.billing_kind, u.period_start, u.period_end, u.quantity, u.attributes, g.subscribed
        FROM gaps g JOIN logged u ON u.deployment_id = g.deployment_id AND u.billing_kind = g.kind
          AND u.period_start >= g.start_at AND u.period_start < g.end_at) u
      WHERE NOT EXISTS (
        SELECT FROM covered c
        WHERE c.filter IS NOT NULL AND c.deployment_id = u.deployment_id AND c.kind = u.billing_kind
          AND tstzrange(c.start_at, c.end_at) @> u.period_start AND u.attributes @> c.filter)
      GROUP BY 1, 2, 3) g
    WHERE ${UNCOVERED_ORDER.after(rows?.after ?? null, 'g')}
    ORDER BY ${UNCOVERED_ORDER.order('g')} LIMIT ${rows?.limit ?? null}`.execute(db);
  return result.rows;
}

/** SQL: the deployments and the times of their usage to examine. Only registered deployments have usage. */
const visibleTimes = (among: readonly VisibleUsage[] | null): RawBuilder<unknown> =>
  among === null
    ? sql`SELECT DISTINCT deployment_id, '{(,)}'::tstzmultirange AS times FROM deployments`
    : sql`
      SELECT v.id AS deployment_id, range_agg(tstzrange(v.start_at, v.end_at)) AS times
      FROM ${spans(among)} GROUP BY v.id`;
