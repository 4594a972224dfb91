import { type Decimal, decimal, max, min, sum, ZERO } from '../money/decimal.js';
import { conflict } from '../errors.js';
import { earlier, type Instant } from '../time/instant.js';
import type { InvoiceEvent } from './invoice.js';
import { type Applied, appliedBy, type PaymentEvent, type PaymentState, type RefundState } from './payment-events.js';

/** The amount to pay of an issued invoice, with tax, in its currency: total − creditTaken, never below 0. */
export interface Settlement {
  /** The tenant that the invoice is addressed to: the billed one, or its payer. */
  readonly payerId: string;
  readonly issuedAt: Instant;
  readonly total: Decimal;
  readonly creditTaken: Decimal;
  readonly amountDue: Decimal;
  /** What recorded payments pay of the amount due. */
  readonly applied: Decimal;
  readonly isPaid: boolean;
  /** Whether it has a credit note. */
  readonly isCredited: boolean;
  /** What its credit notes gave back as credit, as it was paid then. */
  readonly givenBack: Decimal;
}

/**
 * A tenant's credit in one currency, and the part of it that each issued invoice takes. A negative invoice becomes
 * credit. Later invoices take it from their amounts due, in the order in which they were issued, never from their
 * totals.
 */
export interface Account {
  readonly credit: Decimal;
  /** Of what gave the credit, the earliest date. null: there is no credit. */
  readonly creditSince: Instant | null;
  readonly settlements: ReadonlyMap<string, Settlement>;
  readonly payments: ReadonlyMap<string, PaymentState>;
  readonly refunds: ReadonlyMap<string, RefundState>;
}

/** Invoices of −30.00, then 100.00: the first gives 30.00 of credit; the second takes it, and 70.00 is due. */
export function settle(
  total: Decimal,
  credit: Decimal,
): Pick<Settlement, 'total' | 'creditTaken' | 'amountDue'> & { readonly creditLeft: Decimal } {
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

/** A credit note first reduces what is left to pay of an unpaid invoice. The rest is the tenant's credit. */
export function credited(
  credit: Decimal,
  { amountDue, applied, isPaid }: Pick<Settlement, 'amountDue' | 'applied' | 'isPaid'>,
  amount: Decimal,
): { amountDue: Decimal; creditLeft: Decimal } {
  const off = isPaid ? ZERO : min(amountDue.minus(applied), amount);
  return { amountDue: amountDue.minus(off), creditLeft: credit.plus(amount).minus(off) };
}

/** The account after the events of a billing stream. Nothing is due of a draft. */
export function foldAccount(events: Iterable<InvoiceEvent | PaymentEvent>): Account {
  const settlements = new Map<string, Settlement>();
  const payments = new Map<string, PaymentState>();
  const refunds = new Map<string, RefundState>();
  let credit = ZERO;
  let creditSince: Instant | null = null;
  /** `since`: the date of the change, or of what gave the credit that is given back. */
  const setCredit = (next: Decimal, since: Instant): void => {
    if (next.gt(credit)) creditSince = creditSince === null ? since : earlier(creditSince, since);
    if (next.lte(ZERO)) creditSince = null;
    credit = next;
  };
  for (const { type, data } of events) {
    if (type === 'InvoiceIssued') {
      const { creditLeft, ...settlement } = settle(decimal(data.total), credit);
      const payerId = data.payer?.tenantId ?? data.tenantId;
      settlements.set(data.invoiceId, { payerId, ...settlement, issuedAt: data.issuedAt, applied: ZERO, ...UNPAID });
      setCredit(creditLeft, data.issuedAt);
    }
    if (type === 'InvoiceVoided') {
      const settlement = settlements.get(data.invoiceId);
      if (settlement !== undefined) setCredit(creditAfterVoid(credit, settlement), data.at);
      settlements.delete(data.invoiceId);
    }
    if (type === 'InvoicePaid' || type === 'InvoicePaymentWithdrawn') {
      const settlement = settlements.get(data.invoiceId);
      if (settlement !== undefined) settlements.set(data.invoiceId, { ...settlement, isPaid: type === 'InvoicePaid' });
    }
    if (type === 'CreditNoteIssued') {
      const settlement = settlements.get(data.invoiceId);
      if (settlement === undefined) continue;
      const { amountDue, creditLeft } = credited(credit, settlement, decimal(data.total));
      const givenBack = settlement.givenBack.plus(creditLeft).minus(credit);
      settlements.set(data.invoiceId, { ...settlement, amountDue, isCredited: true, givenBack });
      setCredit(creditLeft, data.issuedAt);
    }
    if (type === 'PaymentRecorded') {
      const amount = decimal(data.amount);
      const { at, payerId, transferId } = data;
      payments.set(data.paymentId, { ...NOTHING, at, payerId, transferId, amount, unapplied: amount });
      apply(data, PLUS, { payments, settlements });
    }
    if (type === 'PaymentApplied') apply(data, PLUS, { payments, settlements });
    if (type === 'PaymentApplicationWithdrawn') apply(data, MINUS, { payments, settlements });
    if (type === 'PaymentWithdrawn') {
      for (const [invoiceId, amount] of payments.get(data.paymentId)?.applied ?? [])
        pay(settlements, invoiceId, amount.neg());
      payments.delete(data.paymentId);
    }
    if (type === 'RefundRecorded') {
      const since = creditSince ?? data.at;
      const refund = { paymentId: data.paymentId ?? null, amount: decimal(data.amount), since };
      refunds.set(data.refundId, refund);
      setCredit(credit.minus(refunded(payments, refund, refund.amount)), since);
    }
    if (type === 'RefundWithdrawn') {
      const refund = refunds.get(data.refundId);
      if (refund !== undefined) setCredit(credit.minus(refunded(payments, refund, refund.amount.neg())), refund.since);
      refunds.delete(data.refundId);
    }
  }
  return { credit, creditSince, settlements, payments, refunds };
}

const NOTHING = { refunded: ZERO, applied: new Map<string, Decimal>(), applications: new Map<string, Applied>() };

function pay(settlements: Map<string, Settlement>, invoiceId: string, amount: Decimal): void {
  const settlement = settlements.get(invoiceId);
  if (settlement !== undefined) settlements.set(invoiceId, { ...settlement, applied: settlement.applied.plus(amount) });
}

interface Applying {
  readonly paymentId: string;
  readonly applicationId?: string | undefined;
  readonly applied: Applied;
}

const UNPAID = { isPaid: false, isCredited: false, givenBack: ZERO };

const PLUS = (amount: Decimal): Decimal => amount;
const MINUS = (amount: Decimal): Decimal => amount.neg();

/** Applies a payment to invoices, or takes it back from them. */
function apply(
  { paymentId, applicationId, applied }: Applying,
  sign: typeof PLUS,
  { payments, settlements }: { payments: Map<string, PaymentState>; settlements: Map<string, Settlement> },
): void {
  const payment = payments.get(paymentId);
  if (payment === undefined) return;
  const all = new Map(payment.applied);
  const applications = new Map(payment.applications);
  for (const each of applied) {
    const amount = sign(decimal(each.amount));
    const now = (all.get(each.invoiceId) ?? ZERO).plus(amount);
    if (now.eq(ZERO)) all.delete(each.invoiceId);
    else all.set(each.invoiceId, now);
    pay(settlements, each.invoiceId, amount);
  }
  if (applicationId !== undefined) {
    if (sign === PLUS) applications.set(applicationId, applied);
    else applications.delete(applicationId);
  }
  payments.set(paymentId, {
    ...payment,
    ...{ applied: all, applications },
    unapplied: payment.unapplied.minus(sign(appliedBy(applied))),
  });
}

/** Takes a refund from its payment. Answers what it takes from the credit of the tenant. */
function refunded(payments: Map<string, PaymentState>, { paymentId }: RefundState, amount: Decimal): Decimal {
  if (paymentId === null) return amount;
  const payment = payments.get(paymentId);
  if (payment !== undefined)
    payments.set(paymentId, {
      ...payment,
      unapplied: payment.unapplied.minus(amount),
      refunded: payment.refunded.plus(amount),
    });
  return ZERO;
}

/** What the tenant owes: what is left to pay, less its credit and what is left of its payments. */
export const balanceOf = ({ credit, settlements, payments }: Account): Decimal =>
  sum([...settlements.values()].map(({ amountDue, applied, isPaid }) => (isPaid ? ZERO : amountDue.minus(applied))))
    .minus(credit)
    .minus(sum([...payments.values()].map(({ unapplied }) => unapplied)));

/** Refuses to void an invoice if later invoices have taken its credit: they would lack it. */
export function assertCreditUntaken({ credit, settlements }: Account, invoiceId: string): void {
  const settlement = settlements.get(invoiceId);
  if (settlement === undefined || creditAfterVoid(credit, settlement).gte(ZERO)) return;
  throw conflict(
    'credit_taken',
    `later invoices or refunds have taken the credit of invoice ${invoiceId}. Void these invoices, or withdraw these` +
      ' refunds, first.',
  );
}
