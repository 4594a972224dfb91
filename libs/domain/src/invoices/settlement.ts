import { type Decimal, decimal, max, min, ZERO } from '../money/decimal.js';
import { conflict } from '../errors.js';
import type { InvoiceEvent } from './invoice.js';

/** What is to be paid of an issued invoice, tax included, in its currency: total − creditTaken, never below 0. */
export interface Settlement {
  readonly total: Decimal;
  readonly creditTaken: Decimal;
  readonly amountDue: Decimal;
}

/**
 * What a tenant has in credit in one currency, and what each of its issued invoices takes of it. An invoice below zero is
 * credit; later ones take it from their amounts due, in the order in which they were issued, never from their totals.
 */
export interface Account {
  readonly credit: Decimal;
  readonly settlements: ReadonlyMap<string, Settlement>;
}

/** −30.00, then 100.00: the first is 30.00 of credit, the second takes it and has 70.00 due. */
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

/** What a void invoice took is credit again; what it gave is none. */
export const creditAfterVoid = (
  credit: Decimal,
  { total, creditTaken }: Pick<Settlement, 'total' | 'creditTaken'>,
): Decimal => credit.plus(creditTaken).minus(max(ZERO, total.neg()));

/** What a credit note takes off an invoice that is not paid is due no more; the rest is the tenant's credit. */
export function credited(
  credit: Decimal,
  amountDue: Decimal,
  isPaid: boolean,
  amount: Decimal,
): { amountDue: Decimal; creditLeft: Decimal } {
  const off = isPaid ? ZERO : min(amountDue, amount);
  return { amountDue: amountDue.minus(off), creditLeft: credit.plus(amount).minus(off) };
}

/** The account as a billing stream tells it. Drafts owe nothing. */
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

/** An invoice whose credit others have taken stays: voiding it would leave them short. */
export function assertCreditUntaken({ credit, settlements }: Account, invoiceId: string): void {
  const settlement = settlements.get(invoiceId);
  if (settlement === undefined || creditAfterVoid(credit, settlement).gte(ZERO)) return;
  throw conflict(
    'credit_taken',
    `the credit of invoice ${invoiceId} was taken from the amount due of later invoices: void these first`,
  );
}
