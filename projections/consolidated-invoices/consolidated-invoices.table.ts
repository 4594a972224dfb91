import { int, numeric, text, timestamptz, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Documents over the invoices which are addressed to one payer. */
export const consolidatedInvoices = defineTable({
  name: 'consolidated_invoices',
  columns: {
    consolidated_invoice_id: uuid,
    payer_id: text,
    currency: text,
    /** Its number in its series, in the order of the log, without gaps. A void one keeps its number. */
    ordinal: int,
    issued_at: timestamptz,
    /** null: neither the payer has payment terms, nor any of its invoices a due date. */
    due_at: timestamptz.nullable(),
    subtotal: numeric,
    tax: numeric,
    total: numeric,
    /** null: it is not void. */
    voided_at: timestamptz.nullable(),
  },
  key: ['consolidated_invoice_id'],
  indexes: [['payer_id']],
});

export type ConsolidatedInvoiceRow = RowOf<typeof consolidatedInvoices>;

/** The invoices of each. They stay those of a void one, which is shown as it was sent. */
export const consolidatedInvoiceMembers = defineTable({
  name: 'consolidated_invoice_members',
  columns: {
    consolidated_invoice_id: uuid,
    invoice_id: uuid,
    tenant_id: text,
  },
  key: ['consolidated_invoice_id', 'invoice_id'],
  group: ['consolidated_invoice_id'],
  indexes: [['invoice_id']],
});

export type ConsolidatedInvoiceMemberRow = RowOf<typeof consolidatedInvoiceMembers>;

/** The last number that was given. */
export const consolidatedInvoiceSeries = defineTable({
  name: 'consolidated_invoice_series',
  columns: {
    series: text,
    last_ordinal: int,
  },
  key: ['series'],
});

export type ConsolidatedInvoiceSeriesRow = RowOf<typeof consolidatedInvoiceSeries>;

declare module '#read-model/read-models' {
  interface ReadModels {
    consolidated_invoices: History<ConsolidatedInvoiceRow>;
    consolidated_invoice_members: History<ConsolidatedInvoiceMemberRow>;
    consolidated_invoice_series: History<ConsolidatedInvoiceSeriesRow>;
  }
}
