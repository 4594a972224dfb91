import { type Decimal, decimal, floor, round, sum } from '../money/decimal.js';
import { scaleOf } from '../money/money.js';

/**
 * Tax on amounts at one rate: the header's is R(Σ net × rate); the shares are each amount's exact tax, rounded by
 * largest remainder (ties in order), so that they add up to it. Negative amounts carry negative tax.
 * taxShares([0.05, 0.05], '10', 'USD') = 0.01 (0.005 each, 0.01 in all) + 0.00
 */
export function taxShares(nets: readonly Decimal[], ratePercent: string, currency: string): Decimal[] {
  const scale = scaleOf(currency);
  const unit = decimal(scale === 0 ? '1' : `0.${'0'.repeat(scale - 1)}1`);
  const exact = nets.map((net) => net.times(decimal(ratePercent)).times(decimal('0.01')));
  const floors = exact.map((share) => floor(share, scale));
  let missing = round(sum(exact), scale).minus(sum(floors));
  const byRemainder = exact
    .map((share, index) => ({ index, rest: share.minus(floors[index] ?? share) }))
    .sort((a, b) => b.rest.cmp(a.rest) || a.index - b.index);
  const shares = [...floors];
  for (const { index } of byRemainder) {
    if (missing.lt(unit)) break;
    shares[index] = (shares[index] ?? unit.minus(unit)).plus(unit);
    missing = missing.minus(unit);
  }
  return shares;
}
