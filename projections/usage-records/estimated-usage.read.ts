import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import type { ReadModels } from '#read-model/read-models';
import { recordsInForce } from './usage-records.read.js';

/** Readings of one deployment, kind, provider and location that begin between the same two instants. */
export interface EstimatedUsage {
  readonly deployment_id: string;
  readonly billing_kind: string;
  /** '': not given. */
  readonly provider: string;
  readonly location: string;
  /** The number of instants at or before their start. */
  readonly span: number;
  readonly quantity: string;
}

/** The readings whose cost is estimated. */
export interface EstimatedReadings {
  readonly billingKinds: readonly string[];
  /** They begin within one of these. */
  readonly within: readonly Period[];
  /** Readings that begin between the same two are added up. */
  readonly instants: readonly Instant[];
}

/** Sums of readings. `logged`: readings that are only in the log, as JSON. */
export async function readEstimatedUsage(
  db: Kysely<ReadModels>,
  position: number,
  { billingKinds, within, instants }: EstimatedReadings,
  logged: string,
): Promise<EstimatedUsage[]> {
  const isWithin = within.map(
    ({ start, end }) => sql`period_start >= ${start}::timestamptz AND period_start < ${end}::timestamptz`,
  );
  const where = sql`billing_kind = ${anyOf(billingKinds)} AND (${sql.join(isWithin, sql` OR `)})`;
  const { rows } = await sql<EstimatedUsage>`
    SELECT u.deployment_id, u.billing_kind, u.provider, coalesce(u.location, '') AS location,
      width_bucket(u.period_start, ${instants}::timestamptz[]) AS span, sum(u.quantity) AS quantity
    FROM ${recordsInForce(position, where, logged)} u
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 1, 2, 3, 4, 5`.execute(db);
  return rows;
}
