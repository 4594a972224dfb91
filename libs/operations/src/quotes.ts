import { z } from 'zod';
import { invalid, notFound } from '#domain/errors';
import { planAt, type PlanVersion } from '#domain/plans/plan';
import { quotePlan } from '#domain/quotes/quote';
import { zDecimal, zId, zPeriod } from '#domain/schema';
import { taxAt } from '#domain/tenants/tenant';
import type { Instant } from '#domain/time/instant';
import { tenantAccount } from '#billing/invoices/accounts';
import { plansById } from '#billing/invoices/agreed-terms';
import { agreedVersion } from '#billing/invoices/contracts';
import { readDeploymentsOfSubscription } from '#projections/deployments/deployments.read';
import { ownPlans } from './plans.js';
import { planOfItsOwn, zPublishedPlan } from './published-plan.js';
import { zMoney, zQuantity, zRow } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL } from './story.js';
import { defineQuery, type QueryContext, READERS, visibleTenant, zAsOf, zOptionalId, zAt } from '#ledger/query';

const zQuoteLine = z
  .object({
    billingKind: z.string(),
    quantity: zQuantity,
    included: zQuantity,
    billable: zQuantity,
    rows: z.array(zRow),
    net: zMoney,
  })
  .meta({ id: 'QuoteLine' });

const zQuote = z
  .object({
    planId: z.string(),
    currency: z.string(),
    lines: z.array(zQuoteLine),
    subtotal: zMoney,
    tax: zMoney,
    total: zMoney,
    unbilled: z
      .array(z.object({ billingKind: z.string(), quantity: zQuantity }).meta({ id: 'UnbilledQuantity' }))
      .describe('Usage without an item in the plan'),
  })
  .meta({ id: 'Quote' });

export const quote = defineQuery({
  name: 'quote',
  summary: 'The price of usage under a plan for a whole period. Nothing is stored',
  path: 'quotes',
  method: 'POST',
  params: zAsOf.extend({
    ...zAt,
    planId: zOptionalId,
    plan: zPublishedPlan.optional(),
    subscriptionId: zOptionalId.describe('Instead of planId: its plan with its overrides'),
    usage: z.record(zId, zDecimal),
    period: zPeriod.optional(),
    tenantId: zOptionalId,
  }),
  roles: READERS,
  answer: zQuote,
  example: { planId: 'standard', usage: { gateway: '8' }, period: APRIL },
  async handle({ planId, plan, subscriptionId, usage, period, tenantId, at: asked }, context) {
    const { core, position, caller } = context;
    const at = asked ?? period?.start ?? caller.now;
    const isOfPlan = planId !== undefined || plan !== undefined;
    if (isOfPlan === (subscriptionId !== undefined))
      throw invalid('plan_missing', 'a quote needs planId or plan, or else subscriptionId', [
        { field: 'planId', message: 'must be given unless plan or subscriptionId is' },
      ]);
    const version =
      subscriptionId !== undefined
        ? await termsOfSubscription(context, subscriptionId, at)
        : plan === undefined
          ? await visiblePlan(context, planId ?? '', at)
          : planOfItsOwn(plan);
    if (version === undefined) throw notFound('unknown_plan', `plan ${planId ?? ''} has no terms at ${at}`);
    const payer = await visibleTenant(context, tenantId);
    const tax = payer === null ? null : taxAt((await tenantAccount(core, position, payer)).taxes, at);
    return quotePlan(version, usage, tax?.ratePercent ?? '0');
  },
});

/** What a subscription pays at an instant, if the caller may see it. Errors: `unknown_subscription`. */
async function termsOfSubscription(
  { core, position, confinedTo }: QueryContext,
  subscriptionId: string,
  at: Instant,
): Promise<PlanVersion> {
  const deploymentId = (await readDeploymentsOfSubscription(core.db, subscriptionId)).at(-1);
  const version =
    deploymentId === undefined
      ? null
      : await agreedVersion(core, position, { subscriptionId, deploymentId, confinedTo }, at);
  if (version === null)
    throw notFound('unknown_subscription', `there is no subscription ${subscriptionId} with terms at ${at}`);
  return version;
}

/** The terms of a plan at an instant, if the caller may see them. */
async function visiblePlan(context: QueryContext, planId: string, at: Instant): Promise<PlanVersion | undefined> {
  const version = planAt((await plansById(context.core, context.position, [planId])).get(planId) ?? [], at);
  const own = version?.public === true ? null : await ownPlans(context);
  return own === null || own.includes(planId) ? version : undefined;
}

export const quoteOperations: Operations = {
  queries: [quote],
};
