import { type Kysely, sql } from 'kysely';
import { BASE_FEE } from '#domain/plans/plan';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { ReadModels } from '#read-model/read-models';
import { isAmong, recordsInForce, type VisibleUsage } from './usage-records.read.js';

type Db = Kysely<ReadModels>;

/** The start of the last reading, or the end of the last pruned month. null: there are none. */
export async function readLastReading(db: Db, position: number): Promise<Instant | null> {
  const { rows } = await sql<{ at: Instant | null }>`
    SELECT greatest(
      (SELECT max(period_start) FROM ${recordsInForce(position, sql`true`)} u),
      (SELECT max(month) + interval '1 month' FROM pruned_usage)) AS at`.execute(db);
  return rows[0]?.at ?? null;
}

/** The usage that a line covers. */
export interface CoveringLine {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly period: Period;
  readonly filter: Readonly<Record<string, string>> | null;
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

/** The covering lines, and the usage to examine. */
export interface Coverage {
  readonly lines: readonly CoveringLine[];
  /** Usage that is only in the log, as JSON. */
  readonly logged: string;
  /** null: all usage. */
  readonly among: readonly VisibleUsage[] | null;
}

/**
 * Usage that no line covers and no waiver waives, in the order of deployment, kind and reason. `rows`: null for all.
 */
export async function readUncoveredUsage(
  db: Db,
  position: number,
  { lines, logged, among }: Coverage,
  rows: Rows | null,
): Promise<UncoveredRow[]> {
  const chosen = among === null ? sql`true` : isAmong(among);
  const filters = lines.map(({ filter }) => (filter === null ? null : JSON.stringify(filter)));
  const result = await sql<UncoveredRow>`
    WITH lines AS (
      SELECT * FROM unnest(${lines.map(({ deploymentId }) => deploymentId)}::text[],
        ${lines.map(({ billingKind }) => billingKind)}::text[],
        ${lines.map(({ period }) => period.start)}::timestamptz[],
        ${lines.map(({ period }) => period.end)}::timestamptz[], ${filters}::jsonb[])
        AS l(deployment_id, kind, start_at, end_at, filter))
    SELECT g.* FROM (
      SELECT u.deployment_id, u.billing_kind,
        CASE WHEN s.subscribed THEN 'no_plan_item' ELSE 'no_subscription' END AS reason,
        count(*)::int AS readings, sum(u.quantity) AS quantity, min(u.period_start) AS first, max(u.period_end) AS last
      FROM ${recordsInForce(position, chosen, sql`${logged}::jsonb`)} u
      CROSS JOIN LATERAL (
        SELECT EXISTS (
          SELECT FROM lines l
          WHERE l.kind = ${BASE_FEE} AND l.deployment_id = u.deployment_id
            AND u.period_start >= l.start_at AND u.period_start < l.end_at) AS subscribed) s
      WHERE NOT EXISTS (
          SELECT FROM lines l
          WHERE l.deployment_id = u.deployment_id AND l.kind = u.billing_kind
            AND u.period_start >= l.start_at AND u.period_start < l.end_at
            AND (l.filter IS NULL OR u.attributes @> l.filter))
        AND NOT EXISTS (
          SELECT FROM usage_waivers w
          WHERE w.deployment_id = u.deployment_id AND w.billing_kind = u.billing_kind
            AND u.period_start >= w.period_start AND u.period_start < w.period_end AND ${at(position, 'w')})
      GROUP BY u.deployment_id, u.billing_kind, s.subscribed) g
    WHERE ${UNCOVERED_ORDER.after(rows?.after ?? null, 'g')}
    ORDER BY ${UNCOVERED_ORDER.order('g')} LIMIT ${rows?.limit ?? null}`.execute(db);
  return result.rows;
}
