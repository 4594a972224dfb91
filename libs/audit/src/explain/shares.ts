import type { FrozenRow } from '#domain/invoices/invoice';
import { isBaseFee, type LineDefinition, prorated } from '#domain/lines/line';
import { type Decimal, decimal, divide, integer, text } from '#domain/money/decimal';
import { toMoney } from '#domain/money/money';
import { isFlat } from '#domain/prices/flat';
import { intersection, lengthMicros, type Period } from '#domain/time/period';
import { amountText } from './arithmetic.js';

/** What a row of a share is explained from. */
export type SharedLine = Pick<LineDefinition, 'itemKey' | 'billingPeriod' | 'segments'>;

/**
 * How an amount came about that is no quantity × price: a prorated fee, `30.00 × 691200 s ÷ 2592000 s = 8.00`, or what
 * is missing to a minimum commitment, `20.00 × 691200 s ÷ 2592000 s − 1.20 = 4.133333, booked 4.13`. null: neither.
 */
export function shareOf(row: FrozenRow, currency: string, line: SharedLine): string | null {
  if (!decimal(row.quantity).eq(integer(1))) return null;
  if (row.ref === 'minimum-commitment') return minimumShare(row, currency, line);
  return isBaseFee(line) ? feeShare(row, currency, line) : null;
}

function feeShare(row: FrozenRow, currency: string, { billingPeriod, segments }: SharedLine): string | null {
  for (const { period, terms } of segments) {
    const piece = intersection(period, row.chargePeriod);
    if (piece === null || !isFlat(terms.price) || seconds(piece) === seconds(billingPeriod)) continue;
    const fee = decimal(terms.price.amount);
    if (!prorated(fee, currency, piece, billingPeriod).eq(decimal(row.unitAmount))) continue;
    return booked(shareText(fee, currency, piece, billingPeriod), exactShare(fee, piece, billingPeriod), row, currency);
  }
  return null;
}

function minimumShare(row: FrozenRow, currency: string, { billingPeriod, segments }: SharedLine): string | null {
  const last = segments.at(-1);
  const due = last?.terms.commitments?.minimum;
  if (last === undefined || due === undefined) return null;
  // The row is what was missing to the minimum, so the rest of it was booked.
  const net = toMoney(decimal(due), currency).minus(decimal(row.gross));
  const { minimum } = last;
  if (minimum === undefined || seconds(minimum.charged) === seconds(billingPeriod))
    return booked(`${amountText(decimal(due), currency)} − ${amountText(net, currency)}`, null, row, currency);
  const whole = decimal(minimum.whole);
  const share = shareText(whole, currency, minimum.charged, billingPeriod);
  const exact = exactShare(whole, minimum.charged, billingPeriod).minus(net);
  return booked(`${share} − ${amountText(net, currency)}`, exact, row, currency);
}

const booked = (product: string, exact: Decimal | null, row: FrozenRow, currency: string): string => {
  const gross = amountText(decimal(row.gross), currency);
  return exact === null || exact.eq(decimal(row.gross))
    ? `${product} = ${gross}`
    : `${product} = ${text(exact).replace(/^-/, '−')}, booked ${gross}`;
};

const shareText = (amount: Decimal, currency: string, piece: Period, whole: Period): string =>
  `${amountText(amount, currency)} × ${seconds(piece)} s ÷ ${seconds(whole)} s`;

/** To as many decimals as a person wants to see. */
const SHOWN_DECIMALS = 6;

const exactShare = (amount: Decimal, piece: Period, whole: Period): Decimal =>
  divide(amount.times(integer(lengthMicros(piece))), integer(lengthMicros(whole)), SHOWN_DECIMALS);

const seconds = (period: Period): string => text(integer(lengthMicros(period)).times(decimal('0.000001')));
