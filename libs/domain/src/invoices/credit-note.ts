import { conflict, type FieldError } from '../errors.js';
import { derivedId } from '../derived-id.js';
import { allocate, moneyAboveZero, scaleOf } from '../money/money.js';
import { type Decimal, decimal, min, sum, text, ZERO } from '../money/decimal.js';
import type { FrozenRow } from './invoice.js';
import { taxShares } from './tax.js';

/**
 * The amount to credit, without tax: an amount of the whole invoice, or of some of its rows. If neither is given, all
 * that is left.
 */
export interface CreditRequest {
  readonly amount?: string | undefined;
  readonly rows?: readonly { readonly rowId: string; readonly amount: string }[] | undefined;
}

/** `rows` are those of an issued invoice, `noted` those of its credit notes so far. */
export interface Creditable {
  readonly invoiceId: string;
  readonly currency: string;
  readonly rows: readonly FrozenRow[];
  readonly noted: readonly FrozenRow[];
}

/**
 * The rows of a credit note: the negative amount credited for each row of its invoice, with tax at the rate frozen on
 * that row. All credit notes of an invoice together never exceed the invoice, nor those of a row the row. Errors:
 * `nothing_to_credit`, `credit_note_exceeds_invoice`, `credit_note_exceeds_row`, `unknown_row`, `invalid_amount`.
 */
export function creditNoteRows(
  creditNoteId: string,
  of: Creditable,
  request: CreditRequest,
  reason: string,
): FrozenRow[] {
  const { rows, noted } = of;
  const all = sum([...rows, ...noted].map(({ net }) => decimal(net)));
  if (all.lte(ZERO)) throw conflict('nothing_to_credit', `invoice ${of.invoiceId} has nothing left to credit`);
  const left = new Map(rows.map((row) => [row.rowId, leftOf(row, noted)]));
  const shares = sharesOf(of, left, request);
  const credited = rows.flatMap((row): Credited[] => {
    const amount = shares.get(row.rowId) ?? ZERO;
    return amount.eq(ZERO) ? [] : [{ row, amount, left: left.get(row.rowId) ?? { net: ZERO, tax: ZERO } }];
  });
  const taxes = taxesOf(credited, of.currency);
  const note = credited.map((each) => noteRow(creditNoteId, each, taxes.get(each) ?? ZERO, reason));
  assertWithin(of, note);
  return note;
}

function sharesOf(
  of: Creditable,
  left: ReadonlyMap<string, Left>,
  { rows, amount }: CreditRequest,
): Map<string, Decimal> {
  if (rows !== undefined) return byRow(of, left, rows);
  if (amount !== undefined) return overall(of, left, amount);
  // All that is left of every row, less what its credit notes gave back.
  return new Map([...left].map(([rowId, { net }]) => [rowId, net]));
}

/**
 * Refuses more than is left of the invoice, both without and with tax: negative rows may have another tax rate than the
 * credited rows.
 */
function assertWithin({ rows, noted, currency, invoiceId }: Creditable, note: readonly FrozenRow[]): void {
  const net = (of: readonly FrozenRow[]): Decimal => sum(of.map((row) => decimal(row.net)));
  const gross = (of: readonly FrozenRow[]): Decimal => sum(of.map((row) => decimal(row.net).plus(decimal(row.tax))));
  const all = [...rows, ...noted];
  if (net(note).neg().lte(net(all)) && gross(note).neg().lte(gross(all))) return;
  throw conflict(
    'credit_note_exceeds_invoice',
    `a credit note of ${text(net(note).neg())} (${text(gross(note).neg())} with tax) exceeds what is left of invoice` +
      ` ${invoiceId}: ${text(net(all))} (${text(gross(all))} with tax) ${currency}`,
  );
}

interface Credited {
  readonly row: FrozenRow;
  readonly amount: Decimal;
  readonly left: Left;
}

/**
 * A row that is credited in full takes the rest of its tax. For the other rows the tax of each rate is divided by
 * largest remainder, as on the invoice.
 */
function taxesOf(credited: readonly Credited[], currency: string): Map<Credited, Decimal> {
  const taxes = new Map<Credited, Decimal>();
  const inPart = credited.filter(({ amount, left }) => !amount.eq(left.net));
  for (const each of credited) taxes.set(each, each.left.tax);
  for (const [ratePercent, group] of Map.groupBy(inPart, ({ row }) => row.taxRatePercent)) {
    const shares = taxShares(
      group.map(({ amount }) => amount),
      ratePercent,
      currency,
    );
    for (const [index, each] of group.entries()) taxes.set(each, min(shares[index] ?? ZERO, each.left.tax));
  }
  return taxes;
}

interface Left {
  readonly net: Decimal;
  readonly tax: Decimal;
}
function leftOf(row: FrozenRow, noted: readonly FrozenRow[]): Left {
  const own = noted.filter(({ corrects }) => corrects?.includes(row.rowId) === true);
  return {
    net: sum([row, ...own].map(({ net }) => decimal(net))),
    tax: sum([row, ...own].map(({ tax }) => decimal(tax))),
  };
}

/** In proportion to what is left of each row with a charge. */
function overall(
  { rows, currency, invoiceId }: Creditable,
  left: ReadonlyMap<string, Left>,
  amount: string,
): Map<string, Decimal> {
  const charging = rows.flatMap(({ rowId }) => {
    const net = left.get(rowId)?.net ?? ZERO;
    return net.gt(ZERO) ? [{ rowId, net }] : [];
  });
  const asked = moneyAboveZero(amount, currency, 'amount');
  const most = sum(charging.map(({ net }) => net));
  if (asked.gt(most))
    throw conflict(
      'credit_note_exceeds_invoice',
      `${amount} exceeds what is left of invoice ${invoiceId}: ${text(most)} ${currency} without tax`,
    );
  const shares = allocate(
    asked,
    charging.map(({ net }) => net),
    scaleOf(currency),
  );
  return new Map(charging.map(({ rowId }, index) => [rowId, shares[index] ?? ZERO]));
}

function byRow(
  { currency, invoiceId }: Creditable,
  left: ReadonlyMap<string, Left>,
  asked: NonNullable<CreditRequest['rows']>,
): Map<string, Decimal> {
  const shares = new Map<string, Decimal>();
  for (const [index, { rowId, amount }] of asked.entries()) {
    const field = `rows[${index}]`;
    const fault = (code: string, message: string, part: string): FieldError[] => {
      throw conflict(code, `${field}: ${message}`, [{ field: `${field}.${part}`, message }]);
    };
    const of = left.get(rowId);
    if (of === undefined) fault('unknown_row', `invoice ${invoiceId} has no row ${rowId}`, 'rowId');
    if (shares.has(rowId)) fault('duplicate_row', `row ${rowId} is named twice`, 'rowId');
    const value = moneyAboveZero(amount, currency, `${field}.amount`);
    if (of !== undefined && value.gt(of.net))
      fault(
        'credit_note_exceeds_row',
        `${amount} exceeds what is left of the row: ${text(of.net)} ${currency}`,
        'amount',
      );
    shares.set(rowId, value);
  }
  return shares;
}

function noteRow(creditNoteId: string, { row, amount }: Credited, tax: Decimal, reason: string): FrozenRow {
  // The amount is one of its own, whatever unit the row has.
  const { credits: _credits, corrects: _corrects, unit: _unit, ...shared } = row;
  const minus = text(amount.neg());
  return {
    ...shared,
    rowId: derivedId('row', creditNoteId, row.rowId),
    // What credits a negative row charges: the price stays above 0.
    quantity: amount.lt(ZERO) ? '1' : '-1',
    unitAmount: text(amount.abs()),
    gross: minus,
    discount: '0',
    credit: '0',
    net: minus,
    tax: text(tax.neg()),
    kind: 'credit_note',
    corrects: [row.rowId],
    reason,
  };
}
