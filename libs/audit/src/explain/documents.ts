import { documentNumber, type InvoiceStatus } from '#domain/invoices/invoice';
import { type Decimal, decimal, ZERO } from '#domain/money/decimal';
import type { QueryContext } from '#ledger/query';
import { amountText } from './arithmetic.js';
import { eventsOfDocument, type Reference, reference } from './evidence.js';
import { type IssuedRow, NOW, numberOf } from './issued.js';

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

interface Head {
  readonly document_id: string;
  readonly invoice_id: string;
  readonly status: InvoiceStatus;
  readonly invoice_ordinal: number | null;
  readonly reason: string | null;
}

/** The documents that rows stand on, in their order; the sums are those of `all`, the rows of each as a whole. */
export async function documentsOf(context: QueryContext, rows: readonly IssuedRow[]): Promise<ExplainedDocument[]> {
  const ids = [...new Set(rows.map((row) => row.invoice_id))];
  const heads = new Map((await headsOf(context, ids)).map((head) => [head.document_id, head]));
  const sums = new Map((await sumsOf(context, ids)).map((sum) => [sum.document_id, sum]));
  const documents: ExplainedDocument[] = [];
  for (const [id, [first]] of Map.groupBy(rows, (row) => row.invoice_id)) {
    const [head, sum] = [heads.get(id), sums.get(id)];
    if (first === undefined || head === undefined) continue;
    const { series, ordinal, tenant_id: tenantId, currency } = first;
    documents.push({
      documentId: id,
      number: numberOf(ordinal, series),
      status: head.status,
      tenantId,
      currency,
      credits: series === 'CN' && head.invoice_ordinal !== null ? documentNumber('INV', head.invoice_ordinal) : null,
      arithmetic: sumText(decimal(sum?.subtotal ?? '0'), decimal(sum?.tax ?? '0'), currency),
      reason: head.reason,
      events: (await eventsOfDocument(context, { documentId: id, invoiceId: head.invoice_id, tenantId, currency })).map(
        reference,
      ),
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

async function headsOf({ core, position }: QueryContext, ids: readonly string[]): Promise<Head[]> {
  const { rows } = await core.pool.query<Head>(
    `SELECT i.invoice_id AS document_id, i.invoice_id, i.status, i.ordinal AS invoice_ordinal, NULL AS reason FROM invoices i WHERE i.invoice_id = ANY($2::uuid[]) AND ${NOW('i')}
     UNION ALL SELECT c.credit_note_id, c.invoice_id, 'issued', i.ordinal, c.reason FROM credit_notes c JOIN invoices i ON i.invoice_id = c.invoice_id AND ${NOW('i')}
     WHERE c.credit_note_id = ANY($2::uuid[]) AND ${NOW('c')}`,
    [position, ids],
  );
  return rows;
}

/** Of all rows of a document, also where only one of them is explained. */
async function sumsOf(
  { core, position }: QueryContext,
  ids: readonly string[],
): Promise<{ document_id: string; subtotal: string; tax: string }[]> {
  const { rows } = await core.pool.query<{ document_id: string; subtotal: string; tax: string }>(
    `SELECT r.invoice_id AS document_id, sum((r.row ->> 'net')::numeric)::text AS subtotal, sum((r.row ->> 'tax')::numeric)::text AS tax FROM invoice_rows r
     WHERE r.invoice_id = ANY($2::uuid[]) AND r.attempt IN (
       SELECT rows_attempt FROM invoices WHERE invoice_id = r.invoice_id AND position_from <= $1 UNION ALL SELECT rows_attempt FROM credit_notes WHERE credit_note_id = r.invoice_id AND position_from <= $1)
     GROUP BY r.invoice_id`,
    [position, ids],
  );
  return rows;
}
