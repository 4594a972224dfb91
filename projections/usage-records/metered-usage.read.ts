import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { ReadModels } from '#read-model/read-models';
import { recordsInForce } from './usage-records.read.js';

/** Readings of a billing kind and rate key that begin between the same two instants. */
export interface MeteredUsage {
  readonly billing_kind: string;
  /** null: the readings have no rate key. */
  readonly resource_type: string | null;
  readonly resource_family: string | null;
  readonly location: string | null;
  /** The number of instants at or before their start. */
  readonly span: number;
  readonly quantity: string;
}

/** Sums of all readings that begin within a period. `logged`: readings that are only in the log, as JSON. */
export async function readMeteredUsage(
  db: Kysely<ReadModels>,
  position: number,
  { within, instants }: { readonly within: Period; readonly instants: readonly Instant[] },
  logged: string,
): Promise<MeteredUsage[]> {
  const where = sql`period_start >= ${within.start}::timestamptz AND period_start < ${within.end}::timestamptz`;
  const { rows } = await sql<MeteredUsage>`
    SELECT u.billing_kind, u.resource_type, u.resource_family, u.location,
      width_bucket(u.period_start, ${instants}::timestamptz[]) AS span, sum(u.quantity) AS quantity
    FROM ${recordsInForce(position, where, logged)} u
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 1, 2, 3, 4, 5`.execute(db);
  return rows;
}
