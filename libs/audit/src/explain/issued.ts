import { conflict, notFound } from '#domain/errors';
import { documentNumber, type FrozenRow, type InvoiceStatus, type Series } from '#domain/invoices/invoice';
import { isUuid } from '#domain/uuid';
import { isInForce } from '#read-model/table';
import type { QueryContext } from '#ledger/query';

/** A row of an invoice or a credit note, and what it was computed from: a credit note's, what its invoice was. */
export interface IssuedRow {
  /** The credit note's own, of one. */
  readonly invoice_id: string;
  readonly series: Series;
  readonly ordinal: number | null;
  readonly computed_at: number;
  readonly tenant_id: string;
  readonly currency: string;
  readonly row: FrozenRow;
}

const NUMBER = /^INV-(\d{6,9})$/;

const NOTE_NUMBER = /^CN-(\d{6,9})$/;

/** SQL: a row of a table, by its alias, is in force at `$1`. */
export const NOW = (table: string): string => isInForce('$1', table);
const ISSUED_ROWS = `SELECT i.invoice_id, 'INV' AS series, i.ordinal, i.computed_at, i.tenant_id, i.currency, r.row, r.n FROM invoices i
  JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
  WHERE ${NOW('i')} AND $2::uuid IN (i.invoice_id, r.line_id, r.part_id, r.row_id)
  UNION ALL SELECT c.credit_note_id, 'CN', c.ordinal, i.computed_at, c.tenant_id, c.currency, r.row, r.n FROM credit_notes c
  JOIN invoices i ON i.invoice_id = c.invoice_id AND ${NOW('i')}
  JOIN invoice_rows r ON r.invoice_id = c.credit_note_id AND r.attempt = c.rows_attempt
  WHERE ${NOW('c')} AND $2::uuid IN (c.credit_note_id, r.line_id, r.part_id, r.row_id)`;

/** Of an invoice or a credit note (by its number too), line, part or row: the rows that were issued, in order. */
export async function issuedRows(context: QueryContext, idOrNumber: string): Promise<IssuedRow[]> {
  const { core, position } = context;
  const id = await documentId(context, idOrNumber);
  if (!isUuid(id)) return [];
  const { rows } = await core.pool.query<IssuedRow>(`${ISSUED_ROWS} ORDER BY series DESC, ordinal, n`, [position, id]);
  return rows;
}

async function documentId(context: QueryContext, idOrNumber: string): Promise<string> {
  if (NUMBER.test(idOrNumber)) return (await issuedInvoice(context, idOrNumber)).invoiceId;
  const ordinal = NOTE_NUMBER.exec(idOrNumber)?.[1];
  if (ordinal === undefined) return idOrNumber;
  const { rows } = await context.core.pool.query<{ id: string }>(
    `SELECT credit_note_id AS id FROM credit_notes c WHERE ordinal = $2 AND ${NOW('c')}`,
    [context.position, Number(ordinal)],
  );
  if (rows[0] === undefined) throw notFound('unknown_credit_note', `there is no credit note ${idOrNumber}`);
  return rows[0].id;
}

export const numberOf = (ordinal: number | null, series: Series = 'INV'): string | null =>
  ordinal === null ? null : documentNumber(series, ordinal);

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
  const { rows } = await core.pool.query<{
    invoice_id: string;
    ordinal: number | null;
    status: InvoiceStatus;
    tenant_id: string;
    currency: string;
    computed_at: number | null;
  }>(
    `SELECT invoice_id, ordinal, status, tenant_id, currency, computed_at FROM invoices
     WHERE (ordinal = $2 OR invoice_id = $3) AND position_from <= $1 AND (position_to IS NULL OR position_to > $1)`,
    [position, ordinal === undefined ? null : Number(ordinal), isUuid(idOrNumber) ? idOrNumber : null],
  );
  const [found] = rows;
  if (found === undefined)
    throw notFound(
      'unknown_invoice',
      `there is no invoice ${idOrNumber}: name it by its id, or by its number such as INV-000001`,
    );
  if (found.ordinal === null || found.computed_at === null)
    throw conflict('invoice_not_issued', `invoice ${idOrNumber} is ${found.status}: it was never issued`);
  const { invoice_id: invoiceId, status, tenant_id: tenantId, currency } = found;
  return {
    invoiceId,
    number: documentNumber('INV', found.ordinal),
    status,
    tenantId,
    currency,
    computedAt: found.computed_at,
  };
}
