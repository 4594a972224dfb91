import { z } from 'zod';
import { conflict, invalid, notFound } from '../errors.js';
import { derivedId } from '../lines/line.js';
import { zCurrency, zDecimal, zId, zInstant, zPeriod, zText } from '../schema.js';
import type { Instant } from '../time/instant.js';

/** Puts a tenant's invoices of one currency in order. */
export const billingStream = (tenantId: string, currency: string): string => `billing-${encodeURIComponent(tenantId)}-${currency}`;

export const invoiceIdOf = (tenantId: string, currency: string, asOf: Instant, voidedBefore: number): string =>
  derivedId('invoice', tenantId, currency, asOf, voidedBefore);

export const zClaimedPart = z.object({ lineId: z.uuid(), partId: z.uuid(), period: zPeriod });

/** A row as it was frozen: prices, tax and what it corrects included. */
export const zFrozenRow = z.object({
  rowId: z.uuid(),
  lineId: z.uuid(),
  partId: z.uuid(),
  subscriptionId: zId,
  deploymentId: zId,
  billingKind: zId,
  /** The part's own charge period, also where the row corrects it. */
  chargePeriod: zPeriod,
  ref: z.string(),
  quantity: zDecimal,
  unitAmount: zDecimal,
  gross: zDecimal,
  discount: zDecimal,
  credit: zDecimal,
  net: zDecimal,
  taxRatePercent: zDecimal,
  tax: zDecimal,
  planId: zId,
  planEffectiveFrom: zInstant,
  /** `charge`: billed for the first time · `reversal`: takes an issued row back · `rebooked`: as it should be. */
  kind: z.enum(['charge', 'reversal', 'rebooked']),
  /** The issued rows that a reversal or rebooked row corrects. */
  corrects: z.array(z.uuid()).optional(),
  reason: zText.optional(),
});

const zQuarantined = z.object({ lineId: z.uuid(), code: z.string(), message: z.string() });

// Stored for ever. Chunks come first and count only once the event that names their attempt follows: an invoice of
// 20,000 rows fits no single event.
export const invoiceEvents = {
  InvoicePartsClaimed: z.object({ invoiceId: z.uuid(), attempt: z.uuid(), n: z.number().int(), parts: z.array(zClaimedPart) }),
  InvoiceDrafted: z.object({
    invoiceId: z.uuid(),
    tenantId: zId,
    currency: zCurrency,
    asOf: zInstant,
    attempt: z.uuid(),
    chunks: z.number().int().nonnegative(),
    partsHash: z.string(),
  }),
  InvoiceRowsFrozen: z.object({ invoiceId: z.uuid(), attempt: z.uuid(), n: z.number().int(), rows: z.array(zFrozenRow) }),
  InvoiceIssued: z.object({
    invoiceId: z.uuid(),
    tenantId: zId,
    currency: zCurrency,
    issuedAt: zInstant,
    /** The log position that all was computed from: what is recorded later is late for this invoice. */
    computedAt: z.number().int(),
    attempt: z.uuid(),
    chunks: z.number().int().nonnegative(),
    rowsHash: z.string(),
    subtotal: zDecimal,
    tax: zDecimal,
    total: zDecimal,
    detailsRef: z.uuid(),
    detailsHash: z.string(),
    /** Lines that could not be rated: what the draft claims of them is not billed, and stays open. Absent: none. */
    quarantined: z.array(zQuarantined).optional(),
  }),
  InvoiceVoided: z.object({ invoiceId: z.uuid(), tenantId: zId, currency: zCurrency, at: zInstant, reason: zText.optional() }),
  InvoicePaid: z.object({ invoiceId: z.uuid(), tenantId: zId, currency: zCurrency, at: zInstant }),
};

export type ClaimedPart = z.infer<typeof zClaimedPart>;
export type FrozenRow = z.infer<typeof zFrozenRow>;
export type InvoiceEvent = {
  [Type in keyof typeof invoiceEvents]: { readonly type: Type; readonly data: z.infer<(typeof invoiceEvents)[Type]> };
}[keyof typeof invoiceEvents];

export const INVOICE_STATUSES = ['draft', 'issued', 'paid', 'void'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

export interface InvoiceState {
  readonly invoiceId: string;
  readonly asOf: Instant;
  readonly status: InvoiceStatus;
}

/** The invoices of a billing stream, in the order in which they were drafted. Chunks alone decide nothing. */
export function foldInvoices(events: Iterable<InvoiceEvent>): Map<string, InvoiceState> {
  const invoices = new Map<string, InvoiceState>();
  const setStatus = (invoiceId: string, status: InvoiceStatus): void => {
    const current = invoices.get(invoiceId);
    if (current !== undefined) invoices.set(invoiceId, { ...current, status });
  };
  for (const { type, data } of events) {
    switch (type) {
      case 'InvoicePartsClaimed':
      case 'InvoiceRowsFrozen':
        break;
      case 'InvoiceDrafted':
        invoices.set(data.invoiceId, { invoiceId: data.invoiceId, asOf: data.asOf, status: 'draft' });
        break;
      case 'InvoiceIssued':
        setStatus(data.invoiceId, 'issued');
        break;
      case 'InvoiceVoided':
        setStatus(data.invoiceId, 'void');
        break;
      case 'InvoicePaid':
        setStatus(data.invoiceId, 'paid');
        break;
    }
  }
  return invoices;
}

/** The live invoice of an instant, if there is one, and the id that the next one for it would have. */
export function invoiceFor(
  invoices: ReadonlyMap<string, InvoiceState>,
  tenantId: string,
  currency: string,
  asOf: Instant,
): { live: InvoiceState | undefined; nextId: string } {
  const same = [...invoices.values()].filter((each) => each.asOf === asOf);
  const voided = same.filter(({ status }) => status === 'void').length;
  return { live: same.find(({ status }) => status !== 'void'), nextId: invoiceIdOf(tenantId, currency, asOf, voided) };
}

export function assertIssuable(invoice: InvoiceState | undefined, invoiceId: string): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status !== 'draft') throw conflict('invoice_not_draft', `invoice ${invoiceId} is ${invoice.status}: only a draft can be issued`);
}

/** `correctedBy`: issued invoices that correct rows of this one. */
export function assertVoidable(invoice: InvoiceState | undefined, invoiceId: string, correctedBy: readonly string[]): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status === 'paid') throw conflict('invoice_paid', `invoice ${invoiceId} is paid and can't be voided: issue a credit note instead`);
  if (invoice.status === 'void') throw conflict('invoice_void', `invoice ${invoiceId} is void already`);
  if (correctedBy.length > 0)
    throw conflict('invoice_corrected', `invoice ${invoiceId} is corrected by ${correctedBy.join(', ')}: void that first`);
}

export function assertPayable(invoice: InvoiceState | undefined, invoiceId: string): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status !== 'issued') throw conflict('invoice_not_issued', `invoice ${invoiceId} is ${invoice.status}: only an issued invoice can be paid`);
}

const unknownInvoice = (invoiceId: string) => notFound('unknown_invoice', `there is no invoice ${invoiceId}`);

export function invoiceNumber(ordinal: number): string {
  if (ordinal < 1) throw invalid('invoice_ordinal', 'invoice numbers begin at 1');
  return `INV-${String(ordinal).padStart(6, '0')}`;
}
