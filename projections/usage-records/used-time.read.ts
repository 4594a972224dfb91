import { type Kysely, sql } from 'kysely';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import type { ReadModels } from '#read-model/read-models';
import { MONTH_NAME, type PrunedMonth } from './usage-records.lookups.js';
import { recordsInForce } from './usage-records.read.js';

type Db = Kysely<ReadModels>;

/** Readings of some resources and billing kinds that begin within a period. */
export interface ResourceReadings {
  readonly resourceIds: readonly string[];
  readonly billingKinds: readonly string[];
  readonly within: Period;
}

/** How long a resource was used in a month, by the readings of a billing kind. */
export interface UsedTime {
  /** Empty: the readings name no provider. */
  readonly provider: string;
  readonly resource_id: string;
  readonly billing_kind: string;
  /** The UTC month in which the readings begin, `2026-04`. */
  readonly month: string;
  readonly seconds: string;
}

/** The lengths of readings, added up. `logged`: readings that are only in the log, as JSON. */
export async function readUsedTime(
  db: Db,
  position: number,
  { resourceIds, billingKinds, within }: ResourceReadings,
  logged: string,
): Promise<UsedTime[]> {
  const where = sql`
    billing_kind = ${anyOf(billingKinds)} AND resource_id = ${anyOf(resourceIds)}
    AND period_start >= ${within.start}::timestamptz AND period_start < ${within.end}::timestamptz`;
  const { rows } = await sql<UsedTime>`
    SELECT provider, resource_id, billing_kind, to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
      sum(extract(epoch FROM period_end) - extract(epoch FROM period_start))::text AS seconds
    FROM ${recordsInForce(position, where, logged)} u
    GROUP BY 1, 2, 3, 4`.execute(db);
  return rows;
}

/** The deployments, months and kinds (of these; undefined: any) whose readings of a period were pruned. */
export async function readPrunedWithin(
  db: Db,
  within: Period,
  billingKinds?: readonly string[],
): Promise<PrunedMonth[]> {
  const { rows } = await sql<PrunedMonth>`
    SELECT p.deployment_id AS "deploymentId", p.billing_kind AS "billingKind", ${sql.raw(MONTH_NAME)} AS month,
      p.position_from AS position
    FROM pruned_usage p
    WHERE p.month >= ${within.start} AND p.month < ${within.end}
      AND ${billingKinds === undefined ? sql`true` : sql`p.billing_kind = ${anyOf(billingKinds)}`}
    ORDER BY p.month, p.deployment_id, p.billing_kind`.execute(db);
  return rows;
}
