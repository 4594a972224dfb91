import { type Decimal, ONE, ZERO } from '../money/decimal.js';
import { money, moneyText } from '../money/money.js';
import { isPerPeriod } from '../prices/price.js';
import { COMMITMENT_TRUE_UP, MINIMUM_COMMITMENT, type Ref } from '../prices/refs.js';
import type { RatedRow } from './row.js';
import type { ItemTerms } from './terms.js';

/**
 * Step 6, once the period is over: the amount that its net lacks to the minimum, as a row without discounts; null if it
 * lacks nothing.
 */
export function minimumCommitment(terms: ItemTerms, net: Decimal, currency: string): RatedRow | null {
  const minimum = terms.commitments?.minimum;
  if (minimum === undefined || isPerPeriod(terms.price)) return null;
  return lackingTo(minimum, net, { ref: MINIMUM_COMMITMENT, currency });
}

/**
 * The amount that the charges of the term of a commitment lack to it, once the term is over; null if they lack
 * nothing.
 */
export const trueUp = (terms: ItemTerms, drawnDown: Decimal, currency: string): RatedRow | null =>
  lackingTo(terms.commitments?.minimum ?? '0', drawnDown, { ref: COMMITMENT_TRUE_UP, currency });

function lackingTo(
  minimum: string,
  net: Decimal,
  { ref, currency }: { readonly ref: Ref; readonly currency: string },
): RatedRow | null {
  const lacking = money(minimum, currency, 'commitments.minimum').minus(net);
  if (lacking.lte(ZERO)) return null;
  return {
    ref,
    quantity: ONE,
    unitAmount: lacking,
    unitAmountText: moneyText(lacking, currency),
    gross: lacking,
    discount: ZERO,
    credit: ZERO,
    net: lacking,
  };
}
