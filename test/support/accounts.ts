import { foldInvoices, type InvoiceEvent } from '#domain/invoices/invoice';
import type { Billed, BillingEvent } from '#domain/invoices/payments';
import { foldAccount } from '#domain/invoices/settlement';
import { isDomainError } from '#domain/schema';
import type { Instant } from '#domain/time/instant';

/** What specs say of accounts: the events of a billing stream, and what they come to. */

interface Issued {
  readonly tenantId: string;
  readonly currency: string;
  readonly invoiceId: string;
  readonly total: string;
  readonly at: Instant;
  /** Whom it is addressed to. Absent: the tenant itself. */
  readonly payerId?: string | undefined;
}

/** An invoice that was drafted and issued at once. */
export const issuedInvoice = ({ tenantId, currency, invoiceId, total, at, payerId }: Issued): InvoiceEvent[] => [
  {
    type: 'InvoiceDrafted',
    data: { invoiceId, tenantId, currency, asOf: at, attempt: 'a', chunks: 0, partsHash: '' },
  },
  {
    type: 'InvoiceIssued',
    data: {
      ...{ invoiceId, tenantId, currency, issuedAt: at, computedAt: 1, attempt: 'a', chunks: 0, rowsHash: '' },
      ...{ subtotal: total, tax: '0', total, detailsRef: 'r', detailsHash: 'h' },
      ...(payerId === undefined ? {} : { payer: { tenantId: payerId, detailsRef: 'r', detailsHash: 'h' } }),
    },
  },
];

export const accountOf = (
  { tenantId, currency }: Pick<Billed, 'tenantId' | 'currency'>,
  events: readonly BillingEvent[],
): Billed => ({
  ...{ tenantId, currency, account: foldAccount(events) },
  invoices: foldInvoices(
    events.filter((event): event is InvoiceEvent => !('paymentId' in event.data) && !('refundId' in event.data)),
  ),
});

/** The code of the refusal. `none`: it is not refused. */
export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isDomainError(error)) return error.code;
    throw error;
  }
  return 'none';
}
