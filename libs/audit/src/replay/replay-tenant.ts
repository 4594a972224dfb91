import type { TableDefinition } from '#read-model/table';
import type { LedgerCore } from '#ledger/ledger-core';

/**
 * What identifies a tenant's rows: deployments over time, resources, documents. It is looked up before any row is
 * deleted.
 */
const LOOK_UPS = (schema: string): Readonly<Record<string, string>> => ({
  held: `SELECT deployment_id, effective_from, until
     FROM (
       SELECT *, lead(effective_from) OVER (PARTITION BY deployment_id ORDER BY effective_from) AS until
       FROM ${schema}.deployment_assignments WHERE position_to IS NULL) a
     WHERE tenant_id = $1`,
  own_deployments: `SELECT DISTINCT deployment_id FROM ${schema}.deployment_assignments WHERE tenant_id = $1`,
  own_resources: `SELECT DISTINCT provider, provider_id FROM ${schema}.resource_sightings WHERE ${RESOURCE_OF(schema)}
     UNION
     SELECT provider, provider_id FROM ${schema}.resource_corrections
     WHERE changes ->> 'tenantId' = $1 OR changes ->> 'deploymentId' IN (${DEPLOYMENTS_OF(schema)})`,
  own_documents: `SELECT invoice_id FROM ${schema}.invoices WHERE tenant_id = $1
     UNION SELECT credit_note_id FROM ${schema}.credit_notes WHERE tenant_id = $1`,
});

const DEPLOYMENTS_OF = (schema: string): string =>
  `SELECT deployment_id FROM ${schema}.deployment_assignments WHERE tenant_id = $1`;

/** A resource in a deployment is the deployment's tenant's. Any other is its own tenant's. */
const RESOURCE_OF = (schema: string): string =>
  `(deployment_id IN (${DEPLOYMENTS_OF(schema)}) OR (deployment_id IS NULL AND tenant_id = $1))`;

/** What may be about other tenants, or is for staff only. */
const OF_STAFF = [
  ...['command_keys', 'cost_months', 'cost_sharing', 'kind_mappings', 'provider_totals'],
  ...['margin_alerts', 'raised_alerts', 'cost_rates'],
];

/** Deletes all rows of a replay but the tenant's, and those that belong to no tenant: rates, plans, metering. */
export async function keepOnly(
  { pool }: Pick<LedgerCore, 'pool'>,
  schema: string,
  tenantId: string,
  tables: readonly TableDefinition[],
): Promise<void> {
  const lookUps = LOOK_UPS(schema);
  for (const [name, select] of Object.entries(lookUps)) {
    await pool.query(`CREATE TABLE ${schema}.${name} AS SELECT * FROM (${select}) s LIMIT 0`.replaceAll('$1', "''"));
    await pool.query(`INSERT INTO ${schema}.${name} ${select}`, [tenantId]);
  }
  for (const { name, columns } of tables) {
    const condition = conditionFor(schema, Object.keys(columns));
    if (condition === null) continue;
    await pool.query(
      // The tenancies as a WITH: readings may be on other machines than this table.
      `WITH held AS MATERIALIZED (SELECT * FROM ${schema}.held)
       DELETE FROM ${schema}.${name} t WHERE (${condition}) IS NOT TRUE`,
      condition.includes('$1') ? [tenantId] : [],
    );
  }
  // Skipped resources of a metered day may be another tenant's, and so may keys of commands, months of bills,
  // weights of shared cost and totals of providers.
  await pool.query(
    `UPDATE ${schema}.metered_days SET skipped = coalesce((SELECT jsonb_agg(s) FROM jsonb_array_elements(skipped) s
       WHERE (s ->> 'provider', s ->> 'providerId') IN (
         SELECT provider, provider_id FROM ${schema}.own_resources)), '[]')`,
  );
  await pool.query(`TRUNCATE ${OF_STAFF.map((name) => `${schema}.${name}`).join(', ')}`);
  await pool.query(
    `DROP TABLE ${Object.keys(lookUps)
      .map((name) => `${schema}.${name}`)
      .join(', ')}`,
  );
}

/** SQL: a row is the tenant's, by the columns that its table has. null: the table's rows belong to no tenant. */
function conditionFor(schema: string, columns: readonly string[]): string | null {
  const has = (...names: readonly string[]): boolean => names.every((name) => columns.includes(name));
  const resource = (column: string): string =>
    `(t.provider, t.${column}) IN (SELECT provider, provider_id FROM ${schema}.own_resources)`;
  const deployment = `t.deployment_id IN (SELECT deployment_id FROM ${schema}.own_deployments)`;
  if (has('provider_id', 'deployment_id'))
    return `${RESOURCE_OF(schema)} OR (t.deployment_id IS NULL AND t.tenant_id IS NULL AND ${resource('provider_id')})`;
  if (has('provider_id')) return resource('provider_id');
  if (has('tenant_id', 'resource_id')) return `t.tenant_id = $1 OR ${resource('resource_id')}`;
  if (has('tenant_id')) return 't.tenant_id = $1';
  // A reading belongs to the tenant that held the deployment at that time.
  if (has('deployment_id', 'period_start'))
    return `EXISTS (SELECT FROM held h
      WHERE h.deployment_id = t.deployment_id AND t.period_start >= h.effective_from
        AND (h.until IS NULL OR t.period_start < h.until))`;
  if (has('deployment_id')) return deployment;
  if (has('invoice_id')) return `t.invoice_id IN (SELECT invoice_id FROM ${schema}.own_documents)`;
  if (has('subscription_id'))
    return `t.subscription_id IN (SELECT subscription_id FROM ${schema}.subscriptions
      WHERE deployment_id IN (SELECT deployment_id FROM ${schema}.own_deployments))`;
  return null;
}
