import { numeric, oneOf, text, uuid } from '#read-model/column';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * Revenue by charge month, ex tax: what issued invoices bill, as signed deltas. A row crossing a month is divided by
 * seconds; a voided invoice takes its deltas back. As of a position is the sum of the deltas up to it.
 */
export const revenue = defineTable({
  name: 'revenue',
  columns: {
    /** The invoice's, or the credit note's. */
    invoice_id: uuid,
    /** `issued`, `credited` by a credit note, or `voided` for what is taken back. */
    cause: oneOf<'issued' | 'credited' | 'voided'>(),
    deployment_id: text,
    billing_kind: text,
    /** The UTC month, `2026-04`. */
    month: text,
    tenant_id: text,
    currency: text,
    amount: numeric,
  },
  key: ['invoice_id', 'cause', 'deployment_id', 'billing_kind', 'month'],
  indexes: [['month', 'currency']],
});

export type RevenueRow = RowOf<typeof revenue>;
