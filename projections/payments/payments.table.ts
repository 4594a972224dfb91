import type { Share } from '#domain/invoices/transfer-events';
import { bigint, jsonb, numeric, text, timestamptz, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Payments of tenants, without those that were withdrawn. */
export const payments = defineTable({
  name: 'payments',
  columns: {
    tenant_id: text,
    currency: text,
    payment_id: text,
    amount: numeric,
    paid_at: timestamptz,
    /** Who sent it. null: not stated. */
    payer_id: text.nullable(),
    /** The transfer of the payer that it is a share of. null: of none. */
    transfer_id: text.nullable(),
    /** In the event itself: of older events only. */
    reference: text.nullable(),
    /** In the private texts. */
    reference_ref: uuid.nullable(),
    /** What pays no invoice and was not refunded. */
    unapplied: numeric,
    refunded: numeric,
  },
  key: ['tenant_id', 'currency', 'payment_id'],
});

export type PaymentRow = RowOf<typeof payments>;

/** What payments pay of invoices. */
export const paymentApplications = defineTable({
  name: 'payment_applications',
  columns: {
    tenant_id: text,
    currency: text,
    payment_id: text,
    invoice_id: uuid,
    /** The log position at which it was applied. */
    applied_position: bigint,
    applied_at: timestamptz,
    /** null: applied when the payment was recorded. */
    application_id: text.nullable(),
    amount: numeric,
  },
  key: ['tenant_id', 'currency', 'payment_id', 'invoice_id', 'applied_position'],
  group: ['tenant_id', 'currency', 'payment_id'],
});

export type PaymentApplicationRow = RowOf<typeof paymentApplications>;

/** Money that went back to tenants, without what was withdrawn. */
export const refunds = defineTable({
  name: 'refunds',
  columns: {
    tenant_id: text,
    currency: text,
    refund_id: text,
    /** null: from the credit of the tenant. */
    payment_id: text.nullable(),
    amount: numeric,
    refunded_at: timestamptz,
    /** In the event itself: of older events only. */
    reference: text.nullable(),
    /** In the private texts. */
    reference_ref: uuid.nullable(),
    reason: text.nullable(),
  },
  key: ['tenant_id', 'currency', 'refund_id'],
});

export type RefundRow = RowOf<typeof refunds>;

/** What payers sent for several tenants, without what was withdrawn. The payments of the shares are in `payments`. */
export const transfers = defineTable({
  name: 'transfers',
  columns: {
    payer_id: text,
    currency: text,
    transfer_id: text,
    amount: numeric,
    sent_at: timestamptz,
    /** In the private texts. */
    reference_ref: uuid.nullable(),
    /** As it was divided. */
    shares: jsonb<readonly Share[]>(),
  },
  key: ['payer_id', 'currency', 'transfer_id'],
});

export type TransferRow = RowOf<typeof transfers>;

declare module '#read-model/read-models' {
  interface ReadModels {
    payments: History<PaymentRow>;
    payment_applications: History<PaymentApplicationRow>;
    refunds: History<RefundRow>;
    transfers: History<TransferRow>;
  }
}
