import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { at } from '#read-model/at';
import type { History, ReadModels } from '#read-model/read-models';
import type { InvoiceRow } from './invoices.table.js';

type Db = Kysely<ReadModels>;

/** An issued invoice that is not void, and over which periods its rows charge. */
export interface ChargedPeriods {
  readonly invoice_id: string;
  readonly ordinal: number;
  readonly status: 'issued' | 'paid';
  readonly currency: string;
  /** null: it is addressed to the tenant itself. */
  readonly payer_id: string | null;
  readonly as_of: Instant;
  /** null: it has no rows. */
  readonly periods: readonly { readonly chargePeriod: Period }[] | null;
}

/** The issued invoices of a tenant, in the order of their numbers. */
export async function readChargedPeriods(db: Db, position: number, tenantId: string): Promise<ChargedPeriods[]> {
  const { rows } = await sql<ChargedPeriods>`
    SELECT i.invoice_id, i.ordinal, i.status, i.currency, i.payer_id, i.as_of, charged.periods
    FROM invoices i
    CROSS JOIN LATERAL (
      SELECT json_agg(DISTINCT jsonb_build_object('chargePeriod', r.row -> 'chargePeriod')) AS periods
      FROM invoice_rows r WHERE r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt) charged
    WHERE i.tenant_id = ${tenantId} AND i.status IN ('issued', 'paid') AND ${at(position, 'i')}
    ORDER BY i.ordinal`.execute(db);
  return rows;
}

/** The drafts of a tenant, in the order of their instants. */
export const readDrafts = async (db: Db, position: number, tenantId: string): Promise<History<InvoiceRow>[]> =>
  db
    .selectFrom('invoices')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('status', '=', 'draft')
    .where(at(position))
    .orderBy('as_of')
    .orderBy('invoice_id')
    .execute();
