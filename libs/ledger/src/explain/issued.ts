import { conflict, notFound } from '#domain/errors';
import { documentNumber, type FrozenRow, type InvoiceStatus } from '#domain/invoices/invoice';
import { isUuid } from '../invoicing.js';
import type { QueryContext } from '../query.js';

/** A row of an issued invoice, and what it was computed from. */
export interface IssuedRow {
  readonly invoice_id: string;
  readonly ordinal: number | null;
  readonly computed_at: number;
  readonly tenant_id: string;
  readonly currency: string;
  readonly row: FrozenRow;
}

const NUMBER = /^INV-(\d{6,9})$/;

const ISSUED_ROWS = `SELECT i.invoice_id, i.ordinal, i.computed_at, i.tenant_id, i.currency, r.row FROM invoices i
  JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
  WHERE i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1)`;

/** Of an invoice (by its number too), line, part or row: the rows that were issued, in order. */
export async function issuedRows(context: QueryContext, idOrNumber: string): Promise<IssuedRow[]> {
  const { core, position } = context;
  const id = NUMBER.test(idOrNumber) ? (await issuedInvoice(context, idOrNumber)).invoiceId : idOrNumber;
  if (!isUuid(id)) return [];
  const { rows } = await core.pool.query<IssuedRow>(`${ISSUED_ROWS} AND $2::uuid IN (i.invoice_id, r.line_id, r.part_id, r.row_id) ORDER BY i.ordinal, r.n`, [position, id]);
  return rows;
}

export const numberOf = (ordinal: number | null): string | null => (ordinal === null ? null : documentNumber('INV', ordinal));

export interface IssuedInvoice {
  readonly invoiceId: string;
  readonly number: string;
  readonly status: InvoiceStatus;
  readonly tenantId: string;
  readonly currency: string;
  readonly computedAt: number;
}

/** By id or number. Errors: `unknown_invoice`, `invoice_not_issued`. */
export async function issuedInvoice({ core, position }: QueryContext, idOrNumber: string): Promise<IssuedInvoice> {
  const ordinal = NUMBER.exec(idOrNumber)?.[1];
  const { rows } = await core.pool.query<{ invoice_id: string; ordinal: number | null; status: InvoiceStatus; tenant_id: string; currency: string; computed_at: number | null }>(
    `SELECT invoice_id, ordinal, status, tenant_id, currency, computed_at FROM invoices
     WHERE (ordinal = $2 OR invoice_id = $3) AND position_from <= $1 AND (position_to IS NULL OR position_to > $1)`,
    [position, ordinal === undefined ? null : Number(ordinal), isUuid(idOrNumber) ? idOrNumber : null],
  );
  const [found] = rows;
  if (found === undefined) throw notFound('unknown_invoice', `there is no invoice ${idOrNumber}: name it by its id, or by its number such as INV-000001`);
  if (found.ordinal === null || found.computed_at === null) throw conflict('invoice_not_issued', `invoice ${idOrNumber} is ${found.status}: it was never issued`);
  const { invoice_id: invoiceId, status, tenant_id: tenantId, currency } = found;
  return { invoiceId, number: documentNumber('INV', found.ordinal), status, tenantId, currency, computedAt: found.computed_at };
}
