import { type Decimal, max, min, ZERO } from '../money/decimal.js';
import { money } from '../money/money.js';
import { isPerPeriod } from '../prices/price.js';
import { netOf, type RatedRow } from './row.js';
import type { ItemTerms } from './terms.js';

/**
 * The amount that the maximum still allows, after what the period has come to; null without a maximum. A price per
 * period has none.
 */
export function headroom(terms: ItemTerms, netBefore: Decimal, currency: string): Decimal | null {
  const maximum = terms.commitments?.maximum;
  if (maximum === undefined || isPerPeriod(terms.price)) return null;
  return max(ZERO, money(maximum, currency, 'commitments.maximum').minus(netBefore));
}

/**
 * Step 5: limits the rows to `room`. The excess becomes discount, of the last rows first: of the row that crosses the
 * maximum, and of all rows after it. Rows of 60.00 and 70.00 with room for 100.00: the second row's discount is 30.00.
 * A negative row (a tier left again) takes no discount and leaves more room to the others.
 */
export function capped(rows: readonly RatedRow[], room: Decimal | null): RatedRow[] {
  if (room === null) return [...rows];
  let excess = netOf(rows).minus(room);
  if (excess.lte(ZERO)) return [...rows];
  const result = [...rows];
  for (let index = result.length - 1; index >= 0 && excess.gt(ZERO); index -= 1) {
    const row = result[index];
    if (row === undefined || row.net.lte(ZERO)) continue;
    const off = min(row.net, excess);
    result[index] = { ...row, discount: row.discount.plus(off), net: row.net.minus(off) };
    excess = excess.minus(off);
  }
  return result;
}
