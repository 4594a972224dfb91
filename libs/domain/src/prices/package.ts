import { z } from 'zod';
import { ceiling, decimal, type Decimal, ONE, ZERO } from '../money/decimal.js';
import { nonNegative, positive } from './figure.js';
import { component, type PriceModel } from './model.js';

const schema = z.strictObject({
  model: z.literal('package'),
  packageSize: positive('package_size_not_positive'),
  packageAmount: nonNegative,
});

/**
 * The number of whole packages that hold the quantity. The quotient has 20 decimals, so a quantity very close to a
 * multiple could give one package too few or too many: a comparison corrects it.
 */
function packagesFor(quantity: Decimal, size: Decimal): Decimal {
  let packages = ceiling(quantity.div(size), 0);
  while (packages.times(size).lt(quantity)) packages = packages.plus(ONE);
  while (packages.gt(ZERO) && packages.minus(ONE).times(size).gte(quantity)) packages = packages.minus(ONE);
  return packages;
}

/** ceil(Q / size) × package amount: 11 in packages of 10 at 15.00 = 2 × 15.00 = 30.00. */
export const packaged: PriceModel<z.infer<typeof schema>> & { schema: typeof schema } = {
  schema,
  pricedBy: 'quantity',
  billedWhen: () => 'progressively',
  components: ({ packageSize, packageAmount }, quantity) => [
    component('usage', packagesFor(quantity, decimal(packageSize)), packageAmount),
  ],
};
