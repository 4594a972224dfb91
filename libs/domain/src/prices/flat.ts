import { z } from 'zod';
import { ONE } from '../money/decimal.js';
import { nonNegative } from './figure.js';
import { component, type PriceModel } from './model.js';

const schema = z.strictObject({
  model: z.literal('flat'),
  amount: nonNegative,
  paymentTerm: z.enum(['in_advance', 'in_arrears']),
});

/** The amount, once a period, whatever is used; in the first part or in the last, never split. */
export const flat: PriceModel<z.infer<typeof schema>> & { schema: typeof schema } = {
  schema,
  pricedBy: 'period',
  billedWhen: ({ paymentTerm }) => (paymentTerm === 'in_advance' ? 'in_advance' : 'at_period_end'),
  components: ({ amount }) => [component('flat', ONE, amount)],
};
