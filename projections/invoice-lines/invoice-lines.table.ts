import { oneOf, text, timestamptz, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * Lines and their parts, in one level. A line that was cut is `split` and only groups its parts. The parts have the
 * line as parent, are `valid` and count. `invoice_parts` says which invoice claims a part. Amounts are rated on read,
 * or frozen on the invoice.
 */
export const invoiceLines = defineTable({
  name: 'invoice_lines',
  columns: {
    /** The line itself, or the line of the part. */
    root_line_id: uuid,
    line_id: uuid,
    parent_line_id: uuid.nullable(),
    status: oneOf<'valid' | 'split'>(),
    tenant_id: text,
    subscription_id: text,
    deployment_id: text,
    billing_kind: text,
    item_key: text,
    currency: text,
    period_start: timestamptz,
    period_end: timestamptz,
  },
  // A line that was billed whole and then continues is cut: its first part keeps the id of the line.
  key: ['root_line_id', 'line_id', 'status'],
  group: ['root_line_id'],
  indexes: [['tenant_id'], ['subscription_id'], ['deployment_id', 'billing_kind', 'period_start'], ['line_id']],
});

export type InvoiceLineRow = RowOf<typeof invoiceLines>;

declare module '#read-model/read-models' {
  interface ReadModels {
    invoice_lines: History<InvoiceLineRow>;
  }
}
