import { documentNumber, type InvoiceStatus } from '#domain/invoices/invoice';
import { type Decimal, decimal, ZERO } from '#domain/money/decimal';
import { amountText } from '#domain/money/money';
import type { QueryContext } from '#ledger/query';
import { type IssuedRow, readDocuments } from '#projections/invoices/issued-rows.read';
import { eventsOfDocument, type Reference, reference } from './evidence.js';
import { numberOf } from './issued.js';

/** An invoice or a credit note as a whole. */
export interface ExplainedDocument {
  readonly documentId: string;
  readonly number: string | null;
  readonly status: InvoiceStatus;
  readonly tenantId: string;
  readonly currency: string;
  /** The number of the invoice that a credit note is of. */
  readonly credits: string | null;
  /** Its rows, tax, and total: `58.74 + 11.16 = 69.90`. */
  readonly arithmetic: string;
  readonly reason: string | null;
  /** Its own, from the draft to what became of it. */
  readonly events: readonly Reference[];
}

/** The documents that rows stand on, in the order of the rows. A document's sums are those of all its rows. */
export async function documentsOf(context: QueryContext, rows: readonly IssuedRow[]): Promise<ExplainedDocument[]> {
  const ofDocument = Map.groupBy(rows, ({ document_id }) => document_id);
  const found = await readDocuments(context.core.db, context.position, [...ofDocument.keys()]);
  const documentById = new Map(found.map((document) => [document.document_id, document]));
  const documents: ExplainedDocument[] = [];
  for (const [documentId, [first]] of ofDocument) {
    const document = documentById.get(documentId);
    if (first === undefined || document === undefined) continue;
    const { series, ordinal, tenant_id: tenantId, currency } = first;
    const { invoice_id: invoiceId, invoice_ordinal: invoiceOrdinal, status, reason, subtotal, tax } = document;
    const events = await eventsOfDocument(context, { documentId, invoiceId, tenantId, currency });
    documents.push({
      documentId,
      number: numberOf(ordinal, series),
      status,
      tenantId,
      currency,
      credits: series === 'CN' && invoiceOrdinal !== null ? documentNumber('INV', invoiceOrdinal) : null,
      arithmetic: sumText(decimal(subtotal ?? '0'), decimal(tax ?? '0'), currency),
      reason,
      events: events.map(reference),
    });
  }
  return documents;
}

/** `58.74 + 11.16 = 69.90`; of a credit note `−2.00 − 0.38 = −2.38`; without tax `58.74`. */
export function sumText(subtotal: Decimal, tax: Decimal, currency: string): string {
  const money = (amount: Decimal): string => amountText(amount, currency);
  if (tax.eq(ZERO)) return money(subtotal);
  return `${money(subtotal)} ${tax.lt(ZERO) ? '−' : '+'} ${money(tax.abs())} = ${money(subtotal.plus(tax))}`;
}
