import type { FrozenRow, InvoiceStatus, Selection, Series } from '#domain/invoices/invoice';
import type { Quarantined } from '#domain/lines/rate';
import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

export interface InvoiceRow {
  readonly invoice_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly as_of: Instant;
  readonly status: InvoiceStatus;
  /** Which chunks of parts belong to the invoice: those of the attempt that `InvoiceDrafted` named. */
  readonly parts_attempt: string;
  /** Likewise the rows, named by `InvoiceIssued`. */
  readonly rows_attempt: string | null;
  /** Its ordinal in its series, in log order: gapless by construction. A void invoice keeps its own. */
  readonly ordinal: number | null;
  readonly issued_at: Instant | null;
  readonly computed_at: number | null;
  readonly subtotal: string | null;
  readonly tax: string | null;
  readonly total: string | null;
  /** What it takes of the tenant's credit, and what is left to pay; null while it is a draft. */
  readonly credit_taken: string | null;
  readonly amount_due: string | null;
  /** Lines that could not be rated on issuing: what was claimed of them is open. */
  readonly quarantined: readonly Quarantined[] | null;
  /** Which of the tenant's lines it was made of; null: all. */
  readonly selection: Selection | null;
  readonly paid_at: Instant | null;
  readonly voided_at: Instant | null;
}

export const invoices = defineTable<InvoiceRow>({
  name: 'invoices',
  columns: {
    invoice_id: 'uuid',
    tenant_id: 'text',
    currency: 'text',
    as_of: 'timestamptz',
    status: 'text',
    parts_attempt: 'uuid',
    rows_attempt: 'uuid',
    ordinal: 'int',
    issued_at: 'timestamptz',
    computed_at: 'bigint',
    subtotal: 'numeric',
    tax: 'numeric',
    total: 'numeric',
    credit_taken: 'numeric',
    amount_due: 'numeric',
    quarantined: 'jsonb',
    selection: 'jsonb',
    paid_at: 'timestamptz',
    voided_at: 'timestamptz',
  },
  key: ['invoice_id'],
  group: ['invoice_id'],
  indexes: [['tenant_id']],
});

/** What a tenant has in credit: invoices below zero, less what later ones took. */
export interface TenantCreditRow {
  readonly tenant_id: string;
  readonly currency: string;
  readonly credit: string;
}

export const tenantCredits = defineTable<TenantCreditRow>({
  name: 'tenant_credits',
  columns: { tenant_id: 'text', currency: 'text', credit: 'numeric' },
  key: ['tenant_id', 'currency'],
  group: ['tenant_id', 'currency'],
});

/** A credit note; its rows are in invoice_rows, under its own id. */
export interface CreditNoteRow {
  readonly credit_note_id: string;
  readonly invoice_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly ordinal: number;
  readonly issued_at: Instant;
  readonly rows_attempt: string;
  readonly subtotal: string;
  readonly tax: string;
  readonly total: string;
  readonly reason: string;
}

export const creditNotes = defineTable<CreditNoteRow>({
  name: 'credit_notes',
  columns: {
    credit_note_id: 'uuid',
    invoice_id: 'uuid',
    tenant_id: 'text',
    currency: 'text',
    ordinal: 'int',
    issued_at: 'timestamptz',
    rows_attempt: 'uuid',
    subtotal: 'numeric',
    tax: 'numeric',
    total: 'numeric',
    reason: 'text',
  },
  key: ['credit_note_id'],
  group: ['credit_note_id'],
  indexes: [['invoice_id'], ['tenant_id']],
});

export interface InvoiceSeriesRow {
  readonly series: Series;
  readonly last_ordinal: number;
}

export const invoiceSeries = defineTable<InvoiceSeriesRow>({
  name: 'invoice_series',
  columns: { series: 'text', last_ordinal: 'int' },
  key: ['series'],
  group: ['series'],
});

/** The parts that an invoice claims; they count while its status is not void. */
export interface InvoicePartRow {
  readonly invoice_id: string;
  readonly attempt: string;
  readonly part_id: string;
  readonly line_id: string;
  readonly period_start: Instant;
  readonly period_end: Instant;
}

export const invoiceParts = defineTable<InvoicePartRow>({
  name: 'invoice_parts',
  columns: {
    invoice_id: 'uuid',
    attempt: 'uuid',
    part_id: 'uuid',
    line_id: 'uuid',
    period_start: 'timestamptz',
    period_end: 'timestamptz',
  },
  key: ['invoice_id', 'attempt', 'part_id'],
  group: ['invoice_id', 'attempt', 'part_id'],
  indexes: [['line_id'], ['part_id']],
});

/** Frozen rows, as they stand in the log. */
export interface InvoiceRowRow {
  readonly invoice_id: string;
  readonly attempt: string;
  readonly row_id: string;
  readonly n: number;
  readonly line_id: string;
  readonly part_id: string;
  readonly row: FrozenRow;
}

export const invoiceRows = defineTable<InvoiceRowRow>({
  name: 'invoice_rows',
  columns: {
    invoice_id: 'uuid',
    attempt: 'uuid',
    row_id: 'uuid',
    n: 'int',
    line_id: 'uuid',
    part_id: 'uuid',
    row: 'jsonb',
  },
  key: ['invoice_id', 'attempt', 'row_id'],
  group: ['invoice_id', 'attempt', 'row_id'],
  indexes: [['line_id'], ['part_id'], ['row_id']],
});
