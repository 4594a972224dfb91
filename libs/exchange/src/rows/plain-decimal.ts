import { canonicalText, isDecimalText } from '#domain/money/decimal';

const EXPONENT = /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,3})$/;

/** The decimal in its canonical form, also if it is written with an exponent. null: it is none. */
export function plainDecimal(value: string): string | null {
  const plain = isDecimalText(value) ? value : withoutExponent(value);
  return plain === null || !isDecimalText(plain) ? null : canonicalText(plain);
}

/** `1.81E-8` as `0.0000000181`: the same digits, only the point moves. */
function withoutExponent(value: string): string | null {
  const parts = EXPONENT.exec(value);
  if (parts === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
