import { isEventOf, type RecordedEvent } from '#domain/events';
import { foldInvoices, type InvoiceEvent, invoiceEvents } from '#domain/invoices/invoice';
import { type PaymentEvent, paymentEvents } from '#domain/invoices/payment-events';
import type { Billed } from '#domain/invoices/payments';
import { foldAccount } from '#domain/invoices/settlement';
import { transferEvents } from '#domain/invoices/transfer-events';

/** An event of an invoice or a credit note. */
export type RecordedInvoiceEvent = Extract<RecordedEvent, InvoiceEvent>;

export const isInvoiceEvent = isEventOf(invoiceEvents);

/** An event of a billing stream. */
export type RecordedBillingEvent = Extract<RecordedEvent, InvoiceEvent | PaymentEvent>;

export const isBillingEvent = isEventOf({ ...invoiceEvents, ...paymentEvents });

/** What a tenant is billed, and its account: from the events of its billing stream. */
export const billedOf = (
  { tenantId, currency }: Pick<Billed, 'tenantId' | 'currency'>,
  events: readonly RecordedBillingEvent[],
): Billed => ({
  ...{ tenantId, currency },
  invoices: foldInvoices(events.filter(isInvoiceEvent)),
  account: foldAccount(events),
});

/** Of a transfer of a payer. It changes no account by itself: the payments that follow it do. */
export const isTransferEvent = isEventOf(transferEvents);
