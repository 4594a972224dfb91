import type { TestLedger } from './ledger.js';

/** An invoice as shown, as far as specs of corrections read it. */
export interface Bill {
  readonly invoiceId: string;
  readonly status: string;
  readonly paidAt: string | null;
  readonly subtotal: string;
  readonly tax: string;
  readonly lines: readonly {
    readonly billingKind: string;
    readonly rows: readonly {
      readonly kind: string;
      readonly net: string;
      readonly taxRatePercent: string;
      readonly tax: string;
      readonly chargePeriod: { readonly start: string; readonly end: string };
    }[];
  }[];
}

/** Issues the invoice of a tenant as of the start of a date, on 1 July. null: nothing is due. */
export async function billed(test: TestLedger, tenantId: string, date: string): Promise<Bill | null> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: `${date}T00:00:00Z` });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const invoiceId = invoices[0]?.invoiceId;
  if (invoiceId === undefined) return null;
  await test.apply({ command: 'issue-invoice', invoiceId, at: '2026-07-01T00:00:00Z' });
  return test.ask<Bill>('invoice', { id: invoiceId });
}

/** The rows of an invoice, sorted: `hours 04-01/05-01 charge 3.00`. */
export const rowsOf = (bill: Bill | null): string[] =>
  (bill?.lines ?? [])
    .flatMap((line) =>
      line.rows.map(
        ({ kind, net, chargePeriod: { start, end } }) =>
          `${line.billingKind} ${start.slice(5, 10)}/${end.slice(5, 10)} ${kind} ${net}`,
      ),
    )
    .sort();
