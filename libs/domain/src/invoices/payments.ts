import type { Correction } from '../correction.js';
import { conflict, notFound } from '../errors.js';
import { type Decimal, decimal, min, sum, text, ZERO } from '../money/decimal.js';
import { moneyAboveZero } from '../money/money.js';
import type { Instant } from '../time/instant.js';
import type { InvoiceEvent, InvoiceState } from './invoice.js';
import type { Applied, PaymentEvent, PaymentState } from './payment-events.js';
import { type Account, credited } from './settlement.js';

/** The account of a tenant in a currency, and the invoices of its billing stream. */
export interface Billed {
  readonly tenantId: string;
  readonly currency: string;
  readonly account: Account;
  readonly invoices: ReadonlyMap<string, InvoiceState>;
}

/** What is left to pay of an issued invoice. */
export const openOf = ({ account, invoices }: Billed, invoiceId: string): Decimal => {
  const settlement = account.settlements.get(invoiceId);
  return settlement === undefined || invoices.get(invoiceId)?.status !== 'issued'
    ? ZERO
    : settlement.amountDue.minus(settlement.applied);
};

/** `2026-05-05`. Dates of banks have no time of day, so days are compared, in UTC as in the journal. */
const dayOf = (at: Instant): string => at.slice(0, 10);

/** When money was sent, and by whom. undefined: not stated. */
interface Sent {
  readonly at: Instant;
  readonly payerId: string | undefined;
}
/** What is left of a payment. */
interface Left extends Sent {
  readonly left: Decimal;
}

/**
 * The amounts that pay invoices, one after the other, until nothing is left: those that are named, else `openInvoices`.
 * Errors: `unknown_invoice`, `invoice_not_issued`, `payment_before_issue`, `addressed_to_another`, `ambiguous_payer`.
 */
function applicationsOf(
  billed: Billed,
  { left: amount, at, payerId }: Left,
  invoiceIds: readonly string[] | undefined,
): Applied {
  for (const invoiceId of invoiceIds ?? []) assertNameable(billed, invoiceId, { at, payerId });
  const applied: Applied = [];
  let left = amount;
  for (const invoiceId of new Set(invoiceIds ?? openInvoices(billed, { at, payerId }))) {
    const paid = min(left, openOf(billed, invoiceId));
    if (paid.lte(ZERO)) continue;
    applied.push({ invoiceId, amount: text(paid) });
    left = left.minus(paid);
  }
  return applied;
}

/**
 * A payment can name only an issued invoice, from the day of its issue on, that is addressed to whoever sent the money.
 * Errors: `unknown_invoice`, `invoice_not_issued`, `payment_before_issue`, `addressed_to_another`.
 */
export function assertNameable(billed: Billed, invoiceId: string, { at, payerId }: Sent): void {
  const status = billed.invoices.get(invoiceId)?.status;
  if (status === undefined)
    throw notFound(
      'unknown_invoice',
      `tenant ${billed.tenantId} has no invoice ${invoiceId} in ${billed.currency}. Name one of its invoices.`,
    );
  if (status !== 'issued')
    throw conflict('invoice_not_issued', `invoice ${invoiceId} is ${status}: only an issued invoice can be paid`);
  assertIssuedBy(billed.account, invoiceId, at);
  const addressee = billed.account.settlements.get(invoiceId)?.payerId;
  if (payerId !== undefined && addressee !== undefined && addressee !== payerId)
    throw conflict(
      'addressed_to_another',
      `invoice ${invoiceId} is addressed to ${addressee}, and the payment is from ${payerId}.` +
        ` Name invoices that are addressed to ${payerId}, or record the payment without payerId, after you` +
        ' withdraw it if it is recorded.',
    );
}

/**
 * The open invoices that were issued by an instant, oldest first: those addressed to whoever sent the payment. Where
 * that is not stated, all of them, which must have one addressee. Errors: `ambiguous_payer`.
 */
export function openInvoices(billed: Billed, { at, payerId }: Sent): string[] {
  const open = [...billed.account.settlements].filter(
    ([id]) => laterIssue(billed.account, id, at) === undefined && openOf(billed, id).gt(ZERO),
  );
  const addressees = new Set(open.map(([, settlement]) => settlement.payerId));
  if (payerId === undefined && addressees.size > 1)
    throw conflict(
      'ambiguous_payer',
      `open invoices of tenant ${billed.tenantId} are addressed to ${[...addressees].join(' and ')}.` +
        ' Name the invoices with invoiceIds, or record the payment with payerId, the tenant that sent it.',
    );
  return open.flatMap(([id, settlement]) => (payerId === undefined || settlement.payerId === payerId ? [id] : []));
}

/** The day on which an invoice was issued, if that is after an instant. */
function laterIssue({ settlements }: Account, invoiceId: string, at: Instant): string | undefined {
  const settlement = settlements.get(invoiceId);
  return settlement !== undefined && dayOf(at) < dayOf(settlement.issuedAt) ? dayOf(settlement.issuedAt) : undefined;
}

/** Errors: `payment_before_issue`. */
export function assertIssuedBy(account: Account, invoiceId: string, at: Instant): void {
  const issued = laterIssue(account, invoiceId, at);
  if (issued === undefined) return;
  throw conflict(
    'payment_before_issue',
    `invoice ${invoiceId} was issued on ${issued}, so it can't be paid on ${dayOf(at)}. Correct the date.` +
      ' For a payment before the issue, use record-payment with no invoiceIds, then apply-payment from that day on.',
  );
}

/** Errors: `before_issue`, if an invoice would be credited on a day before its issue. */
export function assertCreditedAfterIssue(account: Account, invoiceId: string, at: Instant): void {
  const issued = laterIssue(account, invoiceId, at);
  if (issued === undefined) return;
  throw conflict(
    'before_issue',
    `invoice ${invoiceId} was issued on ${issued}, so it can't be credited on ${dayOf(at)}. Correct the date.`,
  );
}

/** The invoices of which nothing is left to pay. */
const paidBy = (billed: Billed, applied: Applied, at: Instant): InvoiceEvent[] =>
  applied.flatMap(({ invoiceId, amount }): InvoiceEvent[] =>
    openOf(billed, invoiceId).eq(decimal(amount))
      ? [{ type: 'InvoicePaid', data: { invoiceId, tenantId: billed.tenantId, currency: billed.currency, at } }]
      : [],
  );

type Recorded = Extract<PaymentEvent, { type: 'PaymentRecorded' }>['data'];
export type BillingEvent = PaymentEvent | InvoiceEvent;

/**
 * Records a payment. It pays the named invoices, else all open ones from the oldest on that are addressed to whoever
 * sent it; the rest stays on the payment. 100.00 for invoices of 30.00 and 60.00 leaves 10.00. Errors:
 * `payment_exists`, `invalid_amount`, those of `applicationsOf`.
 */
export function recordPayment(
  billed: Billed,
  payment: Omit<Recorded, 'applied'>,
  invoiceIds: readonly string[] | undefined,
): BillingEvent[] {
  const { paymentId, amount, currency, at, payerId } = payment;
  if (billed.account.payments.has(paymentId))
    throw conflict('payment_exists', `payment ${paymentId} is recorded already. Withdraw it, or use another id.`);
  const left = moneyAboveZero(amount, currency, 'amount');
  const applied = applicationsOf(billed, { left, at, payerId }, invoiceIds);
  return [{ type: 'PaymentRecorded', data: { ...payment, applied } }, ...paidBy(billed, applied, at)];
}

/** What `apply-payment` states. */
export interface Application {
  readonly paymentId: string;
  readonly applicationId: string;
  readonly at: Instant;
}

/**
 * Pays invoices with what is left of a payment. Errors: `unknown_payment`, `application_exists`,
 * `application_before_payment`, `nothing_to_apply`, those of `applicationsOf`.
 */
export function applyPayment(
  billed: Billed,
  { paymentId, applicationId, at }: Application,
  invoiceIds: readonly string[] | undefined,
): BillingEvent[] {
  const { unapplied, applications, at: paidAt, payerId } = paymentOf(billed, paymentId);
  if (applications.has(applicationId))
    throw conflict(
      'application_exists',
      `application ${applicationId} of payment ${paymentId} is recorded already. Withdraw it, or use another id.`,
    );
  if (dayOf(at) < dayOf(paidAt))
    throw conflict(
      'application_before_payment',
      `payment ${paymentId} was made on ${dayOf(paidAt)}, so it can't pay invoices on ${dayOf(at)}. Correct the date.`,
    );
  const hasNothing = unapplied.lte(ZERO);
  const applied = hasNothing ? [] : applicationsOf(billed, { left: unapplied, at, payerId }, invoiceIds);
  if (applied.length === 0)
    throw conflict(
      'nothing_to_apply',
      `payment ${paymentId} has ${text(unapplied)} ${billed.currency} left, and nothing is open of these invoices`,
    );
  const { tenantId, currency } = billed;
  return [
    { type: 'PaymentApplied', data: { paymentId, applicationId, tenantId, currency, at, applied } },
    ...paidBy(billed, applied, at),
  ];
}

function paymentOf({ account, tenantId, currency }: Billed, paymentId: string): PaymentState {
  const payment = account.payments.get(paymentId);
  if (payment !== undefined) return payment;
  throw notFound('unknown_payment', `tenant ${tenantId} has no payment ${paymentId} in ${currency}`);
}

/**
 * The invoices that are paid no more without what is withdrawn. What a credit note after the payment gave back stays
 * credit of the tenant. Errors: `invoice_paid`.
 */
const openedBy = (
  { tenantId, currency, invoices, account }: Billed,
  invoiceIds: Iterable<string>,
  { reason }: Stated,
): InvoiceEvent[] =>
  [...invoiceIds].flatMap((invoiceId): InvoiceEvent[] => {
    const settlement = account.settlements.get(invoiceId);
    if (invoices.get(invoiceId)?.status !== 'paid' || settlement === undefined) return [];
    if (!isPaidByPayments(settlement))
      throw conflict('invoice_paid', `the rest of invoice ${invoiceId} was paid: withdraw its pay-invoice first`);
    return [{ type: 'InvoicePaymentWithdrawn', data: { invoiceId, tenantId, currency, reason } }];
  });

/** Errors: `payment_of_transfer`, those of `withdrawAnyPayment`. */
export function withdrawPayment(billed: Billed, paymentId: string, correction: Stated): BillingEvent[] {
  const { transferId, payerId } = paymentOf(billed, paymentId);
  if (transferId !== undefined)
    throw conflict(
      'payment_of_transfer',
      `payment ${paymentId} is a share of transfer ${transferId} of ${payerId}: withdraw record-transfer`,
    );
  return withdrawAnyPayment(billed, paymentId, correction);
}

/**
 * Withdraws a payment, also one of a transfer. Errors: `unknown_payment`, `payment_refunded`, `payment_applied`,
 * `invoice_paid`.
 */
export function withdrawAnyPayment(billed: Billed, paymentId: string, correction: Stated): BillingEvent[] {
  const { applied, applications, refunded } = paymentOf(billed, paymentId);
  const { tenantId, currency } = billed;
  if (refunded.gt(ZERO))
    throw conflict('payment_refunded', `payment ${paymentId} was refunded: withdraw its refunds first`);
  // Their ids stay known: the same application of a payment that is recorded again would be taken as a repetition.
  if (applications.size > 0)
    throw conflict(
      'payment_applied',
      `payment ${paymentId} was applied by ${[...applications.keys()].join(', ')}: withdraw these first` +
        ' (apply-payment)',
    );
  const paid = [...applied].map(([invoiceId, amount]) => ({ invoiceId, amount: text(amount) }));
  return [
    { type: 'PaymentWithdrawn', data: { paymentId, tenantId, currency, applied: paid, ...correction } },
    ...openedBy(billed, applied.keys(), correction),
  ];
}

/** Errors: `unknown_payment`, `unknown_application`, `invoice_paid`. */
export function withdrawApplication(
  billed: Billed,
  { paymentId, applicationId }: Pick<Application, 'paymentId' | 'applicationId'>,
  correction: Stated,
): BillingEvent[] {
  const { applications } = paymentOf(billed, paymentId);
  const { tenantId, currency } = billed;
  const applied = applications.get(applicationId);
  if (applied === undefined)
    throw notFound(
      'unknown_application',
      `payment ${paymentId} has no application ${applicationId}.` +
        ' What record-payment paid is withdrawn with the payment.',
    );
  return [
    {
      type: 'PaymentApplicationWithdrawn',
      data: { paymentId, applicationId, tenantId, currency, applied, ...correction },
    },
    ...openedBy(
      billed,
      applied.map(({ invoiceId }) => invoiceId),
      correction,
    ),
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

/**
 * `pay-invoice` has nothing to withdraw where recorded payments and credit notes leave nothing to pay. Errors:
 * `payment_recorded`, `invoice_credited`.
 */
export function assertNotPaidByPayments({ settlements, payments }: Account, invoiceId: string): void {
  const settlement = settlements.get(invoiceId);
  if (settlement === undefined) return;
  if (settlement.applied.eq(ZERO) && settlement.amountDue.eq(ZERO) && settlement.isCredited)
    throw conflict('invoice_credited', `the credit notes of invoice ${invoiceId} leave nothing to pay: nobody paid it`);
  if (!isPaidByPayments(settlement)) return;
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

/**
 * Errors: `refund_exists`, `invalid_amount`, `unknown_payment`, `refund_exceeds_payment`, `refund_exceeds_credit`,
 * `refund_before_payment`, `refund_before_credit`.
 */
export function recordRefund(billed: Billed, refund: Refund): BillingEvent[] {
  const { refundId, amount, currency, paymentId, at } = refund;
  if (billed.account.refunds.has(refundId))
    throw conflict('refund_exists', `refund ${refundId} is recorded already. Withdraw it, or use another id.`);
  const value = moneyAboveZero(amount, currency, 'amount');
  if (paymentId === undefined) {
    const { credit, creditSince } = billed.account;
    const bound = min(credit, boundCredit(billed));
    if (value.gt(credit.minus(bound)))
      throw conflict(
        'refund_exceeds_credit',
        `tenant ${billed.tenantId} has ${text(credit)} ${currency} of credit.` +
          (bound.eq(ZERO) ? '' : ` ${text(bound)} of it is of credit notes whose invoices are not paid.`) +
          ` Refund at most ${text(credit.minus(bound))}, or name a payment.`,
      );
    if (creditSince !== null && dayOf(at) < dayOf(creditSince))
      throw conflict(
        'refund_before_credit',
        `tenant ${billed.tenantId} has credit since ${dayOf(creditSince)}, so it can't be refunded on ${dayOf(at)}.` +
          ' Correct the date.',
      );
  } else {
    const { unapplied, at: paidAt } = paymentOf(billed, paymentId);
    if (dayOf(at) < dayOf(paidAt))
      throw conflict(
        'refund_before_payment',
        `payment ${paymentId} was made on ${dayOf(paidAt)}, so it can't be refunded on ${dayOf(at)}. Correct the date.`,
      );
    if (value.gt(unapplied))
      throw conflict(
        'refund_exceeds_payment',
        `${text(unapplied)} ${currency} of payment ${paymentId} is left. Refund at most this.` +
          ' What paid an invoice is refunded as credit, after a credit note.',
      );
  }
  return [{ type: 'RefundRecorded', data: refund }];
}

/**
 * What credit notes gave back of payments that were withdrawn afterwards: nobody paid it, and as much is open of the
 * invoices.
 */
const boundCredit = (billed: Billed): Decimal =>
  sum([...billed.account.settlements].map(([id, { givenBack }]) => min(givenBack, openOf(billed, id))));

/** Errors: `unknown_refund`. */
export function withdrawRefund({ account, tenantId, currency }: Billed, refundId: string, by: Stated): BillingEvent[] {
  const refund = account.refunds.get(refundId);
  if (refund === undefined)
    throw notFound('unknown_refund', `tenant ${tenantId} has no refund ${refundId} in ${currency}`);
  const { paymentId, amount } = refund;
  const of = { amount: text(amount), ...(paymentId === null ? {} : { paymentId }) };
  return [{ type: 'RefundWithdrawn', data: { refundId, tenantId, currency, ...of, ...by } }];
}

/**
 * An invoice of which a credit note leaves nothing to pay is paid. `account`: before the credit note. Where nothing was
 * due before, nothing is paid.
 */
export function paidByCreditNote(
  { account, tenantId, currency }: Pick<Billed, 'account' | 'tenantId' | 'currency'>,
  { invoiceId, total, at }: { readonly invoiceId: string; readonly total: string; readonly at: Instant },
): InvoiceEvent[] {
  const settlement = account.settlements.get(invoiceId);
  if (settlement === undefined || settlement.isPaid || settlement.amountDue.eq(ZERO)) return [];
  const { amountDue } = credited(account.credit, settlement, decimal(total));
  return amountDue.eq(settlement.applied)
    ? [{ type: 'InvoicePaid', data: { invoiceId, tenantId, currency, at, by: 'credit_note' } }]
    : [];
}
