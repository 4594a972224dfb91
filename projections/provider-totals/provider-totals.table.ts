import { numeric, text } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** What providers state as the totals of their invoices. */
export const providerTotals = defineTable({
  name: 'provider_totals',
  columns: {
    provider: text,
    /** An invoice of the imported lines, or what the references of several begin with. */
    invoice_ref: text,
    currency: text,
    /** The month that the invoice is for, `2026-04`. */
    month: text,
    /** With tax. */
    total: numeric,
    tax: numeric,
  },
  key: ['provider', 'invoice_ref', 'currency'],
});

export type ProviderTotalRow = RowOf<typeof providerTotals>;

declare module '#read-model/read-models' {
  interface ReadModels {
    provider_totals: History<ProviderTotalRow>;
  }
}
