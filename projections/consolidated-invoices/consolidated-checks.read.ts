import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { InvoiceStatus } from '#domain/invoices/invoice';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';

type Db = Kysely<ReadModels>;

/** SQL: consolidated invoices that are not void, with their invoices. */
const withInvoices = (position: number): RawBuilder<unknown> => sql`
  FROM consolidated_invoices c
  JOIN consolidated_invoice_members m ON m.consolidated_invoice_id = c.consolidated_invoice_id
    AND ${at(position, 'm')}
  LEFT JOIN invoices i ON i.invoice_id = m.invoice_id AND ${at(position, 'i')}
  WHERE ${at(position, 'c')} AND c.voided_at IS NULL`;

/** A consolidated invoice whose totals are not those of its invoices. */
export interface DifferingTotals {
  readonly consolidated_invoice_id: string;
  readonly ordinal: number;
  readonly total: string;
  readonly members_total: string;
}

export async function readDifferingTotals(db: Db, position: number): Promise<DifferingTotals[]> {
  const { rows } = await sql<DifferingTotals>`
    SELECT c.consolidated_invoice_id, c.ordinal, c.total::text, coalesce(sum(i.total), 0)::text AS members_total
    ${withInvoices(position)}
    GROUP BY c.consolidated_invoice_id, c.ordinal, c.currency, c.subtotal, c.tax, c.total
    HAVING coalesce(sum(i.subtotal), 0) <> c.subtotal OR coalesce(sum(i.tax), 0) <> c.tax
      OR coalesce(sum(i.total), 0) <> c.total OR c.subtotal + c.tax <> c.total
      OR bool_or(i.currency <> c.currency OR i.tenant_id <> m.tenant_id)
    ORDER BY c.ordinal`.execute(db);
  return rows;
}

/** An invoice in several, or in one that it can't be in: it is void, or addressed to another. */
export interface WronglyConsolidated {
  readonly invoice_id: string;
  readonly ordinals: readonly number[];
  /** null: there is no such invoice. */
  readonly status: InvoiceStatus | null;
}

export async function readWronglyConsolidated(db: Db, position: number): Promise<WronglyConsolidated[]> {
  const { rows } = await sql<WronglyConsolidated>`
    SELECT m.invoice_id, array_agg(c.ordinal ORDER BY c.ordinal) AS ordinals, min(i.status) AS status
    ${withInvoices(position)}
    GROUP BY m.invoice_id
    HAVING count(*) > 1 OR bool_or(i.status IS NULL OR i.status IN ('draft', 'void')
      OR coalesce(i.payer_id, i.tenant_id) <> c.payer_id)
    ORDER BY m.invoice_id`.execute(db);
  return rows;
}
