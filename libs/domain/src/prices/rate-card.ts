import { z } from 'zod';
import { text } from '../money/decimal.js';
import { type CardUsage, type Component, type PriceModel } from './model.js';

const schema = z.strictObject({ model: z.literal('rate_card') });

/**
 * Q × the rate in force. The price itself has no figures: usage arrives divided by rate, each piece with its unit amount.
 * Pieces of one reference and unit amount become one component, because money is rounded once on their cumulative quantity.
 */
export const rateCard: PriceModel<z.infer<typeof schema>, readonly CardUsage[]> & { schema: typeof schema } = {
  schema,
  pricedBy: 'card_usage',
  billedWhen: () => 'progressively',
  components(_price, usage) {
    const components = new Map<string, Component>();
    for (const { ref, quantity, unitAmount } of usage) {
      const unitAmountText = text(unitAmount);
      const key = `${ref}\n${unitAmountText}`;
      const known = components.get(key);
      components.set(key, { ref, quantity: known === undefined ? quantity : known.quantity.plus(quantity), unitAmount, unitAmountText });
    }
    return [...components.values()];
  },
};
