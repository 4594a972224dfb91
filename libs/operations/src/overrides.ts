import { z } from 'zod';
import { conflict, invalid } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { guardOverrides, type Overrides, zOverriddenItem } from '#domain/plans/overrides';
import { zId, zInstant, zText } from '#domain/schema';
import { periodOf, type PlanVersion } from '#domain/plans/plan';
import { deploymentStream, type Subscription, tenantAt } from '#domain/tenants/deployment';
import { type Instant, isBefore } from '#domain/time/instant';
import { assertEffective, commonPeriod, type OpenPeriod, overlaps } from '#domain/time/period';
import { correctedTerms, statedTerms, type TermsSubject, withdrawnTerms } from '#ledger/dated-terms';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { deploymentOf, isDeploymentEvent } from '#ledger/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Operations } from './declared.js';
import { planVersions, usingPlans } from './plans.js';
import { zPublishedPlan } from './published-plan.js';
import { APRIL } from './story.js';
import { knownDeploymentOf, subscriptionIn } from './subscriptions.js';

type OverridesFact = Extract<RecordedEvent, { readonly type: 'OverridesSet' | 'OverridesCorrected' }>;

const subjectOf = (deploymentId: string, subscriptionId: string): TermsSubject<Overrides, OverridesFact> => ({
  stream: deploymentStream(deploymentId),
  isOf: (event): event is OverridesFact =>
    isDeploymentEvent(event) &&
    (event.type === 'OverridesSet' || event.type === 'OverridesCorrected') &&
    event.data.subscriptionId === subscriptionId,
  dataOf: ({ data }) => data,
  ...{ name: `overrides of subscription ${subscriptionId}`, unknown: 'unknown_overrides', command: 'set-overrides' },
  correctedBy: ({ versions, stated, ...correction }) => ({
    type: 'OverridesCorrected',
    data: { subscriptionId, deploymentId, ...correction, versions, ...(stated === undefined ? {} : { stated }) },
  }),
});

const fields = {
  subscriptionId: zId,
  baseFee: zPublishedPlan.shape.baseFee.optional().describe('Instead of the base fee of the plan'),
  items: z
    .array(zOverriddenItem)
    .optional()
    .describe('Items of the plan by billing kind and filter. Terms that are absent are those of the plan; null: none'),
  effectiveFrom: zInstant,
  effectiveUntil: zInstant.optional(),
};

const setOverrides = defineCommand({
  name: 'set-overrides',
  summary:
    'Sets what a subscription has instead of the terms of its plan, from an instant on: base fee, prices, included' +
    ' quantities, discounts and commitments. The fields state the overrides as a whole',
  fields: z.strictObject(fields),
  key: ({ subscriptionId, effectiveFrom }) => [subscriptionId, effectiveFrom],
  mistakes: { correctedBy: ['correct-overrides', 'withdraw'] },
  stated: ({ subscriptionId, effectiveFrom }, events) =>
    statedTerms(subjectOf('', subscriptionId), effectiveFrom, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ subscriptionId: zId, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { subscriptionId, effectiveFrom } = call.fields;
      const subject = subjectOf(await knownDeploymentOf(core, subscriptionId), subscriptionId);
      return withdrawnTerms(core, call, subject, { effectiveFrom, correction });
    },
  }),
  example: {
    ...{ subscriptionId: 'acme-sub', effectiveFrom: APRIL.start },
    items: [{ billingKind: 'gateway', price: { model: 'unit', unitAmount: '0.45' } }],
  },
  async handle(call, core) {
    const { subscriptionId, effectiveFrom, effectiveUntil = null, ...given } = call.fields;
    assertEffective(effectiveFrom, effectiveUntil);
    const deploymentId = await knownDeploymentOf(core, subscriptionId);
    return usingPlans(core, async () =>
      core.book.decide(deploymentStream(deploymentId), call, async (events) => {
        const terms = await agreedTerms(core, { subscriptionId, deploymentId, events }, given, {
          ...{ start: effectiveFrom, end: effectiveUntil },
        });
        const data = { subscriptionId, deploymentId, terms, effectiveFrom, effectiveUntil };
        return { events: [{ type: 'OverridesSet', data }] };
      }),
    );
  },
});

const correctOverrides = defineCommand({
  name: 'correct-overrides',
  summary: 'Corrects the overrides of a subscription over a period. The fields state the overrides as a whole',
  fields: z.strictObject({ ...fields, reason: zText.min(1) }),
  key: 'body',
  mistakes: { correctedBy: ['correct-overrides'] },
  example: {
    ...{ subscriptionId: 'acme-sub', effectiveFrom: APRIL.start, effectiveUntil: APRIL.end },
    ...{ items: [{ billingKind: 'gateway', included: '3' }], reason: 'as agreed' },
  },
  async handle(call, core) {
    const { subscriptionId, effectiveFrom: from, effectiveUntil: until = null, reason, ...given } = call.fields;
    assertEffective(from, until);
    const deploymentId = await knownDeploymentOf(core, subscriptionId);
    return usingPlans(core, async () => {
      const events = await core.book.load(deploymentStream(deploymentId));
      const of = { subscriptionId, deploymentId, events };
      const terms = await agreedTerms(core, of, given, { start: from, end: until });
      return correctedTerms(core, call, subjectOf(deploymentId, subscriptionId), {
        ...{ stated: { terms, from, until }, reason },
      });
    });
  },
});

/** A subscription, and the events of its deployment. */
interface OfSubscription {
  readonly subscriptionId: string;
  readonly deploymentId: string;
  readonly events: readonly RecordedEvent[];
}

/**
 * The overrides with the tenant that they are agreed with. Errors: `before_subscription`, `subscription_cancelled`,
 * `deployment_not_assigned`, and those of overrides with which the plan can't be billed.
 */
async function agreedTerms(
  core: LedgerCore,
  { subscriptionId, deploymentId, events }: OfSubscription,
  { baseFee, items }: Omit<Overrides, 'tenantId'>,
  period: OpenPeriod,
): Promise<Overrides> {
  const deployment = deploymentOf(events, deploymentId);
  const subscription = subscriptionIn(deployment, subscriptionId);
  const { from, cancelledAt } = subscription;
  if (isBefore(period.start, from))
    throw invalid(
      'before_subscription',
      `subscription ${subscriptionId} starts at ${from}: set its overrides from then on`,
      [{ field: 'effectiveFrom', message: `is before ${from}` }],
    );
  if (cancelledAt !== null && !isBefore(period.start, cancelledAt))
    throw conflict(
      'subscription_cancelled',
      `subscription ${subscriptionId} ends at ${cancelledAt}: overrides from ${period.start} on have no effect`,
    );
  const tenantId = tenantAt(deployment.assignments, period.start);
  if (tenantId === null)
    throw invalid('deployment_not_assigned', `deployment ${deploymentId} has no tenant at ${period.start}`);
  const terms = {
    ...(baseFee === undefined ? {} : { baseFee }),
    ...(items === undefined ? {} : { items }),
  };
  guardOverrides(planAtStart(subscription, period.start), await versionsOver(core, subscription, period), terms);
  return { tenantId, ...terms };
}

const planAtStart = ({ plans }: Subscription, at: Instant): string =>
  plans.findLast(({ from }) => !isBefore(at, from))?.planId ?? '';

/** The versions of the plans that a subscription has over a period. */
async function versionsOver(core: LedgerCore, { plans }: Subscription, over: OpenPeriod): Promise<PlanVersion[]> {
  const found: PlanVersion[] = [];
  for (const [index, { planId, from: start }] of plans.entries()) {
    const common = commonPeriod({ start, end: plans[index + 1]?.from ?? null }, over);
    if (common === null) continue;
    const versions = await planVersions(core, planId);
    found.push(...versions.filter((version) => overlaps(periodOf(version), common)));
  }
  return found;
}

export const overrideOperations: Operations = { commands: [setOverrides, correctOverrides], queries: [] };
