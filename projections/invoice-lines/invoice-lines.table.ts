import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

/**
 * Lines and their parts, one level: a line that was cut is `split` and only groups; its parts, with the line as parent,
 * are `valid` and count. Which invoice claims a part is in invoice_parts; what it comes to is rated, or frozen there.
 */
export interface InvoiceLineRow {
  /** The line, or the line that a part belongs to. */
  readonly root_line_id: string;
  readonly line_id: string;
  readonly parent_line_id: string | null;
  readonly status: 'valid' | 'split';
  readonly tenant_id: string;
  readonly subscription_id: string;
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly item_key: string;
  readonly currency: string;
  readonly period_start: Instant;
  readonly period_end: Instant;
}

export const invoiceLines = defineTable<InvoiceLineRow>({
  name: 'invoice_lines',
  columns: {
    root_line_id: 'uuid',
    line_id: 'uuid',
    parent_line_id: 'uuid',
    status: 'text',
    tenant_id: 'text',
    subscription_id: 'text',
    deployment_id: 'text',
    billing_kind: 'text',
    item_key: 'text',
    currency: 'text',
    period_start: 'timestamptz',
    period_end: 'timestamptz',
  },
  key: ['root_line_id', 'line_id'],
  group: ['root_line_id'],
  indexes: [['tenant_id'], ['subscription_id'], ['deployment_id', 'billing_kind', 'period_start'], ['line_id']],
});
