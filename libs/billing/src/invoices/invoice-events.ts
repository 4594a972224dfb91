import type { RecordedEvent } from '#domain/events';
import { type InvoiceEvent, invoiceEvents } from '#domain/invoices/invoice';

/** An event of a billing stream. */
export type RecordedInvoiceEvent = Extract<RecordedEvent, InvoiceEvent>;

export const isInvoiceEvent = (event: RecordedEvent): event is RecordedInvoiceEvent =>
  Object.hasOwn(invoiceEvents, event.type);
