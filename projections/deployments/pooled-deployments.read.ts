import { type Kysely, sql } from 'kysely';
import type { ReadModels } from '#read-model/read-models';
import { relativesOf } from '../payers/payers.table.js';

type Db = Kysely<ReadModels>;

const EVER = '9223372036854775807';

/** The deployments that may ever share included units with these, or with those of these tenants. */
export async function readPooledDeployments(
  db: Db,
  { deploymentIds, tenantIds }: { readonly deploymentIds: readonly string[]; readonly tenantIds: readonly string[] },
): Promise<string[]> {
  const { rows } = await sql<{ deployment_id: string }>`
    WITH pooled AS (SELECT DISTINCT plan_id FROM plan_versions WHERE items @> '[{"pooled": true}]'),
    sharing AS (
      SELECT DISTINCT s.deployment_id FROM subscription_plans JOIN pooled USING (plan_id)
      JOIN subscriptions s USING (subscription_id)),
    -- Only tenants with a pooled plan matter.
    changed AS (
      SELECT a.tenant_id FROM sharing JOIN deployment_assignments a USING (deployment_id)
        WHERE deployment_id = ANY(${[...deploymentIds]}::text[])
      UNION SELECT unnest(${[...tenantIds]}::text[])),
    related AS (${sql.raw(relativesOf('SELECT tenant_id FROM changed', EVER))})
    SELECT DISTINCT deployment_id
    FROM sharing JOIN deployment_assignments a USING (deployment_id) JOIN related USING (tenant_id)`.execute(db);
  return rows.map((row) => row.deployment_id);
}
