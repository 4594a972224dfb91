import { Big } from 'big.js';
import { invalid } from '../errors.js';

/**
 * Exact decimals from end to end: strings in JSON, `numeric` in Postgres, big.js here.
 * A decimal is written plainly (`-12.50`): no exponent, no thousands separator, at least one digit before the point.
 */
export type Decimal = Big;

// Strict mode refuses JavaScript numbers. A dividing unit conversion keeps 20 decimals, half away from zero; no other
// division uses these defaults.
const Exact = Big();
Exact.strict = true;
Exact.DP = 20;
Exact.RM = 1;

const PLAIN = /^-?\d{1,60}(\.\d{1,60})?$/;

export const isDecimalText = (text: string): boolean => PLAIN.test(text);

/** Reads a plain decimal; `what` names it in the error (`not_a_decimal`). */
export function decimal(text: string, what = 'value'): Decimal {
  if (!PLAIN.test(text))
    throw invalid('not_a_decimal', `${what}: ${JSON.stringify(text)} is not a plain decimal such as "12.50"`);
  return new Exact(text);
}

/** A plain decimal in canonical form, as `text` gives it. */
const CANONICAL = /^(?:0|-?(?:[1-9]\d{0,59}|0(?=\.))(?:\.\d{0,59}[1-9])?)$/;

/** The canonical text of a plain decimal: "0.010" is "0.01". Errors as in `decimal`. */
export const canonicalText = (value: string, what?: string): string =>
  CANONICAL.test(value) ? value : PLAIN.test(value) ? withoutZeros(value) : text(decimal(value, what));

const [ZERO_DIGIT, POINT] = [48, 46];

/** A plain decimal without what does not count: leading zeros, trailing zeros, and the sign of zero. */
function withoutZeros(value: string): string {
  const isNegative = value.startsWith('-');
  let [start, end] = [isNegative ? 1 : 0, value.length];
  while (value.charCodeAt(start) === ZERO_DIGIT && start + 1 < end && value.charCodeAt(start + 1) !== POINT) start += 1;
  if (value.includes('.')) {
    while (value.charCodeAt(end - 1) === ZERO_DIGIT) end -= 1;
    if (value.charCodeAt(end - 1) === POINT) end -= 1;
  }
  const digits = value.slice(start, end);
  return isNegative && digits !== '0' ? `-${digits}` : digits;
}

export const ZERO: Decimal = new Exact('0');
export const ONE: Decimal = new Exact('1');
export const integer = (value: bigint | number): Decimal => new Exact(value.toString());

/** Plain text without trailing zeros: `0.645161290322`, `3600`, `-1.5`. */
export const text = (value: Decimal): string => (value.eq(ZERO) ? '0' : value.toFixed());

/** How many decimals a value has: 2 for 1.25. */
export const decimals = (value: Decimal): number => (value.toFixed().split('.')[1] ?? '').length;

const HALF_AWAY_FROM_ZERO = 1;
const DOWN = 0;
const AWAY = 3;

/** The one rounding: half away from zero, to `scale` decimals. */
export const round = (value: Decimal, scale: number): Decimal => value.round(scale, HALF_AWAY_FROM_ZERO);

export function floor(value: Decimal, scale: number): Decimal {
  return value.round(scale, value.lt(ZERO) ? AWAY : DOWN);
}
export function ceiling(value: Decimal, scale: number): Decimal {
  return value.round(scale, value.lt(ZERO) ? DOWN : AWAY);
}

const atScale = new Map<number, typeof Exact>();

/** numerator / denominator, rounded once, half away from zero, to `scale` decimals. */
export function divide(numerator: Decimal, denominator: Decimal, scale: number): Decimal {
  let constructor = atScale.get(scale);
  if (constructor === undefined) {
    constructor = Big();
    constructor.strict = true;
    constructor.DP = scale;
    constructor.RM = HALF_AWAY_FROM_ZERO;
    atScale.set(scale, constructor);
  }
  const quotient = new constructor(numerator.toFixed()).div(denominator.toFixed());
  return new Exact(quotient.toFixed());
}

export const sum = (values: Iterable<Decimal>): Decimal => {
  let total = ZERO;
  for (const value of values) total = total.plus(value);
  return total;
};

export const max = (a: Decimal, b: Decimal): Decimal => (a.gt(b) ? a : b);
export const min = (a: Decimal, b: Decimal): Decimal => (a.lt(b) ? a : b);
