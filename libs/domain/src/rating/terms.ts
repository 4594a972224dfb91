import { z } from 'zod';
import { invalid } from '../errors.js';
import { money } from '../money/money.js';
import { discountPercent, nonNegative, positive, readNamed } from '../prices/figure.js';
import { zPrice } from '../prices/price.js';

const zUnitConversion = z.strictObject({
  operation: z.enum(['divide', 'multiply']),
  factor: positive('factor_not_positive'),
  /** Of the cumulative quantity; `none` unless given. `half_up` is half away from zero. */
  rounding: z.enum(['none', 'ceiling', 'floor', 'half_up']).optional(),
  /** Decimals that the rounding keeps; 0 unless given. */
  precision: z.int().min(0).max(20).optional(),
});
export type UnitConversion = z.infer<typeof zUnitConversion>;

/** How the usage of one plan item is rated. Unknown fields are refused by name; `extend` it for a plan item. */
export const zItemTerms = z.strictObject({
  price: zPrice,
  /** Units of the allowance, converted units. */
  included: nonNegative.optional(),
  unitConversion: zUnitConversion.optional(),
  discounts: z.strictObject({ percentage: discountPercent.optional(), quantity: nonNegative.optional() }).optional(),
  commitments: z.strictObject({ minimum: nonNegative.optional(), maximum: nonNegative.optional() }).optional(),
});
export type ItemTerms = z.infer<typeof zItemTerms>;

/** Reads terms; refused with the code of the first fault (else `invalid_terms`) and every field at fault. */
export const parseTerms = (input: unknown): ItemTerms => readNamed(zItemTerms, input, 'terms', 'invalid_terms');

/** A minimum above the maximum can't both be kept (`minimum_above_maximum`); compared as money of the currency. `at`: where the terms stand. */
export function guardCommitments({ commitments }: ItemTerms, currency: string, at = ''): void {
  if (commitments?.minimum === undefined || commitments.maximum === undefined) return;
  const minimum = money(commitments.minimum, currency, 'commitments.minimum');
  const maximum = money(commitments.maximum, currency, 'commitments.maximum');
  if (minimum.lte(maximum)) return;
  const message = `${at}commitments: the minimum ${commitments.minimum} is above the maximum ${commitments.maximum}; change one of them`;
  throw invalid('minimum_above_maximum', message, [
    { field: `${at}commitments.minimum`, message: 'is above the maximum' },
  ]);
}
