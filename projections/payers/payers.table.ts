import { text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Who pays for tenants, over the periods in which it does not change. */
export const payers = defineTable({
  name: 'payers',
  columns: {
    tenant_id: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    /** null: the tenant pays for itself. */
    payer_id: text.nullable(),
  },
  key: ['tenant_id', 'effective_from'],
  group: ['tenant_id'],
  indexes: [['payer_id']],
});

export type PayerRow = RowOf<typeof payers>;

/**
 * SQL: these tenants, and all that ever had the same payer, as known at a position. `tenants`: a query of
 * `tenant_id`.
 */
export const relativesOf = (tenants: string, position: string): string => `
  WITH own AS (${tenants}),
  paying AS (
    SELECT tenant_id FROM own
    UNION SELECT p.payer_id FROM payers p JOIN own USING (tenant_id)
      WHERE p.payer_id IS NOT NULL AND p.position_from <= ${position})
  SELECT tenant_id FROM paying
  UNION SELECT p.tenant_id FROM payers p JOIN paying ON p.payer_id = paying.tenant_id
    WHERE p.position_from <= ${position}`;

/** SQL: the tenants that have or had deployments, as known at a position. `deployments`: `= …` or `IN (…)`. */
export const holdersOf = (deployments: string, position: string): string =>
  'SELECT a.tenant_id FROM deployment_assignments a' +
  ` WHERE a.deployment_id ${deployments} AND a.position_from <= ${position}`;

declare module '#read-model/read-models' {
  interface ReadModels {
    payers: History<PayerRow>;
  }
}
