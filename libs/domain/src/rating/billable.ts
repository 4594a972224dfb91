import { type Decimal, decimal, max, min, ZERO } from '../money/decimal.js';
import type { Usage } from '../prices/model.js';
import { guardUsage, isPerPeriod } from '../prices/price.js';
import { byRate } from '../prices/rate-card.js';
import { convert } from './convert.js';
import type { ItemTerms } from './terms.js';

/** Units that are not billed: included units and the usage discount, in converted units. */
const allowanceOf = ({ included, discounts }: ItemTerms): Decimal =>
  decimal(included ?? '0', 'included').plus(decimal(discounts?.quantity ?? '0', 'discounts.quantity'));

/**
 * Steps 1 and 2: billable = max(0, converted − included − usage discount) of a cumulative quantity; a negative quantity
 * counts as 0. Usage by rate is converted rate by rate, and uses up the allowance in the order given. A price per
 * period takes neither step.
 */
export function billable(terms: ItemTerms, used: Decimal): Decimal;
export function billable(terms: ItemTerms, used: Usage): Usage;
export function billable(terms: ItemTerms, used: Usage): Usage {
  guardUsage(terms.price, used);
  if (isPerPeriod(terms.price)) return used;
  const converted = (quantity: Decimal): Decimal => convert(max(quantity, ZERO), terms.unitConversion);
  let allowance = allowanceOf(terms);
  const beyondAllowance = (quantity: Decimal): Decimal => {
    const free = min(quantity, allowance);
    allowance = allowance.minus(free);
    return quantity.minus(free);
  };
  if (!isCardUsage(used)) return beyondAllowance(converted(used));
  return byRate(used).map((row) => ({ ...row, quantity: beyondAllowance(converted(row.quantity)) }));
}

/** What a quantity leaves of the included units, in converted units. */
export interface AllowanceUse {
  readonly included: Decimal;
  readonly used: Decimal;
  readonly unused: Decimal;
}

export function allowanceUse(terms: ItemTerms, quantity: Decimal): AllowanceUse {
  const included = decimal(terms.included ?? '0', 'included');
  const used = convert(max(quantity, ZERO), terms.unitConversion);
  return { included, used, unused: max(included.minus(used), ZERO) };
}

export const isCardUsage = (used: Usage): used is Exclude<Usage, Decimal> => Array.isArray(used);
