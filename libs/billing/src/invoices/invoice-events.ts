import { isEventOf, type RecordedEvent } from '#domain/events';
import { type InvoiceEvent, invoiceEvents } from '#domain/invoices/invoice';
import { type PaymentEvent, paymentEvents } from '#domain/invoices/payment-events';
import { transferEvents } from '#domain/invoices/transfer-events';

/** An event of an invoice or a credit note. */
export type RecordedInvoiceEvent = Extract<RecordedEvent, InvoiceEvent>;

export const isInvoiceEvent = isEventOf(invoiceEvents);

/** An event of a billing stream. */
export type RecordedBillingEvent = Extract<RecordedEvent, InvoiceEvent | PaymentEvent>;

export const isBillingEvent = isEventOf({ ...invoiceEvents, ...paymentEvents });

/** Of a transfer of a payer. It changes no account by itself: the payments that follow it do. */
export const isTransferEvent = isEventOf(transferEvents);
