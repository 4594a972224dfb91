import { defineTable } from '#read-model/table';

/**
 * Revenue by charge month, ex tax: what issued invoices bill, as signed deltas. A row crossing a month is divided by
 * seconds; a voided invoice takes its deltas back. As of a position is the sum of the deltas up to it.
 */
export interface RevenueRow {
  /** The invoice's, or the credit note's. */
  readonly invoice_id: string;
  /** `issued`, `credited` by a credit note, or `voided` for what is taken back. */
  readonly cause: 'issued' | 'credited' | 'voided';
  readonly deployment_id: string;
  readonly billing_kind: string;
  /** The UTC month, `2026-04`. */
  readonly month: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly amount: string;
}

export const revenue = defineTable<RevenueRow>({
  name: 'revenue',
  columns: {
    invoice_id: 'uuid',
    cause: 'text',
    deployment_id: 'text',
    billing_kind: 'text',
    month: 'text',
    tenant_id: 'text',
    currency: 'text',
    amount: 'numeric',
  },
  key: ['invoice_id', 'cause', 'deployment_id', 'billing_kind', 'month'],
  group: ['invoice_id', 'cause', 'deployment_id', 'billing_kind', 'month'],
  indexes: [['month', 'currency']],
});
