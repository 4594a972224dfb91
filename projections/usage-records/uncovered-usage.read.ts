import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Covered } from '#domain/lines/covered';
import { BASE_FEE } from '#domain/plans/plan';
import type { Instant } from '#domain/time/instant';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { ReadModels } from '#read-model/read-models';
import { addedInForce, loggedInForce, NONE, recordsInForce, spans, type VisibleUsage } from './usage-records.read.js';

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
 * Only the gaps are read: of the months in which a deployment has usage of a kind, the times that are not covered. A
 * kind of which only readings with certain attributes are covered is a gap whose readings are looked at one by one.
 */
export async function readUncoveredUsage(
  db: Db,
  position: number,
  { covered, logged, among }: Coverage,
  rows: Rows | null,
): Promise<UncoveredRow[]> {
  const filters = covered.map(({ filter }) => (filter === null ? null : JSON.stringify(filter)));
  // A condition on `filter` would be taken to hold for few rows, and all else for small.
  const result = await sql<UncoveredRow>`
    WITH covered AS (
      SELECT * FROM unnest(${covered.map(({ deploymentId }) => deploymentId)}::text[],
        ${covered.map(({ billingKind }) => billingKind)}::text[],
        ${covered.map(({ period }) => period.start)}::timestamptz[],
        ${covered.map(({ period }) => period.end)}::timestamptz[], ${filters}::jsonb[],
        ${filters.map((filter) => filter !== null)}::boolean[])
        AS c(deployment_id, kind, start_at, end_at, filter, is_filtered)),
    lined AS (
      SELECT deployment_id, kind, range_agg(tstzrange(start_at, end_at)) AS times
      FROM covered WHERE NOT is_filtered GROUP BY deployment_id, kind),
    waived AS (
      SELECT w.deployment_id, w.billing_kind AS kind, range_agg(tstzrange(w.period_start, w.period_end)) AS times
      FROM usage_waivers w WHERE ${at(position, 'w')} GROUP BY w.deployment_id, w.billing_kind),
    used AS (${usedTimes(position, among)}),
    times AS (
      SELECT u.deployment_id, u.kind, u.times - coalesce(l.times, '{}') - coalesce(w.times, '{}') AS gaps
      FROM used u
      LEFT JOIN lined l USING (deployment_id, kind)
      LEFT JOIN waived w USING (deployment_id, kind)),
    filtered AS (
      SELECT deployment_id, array_agg(filter) AS filters, array_agg(kind) AS filtered_kinds,
        array_agg(tstzrange(start_at, end_at)) AS filtered_times
      FROM covered WHERE is_filtered GROUP BY deployment_id),
    gaps AS MATERIALIZED (
      SELECT t.deployment_id, t.kind, f.filters, f.filtered_kinds, f.filtered_times,
        coalesce(s.times, '{}') AS subscribed, lower(gap) AS start_at, upper(gap) AS end_at
      FROM times t
      LEFT JOIN filtered f USING (deployment_id)
      LEFT JOIN lined s ON s.deployment_id = t.deployment_id AND s.kind = ${BASE_FEE}
      CROSS JOIN LATERAL unnest(t.gaps) gap
      WHERE NOT isempty(t.gaps)),
    uncovered AS (${uncoveredOf(position, logged)})
    SELECT g.* FROM (
      SELECT u.deployment_id, u.billing_kind, u.reason, sum(u.readings)::int AS readings, sum(u.quantity) AS quantity,
        min(u.first) AS first, max(u.last) AS last
      FROM uncovered u
      GROUP BY u.deployment_id, u.billing_kind, u.reason) g
    WHERE ${UNCOVERED_ORDER.after(rows?.after ?? null, 'g')}
    ORDER BY ${UNCOVERED_ORDER.order('g')} LIMIT ${rows?.limit ?? null}`.execute(db);
  return result.rows;
}

/** SQL: what is read of readings `u` in a gap `g` that no line covers by their attributes. */
const SELECTED = sql`
  u.billing_kind, CASE WHEN g.subscribed @> u.period_start THEN 'no_plan_item' ELSE 'no_subscription' END AS reason,
    count(*) AS readings, sum(u.quantity) AS quantity, min(u.period_start) AS first, max(u.period_end) AS last`;
const IS_UNCOVERED = sql`
  u.deployment_id = g.deployment_id AND u.billing_kind = g.kind
    AND u.period_start >= g.start_at AND u.period_start < g.end_at
    AND (g.filters IS NULL OR NOT EXISTS (
      SELECT FROM unnest(g.filters, g.filtered_kinds, g.filtered_times) AS c(filter, kind, times)
      WHERE c.kind = u.billing_kind AND c.times @> u.period_start AND u.attributes @> c.filter))`;

function uncoveredOf(position: number, logged: string): RawBuilder<unknown> {
  const uncovered = {
    ...{ of: sql`g.kind`, from: sql`gaps g`, on: IS_UNCOVERED },
    ...{ selected: SELECTED, by: sql`2, 3` },
  };
  const ofTable = sql`
    SELECT t.deployment_id, t.billing_kind, t.reason, t.readings, t.quantity, t.first, t.last
    FROM ${addedInForce(uncovered, { first: position, last: position })} t`;
  if (logged === NONE) return ofTable;
  return sql`
    ${ofTable}
    UNION ALL
    SELECT u.deployment_id, ${SELECTED} FROM gaps g JOIN ${loggedInForce(position, logged)} u ON ${IS_UNCOVERED}
    GROUP BY 1, 2, 3`;
}

/** SQL: the months in which deployments have usage of a kind, as far as it is to be examined. */
const usedTimes = (position: number, among: readonly VisibleUsage[] | null): RawBuilder<unknown> => {
  const used = (which: RawBuilder<unknown>) => sql`
    SELECT m.deployment_id, m.billing_kind AS kind,
      range_agg(tstzrange(m.month, m.month + interval '1 month')) AS times
    FROM usage_months m WHERE m.position_from <= ${position} AND ${which} GROUP BY m.deployment_id, m.billing_kind`;
  if (among === null) return used(sql`true`);
  return sql`
    SELECT u.deployment_id, u.kind, u.times * v.times AS times
    FROM (
      SELECT v.id AS deployment_id, range_agg(tstzrange(v.start_at, v.end_at)) AS times
      FROM ${spans(among)} GROUP BY v.id) v
    CROSS JOIN LATERAL (${used(sql`m.deployment_id = v.deployment_id`)}) u`;
};
