import { z } from 'zod';
import { nonNegative } from './figure.js';
import { component, type PriceModel } from './model.js';

const schema = z.strictObject({ model: z.literal('unit'), unitAmount: nonNegative });

/** Q × unit amount: 2112 × 0.01 = 21.12. */
export const unit: PriceModel<z.infer<typeof schema>> & { schema: typeof schema } = {
  schema,
  pricedBy: 'quantity',
  billedWhen: () => 'progressively',
  components: ({ unitAmount }, quantity) => [component('usage', quantity, unitAmount)],
};
