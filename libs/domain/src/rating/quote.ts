import { type Decimal, decimal, sum, ZERO } from '../money/decimal.js';
import type { Usage } from '../prices/model.js';
import { isPerPeriod } from '../prices/price.js';
import { billable, isCardUsage } from './billable.js';
import { ratedParts } from './rate-line.js';
import { netOf, type RatedRow, rowsWithMoney } from './row.js';
import type { ItemTerms } from './terms.js';

export interface QuotedItem {
  /** The used quantity, before any conversion. */
  readonly quantity: Decimal;
  /** The included quantity, in converted units; 0 for a price per period. */
  readonly included: Decimal;
  /** The priced quantity, in converted units; 0 for a price per period. */
  readonly billable: Decimal;
  readonly rows: readonly RatedRow[];
  readonly net: Decimal;
}

const quantityOf = (usage: Usage): Decimal => (isCardUsage(usage) ? sum(usage.map(({ quantity }) => quantity)) : usage);

/** Prices a whole period that is over. `used` is a quantity, or for a rate card the usage of each rate. */
export function quoteItem(terms: ItemTerms, used: Usage, currency: string): QuotedItem {
  const parts = ratedParts({
    currency,
    segments: [{ terms, usedBefore: null, pieces: [{ part: 1, cumulative: used }] }],
    final: true,
  });
  const rows = parts.flatMap((part) => rowsWithMoney(part.rows));
  const perPeriod = isPerPeriod(terms.price);
  return {
    quantity: quantityOf(used),
    included: perPeriod ? ZERO : decimal(terms.included ?? '0', 'included'),
    billable: perPeriod ? ZERO : quantityOf(billable(terms, used)),
    rows,
    net: netOf(rows),
  };
}
