import { type Decimal, text, ZERO } from '../money/decimal.js';
import { moneyText, unitAmountText } from '../money/money.js';

/**
 * One priced component of a line: gross − discount − credit = net, always. The amounts of a correction may be negative.
 */
export interface RatedRow {
  /** A `Ref`, or the key of a rate. */
  readonly ref: string;
  readonly quantity: Decimal;
  readonly unitAmount: Decimal;
  /** The unit amount as its price writes it. */
  readonly unitAmountText: string;
  /** What the unit amount is for, if its rate says so. */
  readonly unit?: string | undefined;
  readonly gross: Decimal;
  readonly discount: Decimal;
  readonly credit: Decimal;
  readonly net: Decimal;
}

/** A row as JSON: quantity plain, unit amount in its price's own text, money at the currency's scale. */
export interface PrintedRow {
  readonly ref: string;
  readonly quantity: string;
  readonly unitAmount: string;
  readonly unit?: string | undefined;
  readonly gross: string;
  readonly discount: string;
  readonly credit: string;
  readonly net: string;
}

export const printRow = (row: RatedRow, currency: string): PrintedRow => ({
  ref: row.ref,
  quantity: text(row.quantity),
  unitAmount: row.unitAmountText,
  ...(row.unit === undefined ? {} : { unit: row.unit }),
  gross: moneyText(row.gross, currency),
  discount: moneyText(row.discount, currency),
  credit: moneyText(row.credit, currency),
  net: moneyText(row.net, currency),
});

/** Rows as invoices, open lines and quotes show them: a unit amount has at least the decimals of the currency. */
export const printRated = (rows: readonly RatedRow[], currency: string): PrintedRow[] =>
  rows.map((row) => ({ ...printRow(row, currency), unitAmount: unitAmountText(row.unitAmount, currency) }));

const hasMoney = ({ gross, discount, credit, net }: RatedRow): boolean =>
  [gross, discount, credit, net].some((amount) => !amount.eq(ZERO));

/** The rows that documents show and invoices book: those with any amount other than zero. */
export const rowsWithMoney = (rows: readonly RatedRow[]): RatedRow[] => rows.filter(hasMoney);

/** Whether a row has neither quantity nor money. */
export const isNothing = (row: RatedRow): boolean => row.quantity.eq(ZERO) && !hasMoney(row);

export const netOf = (rows: Iterable<RatedRow>): Decimal => {
  let net = ZERO;
  for (const row of rows) net = net.plus(row.net);
  return net;
};
