import { isEventOf, type RecordedEvent } from '#domain/events';
import { type InvoiceEvent, invoiceEvents } from '#domain/invoices/invoice';
import { type PaymentEvent, paymentEvents } from '#domain/invoices/payment-events';

/** An event of an invoice or a credit note. */
export type RecordedInvoiceEvent = Extract<RecordedEvent, InvoiceEvent>;

export const isInvoiceEvent = isEventOf(invoiceEvents);

/** An event of a billing stream. */
export type RecordedBillingEvent = Extract<RecordedEvent, InvoiceEvent | PaymentEvent>;

export const isBillingEvent = isEventOf({ ...invoiceEvents, ...paymentEvents });
