import { z } from 'zod';
import { ONE } from '../money/decimal.js';
import { nonNegative } from './figure.js';
import { component, type PriceModel } from './model.js';

const schema = z.strictObject({
  model: z.literal('flat'),
  amount: nonNegative,
  paymentTerm: z.enum(['in_advance', 'in_arrears']),
});

export type FlatPrice = z.infer<typeof schema>;

export const flatPrice = (amount: string, paymentTerm: FlatPrice['paymentTerm']): FlatPrice => ({
  model: 'flat',
  amount,
  paymentTerm,
});

/** Whether a price can be a base fee: a plan has only an amount and a payment term for it. */
export const isFlat = (price: { readonly model: string }): price is FlatPrice => price.model === 'flat';

/** The amount, once per period, with or without usage. It is billed in the first or the last part, and never split. */
export const flat: PriceModel<FlatPrice> & { schema: typeof schema } = {
  schema,
  pricedBy: 'period',
  billedWhen: ({ paymentTerm }) => (paymentTerm === 'in_advance' ? 'in_advance' : 'at_period_end'),
  components: ({ amount }) => [component('flat', ONE, amount)],
};
