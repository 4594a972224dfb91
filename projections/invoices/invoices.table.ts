import type { FrozenRow, InvoiceStatus, Selection, Series } from '#domain/invoices/invoice';
import type { Quarantined } from '#domain/lines/rate';
import { bigint, int, jsonb, numeric, oneOf, text, timestamptz, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

export const invoices = defineTable({
  name: 'invoices',
  columns: {
    invoice_id: uuid,
    tenant_id: text,
    currency: text,
    /** The tenant that it is addressed to since its issue. null: the billed tenant itself, or not issued yet. */
    payer_id: text.nullable(),
    as_of: timestamptz,
    status: oneOf<InvoiceStatus>(),
    /** The attempt that `InvoiceDrafted` names: only its chunks of parts belong to the invoice. */
    parts_attempt: uuid,
    /** The attempt that `InvoiceIssued` names: only its chunks of rows belong to the invoice. */
    rows_attempt: uuid.nullable(),
    /** Its number in its series, in the order of the log, without gaps. A void invoice keeps its number. */
    ordinal: int.nullable(),
    issued_at: timestamptz.nullable(),
    /** null: not issued, or without payment terms. */
    due_at: timestamptz.nullable(),
    computed_at: bigint.nullable(),
    subtotal: numeric.nullable(),
    tax: numeric.nullable(),
    total: numeric.nullable(),
    /** The part of the tenant's credit that it takes, and the rest that is due; null for a draft and a void invoice. */
    credit_taken: numeric.nullable(),
    amount_due: numeric.nullable(),
    /** What recorded payments pay of the amount due. null: nothing. */
    amount_applied: numeric.nullable(),
    /** Lines that could not be rated on issue. Their claimed parts stay open. */
    quarantined: jsonb<readonly Quarantined[]>().nullable(),
    /** The lines of the tenant that were selected; null: all. */
    selection: jsonb<Selection>().nullable(),
    paid_at: timestamptz.nullable(),
    voided_at: timestamptz.nullable(),
  },
  key: ['invoice_id'],
  indexes: [['tenant_id'], ['payer_id']],
});

export type InvoiceRow = RowOf<typeof invoices>;

/** The credit of a tenant: the amounts of invoices below zero, less what later invoices took. */
export const tenantCredits = defineTable({
  name: 'tenant_credits',
  columns: {
    tenant_id: text,
    currency: text,
    credit: numeric,
  },
  key: ['tenant_id', 'currency'],
});

export type TenantCreditRow = RowOf<typeof tenantCredits>;

/** Credit notes. Their rows are in `invoice_rows`, under their own ids. */
export const creditNotes = defineTable({
  name: 'credit_notes',
  columns: {
    credit_note_id: uuid,
    invoice_id: uuid,
    tenant_id: text,
    currency: text,
    ordinal: int,
    issued_at: timestamptz,
    rows_attempt: uuid,
    subtotal: numeric,
    tax: numeric,
    total: numeric,
    reason: text,
  },
  key: ['credit_note_id'],
  indexes: [['invoice_id'], ['tenant_id']],
});

export type CreditNoteRow = RowOf<typeof creditNotes>;

export const invoiceSeries = defineTable({
  name: 'invoice_series',
  columns: {
    series: oneOf<Series>(),
    last_ordinal: int,
  },
  key: ['series'],
});

export type InvoiceSeriesRow = RowOf<typeof invoiceSeries>;

/** The parts that an invoice claims. They count unless the invoice is void. */
export const invoiceParts = defineTable({
  name: 'invoice_parts',
  columns: {
    invoice_id: uuid,
    attempt: uuid,
    part_id: uuid,
    line_id: uuid,
    period_start: timestamptz,
    period_end: timestamptz,
  },
  key: ['invoice_id', 'attempt', 'part_id'],
  indexes: [['line_id'], ['part_id']],
});

export type InvoicePartRow = RowOf<typeof invoiceParts>;

/** Frozen rows, as they are in the log. */
export const invoiceRows = defineTable({
  name: 'invoice_rows',
  columns: {
    invoice_id: uuid,
    attempt: uuid,
    row_id: uuid,
    n: int,
    line_id: uuid,
    part_id: uuid,
    row: jsonb<FrozenRow>(),
  },
  key: ['invoice_id', 'attempt', 'row_id'],
  indexes: [['line_id'], ['part_id'], ['row_id']],
});

export type InvoiceRowRow = RowOf<typeof invoiceRows>;

declare module '#read-model/read-models' {
  interface ReadModels {
    invoices: History<InvoiceRow>;
    tenant_credits: History<TenantCreditRow>;
    credit_notes: History<CreditNoteRow>;
    invoice_series: History<InvoiceSeriesRow>;
    invoice_parts: History<InvoicePartRow>;
    invoice_rows: History<InvoiceRowRow>;
  }
}
