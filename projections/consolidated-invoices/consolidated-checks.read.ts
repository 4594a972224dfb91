import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { InvoiceStatus } from '#domain/invoices/invoice';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';

type Db = Kysely<ReadModels>;

/** SQL: consolidated invoices that are not void, with their invoices. */
const withInvoices = (position: number): RawBuilder<unknown> => sql`
  FROM consolidated_invoices c
  LEFT JOIN consolidated_invoice_members m ON m.consolidated_invoice_id = c.consolidated_invoice_id
    AND ${at(position, 'm')}
  LEFT JOIN invoices i ON i.invoice_id = m.invoice_id AND ${at(position, 'i')}
  WHERE ${at(position, 'c')} AND c.voided_at IS NULL`;

/** A consolidated invoice whose totals are not those of its invoices. */
export interface DifferingTotals extends Readonly<Record<`${'' | 'members_'}${'subtotal' | 'tax' | 'total'}`, string>> {
  readonly consolidated_invoice_id: string;
  readonly ordinal: number;
}

export async function readDifferingTotals(db: Db, position: number): Promise<DifferingTotals[]> {
  const { rows } = await sql<DifferingTotals>`
    SELECT * FROM (
      SELECT c.consolidated_invoice_id, c.ordinal, c.subtotal, c.tax, c.total,
        coalesce(sum(i.subtotal), 0) AS members_subtotal, coalesce(sum(i.tax), 0) AS members_tax,
        coalesce(sum(i.total), 0) AS members_total, count(m.invoice_id) AS members
      ${withInvoices(position)}
      GROUP BY c.consolidated_invoice_id, c.ordinal, c.subtotal, c.tax, c.total) t
    WHERE members_subtotal <> subtotal OR members_tax <> tax OR members_total <> total OR subtotal + tax <> total
      OR members = 0
    ORDER BY ordinal`.execute(db);
  return rows;
}

/** Why an invoice can't be in a consolidated one. */
export type WhyNot = 'unknown' | 'draft' | 'void' | 'addressee' | 'currency' | 'tenant' | 'below_zero' | 'issued_later';

/** An invoice in several, or in one that it can't be in. */
export interface WronglyConsolidated {
  readonly invoice_id: string;
  /** null: it was never issued, or there is no such invoice. */
  readonly ordinal: number | null;
  readonly status: InvoiceStatus | null;
  /** Of the consolidated invoices that it is in. */
  readonly ordinals: readonly number[];
  /** null: it is in several. */
  readonly reason: WhyNot | null;
}

export async function readWronglyConsolidated(db: Db, position: number): Promise<WronglyConsolidated[]> {
  const { rows } = await sql<WronglyConsolidated>`
    SELECT invoice_id, ordinal, status, array_agg(number ORDER BY number) AS ordinals, min(reason) AS reason
    FROM (
      SELECT m.invoice_id, i.ordinal, i.status, c.ordinal AS number, CASE
        WHEN i.status IS NULL THEN 'unknown'
        WHEN i.status IN ('draft', 'void') THEN i.status
        WHEN coalesce(i.payer_id, i.tenant_id) <> c.payer_id THEN 'addressee'
        WHEN i.currency <> c.currency THEN 'currency'
        WHEN i.tenant_id <> m.tenant_id THEN 'tenant'
        WHEN i.total < 0 THEN 'below_zero'
        WHEN i.issued_at > c.issued_at THEN 'issued_later'
        END AS reason
      ${withInvoices(position)} AND m.invoice_id IS NOT NULL) w
    GROUP BY invoice_id, ordinal, status
    HAVING count(*) > 1 OR min(reason) IS NOT NULL
    ORDER BY ordinal, invoice_id`.execute(db);
  return rows;
}
