import { type Decimal, decimal } from '../money/decimal.js';
import { roundTogether, scaleOf } from '../money/money.js';

/**
 * Tax on amounts at one rate: the header's is R(Σ net × rate); the shares are each amount's exact tax, rounded by
 * largest remainder (ties in order), so that they add up to it. Negative amounts carry negative tax.
 * taxShares([0.05, 0.05], '10', 'USD') = 0.01 (0.005 each, 0.01 in all) + 0.00
 */
export function taxShares(nets: readonly Decimal[], ratePercent: string, currency: string): Decimal[] {
  const exact = nets.map((net) => net.times(decimal(ratePercent)).times(decimal('0.01')));
  return roundTogether(exact, scaleOf(currency));
}
