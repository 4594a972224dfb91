import { type Decimal, decimal, max, min, ZERO } from '../money/decimal.js';
import { conflict } from '../errors.js';
import type { InvoiceEvent } from './invoice.js';

/** The amount to pay of an issued invoice, with tax, in its currency: total − creditTaken, never below 0. */
export interface Settlement {
  readonly total: Decimal;
  readonly creditTaken: Decimal;
  readonly amountDue: Decimal;
}

/**
 * A tenant's credit in one currency, and the part of it that each issued invoice takes. A negative invoice becomes
 * credit. Later invoices take it from their amounts due, in the order in which they were issued, never from their
 * totals.
 */
export interface Account {
  readonly credit: Decimal;
  readonly settlements: ReadonlyMap<string, Settlement>;
}

/** Invoices of −30.00, then 100.00: the first gives 30.00 of credit; the second takes it, and 70.00 is due. */
export function settle(total: Decimal, credit: Decimal): Settlement & { readonly creditLeft: Decimal } {
  const creditTaken = max(ZERO, min(credit, total));
  const creditGiven = max(ZERO, total.neg());
  return {
    total,
    creditTaken,
    amountDue: max(ZERO, total).minus(creditTaken),
    creditLeft: credit.minus(creditTaken).plus(creditGiven),
  };
}

/** Credit that a void invoice took is credit again. Credit that it gave is gone. */
export const creditAfterVoid = (
  credit: Decimal,
  { total, creditTaken }: Pick<Settlement, 'total' | 'creditTaken'>,
): Decimal => credit.plus(creditTaken).minus(max(ZERO, total.neg()));

/** A credit note first reduces the amount due of an unpaid invoice. The rest is the tenant's credit. */
export function credited(
  credit: Decimal,
  amountDue: Decimal,
  isPaid: boolean,
  amount: Decimal,
): { amountDue: Decimal; creditLeft: Decimal } {
  const off = isPaid ? ZERO : min(amountDue, amount);
  return { amountDue: amountDue.minus(off), creditLeft: credit.plus(amount).minus(off) };
}

/** The account after the events of a billing stream. Nothing is due of a draft. */
export function foldAccount(events: Iterable<InvoiceEvent>): Account {
  const settlements = new Map<string, Settlement>();
  const paid = new Set<string>();
  let credit = ZERO;
  for (const { type, data } of events) {
    if (type === 'InvoiceIssued') {
      const { creditLeft, ...settlement } = settle(decimal(data.total), credit);
      settlements.set(data.invoiceId, settlement);
      credit = creditLeft;
    }
    if (type === 'InvoiceVoided') {
      const settlement = settlements.get(data.invoiceId);
      if (settlement !== undefined) credit = creditAfterVoid(credit, settlement);
      settlements.delete(data.invoiceId);
    }
    if (type === 'InvoicePaid') paid.add(data.invoiceId);
    if (type === 'InvoicePaymentWithdrawn') paid.delete(data.invoiceId);
    if (type === 'CreditNoteIssued') {
      const settlement = settlements.get(data.invoiceId);
      if (settlement === undefined) continue;
      const { amountDue, creditLeft } = credited(
        credit,
        settlement.amountDue,
        paid.has(data.invoiceId),
        decimal(data.total),
      );
      settlements.set(data.invoiceId, { ...settlement, amountDue });
      credit = creditLeft;
    }
  }
  return { credit, settlements };
}

/** Refuses to void an invoice if later invoices have taken its credit: they would lack it. */
export function assertCreditUntaken({ credit, settlements }: Account, invoiceId: string): void {
  const settlement = settlements.get(invoiceId);
  if (settlement === undefined || creditAfterVoid(credit, settlement).gte(ZERO)) return;
  throw conflict('credit_taken', `later invoices have taken the credit of invoice ${invoiceId}: void those first`);
}
