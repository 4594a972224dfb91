import { z } from 'zod';
import { type Decimal, decimal } from '../money/decimal.js';
import { nonNegative } from './figure.js';

/** A tier with a flat amount alone has the unit amount 0. A tier with neither is refused: no price is not free. */
const tier = z
  .strictObject({
    /** The last quantity of the tier, inclusive; null: without end. */
    upTo: nonNegative.nullable(),
    unitAmount: nonNegative.optional(),
    flatAmount: nonNegative.optional(),
  })
  .refine(({ unitAmount, flatAmount }) => unitAmount !== undefined || flatAmount !== undefined, {
    error: 'is missing: a tier needs unitAmount, flatAmount or both',
    path: ['unitAmount'],
    params: { code: 'tier_without_amount' },
  })
  .transform(({ upTo, unitAmount = '0', ...flat }) => ({ upTo, unitAmount, ...flat }));

/**
 * At least one tier. Each ends above the one before it and only the last is open, so every quantity is in exactly one
 * tier.
 */
export const tiers = z.array(tier).superRefine((list, context) => {
  const refuse = (code: string, message: string, index: number): void =>
    context.addIssue({ code: 'custom', message, path: [index, 'upTo'], params: { code } });
  if (list.length === 0)
    return context.addIssue({ code: 'custom', message: 'has no tier', params: { code: 'no_tiers' } });
  const last = list.length - 1;
  let previous: Decimal | undefined;
  for (const [index, { upTo }] of list.entries()) {
    if (upTo === null) {
      if (index < last) refuse('open_tier_not_last', 'is null (open), but only the last tier is', index);
      continue;
    }
    if (index === last) refuse('last_tier_not_open', 'must be null in the last tier, which has no upper bound', index);
    const bound = decimal(upTo);
    if (previous?.gte(bound) === true)
      refuse('tiers_out_of_order', `must be above ${previous.toFixed()}, the tier before it`, index);
    previous = bound;
  }
  return undefined;
});
