import { invalid } from '../errors.js';
import {
  type Decimal,
  decimal,
  decimals,
  divide,
  floor,
  integer,
  max,
  min,
  round,
  sum,
  text,
  ZERO,
} from './decimal.js';

/** Active ISO 4217 currencies whose minor unit does not have two decimals. */
const SCALES: Readonly<Record<string, number>> = {
  BHD: 3,
  IQD: 3,
  JOD: 3,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  TND: 3,
  CLF: 4,
  UYW: 4,
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  ISK: 0,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  PYG: 0,
  RWF: 0,
  UGX: 0,
  UYI: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
};
const TWO_DECIMALS =
  'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW ' +
  'CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF ' +
  'IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK ' +
  'MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP ' +
  'SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ' +
  'ZAR ZMW ZWG';
const TWO = new Set(TWO_DECIMALS.split(' '));

export const isCurrency = (code: string): boolean => TWO.has(code) || Object.hasOwn(SCALES, code);

/** Decimals of a currency's money by ISO 4217: USD 2, JPY 0, KWD 3. Unknown: `unknown_currency`. */
export function scaleOf(currency: string): number {
  const scale = TWO.has(currency) ? 2 : Object.hasOwn(SCALES, currency) ? SCALES[currency] : undefined;
  if (scale === undefined) throw invalid('unknown_currency', `${JSON.stringify(currency)} is not an ISO 4217 currency`);
  return scale;
}

/** 0.01 USD, 1 JPY. */
export function smallestAmount(currency: string): Decimal {
  const scale = scaleOf(currency);
  return divide(integer(1), integer(10 ** scale), scale);
}

/** An amount above 0 with at most the decimals of its currency. Errors: `invalid_amount`, `unknown_currency`. */
export function moneyAboveZero(amount: string, currency: string, field: string): Decimal {
  const value = decimal(amount, field);
  if (value.gt(ZERO) && value.eq(toMoney(value, currency))) return value;
  const message = `must be above 0, with at most ${scaleOf(currency)} decimals (${currency})`;
  throw invalid('invalid_amount', `${field}: ${amount} ${message}`, [{ field, message }]);
}

/** Rounds an amount to its currency's scale, half away from zero. */
export const toMoney = (amount: Decimal, currency: string): Decimal => round(amount, scaleOf(currency));

/** Prints money at its currency's scale: `21.12`, `455` (JPY). The amount must already be at that scale. */
export const moneyText = (amount: Decimal, currency: string): string =>
  amount.toFixed(scaleOf(currency)).replace(/^-(0(\.0*)?)$/, '$1');

/** An amount as arithmetic writes it: at its currency's scale, with a minus sign instead of a hyphen. */
export const amountText = (amount: Decimal, currency: string): string => arithmeticSign(moneyText(amount, currency));

/** A decimal with a minus sign instead of a hyphen. */
export const arithmeticSign = (value: string): string => value.replace(/^-/, '−');

/** A unit amount as shown: with at least the decimals of the currency. USD 0.5 is `0.50`, 0.000171 stays. */
export const unitAmountText = (unitAmount: Decimal, currency: string): string =>
  decimals(unitAmount) >= scaleOf(currency) ? text(unitAmount) : unitAmount.toFixed(scaleOf(currency));

export const money = (text: string, currency: string, what = 'amount'): Decimal =>
  toMoney(decimal(text, what), currency);

/** Up to it, a plain quotient has all decimals of the scale. */
const PLAIN_SCALE = 20;

/**
 * Amounts rounded to `scale` decimals by largest remainder (ties in order), so that they add up to their rounded total.
 * What has no more decimals stays.
 */
export function roundTogether(amounts: readonly Decimal[], scale: number): Decimal[] {
  const unit = unitOf(scale);
  const floors = amounts.map((amount) => floor(amount, scale));
  let missing = round(sum(amounts), scale).minus(sum(floors));
  const byRemainder = amounts
    .map((amount, index) => ({ index, rest: amount.minus(floors[index] ?? amount) }))
    .sort((a, b) => b.rest.cmp(a.rest) || a.index - b.index);
  const rounded = [...floors];
  for (const { index } of byRemainder) {
    if (missing.lt(unit)) break;
    rounded[index] = (rounded[index] ?? ZERO).plus(unit);
    missing = missing.minus(unit);
  }
  return rounded;
}

/** The smallest amount above 0 with so many decimals: 0.01. */
const unitOf = (scale: number): Decimal => decimal(scale === 0 ? '1' : `0.${'0'.repeat(scale - 1)}1`);

/**
 * Shares of `amount` in proportion to `weights`, each at `scale` decimals, adding up to `amount` exactly:
 * largest remainder, ties in the order given. Weights are ≥ 0; where all are 0 the shares are even.
 * allocate(0.10, [1, 1, 1], 2) = 0.04, 0.03, 0.03
 */
export function allocate(amount: Decimal, weights: readonly Decimal[], scale: number): Decimal[] {
  if (weights.length === 0) throw invalid('nothing_to_allocate_to', 'allocate: there are no weights');
  if (weights.some((weight) => weight.lt(ZERO))) throw invalid('negative_weight', 'allocate: a weight is negative');
  if (!amount.eq(round(amount, scale)))
    throw invalid('amount_not_at_scale', `allocate: ${amount.toFixed()} has more than ${scale} decimals`);
  const total = sum(weights);
  const shares = total.eq(ZERO) ? weights.map(() => integer(1)) : weights;
  const whole = total.eq(ZERO) ? integer(weights.length) : total;
  const sign = amount.lt(ZERO) ? integer(-1) : integer(1);
  const unit = unitOf(scale);
  const target = amount.times(sign);
  // floor(target × share / whole), exactly: the quotient at the scale, corrected by comparison.
  const quotient = (share: Decimal): Decimal =>
    scale < PLAIN_SCALE ? target.times(share).div(whole) : divide(target.times(share), whole, scale);
  const floors = shares.map((share) => {
    let part = min(floor(quotient(share), scale), target);
    while (part.times(whole).gt(target.times(share))) part = part.minus(unit);
    while (part.plus(unit).times(whole).lte(target.times(share))) part = part.plus(unit);
    return max(part, ZERO);
  });
  const remainders = shares.map((share, index) => ({
    index,
    rest: target.times(share).minus((floors[index] ?? ZERO).times(whole)),
  }));
  remainders.sort((a, b) => b.rest.cmp(a.rest) || a.index - b.index);
  let missing = target.minus(sum(floors));
  const result = [...floors];
  for (const { index } of remainders) {
    if (missing.lte(ZERO)) break;
    result[index] = (result[index] ?? ZERO).plus(unit);
    missing = missing.minus(unit);
  }
  return result.map((share) => share.times(sign));
}
