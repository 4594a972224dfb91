import { type Decimal, decimals, divide, integer, ZERO } from '../money/decimal.js';
import { scaleOf } from '../money/money.js';
import { lengthMicros, monthOf, type Period, piecesOf } from '../time/period.js';
import type { Instant } from '../time/instant.js';

/**
 * An amount over a charge period divided into UTC months by time, telescoping: R(amount × elapsed at end) − R(amount ×
 * elapsed at start), so that the months add up to it. `scale`: the amount's own decimals where they are more than the
 * currency's (a provider's cost may have 18).
 */
export const byMonth = (amount: Decimal, over: Period, currency: string): { month: string; amount: Decimal }[] =>
  dividedByMonth(amount, over, scaleOf(currency));

/** Quantities over two months have so many decimals, or their own where they have more. */
const QUANTITY_SCALE = 12;

/** A quantity over a charge period, divided in the same way. */
export const quantityByMonth = (quantity: Decimal, over: Period): { month: string; amount: Decimal }[] =>
  dividedByMonth(quantity, over, QUANTITY_SCALE);

function dividedByMonth(amount: Decimal, over: Period, scale: number): { month: string; amount: Decimal }[] {
  const pieces = piecesOf(over, monthOf);
  if (pieces.length === 1) return [{ month: monthText(over.start), amount }];
  const upTo = shareUpTo(amount, over, Math.max(scale, decimals(amount)));
  return pieces.map((piece) => ({ month: monthText(piece.start), amount: upTo(piece.end).minus(upTo(piece.start)) }));
}

/** The sum by UTC month of amounts over charge periods, each divided by time. */
export function summedByMonth(
  charges: readonly { readonly amount: Decimal; readonly over: Period }[],
  currency: string,
): Map<string, Decimal> {
  const months = new Map<string, Decimal>();
  for (const { amount: whole, over } of charges)
    for (const { month, amount } of byMonth(whole, over, currency))
      months.set(month, (months.get(month) ?? ZERO).plus(amount));
  return months;
}

const monthText = (at: Instant): string => at.slice(0, 7);

/** The share of an amount that has elapsed at an instant of its period. */
export const shareUpTo =
  (amount: Decimal, over: Period, scale: number) =>
  (at: Instant): Decimal => {
    if (at === over.end) return amount;
    if (at === over.start) return integer(0);
    return divide(
      amount.times(integer(lengthMicros({ start: over.start, end: at }))),
      integer(lengthMicros(over)),
      scale,
    );
  };
