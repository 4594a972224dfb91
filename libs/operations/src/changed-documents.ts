import { type Decimal, decimal, sum } from '#domain/money/decimal';
import type { FrozenRow } from '#domain/invoices/invoice';
import type { Trial } from '#billing/preview/trial';
import { readCredits } from '#projections/credits/credits.read';
import { readCreditableRows, readCreditNotesOf, readInvoices } from '#projections/invoices/invoices.read';

export interface Money {
  readonly currency: string;
  readonly amount: Decimal;
}

/** The amounts of invoices, credit notes and credits that the events of a trial issue, void, grant or take away. */
export async function documentsOf(trial: Trial): Promise<Money[]> {
  const found: Money[] = [];
  for (const { type, data } of trial.events()) {
    if (type === 'CreditNoteIssued') found.push({ currency: data.currency, amount: await creditedOf(trial, data) });
    else if (type === 'InvoiceVoided' || type === 'InvoicePaymentWithdrawn')
      found.push(...(await issuedOf(trial, data)));
    else if (type === 'CreditGranted') found.push({ currency: data.currency, amount: decimal(data.amount) });
    else if (type === 'CreditRevoked' || type === 'RevocationWithdrawn' || type === 'GrantWithdrawn')
      found.push(...(await grantedOf(trial, data)));
  }
  return found;
}

/** All credit notes of the invoice: an amount may be credited in several of them. */
async function creditedOf(trial: Trial, { invoiceId }: { invoiceId: string }): Promise<Decimal> {
  const notes = await readCreditNotesOf(trial.core.db, await trial.core.projector.position(), [invoiceId]);
  return sum(notes.map(({ total }) => decimal(total)));
}

/** The size of an issued invoice. A draft has none: it bills nothing. */
async function issuedOf(trial: Trial, { invoiceId }: { invoiceId: string }): Promise<Money[]> {
  const { db } = trial.core;
  const [invoice] = await readInvoices(db, trial.from, [invoiceId]);
  if (invoice === undefined || invoice.ordinal === null) return [];
  const rows = (await readCreditableRows(db, trial.from, invoiceId)).filter(({ noted }) => !noted);
  const credits = await readCredits(db, trial.from, [invoice.tenant_id]);
  const creditIds = new Set(credits.filter(({ amount }) => amount !== null).map(({ credit_id }) => credit_id));
  return [{ currency: invoice.currency, amount: sum(rows.map(({ row }) => sizeOf(row, creditIds))) }];
}

/** What a credit paid counts, and opposite rows do not cancel out. */
const sizeOf = ({ net, tax, credits = [] }: FrozenRow, creditIds: ReadonlySet<string>): Decimal =>
  sum([
    decimal(net),
    decimal(tax),
    ...credits.filter(({ creditId }) => creditIds.has(creditId)).map(({ amount }) => decimal(amount)),
  ]).abs();

/** The whole amount of a credit. A coupon has none: it counts by the lines that it changes. */
async function grantedOf(
  trial: Trial,
  of: { readonly creditId: string; readonly tenantId: string; readonly currency: string },
): Promise<Money[]> {
  const credits = await readCredits(trial.core.db, trial.from, [of.tenantId]);
  return credits.flatMap(({ credit_id: creditId, currency, amount }) =>
    creditId === of.creditId && currency === of.currency && amount !== null
      ? [{ currency, amount: decimal(amount) }]
      : [],
  );
}
