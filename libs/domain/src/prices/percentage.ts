import { z } from 'zod';
import { decimal, ONE, text, ZERO } from '../money/decimal.js';
import { nonNegative } from './figure.js';
import { type Component, component, type PriceModel } from './model.js';

const schema = z.strictObject({
  model: z.literal('percentage'),
  percent: nonNegative,
  fixedAmount: nonNegative.optional(),
});

const HUNDREDTH = decimal('0.01');

/** Q × percent / 100, plus the fixed amount once Q exceeds 0: 5 % of 200 + 0.30 = 10.00 + 0.30. It may exceed 100 %. */
export const percentage: PriceModel<z.infer<typeof schema>> & { schema: typeof schema } = {
  schema,
  pricedBy: 'quantity',
  billedWhen: () => 'progressively',
  components({ percent, fixedAmount }, quantity) {
    const components: Component[] = [component('usage', quantity, text(decimal(percent).times(HUNDREDTH)))];
    if (fixedAmount !== undefined && quantity.gt(ZERO)) components.push(component('fixed', ONE, fixedAmount));
    return components;
  },
};
