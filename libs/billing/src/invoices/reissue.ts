import { canonicalJson } from '#domain/canonical-json';
import type { FrozenRow } from '#domain/invoices/invoice';
import { billingOfClaim, type RatedInvoice } from '#domain/invoices/rate-invoice';
import { decimal, sum, text } from '#domain/money/decimal';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import type { LedgerCore } from '#ledger/ledger-core';
import { readTogether } from './read-together.js';

/** An issued invoice in one canonical form: its rows and totals. Rows that were issued before units had none. */
export const canonicalInvoice = (invoiceId: string, issued: readonly FrozenRow[]): string => {
  const rows = issued.map(({ unit: _, ...row }) => row);
  const total = (field: 'net' | 'tax'): string => text(sum(rows.map((row) => decimal(row[field]))));
  return canonicalJson({ invoiceId, rows, subtotal: total('net'), tax: total('tax') });
};

/** An invoice to compute again: what it is of, and the log position that it was computed at. */
export type ComputedAt = Pick<InvoiceRow, 'invoice_id' | 'tenant_id' | 'currency' | 'as_of' | 'selection'> & {
  readonly computed_at: number;
};

/** Computes the invoice again, from what was known when it was issued. Many at the same time share their reads. */
export async function recomputed(core: LedgerCore, invoice: ComputedAt): Promise<RatedInvoice> {
  const { invoice_id: invoiceId, tenant_id: tenantId, currency, computed_at: position } = invoice;
  const read = readTogether(core);
  const account = await read.account({ tenantId, position, currency });
  const claimed = await read.claimedParts({ invoiceId, position });
  const again = await read.rated({
    position,
    lines: claimed.length,
    invoice: {
      invoiceId,
      account,
      until: invoice.as_of,
      selection: invoice.selection,
      select: (facts) => billingOfClaim(facts, { invoiceId, asOf: invoice.as_of, claimed }),
    },
  });
  return again.invoice;
}

/** The canonical form of the invoice, computed again. */
export const reissued = async (core: LedgerCore, invoice: ComputedAt): Promise<string> =>
  canonicalInvoice(invoice.invoice_id, (await recomputed(core, invoice)).rows);
