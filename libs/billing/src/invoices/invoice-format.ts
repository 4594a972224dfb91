import { compareText } from '#domain/compare-text';
import { type ClaimedPart, documentNumber, type FrozenRow } from '#domain/invoices/invoice';
import { settle } from '#domain/invoices/settlement';
import type { LineDefinition } from '#domain/lines/line';
import type { Quarantined } from '#domain/lines/rate';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { isForUsage } from '#domain/prices/refs';
import { taxAt, type TaxRate } from '#domain/tenants/tenant';
import { compareInstants } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { PartOf } from '#projections/consolidated-invoices/consolidated-invoices.read';
import type { CreditNoteRow, InvoiceRow } from '#projections/invoices/invoices.table';
import { netText, printFrozen } from './rated-lines.js';
import type { RowPrice } from './row-prices.js';
import { shareOf } from './shares.js';

/** What a row corrects: the numbers of the invoices. `price`: that of a rebooked row. */
export interface CorrectedBy {
  readonly numbers: readonly string[];
  readonly price?: RowPrice;
}

/**
 * The contents of an invoice: the parts that it bills, and its rows. A row belongs to one of these parts, or corrects
 * another.
 */
export interface InvoiceContents {
  readonly claimed: readonly ClaimedPart[];
  readonly rows: readonly FrozenRow[];
  readonly lines: readonly LineDefinition[];
  /** Usage within each claimed part. */
  readonly quantities: ReadonlyMap<string, string>;
  /** By the id of a correction's row: what it corrects, and at which price it books it again. */
  readonly corrected: ReadonlyMap<string, CorrectedBy>;
}

export function printLines(
  { claimed, rows, lines, quantities, corrected: numbers }: InvoiceContents,
  currency: string,
) {
  const lineOf = new Map(lines.map((line) => [line.lineId, line]));
  const charges = Map.groupBy(
    rows.filter(({ kind }) => kind === 'charge'),
    ({ partId }) => partId,
  );
  const corrections = Map.groupBy(
    rows.filter(({ kind }) => kind !== 'charge'),
    ({ partId }) => partId,
  );
  const billed = claimed.map(({ lineId, partId, period }) => {
    const own = charges.get(partId) ?? [];
    return lineView(
      { lineId, partId, period, line: lineOf.get(lineId) },
      own,
      currency,
      quantities.get(partId) ?? '0',
      null,
    );
  });
  const corrected = [...corrections].flatMap(([partId, group]) => {
    const first = group[0];
    if (first === undefined) return [];
    const of = { lineId: first.lineId, partId, period: first.chargePeriod, line: lineOf.get(first.lineId) };
    return [lineView(of, group, currency, meteredQuantity(group), numbers)];
  });
  return [...billed, ...corrected].sort(
    (a, b) =>
      compareText(a.billingKind, b.billingKind) ||
      compareInstants(a.period.start, b.period.start) ||
      Number(a.correction) - Number(b.correction) ||
      compareText(a.subscriptionId ?? '', b.subscriptionId ?? '') ||
      compareText(a.lineId, b.lineId),
  );
}

/** By how much a correction changes the billed quantity. */
const meteredQuantity = (rows: readonly FrozenRow[]): string =>
  text(sum(rows.filter(({ ref }) => isForUsage(ref)).map(({ quantity }) => decimal(quantity))));

function lineView(
  of: { lineId: string; partId: string; period: Period; line: LineDefinition | undefined },
  rows: readonly FrozenRow[],
  currency: string,
  quantity: string,
  corrected: InvoiceContents['corrected'] | null,
) {
  const known = of.line ?? rows[0];
  const terms = of.line?.segments.at(-1)?.terms;
  const isPart = of.partId !== of.lineId;
  return {
    lineId: of.partId,
    parentLineId: isPart ? of.lineId : null,
    /** The whole charge period of the line that was cut. null: it was not cut, or no longer exists. */
    parentPeriod: (isPart ? of.line?.period : undefined) ?? null,
    subscriptionId: known?.subscriptionId ?? null,
    deploymentId: known?.deploymentId ?? null,
    billingKind: known?.billingKind ?? '',
    filter: of.line?.filter ?? null,
    period: of.period,
    quantity,
    /** Of the whole charge period, in converted units: the last terms in it. */
    included: terms?.included ?? null,
    unitConversion: terms?.unitConversion ?? null,
    rows: rows.map((row) => ({
      ...printFrozen(row, currency),
      ...arithmeticOf(row, currency, of.line),
      ...(corrected === null ? {} : printCorrected(corrected.get(row.rowId))),
    })),
    net: netText(rows, currency),
    tax: moneyText(sum(rows.map(({ tax }) => decimal(tax))), currency),
    correction: corrected !== null,
  };
}

const printCorrected = ({ numbers, price }: CorrectedBy = { numbers: [] }) => ({
  correctsInvoices: numbers,
  ...(price === undefined ? {} : { price }),
});

/** The arithmetic of a share. Other rows are quantity × unit amount. */
function arithmeticOf(row: FrozenRow, currency: string, line: LineDefinition | undefined): { arithmetic?: string } {
  const share = line === undefined ? null : shareOf(row, currency, line);
  return share === null ? {} : { arithmetic: share };
}

/** The frozen totals. null: a draft has none. */
function printHeader({ subtotal, tax, total, currency }: InvoiceRow) {
  if (subtotal === null || tax === null || total === null) return null;
  return {
    subtotal: moneyText(decimal(subtotal), currency),
    tax: moneyText(decimal(tax), currency),
    total: moneyText(decimal(total), currency),
  };
}

/**
 * Taxes by name and rate, with their base. A row has its rate frozen. Its name is that of the tax at this rate which
 * was in force then.
 */
export function printTaxes(rows: readonly FrozenRow[], taxes: readonly TaxRate[], currency: string) {
  const nameOf = (row: FrozenRow): string | null => {
    const isAtRate = ({ ratePercent }: TaxRate): boolean => decimal(ratePercent).eq(decimal(row.taxRatePercent));
    const inForce = taxAt(taxes, row.chargePeriod.start);
    return (inForce !== null && isAtRate(inForce) ? inForce : taxes.find(isAtRate))?.name ?? null;
  };
  const named = rows.map((row) => ({ row, name: nameOf(row) }));
  return [...Map.groupBy(named, ({ row, name }) => JSON.stringify([name, row.taxRatePercent])).values()]
    .flatMap((of) => {
      const [first] = of;
      if (first === undefined) return [];
      const added = (field: 'net' | 'tax'): string =>
        moneyText(sum(of.map(({ row }) => decimal(row[field]))), currency);
      return [{ name: first.name, ratePercent: first.row.taxRatePercent, net: added('net'), tax: added('tax') }];
    })
    .sort((a, b) => decimal(b.ratePercent).cmp(decimal(a.ratePercent)) || compareText(a.name ?? '', b.name ?? ''));
}

export function printTotals(rows: readonly FrozenRow[], currency: string) {
  const subtotal = sum(rows.map(({ net }) => decimal(net)));
  const tax = sum(rows.map((row) => decimal(row.tax)));
  return {
    subtotal: moneyText(subtotal, currency),
    tax: moneyText(tax, currency),
    total: moneyText(subtotal.plus(tax), currency),
  };
}

/** What is left to pay: of a draft, as if issued now with the tenant's credit; of a void invoice, nothing. */
function printSettlement(row: InvoiceRow, rows: readonly FrozenRow[], tenantCredit: Decimal) {
  const paid = (due: string): string => (row.status === 'paid' ? due : (row.amount_applied ?? '0'));
  const shown = (taken: string, due: string) => ({
    creditTaken: moneyText(decimal(taken), row.currency),
    amountDue: moneyText(decimal(due), row.currency),
    amountPaid: moneyText(decimal(paid(due)), row.currency),
  });
  if (row.status === 'void') return shown('0', '0');
  if (row.credit_taken !== null && row.amount_due !== null) return shown(row.credit_taken, row.amount_due);
  const total = sum(rows.map(({ net, tax }) => decimal(net).plus(decimal(tax))));
  const { creditTaken, amountDue } = settle(total, tenantCredit);
  return shown(text(creditTaken), text(amountDue));
}

const printNote = (note: CreditNoteRow, currency: string) => ({
  creditNoteId: note.credit_note_id,
  number: documentNumber('CN', note.ordinal),
  issuedAt: note.issued_at,
  reason: note.reason,
  total: moneyText(decimal(note.total), currency),
});

export type InvoiceView = ReturnType<typeof printInvoice>;

/** An invoice as shown. */
export function printInvoice(
  row: InvoiceRow,
  of: {
    readonly rows: readonly FrozenRow[];
    /** null: without lines. */
    readonly contents: InvoiceContents | null;
    readonly payerId: string | null;
    readonly taxes: readonly TaxRate[];
    readonly tenantCredit: Decimal;
    readonly notes: readonly CreditNoteRow[];
    readonly quarantined: readonly Quarantined[];
    /** The consolidated invoice that it is part of. undefined: none, or one that the caller may not see. */
    readonly partOf: PartOf | undefined;
  },
) {
  const { currency } = row;
  const { rows, contents } = of;
  return {
    invoiceId: row.invoice_id,
    number: row.ordinal === null ? null : documentNumber('INV', row.ordinal),
    status: row.status,
    tenantId: row.tenant_id,
    payerId: of.payerId,
    currency,
    asOf: row.as_of,
    selection: row.selection,
    issuedAt: row.issued_at,
    dueAt: row.due_at,
    paidAt: row.paid_at,
    voidedAt: row.voided_at,
    computedAt: row.computed_at,
    lines: contents === null ? [] : printLines(contents, currency),
    ...(printHeader(row) ?? printTotals(rows, currency)),
    taxes: printTaxes(rows, of.taxes, currency),
    ...printSettlement(row, rows, of.tenantCredit),
    consolidatedInvoiceId: of.partOf?.id ?? null,
    consolidatedInvoiceNumber: of.partOf === undefined ? null : documentNumber('CI', of.partOf.ordinal),
    creditNotes: of.notes.map((note) => printNote(note, currency)),
    quarantined: of.quarantined,
  };
}
