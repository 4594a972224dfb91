import { conflict, notFound } from '#domain/errors';
import { documentNumber, type InvoiceStatus, type Series } from '#domain/invoices/invoice';
import { isUuid } from '#domain/uuid';
import type { QueryContext } from '#ledger/query';
import { isVisible } from '#ledger/visible';
import { readConsolidatedNamed, readMembers } from '#projections/consolidated-invoices/consolidated-invoices.read';
import { ordinalIn, readCreditNoteNamed, readInvoiceNamed } from '#projections/invoices/issued-invoices.read';
import { readInvoices } from '#projections/invoices/invoices.read';
import { type IssuedRow, readIssuedRows } from '#projections/invoices/issued-rows.read';

/**
 * The issued rows of an invoice, a consolidated invoice or a credit note (by id or number), of a line or a part, or one
 * row.
 */
export async function issuedRows(context: QueryContext, idOrNumber: string): Promise<IssuedRow[]> {
  const { core, position } = context;
  const id = await documentId(context, idOrNumber);
  const rows = isUuid(id) ? await readIssuedRows(core.db, position, [id]) : [];
  return rows.length > 0 ? rows : consolidatedRows(context, id);
}

/** The issued rows of all invoices in a consolidated one, which only its payer and staff may see. */
async function consolidatedRows(
  { core, position, confinedTo }: QueryContext,
  idOrNumber: string,
): Promise<IssuedRow[]> {
  const consolidated = await readConsolidatedNamed(core.db, position, idOrNumber);
  if (consolidated === undefined || (confinedTo !== null && consolidated.payer_id !== confinedTo)) return [];
  const members = await readMembers(core.db, position, [consolidated.consolidated_invoice_id]);
  const invoiceIds = members.map(({ invoice_id }) => invoice_id);
  return readIssuedRows(core.db, position, invoiceIds);
}

async function documentId(context: QueryContext, idOrNumber: string): Promise<string> {
  if (ordinalIn('INV', idOrNumber) !== null) return (await issuedInvoice(context, idOrNumber)).invoiceId;
  if (ordinalIn('CN', idOrNumber) === null) return idOrNumber;
  const { core, position } = context;
  const note = await readCreditNoteNamed(core.db, position, idOrNumber);
  const [invoice] = note === undefined ? [] : await readInvoices(core.db, position, [note.invoice_id]);
  if (note === undefined || invoice === undefined || !isVisible(invoice, context.confinedTo))
    throw notFound('unknown_credit_note', `there is no credit note ${idOrNumber}`);
  return note.credit_note_id;
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
export async function issuedInvoice(context: QueryContext, idOrNumber: string): Promise<IssuedInvoice> {
  const found = await readInvoiceNamed(context.core.db, context.position, idOrNumber);
  if (found === undefined || !isVisible(found, context.confinedTo))
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
