import { z } from 'zod';
import { compareText } from '../compare-text.js';
import { derivedId } from '../derived-id.js';
import { conflict, type DomainError, notFound } from '../errors.js';
import { type Decimal, decimal, sum, text, ZERO } from '../money/decimal.js';
import { type IdSchema, zCurrency, zDecimal, zInstant, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { type Instant, isBefore } from '../time/instant.js';
import { documentNumber, type InvoiceStatus, zSellerRef } from './invoice.js';

/**
 * The stream of the consolidated invoices of a payer in one currency. It is not the billing stream of the payer: that
 * is the account of the payer itself, and its invoices stay in the accounts of the billed tenants.
 */
export const consolidatedStream = (payerId: string, currency: string): string =>
  streamName('consolidated', [payerId], { end: `-${currency}` });

/** Under this lock invoices are consolidated. Whoever voids one holds it together with others. */
export const CONSOLIDATING = 'consolidated invoices';

// Stored permanently.
export const consolidatedEventsWith = (zId: IdSchema) => ({
  ConsolidatedInvoiceIssued: z.object({
    consolidatedInvoiceId: z.uuid(),
    payerId: zId,
    currency: zCurrency,
    issuedAt: zInstant,
    /** By the payment terms of the payer as they then were, or the first of its invoices. Absent: none has one. */
    dueAt: zInstant.optional(),
    /** By tenant, then in the order of their numbers. */
    invoices: z.array(z.object({ invoiceId: z.uuid(), tenantId: zId })),
    subtotal: zDecimal,
    tax: zDecimal,
    total: zDecimal,
    /** The payer, as it then was. */
    detailsRef: z.uuid(),
    detailsHash: z.string(),
    ...zSellerRef,
  }),
  /** It keeps its number. Its invoices can be consolidated again, or are paid by themselves. */
  ConsolidatedInvoiceVoided: z.object({
    consolidatedInvoiceId: z.uuid(),
    payerId: zId,
    currency: zCurrency,
    at: zInstant,
    reason: zText.optional(),
  }),
});

/** What a consolidated invoice is about: each subject has at most one that is not void. */
export interface ConsolidatedSubject {
  readonly payerId: string;
  readonly currency: string;
  readonly at: Instant;
  /** The invoices to consolidate. null: all that can be. */
  readonly named: ReadonlySet<string> | null;
}

/** `voidedBefore`: how many of the subject are void. */
export const consolidatedIdOf = (
  { payerId, currency, at, named }: ConsolidatedSubject,
  voidedBefore: number,
): string => {
  const names = named === null ? '' : JSON.stringify([...named].sort(compareText));
  return derivedId('consolidated-invoice', payerId, currency, at, names, voidedBefore);
};

/** An invoice that is to be part of a consolidated one. */
export interface MemberToBe {
  readonly invoiceId: string;
  /** null: it is not issued. */
  readonly ordinal: number | null;
  readonly tenantId: string;
  readonly payerId: string | null;
  readonly currency: string;
  readonly status: InvoiceStatus;
  readonly issuedAt: Instant | null;
  readonly dueAt: Instant | null;
  readonly subtotal: string | null;
  readonly tax: string | null;
  readonly total: string | null;
  /** The ordinal of the consolidated invoice that it is part of. null: of none. */
  readonly partOf: number | null;
}

/**
 * Whether a named invoice can be consolidated. Errors: `invoice_not_issued`, `invoice_void`, `addressed_to_another`,
 * `currency_mismatch`, `invoice_issued_later`, `invoice_below_zero`, `part_of_consolidated_invoice`.
 */
export function assertCanBeMember(invoice: MemberToBe, { payerId, currency, at }: ConsolidatedSubject): void {
  const { invoiceId, status, issuedAt, total, ordinal } = invoice;
  const number = ordinal === null ? invoiceId : documentNumber('INV', ordinal);
  if (status === 'void') throw conflict('invoice_void', `invoice ${number} is void. Leave it out.`);
  if (ordinal === null || issuedAt === null || total === null)
    throw conflict('invoice_not_issued', `invoice ${number} is a ${status}. Issue it first.`);
  const addressee = invoice.payerId ?? invoice.tenantId;
  if (addressee !== payerId)
    throw conflict(
      'addressed_to_another',
      `invoice ${number} is addressed to ${addressee}. Name invoices that are addressed to ${payerId}.`,
    );
  if (invoice.currency !== currency)
    throw conflict(
      'currency_mismatch',
      `invoice ${number} is in ${invoice.currency}, and the consolidated invoice is in ${currency}.` +
        ` Name invoices in ${currency}.`,
    );
  if (isBefore(at, issuedAt))
    throw conflict(
      'invoice_issued_later',
      `invoice ${number} was issued at ${issuedAt}. State this instant or a later one.`,
    );
  if (decimal(total).lt(ZERO))
    throw conflict(
      'invoice_below_zero',
      `invoice ${number} is below zero: its amount is credit of tenant ${invoice.tenantId}. Leave it out.`,
    );
  assertNotPart(number, invoice.partOf);
}

/** Errors: `part_of_consolidated_invoice`. */
export function assertNotPart(invoice: string, partOf: number | null): void {
  if (partOf === null) return;
  throw isPart(invoice, documentNumber('CI', partOf), (of) => `Void ${of} first (void-consolidated-invoice).`);
}

/**
 * `of`: the number of the consolidated invoice. null: the caller may not see it. `remedy`: what to do about it.
 */
export const isPart = (invoice: string, of: string | null, remedy: (of: string) => string): DomainError =>
  conflict(
    'part_of_consolidated_invoice',
    of === null
      ? `invoice ${invoice} is part of a consolidated invoice. It was sent to its payer.`
      : `invoice ${invoice} is part of the consolidated invoice ${of}. ${remedy(of)}`,
  );

/**
 * When a consolidated invoice is due: by the payment terms of the payer, or without terms, when the first of its
 * invoices is. undefined: none of them has a due date.
 */
export const dueOf = (byTerms: Instant | null, invoices: readonly Pick<MemberToBe, 'dueAt'>[]): Instant | undefined =>
  byTerms ??
  invoices
    .flatMap(({ dueAt }) => dueAt ?? [])
    .reduce<Instant | undefined>((first, at) => (first === undefined || isBefore(at, first) ? at : first), undefined);

/** Errors: `invoice_void`, `before_issue`. */
export function assertConsolidatedVoidable(
  consolidated: { readonly ordinal: number; readonly issuedAt: Instant; readonly voidedAt: Instant | null },
  at: Instant,
): void {
  const { issuedAt, voidedAt } = consolidated;
  const number = documentNumber('CI', consolidated.ordinal);
  if (voidedAt !== null)
    throw conflict('invoice_void', `consolidated invoice ${number} is void since ${voidedAt}, and stays void.`);
  if (isBefore(at, issuedAt))
    throw conflict(
      'before_issue',
      `consolidated invoice ${number} was issued at ${issuedAt}. State this instant or a later one.`,
    );
}

/** By tenant, then in the order of their numbers. */
export const inOrder = <Invoice extends { readonly tenantId: string; readonly ordinal: number | null }>(
  invoices: readonly Invoice[],
): Invoice[] => invoices.toSorted((a, b) => compareText(a.tenantId, b.tenantId) || (a.ordinal ?? 0) - (b.ordinal ?? 0));

/** The frozen amounts of invoices, added up. */
export function memberTotals(
  invoices: readonly Pick<MemberToBe, 'subtotal' | 'tax' | 'total'>[],
): Record<'subtotal' | 'tax' | 'total', string> {
  const added = (field: 'subtotal' | 'tax' | 'total'): string =>
    text(sum(invoices.map((each): Decimal => decimal(each[field] ?? '0'))));
  return { subtotal: added('subtotal'), tax: added('tax'), total: added('total') };
}

export const unknownConsolidated = (id: string): DomainError =>
  notFound('unknown_consolidated_invoice', `there is no consolidated invoice ${id}`);
