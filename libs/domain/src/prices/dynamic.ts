import { z } from 'zod';
import { nonNegative } from './figure.js';
import { component, type PriceModel } from './model.js';

const schema = z.strictObject({ model: z.literal('dynamic'), multiplier: nonNegative });

/** Q × multiplier, where the quantity is already money: 10 × 1.33333 = 13.33. */
export const dynamic: PriceModel<z.infer<typeof schema>> & { schema: typeof schema } = {
  schema,
  pricedBy: 'quantity',
  billedWhen: () => 'progressively',
  components: ({ multiplier }, quantity) => [component('usage', quantity, multiplier)],
};
