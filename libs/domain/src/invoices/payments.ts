import type { Correction } from '../correction.js';
import { conflict, invalid, notFound } from '../errors.js';
import { type Decimal, decimal, min, text, ZERO } from '../money/decimal.js';
import { scaleOf, toMoney } from '../money/money.js';
import type { Instant } from '../time/instant.js';
import type { InvoiceEvent, InvoiceState } from './invoice.js';
import type { PaymentEvent, PaymentState } from './payment-events.js';
import type { Account } from './settlement.js';

/** The account of a tenant in a currency, and the invoices of its billing stream. */
export interface Billed {
  readonly tenantId: string;
  readonly currency: string;
  readonly account: Account;
  readonly invoices: ReadonlyMap<string, InvoiceState>;
}

type Applied = { invoiceId: string; amount: string }[];

/** What is left to pay of an issued invoice. */
const openOf = ({ account, invoices }: Billed, invoiceId: string): Decimal => {
  const settlement = account.settlements.get(invoiceId);
  return settlement === undefined || invoices.get(invoiceId)?.status !== 'issued'
    ? ZERO
    : settlement.amountDue.minus(settlement.applied);
};

function money(amount: string, currency: string): Decimal {
  const value = decimal(amount, 'amount');
  const message =
    value.lte(ZERO) || !value.eq(toMoney(value, currency))
      ? `must be above 0, with at most ${scaleOf(currency)} decimals (${currency})`
      : null;
  if (message !== null) throw invalid('invalid_amount', `amount: ${amount} ${message}`, [{ field: 'amount', message }]);
  return value;
}

/**
 * The amounts that pay invoices, one after the other, until nothing is left. Errors: `unknown_invoice`,
 * `invoice_not_issued`.
 */
function applicationsOf(billed: Billed, amount: Decimal, invoiceIds: readonly string[] | undefined): Applied {
  for (const invoiceId of invoiceIds ?? []) {
    const status = billed.invoices.get(invoiceId)?.status;
    if (status === undefined)
      throw notFound(
        'unknown_invoice',
        `tenant ${billed.tenantId} has no invoice ${invoiceId} in ${billed.currency}. Name one of its invoices.`,
      );
    if (status !== 'issued')
      throw conflict('invoice_not_issued', `invoice ${invoiceId} is ${status}: only an issued invoice can be paid`);
  }
  const applied: Applied = [];
  let left = amount;
  for (const invoiceId of new Set(invoiceIds ?? billed.account.settlements.keys())) {
    const paid = min(left, openOf(billed, invoiceId));
    if (paid.lte(ZERO)) continue;
    applied.push({ invoiceId, amount: text(paid) });
    left = left.minus(paid);
  }
  return applied;
}

/** The invoices of which nothing is left to pay. */
const paidBy = (billed: Billed, applied: Applied, at: Instant): InvoiceEvent[] =>
  applied.flatMap(({ invoiceId, amount }): InvoiceEvent[] =>
    openOf(billed, invoiceId).eq(decimal(amount))
      ? [{ type: 'InvoicePaid', data: { invoiceId, tenantId: billed.tenantId, currency: billed.currency, at } }]
      : [],
  );

type Recorded = Extract<PaymentEvent, { type: 'PaymentRecorded' }>['data'];
type BillingEvent = PaymentEvent | InvoiceEvent;

/**
 * Records a payment. It pays the named invoices, else all open ones from the oldest on; the rest stays on the payment.
 * 100.00 for invoices of 30.00 and 60.00 leaves 10.00. Errors: `payment_exists`, `invalid_amount`, `unknown_invoice`,
 * `invoice_not_issued`.
 */
export function recordPayment(
  billed: Billed,
  payment: Omit<Recorded, 'applied'>,
  invoiceIds: readonly string[] | undefined,
): BillingEvent[] {
  const { paymentId, amount, currency, at } = payment;
  if (billed.account.payments.has(paymentId))
    throw conflict('payment_exists', `payment ${paymentId} is recorded already. Withdraw it, or use another id.`);
  const applied = applicationsOf(billed, money(amount, currency), invoiceIds);
  return [{ type: 'PaymentRecorded', data: { ...payment, applied } }, ...paidBy(billed, applied, at)];
}

/** Pays invoices with what is left of a payment. Errors: `unknown_payment`, `nothing_to_apply`, those of invoices. */
export function applyPayment(
  billed: Billed,
  { paymentId, at }: { readonly paymentId: string; readonly at: Instant },
  invoiceIds: readonly string[] | undefined,
): BillingEvent[] {
  const { unapplied } = paymentOf(billed, paymentId);
  const applied = applicationsOf(billed, unapplied, invoiceIds);
  if (applied.length === 0)
    throw conflict(
      'nothing_to_apply',
      `payment ${paymentId} has ${text(unapplied)} ${billed.currency} left, and nothing is open of these invoices`,
    );
  const { tenantId, currency } = billed;
  return [
    { type: 'PaymentApplied', data: { paymentId, tenantId, currency, at, applied } },
    ...paidBy(billed, applied, at),
  ];
}

function paymentOf({ account, tenantId, currency }: Billed, paymentId: string): PaymentState {
  const payment = account.payments.get(paymentId);
  if (payment !== undefined) return payment;
  throw notFound('unknown_payment', `tenant ${tenantId} has no payment ${paymentId} in ${currency}`);
}

/** Errors: `unknown_payment`, `payment_refunded`, `invoice_paid`, `invoice_credited`. */
export function withdrawPayment(billed: Billed, paymentId: string, correction: Stated): BillingEvent[] {
  const { applied, refunded } = paymentOf(billed, paymentId);
  const { tenantId, currency, invoices, account } = billed;
  if (refunded.gt(ZERO))
    throw conflict('payment_refunded', `payment ${paymentId} was refunded: withdraw its refunds first`);
  const opened = [...applied.keys()].flatMap((invoiceId): InvoiceEvent[] => {
    const [invoice, settlement] = [invoices.get(invoiceId), account.settlements.get(invoiceId)];
    if (invoice?.status !== 'paid' || settlement === undefined) return [];
    if (!isPaidByPayments(settlement))
      throw conflict('invoice_paid', `the rest of invoice ${invoiceId} was paid: withdraw its pay-invoice first`);
    if (invoice.isCreditedWhenPaid)
      throw conflict(
        'invoice_credited',
        `invoice ${invoiceId} has a credit note after its payment, which became credit of the tenant:` +
          ` payment ${paymentId} can no longer be withdrawn`,
      );
    return [{ type: 'InvoicePaymentWithdrawn', data: { invoiceId, tenantId, currency, reason: correction.reason } }];
  });
  const paid = [...applied].map(([invoiceId, amount]) => ({ invoiceId, amount: text(amount) }));
  return [
    { type: 'PaymentWithdrawn', data: { paymentId, tenantId, currency, applied: paid, ...correction } },
    ...opened,
  ];
}

type Stated = Pick<Correction, 'reason' | 'withdrawn'>;

/** Whether recorded payments cover all that is due. Else `pay-invoice` paid the rest. */
const isPaidByPayments = ({
  amountDue,
  applied,
}: {
  readonly amountDue: Decimal;
  readonly applied: Decimal;
}): boolean => applied.gt(ZERO) && applied.gte(amountDue);

/** `pay-invoice` has nothing to withdraw where recorded payments paid all. Errors: `payment_recorded`. */
export function assertNotPaidByPayments({ settlements, payments }: Account, invoiceId: string): void {
  const settlement = settlements.get(invoiceId);
  if (settlement === undefined || !isPaidByPayments(settlement)) return;
  const ids = [...payments].flatMap(([paymentId, { applied }]) => (applied.has(invoiceId) ? [paymentId] : []));
  throw conflict('payment_recorded', `invoice ${invoiceId} was paid by ${ids.join(', ')}: withdraw record-payment`);
}

/** Errors: `invoice_part_paid`. */
export function assertUnpaid({ settlements }: Account, invoiceId: string): void {
  const { applied } = settlements.get(invoiceId) ?? { applied: ZERO };
  if (applied.gt(ZERO))
    throw conflict(
      'invoice_part_paid',
      `${text(applied)} of invoice ${invoiceId} is paid: withdraw the payment first, or issue a credit note`,
    );
}

type Refund = Extract<PaymentEvent, { type: 'RefundRecorded' }>['data'];

/** Errors: `refund_exists`, `invalid_amount`, `unknown_payment`, `refund_exceeds_payment`, `refund_exceeds_credit`. */
export function recordRefund(billed: Billed, refund: Refund): BillingEvent[] {
  const { refundId, amount, currency, paymentId } = refund;
  if (billed.account.refunds.has(refundId))
    throw conflict('refund_exists', `refund ${refundId} is recorded already. Withdraw it, or use another id.`);
  const value = money(amount, currency);
  if (paymentId === undefined) {
    const { credit } = billed.account;
    if (value.gt(credit))
      throw conflict(
        'refund_exceeds_credit',
        `tenant ${billed.tenantId} has ${text(credit)} ${currency} of credit. Refund at most this, or name a payment.`,
      );
  } else {
    const { unapplied } = paymentOf(billed, paymentId);
    if (value.gt(unapplied))
      throw conflict(
        'refund_exceeds_payment',
        `${text(unapplied)} ${currency} of payment ${paymentId} is left. Refund at most this.` +
          ' What paid an invoice is refunded as credit, after a credit note.',
      );
  }
  return [{ type: 'RefundRecorded', data: refund }];
}

/** Errors: `unknown_refund`. */
export function withdrawRefund({ account, tenantId, currency }: Billed, refundId: string, by: Stated): BillingEvent[] {
  const refund = account.refunds.get(refundId);
  if (refund === undefined)
    throw notFound('unknown_refund', `tenant ${tenantId} has no refund ${refundId} in ${currency}`);
  const { paymentId, amount } = refund;
  const of = { amount: text(amount), ...(paymentId === null ? {} : { paymentId }) };
  return [{ type: 'RefundWithdrawn', data: { refundId, tenantId, currency, ...of, ...by } }];
}
