import { z } from 'zod';
import { invalid } from '../errors.js';
import { money } from '../money/money.js';
import { discountPercent, nonNegative, positive, readNamed } from '../prices/figure.js';
import { zPrice } from '../prices/price.js';

const zUnitConversion = z.strictObject({
  operation: z.enum(['divide', 'multiply']),
  factor: positive('factor_not_positive'),
  /** Of the cumulative quantity; default `none`. `half_up` is half away from zero. */
  rounding: z.enum(['none', 'ceiling', 'floor', 'half_up']).optional(),
  /** The decimals that the rounding keeps; default 0. */
  precision: z.int().min(0).max(20).optional(),
});
export type UnitConversion = z.infer<typeof zUnitConversion>;

/** How the usage of one plan item is rated. Unknown fields are refused by name. A plan item extends it. */
export const zItemTerms = z.strictObject({
  price: zPrice,
  /** Included units, in converted units. */
  included: nonNegative.optional(),
  unitConversion: zUnitConversion.optional(),
  discounts: z.strictObject({ percentage: discountPercent.optional(), quantity: nonNegative.optional() }).optional(),
  commitments: z.strictObject({ minimum: nonNegative.optional(), maximum: nonNegative.optional() }).optional(),
});
export type ItemTerms = z.infer<typeof zItemTerms>;

/** Reads terms. A refusal has the code of the first fault (else `invalid_terms`) and names every faulty field. */
export const parseTerms = (input: unknown): ItemTerms => readNamed(zItemTerms, input, 'terms', 'invalid_terms');

/**
 * Refuses a minimum above the maximum (`minimum_above_maximum`), compared as money of the currency. `at`: the path of
 * the terms.
 */
export function guardCommitments({ commitments }: ItemTerms, currency: string, at = ''): void {
  if (commitments?.minimum === undefined || commitments.maximum === undefined) return;
  const minimum = money(commitments.minimum, currency, 'commitments.minimum');
  const maximum = money(commitments.maximum, currency, 'commitments.maximum');
  if (minimum.lte(maximum)) return;
  const message =
    `${at}commitments: the minimum ${commitments.minimum} is above the maximum` + ` ${commitments.maximum}: change one`;
  throw invalid('minimum_above_maximum', message, [
    { field: `${at}commitments.minimum`, message: 'is above the maximum' },
  ]);
}
