import { numeric, oneOf, text, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * Revenue by charge month, without tax: the amounts of issued invoices, as signed deltas. A row that crosses a month is
 * divided by seconds. A voided invoice takes back its deltas. Revenue as of a position is the sum of the deltas up to
 * it.
 */
export const revenue = defineTable({
  name: 'revenue',
  columns: {
    /** The id of the invoice or credit note. */
    invoice_id: uuid,
    /** `issued`; `credited` by a credit note; `voided` for amounts taken back. */
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

declare module '#read-model/read-models' {
  interface ReadModels {
    revenue: History<RevenueRow>;
  }
}
