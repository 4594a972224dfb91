import { z } from 'zod';
import { invalid } from '../errors.js';
import { decimal, ZERO } from '../money/decimal.js';
import { type IdSchema, zCurrency, zDecimal, zId } from '../schema.js';
import { streamName } from '../stream-name.js';
import { correctedFields, setFields, type TermsPeriod } from '../terms/terms.js';
import type { Instant } from '../time/instant.js';
import { contains } from '../time/period.js';

/** The estimated cost rates of a billing kind: of any provider and region, of one, or of one in one region. */
export const estimateStream = (billingKind: string): string => streamName('estimate', [billingKind]);

const zTerms = z.strictObject({ unitCost: zDecimal, currency: zCurrency });
export type CostRateTerms = z.infer<typeof zTerms>;

const keyWith = (zId: IdSchema) => ({
  billingKind: zId,
  /** null: of any provider. */
  provider: zId.nullable(),
  /** null: in any region. */
  region: zId.nullable(),
});

// Stored permanently.
export const costRateEventsWith = (zId: IdSchema) => ({
  CostRateSet: z.object({ ...keyWith(zId), ...setFields(zTerms) }),
  /** The rate as it is true now. */
  CostRateCorrected: z.object({ ...keyWith(zId), ...correctedFields(zTerms) }),
});
export const costRateEvents = costRateEventsWith(zId);

export interface CostRateKey {
  readonly billingKind: string;
  readonly provider: string | null;
  readonly region: string | null;
}

/** An estimated cost per unit, over a period in which it does not change. */
export interface CostRate extends CostRateKey, TermsPeriod<CostRateTerms> {}

/** Errors: `invalid_cost_rate`. */
export function costRateTerms({ unitCost, currency }: CostRateTerms): CostRateTerms {
  if (decimal(unitCost).lt(ZERO))
    throw invalid('invalid_cost_rate', 'unitCost: must not be below 0', [
      { field: 'unitCost', message: 'must not be below 0' },
    ]);
  return { unitCost, currency };
}

/** The rate of a reading at an instant: of provider and region, provider, region, or neither. In any currency. */
export function costRateFor(
  rates: readonly CostRate[],
  { billingKind, provider, region }: CostRateKey,
  at: Instant,
): CostRate | null {
  const fitting = rates.filter(
    (rate) =>
      rate.billingKind === billingKind &&
      contains(rate.period, at) &&
      (rate.provider === null || rate.provider === provider) &&
      (rate.region === null || rate.region === region),
  );
  const weight = (rate: CostRate): number => (rate.provider === null ? 0 : 2) + (rate.region === null ? 0 : 1);
  return fitting.sort((a, b) => weight(b) - weight(a))[0] ?? null;
}
