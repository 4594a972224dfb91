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

/**
 * The units that issued invoices bill, by charge month, as signed deltas in the same way. A credit note bills none.
 * Rows for anything but usage have none.
 */
export const soldUnits = defineTable({
  name: 'sold_units',
  columns: {
    invoice_id: uuid,
    cause: oneOf<'issued' | 'voided'>(),
    deployment_id: text,
    billing_kind: text,
    /** As rates name it. Empty: they do not. */
    unit: text,
    month: text,
    tenant_id: text,
    currency: text,
    quantity: numeric,
  },
  key: ['invoice_id', 'cause', 'deployment_id', 'billing_kind', 'unit', 'month'],
  indexes: [['month', 'currency']],
});

export type SoldUnitsRow = RowOf<typeof soldUnits>;

declare module '#read-model/read-models' {
  interface ReadModels {
    revenue: History<RevenueRow>;
    sold_units: History<SoldUnitsRow>;
  }
}
