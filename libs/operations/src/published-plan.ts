import { z } from 'zod';
import { applyPlanEvent, type PlanVersion, publishPlan, zPlanItem } from '#domain/plans/plan';
import { parse, zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { FROM_EVER } from '#domain/time/instant';

/** A plan as publish-plan takes it, and as a quote may bring one of its own. */
export const zPublishedPlan = z.strictObject({
  planId: zId,
  name: zText,
  currency: zCurrency,
  baseFee: zDecimal.refine((value) => !value.startsWith('-'), 'must not be negative'),
  paymentTerm: z.enum(['in_advance', 'in_arrears']),
  interval: z.enum(['month', 'year']).default('month'),
  effectiveFrom: zInstant,
  items: z.array(zPlanItem),
});

/** As a file may have it: with the command's name still on it, and without the date from which it would be in force. */
const zPlanFile = zPublishedPlan.extend({
  command: z.literal('publish-plan').optional(),
  effectiveFrom: zInstant.default(FROM_EVER),
});

/** The plan as one version, guarded as publishing it would be. */
export function planOfItsOwn(plan: z.output<typeof zPublishedPlan>): PlanVersion {
  const [event] = publishPlan([], plan);
  const [version] = event === undefined ? [] : applyPlanEvent([], event);
  if (version === undefined) throw new Error(`plan ${plan.planId} has no version`);
  return version;
}

export const readPlan = (input: unknown): PlanVersion => {
  const { command: _command, ...plan } = parse(zPlanFile, input, 'plan');
  return planOfItsOwn(plan);
};
