import { type Kysely, sql } from 'kysely';
import { type Positions, changedAt } from '#read-model/at';
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
    -- Only who has a pooled plan matters.
    changed AS (
      SELECT a.tenant_id FROM sharing JOIN deployment_assignments a USING (deployment_id)
        WHERE deployment_id = ANY(${[...deploymentIds]}::text[])
      UNION SELECT unnest(${[...tenantIds]}::text[])),
    related AS (${sql.raw(relativesOf('SELECT tenant_id FROM changed', EVER))})
    SELECT DISTINCT deployment_id
    FROM sharing JOIN deployment_assignments a USING (deployment_id) JOIN related USING (tenant_id)`.execute(db);
  return rows.map((row) => row.deployment_id);
}

/** A tenant whose payer changed, the one that pays or paid, and where that was recorded. */
export interface PayerChange {
  readonly tenant_id: string;
  readonly payer_id: string | null;
  readonly position: number;
}

export async function readPayerChanges(db: Db, changed: Positions): Promise<PayerChange[]> {
  const { rows } = await sql<PayerChange>`
    SELECT DISTINCT tenant_id, payer_id, p AS position
    FROM payers, unnest(ARRAY[position_from, position_to]) p
    WHERE ${changedAt(changed)} AND p BETWEEN ${changed.first} AND ${changed.last}
    ORDER BY p, tenant_id, payer_id`.execute(db);
  return rows;
}
