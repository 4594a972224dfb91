import type { FrozenRow } from '#domain/invoices/invoice';
import { isBaseFee, type LineDefinition } from '#domain/lines/line';
import { type Decimal, decimal, divide, integer, sum, text } from '#domain/money/decimal';
import { amountText, toMoney, unitAmountText } from '#domain/money/money';
import { COMMITMENT_TRUE_UP, MINIMUM_COMMITMENT } from '#domain/prices/refs';
import { lengthMicros, type Period } from '#domain/time/period';
import { feeShareIn } from './row-prices.js';

/** What a row of a share is explained from. */
export type SharedLine = Pick<LineDefinition, 'itemKey' | 'billingPeriod' | 'segments'>;

/**
 * How an amount came about that is no quantity × price: a prorated fee,
 * `30.00 × 2,361,600 s ÷ 2,592,000 s − 0.00 booked = 27.33`, or what is missing to a minimum commitment,
 * `20.00 × 691,200 s ÷ 2,592,000 s − 1.20 booked = 4.13`, or to a commitment over several periods,
 * `12000.00 committed − 9500.00 drawn down = 2500.00`. It is the share of the period, less what was booked for it.
 * It is derived from the line when a row is shown, and never frozen. null: neither.
 */
export function shareOf(row: FrozenRow, currency: string, line: SharedLine): string | null {
  if (row.kind !== 'charge' && row.kind !== 'rebooked') return null;
  if (row.ref === MINIMUM_COMMITMENT) return minimumShare(row, currency, line);
  if (row.ref === COMMITMENT_TRUE_UP) return trueUpShare(row, currency, line);
  return isBaseFee(line) ? feeShare(row, currency, line) : null;
}

/** Shares of the same amount are one row: 10 days of 30.00 and 20 days of 15.00 have quantity 2. */
function feeShare(row: FrozenRow, currency: string, line: SharedLine): string | null {
  const { billingPeriod } = line;
  const shares = line.segments.flatMap((segment) => feeShareIn(segment, row, currency, line) ?? []);
  const [first] = shares;
  if (first === undefined || !decimal(row.quantity).eq(integer(shares.length))) return null;
  if (shares.length === 1 && lengthMicros(first.piece) === lengthMicros(billingPeriod)) return null;
  const exact = divide(
    sum(shares.map(({ fee, piece }) => fee.times(integer(lengthMicros(piece))))),
    integer(lengthMicros(billingPeriod)),
    SHOWN_DECIMALS,
  );
  const shown = shares.map(({ fee, piece }) => shareText(fee, currency, piece, billingPeriod)).join(' + ');
  const product = `${shown} − ${bookedText(integer(0), currency)}`;
  const gross = amountText(decimal(row.gross), currency);
  // The shares of a period are rounded together, so that they add up to the fee.
  return toMoney(exact, currency).eq(decimal(row.gross))
    ? `${product} = ${gross}`
    : `${product} = ${text(exact)}, rounded over the whole period to ${gross}`;
}

function minimumShare(row: FrozenRow, currency: string, { billingPeriod, segments }: SharedLine): string | null {
  const last = segments.at(-1);
  const due = last?.terms.commitments?.minimum;
  if (last === undefined || due === undefined) return null;
  // The row is what was missing to the minimum, so the rest of it was booked.
  const net = toMoney(decimal(due), currency).minus(decimal(row.gross));
  const { minimum } = last;
  const share =
    minimum === undefined || lengthMicros(minimum.charged) === lengthMicros(billingPeriod)
      ? amountText(toMoney(decimal(due), currency), currency)
      : shareText(decimal(minimum.whole), currency, minimum.charged, billingPeriod);
  return `${share} − ${bookedText(net, currency)} = ${amountText(decimal(row.gross), currency)}`;
}

function trueUpShare(row: FrozenRow, currency: string, { segments }: SharedLine): string | null {
  const committed = segments.at(-1)?.terms.commitments?.minimum;
  if (committed === undefined) return null;
  const amount = toMoney(decimal(committed), currency);
  const gross = decimal(row.gross);
  const drawnDown = `${amountText(amount.minus(gross), currency)} drawn down`;
  return `${amountText(amount, currency)} committed − ${drawnDown} = ${amountText(gross, currency)}`;
}

/** To as many decimals as a person wants to see. */
const SHOWN_DECIMALS = 6;

const bookedText = (amount: Decimal, currency: string): string => `${amountText(amount, currency)} booked`;

const shareText = (amount: Decimal, currency: string, piece: Period, whole: Period): string =>
  `${unitAmountText(amount, currency)} × ${secondsText(piece)} s ÷ ${secondsText(whole)} s`;

/** `2,592,000` */
function secondsText(period: Period): string {
  const [whole = '', fraction] = text(integer(lengthMicros(period)).times(decimal('0.000001'))).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}
