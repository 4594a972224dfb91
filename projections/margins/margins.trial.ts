import { type Kysely, sql } from 'kysely';
import type { ReadModels } from '#read-model/read-models';
import type { RevenueRow } from './margins.table.js';

/** Adds revenue that no event books. Only for a trial, which is rolled back. */
export async function addRevenue(db: Kysely<ReadModels>, position: number, rows: readonly RevenueRow[]): Promise<void> {
  await sql`
    INSERT INTO revenue (invoice_id, cause, deployment_id, billing_kind, month, tenant_id, currency, amount,
      position_from)
    SELECT r.*, ${position}::bigint
    FROM unnest(${rows.map((row) => row.invoice_id)}::uuid[], ${rows.map((row) => row.cause)}::text[],
      ${rows.map((row) => row.deployment_id)}::text[], ${rows.map((row) => row.billing_kind)}::text[],
      ${rows.map((row) => row.month)}::text[], ${rows.map((row) => row.tenant_id)}::text[],
      ${rows.map((row) => row.currency)}::text[], ${rows.map((row) => row.amount)}::numeric[]) AS r`.execute(db);
}
