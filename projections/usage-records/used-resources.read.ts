import { type Kysely, sql } from 'kysely';
import type { Period } from '#domain/time/period';
import type { ReadModels } from '#read-model/read-models';
import { recordsInForce } from './usage-records.read.js';
import type { UsageRecordRow } from './usage-records.table.js';

type Db = Kysely<ReadModels>;

/** The usage of a resource. `provider` '': it was recorded without one. */
export interface ResourceUsage extends Pick<
  UsageRecordRow,
  'deployment_id' | 'billing_kind' | 'provider' | 'resource_id' | 'quantity'
> {
  readonly readings: number;
}

/** The usage of a month, by deployment, billing kind and resource. Pruned records are not in it. */
export async function readResourceUsage(db: Db, position: number, { start, end }: Period): Promise<ResourceUsage[]> {
  const { rows } = await sql<ResourceUsage>`
    SELECT deployment_id, billing_kind, provider, resource_id, sum(quantity) AS quantity, count(*)::int AS readings
    FROM ${recordsInForce(position, sql`period_start >= ${start} AND period_start < ${end}`)} u
    GROUP BY deployment_id, billing_kind, provider, resource_id
    ORDER BY deployment_id, billing_kind, provider, resource_id`.execute(db);
  return rows;
}
