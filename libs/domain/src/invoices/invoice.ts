import { z } from 'zod';
import { conflict, invalid, notFound } from '../errors.js';
import { derivedId } from '../derived-id.js';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zPeriod, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import type { Instant } from '../time/instant.js';

/** The stream of a tenant's invoices in one currency, which puts them in order. */
export const billingStream = (tenantId: string, currency: string): string =>
  streamName('billing', [tenantId], { end: `-${currency}` });

/** The subject of an invoice. Each subject has at most one live invoice. */
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

/** A row as it was frozen, with its price, its tax and the rows that it corrects. */
const frozenRowWith = (zId: IdSchema) =>
  z.object({
    rowId: z.uuid(),
    lineId: z.uuid(),
    partId: z.uuid(),
    subscriptionId: zId,
    deploymentId: zId,
    billingKind: zId,
    /** The period that the charge is for. A reversal has that of the row that it reverses. */
    chargePeriod: zPeriod,
    ref: z.string(),
    quantity: zDecimal,
    unitAmount: zDecimal,
    /** What the unit amount is for, if the rate says so. */
    unit: z.string().optional(),
    gross: zDecimal,
    discount: zDecimal,
    credit: zDecimal,
    net: zDecimal,
    /** The coupons and credits that make up `credit`. A reversal gives them back. */
    credits: z.array(z.object({ creditId: zId, amount: zDecimal })).optional(),
    taxRatePercent: zDecimal,
    tax: zDecimal,
    planId: zId,
    planEffectiveFrom: zInstant,
    /**
     * `charge`: billed for the first time · `reversal`: reverses an issued row · `rebooked`: the right row in its place
     * · `credit_note`.
     */
    kind: z.enum(['charge', 'reversal', 'rebooked', 'credit_note']),
    /** The issued rows that a reversal, a rebooked row or a credit note corrects. */
    corrects: z.array(z.uuid()).optional(),
    reason: zText.optional(),
  });

/** A selection of a tenant's lines: those of these subscriptions and these billing kinds. */
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

/** The seller as it was then. Absent: none was configured, or the document is older than these fields. */
export const zSellerRef = { sellerRef: z.uuid().optional(), sellerHash: z.string().optional() };

const zQuarantined = z.object({ lineId: z.uuid(), code: z.string(), message: z.string() });

// Stored permanently. An invoice of 20,000 rows does not fit into one event, so its chunks are recorded first. They
// count only once the event that names their attempt follows.
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
  /** The id of the invoice, or of the credit note. */
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
    /** When the amount is due, by the payment terms of who pays as they then were. Absent: there were none. */
    dueAt: zInstant.optional(),
    /** The log position from which the invoice was computed. What is recorded later is late for this invoice. */
    computedAt: z.number().int(),
    attempt: z.uuid(),
    chunks: z.number().int().nonnegative(),
    rowsHash: z.string(),
    subtotal: zDecimal,
    tax: zDecimal,
    total: zDecimal,
    detailsRef: z.uuid(),
    detailsHash: z.string(),
    /** The tenant that it is addressed to, with its details. Absent: the billed tenant itself. */
    payer: z.object({ tenantId: zId, detailsRef: z.uuid(), detailsHash: z.string() }).optional(),
    ...zSellerRef,
    /**
     * Lines that could not be rated. The parts that the draft claims of them are not billed and stay open. Absent:
     * none.
     */
    quarantined: z.array(zQuarantined).optional(),
    /**
     * The Merkle tree over the log up to `computedAt`, with `root` in base64. Absent: the invoice is older than the
     * tree.
     */
    tree: z.object({ size: z.number().int(), root: z.string() }).optional(),
  }),
  InvoiceVoided: z.object({
    invoiceId: z.uuid(),
    tenantId: zId,
    currency: zCurrency,
    at: zInstant,
    reason: zText.optional(),
  }),
  InvoicePaid: z.object({
    invoiceId: z.uuid(),
    tenantId: zId,
    currency: zCurrency,
    at: zInstant,
    /** A credit note left nothing to pay. Absent: money came, or the event is older than this field. */
    by: z.literal('credit_note').optional(),
  }),
  /** It was not paid: it is issued again. `withdrawn`: the key of the command that said so. */
  InvoicePaymentWithdrawn: z.object({
    invoiceId: z.uuid(),
    tenantId: zId,
    currency: zCurrency,
    withdrawn: z.string().optional(),
    reason: zText,
  }),
  /** Credited amounts, above zero; the amounts of the rows are below zero. */
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
    ...zSellerRef,
  }),
});
export const invoiceEvents = invoiceEventsWith(zId);

export type ClaimedPart = z.infer<typeof zClaimedPart>;
export type FrozenRow = z.infer<ReturnType<typeof frozenRowWith>>;

/** A row before it has an id and a tax. A reversal has the tax of the rows that it reverses. */
export type DraftRow = Omit<FrozenRow, 'rowId' | 'tax'> & { readonly tax?: string };

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

/** The invoices of a billing stream, in the order in which they were drafted. Chunks change no state. */
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
      case 'InvoicePaymentWithdrawn':
        change(data.invoiceId, { status: 'issued' });
        break;
      case 'CreditNoteIssued':
        change(data.invoiceId, { hasCreditNotes: true });
        break;
    }
  }
  return invoices;
}

/** The live invoice of a subject, if there is one, and the id of its next invoice. */
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
  if (invoice.status === 'void')
    throw conflict(
      'invoice_not_draft',
      `invoice ${invoiceId} is void and stays void. To bill the same again, run create-invoice as of ${invoice.asOf}.`,
    );
  if (invoice.status !== 'draft')
    throw conflict('invoice_not_draft', `invoice ${invoiceId} is ${invoice.status}: only a draft can be issued`);
}

/** `correctedBy`: the issued invoices that correct rows of this one. */
export function assertVoidable(
  invoice: InvoiceState | undefined,
  invoiceId: string,
  correctedBy: readonly string[],
): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.hasCreditNotes)
    throw conflict(
      'invoice_credited',
      `invoice ${invoiceId} has credit notes: it can’t be voided. Credit the rest of it, if any is left.`,
    );
  if (invoice.status === 'paid')
    throw conflict(
      'invoice_paid',
      `invoice ${invoiceId} is paid and can't be voided: issue a credit note, or withdraw pay-invoice if it never was`,
    );
  if (invoice.status === 'void') throw conflict('invoice_void', `invoice ${invoiceId} is void already`);
  if (correctedBy.length > 0)
    throw conflict(
      'invoice_corrected',
      `invoice ${invoiceId} is corrected by ${correctedBy.join(', ')}: void those first`,
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

/** Errors: `unknown_invoice`, `invoice_not_paid`. */
export function assertPaymentWithdrawable(invoice: InvoiceState | undefined, invoiceId: string): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status !== 'paid')
    throw conflict('invoice_not_paid', `invoice ${invoiceId} is ${invoice.status}: there is no payment to withdraw`);
}

export function assertCreditable(invoice: InvoiceState | undefined, invoiceId: string): void {
  if (invoice === undefined) throw unknownInvoice(invoiceId);
  if (invoice.status !== 'issued' && invoice.status !== 'paid')
    throw conflict(
      'invoice_not_issued',
      `invoice ${invoiceId} is ${invoice.status}: only an issued invoice can be credited`,
    );
}

const unknownInvoice = (invoiceId: string) => notFound('unknown_invoice', `invoice ${invoiceId} does not exist`);

/** Invoices and credit notes have a series of numbers each, without gaps. */
export type Series = 'INV' | 'CN';
/** So have consolidated invoices, which have no rows of their own. */
export type NumberSeries = Series | 'CI';

export function documentNumber(series: NumberSeries, ordinal: number): string {
  if (ordinal < 1) throw invalid('invoice_ordinal', 'numbers begin at 1');
  return `${series}-${String(ordinal).padStart(6, '0')}`;
}
