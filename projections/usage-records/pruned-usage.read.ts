import { type Kysely, sql } from 'kysely';
import type { Covered } from '#domain/lines/covered';
import type { Instant } from '#domain/time/instant';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import { MONTH_NAME, type PrunedMonth } from './usage-records.lookups.js';

type Db = Kysely<ReadModels>;

const month = sql.raw(MONTH_NAME);

/** The deployments and kinds whose records of a month were pruned. */
export async function readPrunedOfMonth(db: Db, start: Instant): Promise<PrunedMonth[]> {
  const { rows } = await sql<PrunedMonth>`
    SELECT p.deployment_id AS "deploymentId", p.billing_kind AS "billingKind", ${month} AS month,
      p.position_from AS position
    FROM pruned_usage p WHERE p.month = ${start}`.execute(db);
  return rows;
}

/** The last position at which records of a kind and month were pruned. */
export interface PrunedKind {
  /** `2026-04` */
  readonly month: string;
  readonly billing_kind: string;
  readonly since: number;
}

/**
 * The months and kinds with pruned records, at any position: of some deployments (null: all) and one kind, within
 * `[start, end)`.
 */
export async function readPrunedKinds(
  db: Db,
  of: {
    readonly deploymentIds: readonly string[] | null;
    readonly billingKind?: string | undefined;
    readonly start?: Instant | undefined;
    readonly end?: Instant | undefined;
  },
): Promise<PrunedKind[]> {
  const { deploymentIds, billingKind, start, end } = of;
  const { rows } = await sql<PrunedKind>`
    SELECT ${month} AS month, p.billing_kind, max(p.position_from) AS since
    FROM pruned_usage p
    WHERE true
      ${deploymentIds === null ? sql`` : sql`AND p.deployment_id = ANY(${deploymentIds}::text[])`}
      ${billingKind === undefined ? sql`` : sql`AND p.billing_kind = ${billingKind}`}
      ${start === undefined ? sql`` : sql`AND p.month + interval '1 month' > ${start}::timestamptz`}
      ${end === undefined ? sql`` : sql`AND p.month < ${end}::timestamptz`}
    GROUP BY 1, 2 ORDER BY 1, 2`.execute(db);
  return rows;
}

/** Pruned months that lines without a filter, and waivers, do not cover exactly once. */
export async function readPrunedBeside(db: Db, position: number, lines: readonly Covered[]): Promise<PrunedMonth[]> {
  const { rows } = await sql<PrunedMonth>`
    WITH lines AS (
      SELECT * FROM unnest(${lines.map(({ deploymentId }) => deploymentId)}::text[],
        ${lines.map(({ billingKind }) => billingKind)}::text[],
        ${lines.map(({ period }) => period.start)}::timestamptz[],
        ${lines.map(({ period }) => period.end)}::timestamptz[], ${lines.map(({ filter }) => filter !== null)}::bool[])
        AS l(deployment_id, billing_kind, start_at, end_at, filtered))
    SELECT p.deployment_id AS "deploymentId", p.billing_kind AS "billingKind", ${month} AS month,
      p.position_from AS position
    FROM (SELECT *, tstzrange(month, month + interval '1 month') AS period FROM pruned_usage) p
    CROSS JOIN LATERAL (
      SELECT range_agg(c.period) FILTER (WHERE NOT c.filtered) AS covered, bool_or(c.filtered) AS filtered,
        sum(upper(c.period) - lower(c.period)) FILTER (WHERE c.is_line) > upper(p.period) - lower(p.period) AS twice
      FROM (
        SELECT tstzrange(l.start_at, l.end_at) * p.period AS period, l.filtered, true AS is_line
        FROM lines l
        WHERE l.deployment_id = p.deployment_id AND l.billing_kind = p.billing_kind
          AND tstzrange(l.start_at, l.end_at) && p.period
        UNION ALL
        SELECT tstzrange(w.period_start, w.period_end) * p.period, false, false
        FROM usage_waivers w
        WHERE w.deployment_id = p.deployment_id AND w.billing_kind = p.billing_kind
          AND tstzrange(w.period_start, w.period_end) && p.period AND ${at(position, 'w')}) c) c
    WHERE NOT coalesce(c.covered @> p.period, false) OR c.filtered OR c.twice`.execute(db);
  return rows;
}

/** Whether any records were ever pruned. */
export async function readIsAnyPruned(db: Db): Promise<boolean> {
  const { rows } = await sql<{ any: boolean }>`SELECT EXISTS (SELECT FROM pruned_usage) AS any`.execute(db);
  return rows[0]?.any === true;
}
