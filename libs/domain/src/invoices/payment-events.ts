import { z } from 'zod';
import { type Decimal, decimal, sum } from '../money/decimal.js';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zText } from '../schema.js';
import type { Instant } from '../time/instant.js';

/** Amounts of a payment that pay invoices. */
const zApplied = z.array(z.object({ invoiceId: z.uuid(), amount: zDecimal }));

/**
 * What the bank says: it may name persons, so it is kept outside the log. `reference`: recorded before, in the log.
 */
const zReference = {
  reference: zText.optional(),
  referenceRef: z.uuid().optional(),
  referenceHash: z.string().optional(),
};

// Stored permanently, in the billing stream of the tenant and the currency. `InvoicePaid` follows where nothing is left
// to pay of an invoice.
export const paymentEventsWith = (zId: IdSchema) => ({
  PaymentRecorded: z.object({
    paymentId: zId,
    tenantId: zId,
    currency: zCurrency,
    amount: zDecimal,
    at: zInstant,
    /** The tenant that sent it: this one, or one that pays for it. Absent: not stated. */
    payerId: zId.optional(),
    /** The transfer of the payer that it is a share of. Absent: of none. */
    transferId: zId.optional(),
    ...zReference,
    applied: zApplied,
  }),
  /** What was left of a payment pays invoices. */
  PaymentApplied: z.object({
    paymentId: zId,
    /** Absent: recorded before applications had ids. */
    applicationId: zId.optional(),
    tenantId: zId,
    currency: zCurrency,
    at: zInstant,
    applied: zApplied,
  }),
  /** The application never was: what it paid (`applied`) is left of the payment again, and to pay of its invoices. */
  PaymentApplicationWithdrawn: z.object({
    paymentId: zId,
    applicationId: zId,
    tenantId: zId,
    currency: zCurrency,
    applied: zApplied,
    withdrawn: z.string().optional(),
    reason: zText,
  }),
  /** The payment never was: what it paid (`applied`) is to pay again of its invoices. */
  PaymentWithdrawn: z.object({
    paymentId: zId,
    tenantId: zId,
    currency: zCurrency,
    applied: zApplied,
    withdrawn: z.string().optional(),
    reason: zText,
  }),
  /** Money that went back: what was left of a payment. Without a payment: credit of the tenant. */
  RefundRecorded: z.object({
    refundId: zId,
    tenantId: zId,
    currency: zCurrency,
    amount: zDecimal,
    at: zInstant,
    paymentId: zId.optional(),
    ...zReference,
    reason: zText.optional(),
  }),
  RefundWithdrawn: z.object({
    refundId: zId,
    tenantId: zId,
    currency: zCurrency,
    amount: zDecimal,
    paymentId: zId.optional(),
    withdrawn: z.string().optional(),
    reason: zText,
  }),
});
export const paymentEvents = paymentEventsWith(zId);
export type PaymentEvent = EventOf<typeof paymentEventsWith>;

export interface PaymentState {
  readonly amount: Decimal;
  readonly at: Instant;
  /** Who sent it. undefined: not stated. */
  readonly payerId: string | undefined;
  /** The transfer of `payerId` that it is a share of. undefined: of none. */
  readonly transferId: string | undefined;
  /** What pays no invoice and was not refunded. */
  readonly unapplied: Decimal;
  readonly refunded: Decimal;
  /** By invoice. */
  readonly applied: ReadonlyMap<string, Decimal>;
  /** By the id of the application: what `apply-payment` applied. */
  readonly applications: ReadonlyMap<string, Applied>;
}

/** Amounts that pay invoices, above 0 and with at most the decimals of the currency. */
export type Applied = z.output<typeof zApplied>;

export interface RefundState {
  /** null: from the credit of the tenant. */
  readonly paymentId: string | null;
  readonly amount: Decimal;
  /** Since when the tenant had the credit that it takes. */
  readonly since: Instant;
}

/** The sum of what an event applies. */
export const appliedBy = (applied: Applied): Decimal => sum(applied.map(({ amount }) => decimal(amount)));
