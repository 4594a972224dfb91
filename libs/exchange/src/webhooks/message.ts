import { derivedId } from '#domain/derived-id';
import type { RecordedEvent } from '#domain/events';
import type { Applied } from '#domain/invoices/payment-events';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import type { Instant } from '#domain/time/instant';
import { answer, type Answers, type Halt } from '#read-model/projection';
import type { MessageType } from '#domain/webhooks/message-type';

/** A message: what follows from one event of the log for one tenant, or for none. */
export interface Message {
  /** Derived from the event. It stays the same whenever the message is sent. */
  readonly id: string;
  readonly type: MessageType;
  readonly tenantId: string | null;
  /** Whom the invoice that it is about is addressed to. null: the tenant itself, or it is about no issued invoice. */
  readonly payerId: string | null;
  /** Of the event. Messages of one event have an order among themselves. */
  readonly position: number;
  readonly recordedAt: Instant;
  /** What it is about, such as the id of an invoice. */
  readonly subject: string;
  readonly data: object;
}

/** Events have an id, a position and an instant, also those that no program can read. */
type Of = Pick<RecordedEvent, 'id' | 'position' | 'recordedAt'>;

const message = (
  { id, position, recordedAt }: Of,
  type: MessageType,
  { tenantId, subject, data }: Pick<Message, 'tenantId' | 'subject' | 'data'>,
): Message => ({
  ...{ id: derivedId('message', id, type, subject), type, tenantId, payerId: null },
  ...{ position, recordedAt, subject, data },
});

/** The event types that messages follow from, without those that change what issued lines come to. */
export const MESSAGE_EVENTS = [
  ...(['InvoiceDrafted', 'InvoiceIssued', 'InvoiceVoided', 'InvoicePaid', 'InvoicePaymentWithdrawn'] as const),
  ...(['ConsolidatedInvoiceIssued', 'ConsolidatedInvoiceVoided'] as const),
  ...(['CreditNoteIssued', 'RateCorrected', 'RateWithdrawn', 'RateKeyCorrected', 'DayMetered'] as const),
  ...(['PaymentRecorded', 'PaymentApplied', 'PaymentApplicationWithdrawn', 'PaymentWithdrawn'] as const),
  ...(['RefundRecorded', 'RefundWithdrawn'] as const),
  ...(['BudgetThresholdReached', 'BudgetThresholdUndone', 'AlertRaised', 'AlertCleared', 'UnbillableFound'] as const),
];
type MessageEvent = (typeof MESSAGE_EVENTS)[number];

const isMessageEvent = (event: RecordedEvent): event is RecordedEvent<MessageEvent> =>
  MESSAGE_EVENTS.some((type) => type === event.type);

const rateChanged = (event: RecordedEvent<'RateCorrected' | 'RateWithdrawn' | 'RateKeyCorrected'>): Message[] => {
  const { resourceType, resourceFamily, location, reason } = event.data;
  return [
    message(event, 'rate.corrected', {
      ...{ tenantId: null, subject: `${resourceType}/${resourceFamily}@${location}` },
      data: { resourceType, resourceFamily, location, reason },
    }),
  ];
};

const budgetCrossed =
  (type: 'budget.threshold_reached' | 'budget.threshold_undone') =>
  (event: RecordedEvent<'BudgetThresholdReached' | 'BudgetThresholdUndone'>): Message[] => {
    const { tenantId, budgetId } = event.data;
    return [message(event, type, { tenantId, subject: budgetId, data: event.data })];
  };

/** About no tenant: the endpoint of a tenant does not get it. */
const alertChanged =
  (type: 'alert.raised' | 'alert.cleared') =>
  (event: RecordedEvent<'AlertRaised' | 'AlertCleared'>): Message[] => [
    message(event, type, { tenantId: null, subject: event.data.id, data: event.data }),
  ];

const messages: Answers<MessageEvent, Message[]> = {
  InvoiceDrafted(event) {
    const { tenantId, invoiceId, currency, asOf } = event.data;
    return [message(event, 'invoice.drafted', { tenantId, subject: invoiceId, data: { invoiceId, currency, asOf } })];
  },
  InvoiceIssued(event) {
    const { tenantId, invoiceId, currency, issuedAt, dueAt = null, quarantined = [] } = event.data;
    return [
      message(event, 'invoice.issued', {
        ...{ tenantId, subject: invoiceId },
        data: { invoiceId, currency, issuedAt, dueAt, ...amounts(event.data) },
      }),
      ...quarantined.map(({ lineId, code, message: why }) =>
        message(event, 'line.quarantined', {
          ...{ tenantId, subject: lineId },
          data: { invoiceId, lineId, code, message: why },
        }),
      ),
    ];
  },
  InvoiceVoided(event) {
    const { tenantId, invoiceId, currency, at, reason = null } = event.data;
    const data = { invoiceId, currency, at, reason };
    return [message(event, 'invoice.voided', { tenantId, subject: invoiceId, data })];
  },
  InvoicePaid(event) {
    const { tenantId, invoiceId, currency, at, by = null } = event.data;
    return [message(event, 'invoice.paid', { tenantId, subject: invoiceId, data: { invoiceId, currency, at, by } })];
  },
  InvoicePaymentWithdrawn(event) {
    const { tenantId, invoiceId, currency, reason } = event.data;
    const data = { invoiceId, currency, reason };
    return [message(event, 'invoice.payment_withdrawn', { tenantId, subject: invoiceId, data })];
  },
  CreditNoteIssued(event) {
    const { tenantId, creditNoteId, invoiceId, currency, issuedAt, reason } = event.data;
    const data = { creditNoteId, invoiceId, currency, issuedAt, ...amounts(event.data), reason };
    return [message(event, 'credit_note.issued', { tenantId, subject: creditNoteId, data })];
  },
  // About the payer: the billed tenants see no consolidated invoice.
  ConsolidatedInvoiceIssued(event) {
    const { payerId, consolidatedInvoiceId: id, currency, issuedAt, dueAt = null, invoices } = event.data;
    const data = { consolidatedInvoiceId: id, currency, issuedAt, dueAt, invoices, ...amounts(event.data) };
    return [message(event, 'consolidated_invoice.issued', { tenantId: payerId, subject: id, data })];
  },
  ConsolidatedInvoiceVoided(event) {
    const { payerId, consolidatedInvoiceId: id, currency, at, reason = null } = event.data;
    const data = { consolidatedInvoiceId: id, currency, at, reason };
    return [message(event, 'consolidated_invoice.voided', { tenantId: payerId, subject: id, data })];
  },
  PaymentRecorded(event) {
    const { tenantId, paymentId, currency, amount, at, payerId = null, transferId = null } = event.data;
    const sent = { amount: money(amount, currency), at, payerId, transferId };
    const data = { paymentId, currency, ...sent, ...applied(event.data) };
    return [message(event, 'payment.recorded', { tenantId, subject: paymentId, data })];
  },
  PaymentApplied(event) {
    const { tenantId, paymentId, applicationId = null, currency, at } = event.data;
    const data = { paymentId, applicationId, currency, at, ...applied(event.data) };
    return [message(event, 'payment.applied', { tenantId, subject: paymentId, data })];
  },
  PaymentApplicationWithdrawn(event) {
    const { tenantId, paymentId, applicationId, currency, reason } = event.data;
    const data = { paymentId, applicationId, currency, ...applied(event.data), reason };
    return [message(event, 'payment.application_withdrawn', { tenantId, subject: paymentId, data })];
  },
  PaymentWithdrawn(event) {
    const { tenantId, paymentId, currency, reason } = event.data;
    const data = { paymentId, currency, ...applied(event.data), reason };
    return [message(event, 'payment.withdrawn', { tenantId, subject: paymentId, data })];
  },
  RefundRecorded(event) {
    const { tenantId, refundId, paymentId = null, currency, amount, at, reason = null } = event.data;
    const data = { refundId, paymentId, currency, amount: money(amount, currency), at, reason };
    return [message(event, 'refund.recorded', { tenantId, subject: refundId, data })];
  },
  RefundWithdrawn(event) {
    const { tenantId, refundId, paymentId = null, currency, amount, reason } = event.data;
    const data = { refundId, paymentId, currency, amount: money(amount, currency), reason };
    return [message(event, 'refund.withdrawn', { tenantId, subject: refundId, data })];
  },
  RateCorrected: rateChanged,
  RateWithdrawn: rateChanged,
  RateKeyCorrected: rateChanged,
  DayMetered(event) {
    const { date, recordCount, skipped } = event.data;
    const data = { date, recordCount, skippedCount: skipped.length };
    return [message(event, 'day.metered', { tenantId: null, subject: date, data })];
  },
  BudgetThresholdReached: budgetCrossed('budget.threshold_reached'),
  BudgetThresholdUndone: budgetCrossed('budget.threshold_undone'),
  AlertRaised: alertChanged('alert.raised'),
  AlertCleared: alertChanged('alert.cleared'),
  UnbillableFound(event) {
    const { what, tenantId, deploymentId, billingKind, lineId, reason, period, readings, quantity } = event.data;
    if (what === 'line') {
      const data = { invoiceId: null, lineId, code: reason, message: event.data.message };
      return [message(event, 'line.quarantined', { tenantId, subject: lineId ?? event.data.id, data })];
    }
    // Only staff reads what is not billed: the endpoint of a tenant does not get it.
    const data = { tenantId, deploymentId, billingKind, reason, readings, quantity, period };
    return [message(event, 'usage.unbilled', { tenantId: null, subject: deploymentId, data })];
  },
};

/** The messages of an event by itself, in their order. */
export const messagesOf = (event: RecordedEvent): Message[] => (isMessageEvent(event) ? answer(messages, event) : []);

/** The types of messages about issued invoices, and of credit notes of these: their payer gets them too. */
const ADDRESSED: readonly MessageType[] = [
  ...(['invoice.issued', 'invoice.voided', 'invoice.paid', 'invoice.payment_withdrawn'] as const),
  'credit_note.issued',
];

/** The invoice that a message is about, if it is sent to the payer too. */
export const addressedInvoice = ({ type, data }: Message): string | null =>
  ADDRESSED.includes(type) && 'invoiceId' in data && typeof data.invoiceId === 'string' ? data.invoiceId : null;

/** A message about an invoice with its payer, as the invoice was issued. `payers`: by invoice. */
export function withPayer(message: Message, payers: ReadonlyMap<string, string | null>): Message {
  const invoiceId = addressedInvoice(message);
  if (invoiceId === null) return message;
  const payerId = payers.get(invoiceId) ?? null;
  return { ...message, payerId, data: { ...message.data, payerId } };
}

/** Whether a message is about a tenant, or about an invoice that is addressed to it. null: about any. */
export const concerns = (tenantId: string | null, message: Pick<Message, 'tenantId' | 'payerId'>): boolean =>
  tenantId === null || tenantId === message.tenantId || tenantId === message.payerId;

const money = (amount: string, currency: string): string => moneyText(decimal(amount), currency);

/** What a payment pays, or no longer pays, of invoices. */
const applied = (of: { readonly currency: string; readonly applied: Applied }) => ({
  applied: of.applied.map(({ invoiceId, amount }) => ({ invoiceId, amount: money(amount, of.currency) })),
});

/** The amounts of a document, at the scale of its currency. */
const amounts = ({ currency, subtotal, tax, total }: Record<'currency' | 'subtotal' | 'tax' | 'total', string>) => ({
  subtotal: money(subtotal, currency),
  tax: money(tax, currency),
  total: money(total, currency),
});

/** Lines of a tenant on drafted or issued invoices whose amounts an event may have changed. */
export interface Marked extends Of {
  readonly tenantId: string;
  /** Some of them. */
  readonly lineIds: readonly string[];
  readonly lineCount: number;
  /** The event is usage that was observed after the line was billed. */
  readonly isLate: boolean;
}

/** The messages about such lines. */
export function messagesOfMarked(marked: Marked): Message[] {
  const { tenantId, lineIds, lineCount, isLate } = marked;
  const about = { tenantId, subject: tenantId, data: { tenantId, lineIds, lineCount } };
  return [...(isLate ? [message(marked, 'usage.late', about)] : []), message(marked, 'correction.owed', about)];
}

/**
 * The message that the projections halted at an event. It is about a state that passes, so no message follows from the
 * event once they go on. Another halt at the same event has a message of its own.
 */
export function messageOfHalt(event: Of, { position, projection, reason, at }: Halt): Message {
  const subject = String(position);
  const data = { position, projection, reason, ...(at === undefined ? {} : { haltedAt: at }) };
  const first = message(event, 'projection.halted', { tenantId: null, subject, data });
  return at === undefined ? first : { ...first, id: derivedId('message', event.id, first.type, subject, at) };
}

/** A message as CloudEvents 1.0 has it, in JSON. `timestamp` is for receivers of Standard Webhooks. */
export const envelopeOf = ({ id, type, tenantId, position, recordedAt, subject, data }: Message) => ({
  specversion: '1.0' as const,
  id,
  source: 'ledgerline',
  type,
  subject,
  time: recordedAt,
  timestamp: recordedAt,
  ...(tenantId === null ? {} : { tenantid: tenantId }),
  position,
  datacontenttype: 'application/json' as const,
  data,
});
