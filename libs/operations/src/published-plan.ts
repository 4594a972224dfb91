import { z } from 'zod';
import { applyPlanEvent, type PlanVersion, publishPlan, zPlanItem } from '#domain/plans/plan';
import { parse, zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { FROM_EVER } from '#domain/time/instant';

/** Whether every tenant sees it. false is the same as absent: the same command again stays `unchanged`. */
export const zPublic = z
  .boolean()
  .optional()
  .transform((isPublic) => (isPublic === true ? true : undefined))
  .describe('true: every tenant sees it. Default: only tenants that have or had it');

/** A plan, for publish-plan and for quotes with a plan of their own. */
export const zPublishedPlan = z.strictObject({
  planId: zId,
  name: zText,
  currency: zCurrency,
  baseFee: zDecimal.refine((value) => !value.startsWith('-'), 'must not be negative'),
  paymentTerm: z.enum(['in_advance', 'in_arrears']),
  interval: z.enum(['month', 'year']).default('month'),
  public: zPublic,
  effectiveFrom: zInstant,
  items: z.array(zPlanItem),
});

/** A plan in a file: it may have the name of the command, and needs no date. */
const zPlanFile = zPublishedPlan.extend({
  command: z.literal('publish-plan').optional(),
  effectiveFrom: zInstant.default(FROM_EVER),
});

/** The plan as one version, with the checks of publish-plan. */
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
