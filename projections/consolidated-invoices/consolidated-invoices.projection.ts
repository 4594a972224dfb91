import type { RecordedEvent } from '#domain/events';
import { changing, type Rows } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import {
  consolidatedInvoiceMembers as members,
  type ConsolidatedInvoiceRow,
  consolidatedInvoices,
  consolidatedInvoiceSeries as series,
} from './consolidated-invoices.table.js';

const CI = 'CI';

/** The number is the place in the order of the log, so there are no gaps. */
function nextOrdinal(rows: Rows): number {
  const ordinal = (rows.get(series, CI)[0]?.last_ordinal ?? 0) + 1;
  rows.set(series, [CI], [{ series: CI, last_ordinal: ordinal }]);
  return ordinal;
}

function issue({ data }: RecordedEvent<'ConsolidatedInvoiceIssued'>, rows: Rows): void {
  const id = data.consolidatedInvoiceId;
  rows.set(
    consolidatedInvoices,
    [id],
    [
      {
        ...{ consolidated_invoice_id: id, payer_id: data.payerId, currency: data.currency },
        ...{ ordinal: nextOrdinal(rows), issued_at: data.issuedAt, due_at: data.dueAt ?? null },
        ...{ subtotal: data.subtotal, tax: data.tax, total: data.total, voided_at: null },
      },
    ],
  );
  rows.set(
    members,
    [id],
    data.invoices.map(({ invoiceId, tenantId }) => ({
      ...{ consolidated_invoice_id: id, invoice_id: invoiceId, tenant_id: tenantId },
    })),
  );
}

export const consolidatedInvoicesProjection = versionedProjection('consolidated-invoices', {
  version: 1,
  tables: [consolidatedInvoices, members, series],
  on: {
    ConsolidatedInvoiceIssued: {
      touches: ({ data }) => [
        { table: consolidatedInvoices, group: [data.consolidatedInvoiceId] },
        { table: members, group: [data.consolidatedInvoiceId] },
        { table: series, group: [CI] },
      ],
      apply: issue,
    },
    ConsolidatedInvoiceVoided: changing(
      consolidatedInvoices,
      ({ data }) => [data.consolidatedInvoiceId],
      ({ data }, rows) => rows.map((row): ConsolidatedInvoiceRow => ({ ...row, voided_at: data.at })),
    ),
  },
});
