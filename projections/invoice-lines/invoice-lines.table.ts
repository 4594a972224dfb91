import { oneOf, text, timestamptz, uuid } from '#read-model/column';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * Lines and their parts, one level: a line that was cut is `split` and only groups; its parts, with the line as parent,
 * are `valid` and count. Which invoice claims a part is in invoice_parts; what it comes to is rated, or frozen there.
 */
export const invoiceLines = defineTable({
  name: 'invoice_lines',
  columns: {
    /** The line, or the line that a part belongs to. */
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
  key: ['root_line_id', 'line_id'],
  group: ['root_line_id'],
  indexes: [['tenant_id'], ['subscription_id'], ['deployment_id', 'billing_kind', 'period_start'], ['line_id']],
});

export type InvoiceLineRow = RowOf<typeof invoiceLines>;
