import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { RateKey } from '#domain/usage/usage';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';

/** A rate key from an instant. */
export interface RateKeySince extends RateKey {
  readonly from: Instant;
}

/**
 * The rate keys of usage of these kinds that deployments of a tenant had in months in which they belonged to it: as
 * known at a position, or as known now.
 */
export async function readRateKeysOfTenant(
  db: Kysely<ReadModels>,
  position: number,
  tenantId: string,
  billingKinds: readonly string[],
): Promise<RateKey[]> {
  const { rows } = await sql<RateKey>`
    SELECT DISTINCT u.resource_type AS "resourceType", u.resource_family AS "resourceFamily", u.location
    FROM (
      SELECT deployment_id, tenant_id, effective_from,
        lead(effective_from) OVER (PARTITION BY deployment_id, known ORDER BY effective_from) AS until
      FROM deployment_assignments a, unnest(ARRAY[true, false]) known
      WHERE CASE WHEN known THEN ${at(position, 'a')} ELSE a.position_to IS NULL END
        AND deployment_id IN (SELECT deployment_id FROM deployment_assignments WHERE tenant_id = ${tenantId})) a
    JOIN rate_key_usage u USING (deployment_id)
    WHERE a.tenant_id = ${tenantId} AND u.billing_kind = ${anyOf(billingKinds)}
      AND u.last_month + interval '1 month' > a.effective_from
      AND (a.until IS NULL OR u.first_month < a.until)`.execute(db);
  return rows;
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
