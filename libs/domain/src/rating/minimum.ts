import { type Decimal, ONE, ZERO } from '../money/decimal.js';
import { money, moneyText } from '../money/money.js';
import { isPerPeriod } from '../prices/price.js';
import { MINIMUM_COMMITMENT } from '../prices/refs.js';
import type { RatedRow } from './row.js';
import type { ItemTerms } from './terms.js';

/**
 * Step 6, once the period is over: the amount that its net lacks to the minimum, as a row without discounts; null if it
 * lacks nothing.
 */
export function minimumCommitment(terms: ItemTerms, net: Decimal, currency: string): RatedRow | null {
  const minimum = terms.commitments?.minimum;
  if (minimum === undefined || isPerPeriod(terms.price)) return null;
  const shortfall = money(minimum, currency, 'commitments.minimum').minus(net);
  if (shortfall.lte(ZERO)) return null;
  return {
    ref: MINIMUM_COMMITMENT,
    quantity: ONE,
    unitAmount: shortfall,
    unitAmountText: moneyText(shortfall, currency),
    gross: shortfall,
    discount: ZERO,
    credit: ZERO,
    net: shortfall,
  };
}
