import { z } from 'zod';
import { conflict, invalid, notFound } from '../errors.js';
import { derivedId } from '../derived-id.js';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zPeriod, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import type { Instant } from '../time/instant.js';

/** Puts a tenant's invoices of one currency in order. */
export const billingStream = (tenantId: string, currency: string): string =>
  streamName('billing', [tenantId], { end: `-${currency}` });

/** What an invoice is of: there is at most one live invoice of each. */
export interface InvoiceSubject {
  readonly tenantId: string;
  readonly currency: string;
  readonly asOf: Instant;
  /** null: all lines. */
  readonly selection: Selection | null;
}

export const invoiceIdOf = ({ tenantId, currency, asOf, selection }: InvoiceSubject, voidedBefore: number): string =>
  selection === null
    ? derivedId('invoice', tenantId, currency, asOf, voidedBefore)
    : derivedId('invoice', tenantId, currency, asOf, voidedBefore, selectionText(selection));

const selectionText = (selection: Selection | null): string =>
  selection === null
    ? ''
    : JSON.stringify([[...(selection.subscriptionIds ?? [])].sort(), [...(selection.billingKinds ?? [])].sort()]);

export const zClaimedPart = z.object({ lineId: z.uuid(), partId: z.uuid(), period: zPeriod });

/** A row as it was frozen: prices, tax and what it corrects included. */
const frozenRowWith = (zId: IdSchema) =>
  z.object({
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
    /** The coupons and credits that `credit` was taken from; a reversal gives them back. */
    credits: z.array(z.object({ creditId: zId, amount: zDecimal })).optional(),
    taxRatePercent: zDecimal,
    tax: zDecimal,
    planId: zId,
    planEffectiveFrom: zInstant,
    /** `charge`: billed for the first time · `reversal`: takes an issued row back · `rebooked`: as it should be · `credit_note`. */
    kind: z.enum(['charge', 'reversal', 'rebooked', 'credit_note']),
    /** The issued rows that a reversal, a rebooked row or a credit note corrects. */
    corrects: z.array(z.uuid()).optional(),
    reason: zText.optional(),
  });

/** Some of a tenant's lines: those of these subscriptions and of these billing kinds. */
const selectionWith = (zId: IdSchema) =>
  z.strictObject({
    subscriptionIds: z.array(zId).min(1).optional(),
    billingKinds: z.array(zId).min(1).optional(),
  });
export const zSelection = selectionWith(zId);
export type Selection = z.infer<typeof zSelection>;

export const isSelected = (
  { subscriptionIds, billingKinds }: Selection,
  line: { readonly subscriptionId: string; readonly billingKind: string },
): boolean =>
  (subscriptionIds?.includes(line.subscriptionId) ?? true) && (billingKinds?.includes(line.billingKind) ?? true);

const zQuarantined = z.object({ lineId: z.uuid(), code: z.string(), message: z.string() });

// Stored for ever. Chunks come first and count only once the event that names their attempt follows: an invoice of
// 20,000 rows fits no single event.
export const invoiceEventsWith = (zId: IdSchema) => ({
  InvoicePartsClaimed: z.object({
    invoiceId: z.uuid(),
    attempt: z.uuid(),
    n: z.number().int(),
    parts: z.array(zClaimedPart),
  }),
  InvoiceDrafted: z.object({
    invoiceId: z.uuid(),
    tenantId: zId,
    currency: zCurrency,
    asOf: zInstant,
    attempt: z.uuid(),
    chunks: z.number().int().nonnegative(),
    partsHash: z.string(),
    /** Absent: all lines. */
    selection: selectionWith(zId).optional(),
  }),
  /** `invoiceId` is the invoice's, or the credit note's. */
  InvoiceRowsFrozen: z.object({
    invoiceId: z.uuid(),
    attempt: z.uuid(),
    n: z.number().int(),
    rows: z.array(frozenRowWith(zId)),
  }),
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
    /** The Merkle tree over the log up to `computedAt`: what all was computed from. `root` in base64. Absent: issued before there was one. */
    tree: z.object({ size: z.number().int(), root: z.string() }).optional(),
  }),
  InvoiceVoided: z.object({
    invoiceId: z.uuid(),
    tenantId: zId,
    currency: zCurrency,
    at: zInstant,
    reason: zText.optional(),
  }),
  InvoicePaid: z.object({ invoiceId: z.uuid(), tenantId: zId, currency: zCurrency, at: zInstant }),
  /** Amounts are what is credited, above zero; the rows are below. */
  CreditNoteIssued: z.object({
    creditNoteId: z.uuid(),
    invoiceId: z.uuid(),
    tenantId: zId,
    currency: zCurrency,
    issuedAt: zInstant,
    attempt: z.uuid(),
    chunks: z.number().int().nonnegative(),
    rowsHash: z.string(),
    subtotal: zDecimal,
    tax: zDecimal,
    total: zDecimal,
    reason: zText,
  }),
});
export const invoiceEvents = invoiceEventsWith(zId);

export type ClaimedPart = z.infer<typeof zClaimedPart>;
export type FrozenRow = z.infer<ReturnType<typeof frozenRowWith>>;

/** A row before its id and its tax. `taxRatePercent` is given where the row corrects one: that row's rate. */
export type DraftRow = Omit<FrozenRow, 'rowId' | 'tax' | 'taxRatePercent'> & { readonly taxRatePercent: string | null };

export type InvoiceEvent = EventOf<typeof invoiceEventsWith>;

export const INVOICE_STATUSES = ['draft', 'issued', 'paid', 'void'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

export interface InvoiceState {
  readonly invoiceId: string;
  readonly asOf: Instant;
  readonly selection: Selection | null;
  readonly status: InvoiceStatus;
  readonly hasCreditNotes: boolean;
}

/** The invoices of a billing stream, in the order in which they were drafted. Chunks alone decide nothing. */
export function foldInvoices(events: Iterable<InvoiceEvent>): Map<string, InvoiceState> {
  const invoices = new Map<string, InvoiceState>();
  const change = (invoiceId: string, next: Partial<InvoiceState>): void => {
    const current = invoices.get(invoiceId);
    if (current !== undefined) invoices.set(invoiceId, { ...current, ...next });
  };
  for (const { type, data } of events) {
    switch (type) {
      case 'InvoicePartsClaimed':
      case 'InvoiceRowsFrozen':
        break;
      case 'InvoiceDrafted':
        invoices.set(data.invoiceId, {
          invoiceId: data.invoiceId,
          asOf: data.asOf,
          selection: data.selection ?? null,
          status: 'draft',
          hasCreditNotes: false,
        });
        break;
      case 'InvoiceIssued':
        change(data.invoiceId, { status: 'issued' });
        break;
      case 'InvoiceVoided':
        change(data.invoiceId, { status: 'void' });
        break;
      case 'InvoicePaid':
        change(data.invoiceId, { status: 'paid' });
        break;
      case 'CreditNoteIssued':
        change(data.invoiceId, { hasCreditNotes: true });
        break;
    }
  }
  return invoices;
}

/** The live invoice of an instant and a selection of lines, if there is one, and the id that the next one for it would have. */
export function invoiceFor(
  invoices: ReadonlyMap<string, InvoiceState>,
  subject: InvoiceSubject,
): { live: InvoiceState | undefined; nextId: string } {
  const same = [...invoices.values()].filter(
    (each) => each.asOf === subject.asOf && selectionText(each.selection) === selectionText(subject.selection),
  );
  const voided = same.filter(({ status }) => status === 'void').length;
  return {
    live: same.find(({ status }) => status !== 'void'),
    nextId: invoiceIdOf(subject, voided),
  };
}

export function assertIssuable(invoice: InvoiceState | undefined, invoiceId: string): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status !== 'draft')
    throw conflict('invoice_not_draft', `invoice ${invoiceId} is ${invoice.status}: only a draft can be issued`);
}

/** `correctedBy`: issued invoices that correct rows of this one. */
export function assertVoidable(
  invoice: InvoiceState | undefined,
  invoiceId: string,
  correctedBy: readonly string[],
): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status === 'paid')
    throw conflict('invoice_paid', `invoice ${invoiceId} is paid and can't be voided: issue a credit note instead`);
  if (invoice.status === 'void') throw conflict('invoice_void', `invoice ${invoiceId} is void already`);
  if (invoice.hasCreditNotes)
    throw conflict('invoice_credited', `invoice ${invoiceId} has credit notes: credit what is left of it instead`);
  if (correctedBy.length > 0)
    throw conflict(
      'invoice_corrected',
      `invoice ${invoiceId} is corrected by ${correctedBy.join(', ')}: void that first`,
    );
}

export function assertPayable(invoice: InvoiceState | undefined, invoiceId: string): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status !== 'issued')
    throw conflict(
      'invoice_not_issued',
      `invoice ${invoiceId} is ${invoice.status}: only an issued invoice can be paid`,
    );
}

export function assertCreditable(invoice: InvoiceState | undefined, invoiceId: string): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status !== 'issued' && invoice.status !== 'paid')
    throw conflict(
      'invoice_not_issued',
      `invoice ${invoiceId} is ${invoice.status}: only an issued invoice can be credited`,
    );
}

const unknownInvoice = (invoiceId: string) => notFound('unknown_invoice', `there is no invoice ${invoiceId}`);

/** Invoices and credit notes are numbered apart, each without gaps. */
export type Series = 'INV' | 'CN';

export function documentNumber(series: Series, ordinal: number): string {
  if (ordinal < 1) throw invalid('invoice_ordinal', 'numbers begin at 1');
  return `${series}-${String(ordinal).padStart(6, '0')}`;
}
