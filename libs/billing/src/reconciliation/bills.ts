import { type ReconciledBill, reconciledBills, totalFor } from '#domain/margin/reconciliation';
import { decimal } from '#domain/money/decimal';
import type { Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readBills, readBillsOfMonth, readBillSums } from '#projections/costs/billed.read';
import { monthName } from '#projections/costs/charged.read';
import { readProviderTotals } from '#projections/provider-totals/provider-totals.read';

/** A provider's invoice by its reference. */
interface BillRef {
  readonly provider: string;
  readonly invoiceRef: string;
}

const keyOf = ({ provider, invoiceRef }: BillRef): string => JSON.stringify([provider, invoiceRef]);

/**
 * The provider invoices of a month, each compared with its recorded total: those with a line that begins within the
 * month, and those whose total is recorded for it. An invoice counts with all its lines.
 */
export async function billsOf(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  month: Period,
  currency: string,
): Promise<ReconciledBill[]> {
  const totals = await statedTotals({ core, position }, currency);
  const charged = (await readBillsOfMonth(core.db, position, { month, currency })).map(toRef);
  const name = monthName(month);
  const counted = new Set(charged.flatMap((bill) => totalFor(totals, bill) ?? []));
  const wanted = totals.filter((total) => total.month === name || counted.has(total));
  const all = wanted.length === 0 ? [] : (await readBills(core.db)).map(toRef);
  const isWanted = new Set(wanted.map(keyOf));
  const others = all.filter((bill) => {
    const total = totalFor(totals, bill);
    return total !== null && isWanted.has(keyOf(total));
  });
  const bills = new Map([...charged, ...others].map((bill) => [keyOf(bill), bill]));
  return reconciledBills(await sumsOf({ core, position }, [...bills.values()], currency), wanted);
}

/** All recorded totals in a currency, compared with the lines of their invoices. */
export async function statedBills(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  currency: string,
): Promise<ReconciledBill[]> {
  const totals = await statedTotals({ core, position }, currency);
  if (totals.length === 0) return [];
  const bills = (await readBills(core.db)).map(toRef).filter((bill) => totalFor(totals, bill) !== null);
  return reconciledBills(await sumsOf({ core, position }, bills, currency), totals);
}

const toRef = (row: { readonly provider: string; readonly invoice_ref: string }): BillRef => ({
  provider: row.provider,
  invoiceRef: row.invoice_ref,
});

const statedTotals = async ({ core, position }: Pick<QueryContext, 'core' | 'position'>, currency: string) =>
  (await readProviderTotals(core.db, position, currency)).map((row) => ({
    ...toRef(row),
    month: row.month,
    total: decimal(row.total),
    tax: decimal(row.tax),
  }));

async function sumsOf(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  bills: readonly BillRef[],
  currency: string,
) {
  const rows = await readBillSums(core.db, position, {
    bills: bills.map(({ provider, invoiceRef }) => ({ provider, invoice_ref: invoiceRef })),
    currency,
  });
  return rows.map((row) => ({ ...toRef(row), lines: row.lines, net: decimal(row.net), tax: decimal(row.tax) }));
}
