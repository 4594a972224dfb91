import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { RateKey } from '#domain/usage/usage';
import type { ReadModels } from '#read-model/read-models';

/** A rate key from an instant. */
export interface RateKeySince extends RateKey {
  readonly from: Instant;
}

/** The deployments that ever used one of these keys at or after its instant, or in the month that contains it. */
export async function readDeploymentsUsing(db: Kysely<ReadModels>, keys: readonly RateKeySince[]): Promise<string[]> {
  const { rows } = await sql<{ deployment_id: string }>`
    SELECT DISTINCT u.deployment_id
    FROM unnest(${keys.map(({ resourceType }) => resourceType)}::text[],
      ${keys.map(({ resourceFamily }) => resourceFamily)}::text[], ${keys.map(({ location }) => location)}::text[],
      ${keys.map(({ from }) => from)}::timestamptz[]) AS k(resource_type, resource_family, location, from_at)
    JOIN rate_key_usage u USING (resource_type, resource_family, location)
    WHERE u.last_month + interval '1 month' > k.from_at`.execute(db);
  return rows.map((row) => row.deployment_id);
}
