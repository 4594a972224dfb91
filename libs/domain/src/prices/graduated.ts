import { z } from 'zod';
import { type Decimal, decimal, min, ONE, ZERO } from '../money/decimal.js';
import { type Component, component, type PriceModel } from './model.js';
import { tiers } from './tiers.js';

const schema = z.strictObject({ model: z.literal('graduated'), tiers });

/**
 * Each part of Q at the unit amount of its tier, and a tier's flat amount once the tier is entered. Tier 1 is entered
 * at 0. Example: 14 of tiers (up to 10 at 1.00, then 0.50) = 10 × 1.00 + 4 × 0.50 = 12.00.
 */
export const graduated: PriceModel<z.infer<typeof schema>> & { schema: typeof schema } = {
  schema,
  pricedBy: 'quantity',
  billedWhen: () => 'progressively',
  components(price, quantity) {
    const components: Component[] = [];
    let lower: Decimal = ZERO;
    for (const [index, { upTo, unitAmount, flatAmount }] of price.tiers.entries()) {
      // upTo is inclusive: a quantity at the bound has not entered the next tier
      if (index > 0 && quantity.lte(lower)) break;
      const upper = upTo === null ? quantity : min(quantity, decimal(upTo));
      components.push(component(`tier-${index + 1}`, upper.minus(lower), unitAmount));
      if (flatAmount !== undefined) components.push(component(`tier-${index + 1}-flat`, ONE, flatAmount));
      lower = upper;
    }
    return components;
  },
};
