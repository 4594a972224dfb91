import { z } from 'zod';
import { decimal, ONE } from '../money/decimal.js';
import { type Component, component, type PriceModel } from './model.js';
import { tiers } from './tiers.js';

const schema = z.strictObject({ model: z.literal('volume'), tiers });

/**
 * All of Q at the unit amount of the one tier that holds it, plus that tier's flat amount. The tier is not known before
 * the period ends, so nothing is billed before then.
 */
export const volume: PriceModel<z.infer<typeof schema>> & { schema: typeof schema } = {
  schema,
  pricedBy: 'quantity',
  billedWhen: () => 'at_period_end',
  components(price, quantity) {
    const index = price.tiers.findIndex(({ upTo }) => upTo === null || quantity.lte(decimal(upTo)));
    const holding = price.tiers[index];
    if (holding === undefined) return [];
    const components: Component[] = [component(`tier-${index + 1}`, quantity, holding.unitAmount)];
    if (holding.flatAmount !== undefined) components.push(component(`tier-${index + 1}-flat`, ONE, holding.flatAmount));
    return components;
  },
};
