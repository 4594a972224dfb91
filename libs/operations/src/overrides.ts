import { z } from 'zod';
import { conflict, invalid } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { planIdAt } from '#domain/lines/line';
import { type Overrides, overridesOn, type StatedOverrides, zStatedItem } from '#domain/plans/overrides';
import { zId, zInstant, zText } from '#domain/schema';
import { deploymentStream, subscriptionPeriods } from '#domain/tenants/deployment';
import { isBefore } from '#domain/time/instant';
import { assertEffective, type OpenPeriod, overlaps, periodText } from '#domain/time/period';
import { correctedTerms, statedTerms, type TermsSubject, withdrawnTerms } from '#ledger/dated-terms';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { deploymentOf, isDeploymentEvent } from '#ledger/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Operations } from './declared.js';
import { planVersions, usingPlans, versionInForce } from './plans.js';
import { zPublishedPlan } from './published-plan.js';
import { APRIL } from './story.js';
import { knownDeploymentOf, subscriptionIn } from './subscriptions.js';

type OverridesFact = Extract<RecordedEvent, { readonly type: 'OverridesSet' | 'OverridesCorrected' }>;

/** Who has overrides on which subscription. */
interface Agreement {
  readonly subscriptionId: string;
  readonly tenantId: string;
}

const isOverrides = (event: RecordedEvent, { subscriptionId, tenantId }: Agreement): event is OverridesFact =>
  isDeploymentEvent(event) &&
  (event.type === 'OverridesSet' || event.type === 'OverridesCorrected') &&
  event.data.subscriptionId === subscriptionId &&
  event.data.tenantId === tenantId;

const subjectOf = (deploymentId: string, of: Agreement): TermsSubject<Overrides, OverridesFact> => ({
  stream: deploymentStream(deploymentId),
  isOf: (event): event is OverridesFact => isOverrides(event, of),
  dataOf: ({ data }) => data,
  name: `the overrides of tenant ${of.tenantId} on subscription ${of.subscriptionId}`,
  ...{ unknown: 'unknown_overrides', command: 'set-overrides' },
  correctedBy: (correction) => ({ type: 'OverridesCorrected', data: { deploymentId, ...of, ...correction } }),
});

const fields = {
  subscriptionId: zId,
  tenantId: zId.describe('The tenant that they are agreed with. They hold while the deployment is of this tenant'),
  baseFee: zPublishedPlan.shape.baseFee.optional().describe('Instead of the base fee of the plan'),
  items: z
    .array(zStatedItem)
    .optional()
    .describe(
      'Items of the plan by billing kind and filter. Terms that are absent are those of the plan; null: none. An' +
        ' empty list without baseFee ends the overrides',
    ),
  effectiveFrom: zInstant,
  effectiveUntil: zInstant.optional(),
};

const setOverrides = defineCommand({
  name: 'set-overrides',
  summary:
    'Sets what a tenant has on a subscription instead of the terms of its plan, from an instant on: base fee, prices,' +
    ' included quantities, discounts and commitments. The fields state the overrides as a whole',
  fields: z.strictObject(fields),
  key: ({ subscriptionId, tenantId, effectiveFrom }) => [subscriptionId, tenantId, effectiveFrom],
  mistakes: { correctedBy: ['correct-overrides', 'withdraw'] },
  stated: ({ subscriptionId, tenantId, effectiveFrom }, events) =>
    statedTerms(subjectOf('', { subscriptionId, tenantId }), effectiveFrom, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ subscriptionId: zId, tenantId: zId, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { effectiveFrom, ...of } = call.fields;
      const subject = subjectOf(await knownDeploymentOf(core, of.subscriptionId), of);
      return withdrawnTerms(core, call, subject, { effectiveFrom, correction });
    },
  }),
  example: {
    ...{ subscriptionId: 'acme-sub', tenantId: 'acme', effectiveFrom: APRIL.start },
    items: [{ billingKind: 'gateway', price: { model: 'unit', unitAmount: '0.45' } }],
  },
  async handle(call, core) {
    const { subscriptionId, tenantId, effectiveFrom, effectiveUntil = null, ...stated } = call.fields;
    assertEffective(effectiveFrom, effectiveUntil);
    const deploymentId = await knownDeploymentOf(core, subscriptionId);
    return usingPlans(core, async () =>
      core.book.decide(deploymentStream(deploymentId), call, async (events) => {
        const of = { subscriptionId, deploymentId, tenantId };
        const over = { start: effectiveFrom, end: effectiveUntil };
        const terms = await agreedTerms(core, { ...of, events }, stated, over);
        return { events: [{ type: 'OverridesSet', data: { ...of, terms, effectiveFrom, effectiveUntil } }] };
      }),
    );
  },
});

const correctOverrides = defineCommand({
  name: 'correct-overrides',
  summary: 'Corrects overrides over a period. The fields state the overrides as a whole',
  fields: z.strictObject({ ...fields, reason: zText.min(1) }),
  key: 'body',
  mistakes: { correctedBy: ['correct-overrides'] },
  example: {
    ...{ subscriptionId: 'acme-sub', tenantId: 'acme', effectiveFrom: APRIL.start, effectiveUntil: APRIL.end },
    ...{ items: [{ billingKind: 'gateway', included: '3' }], reason: 'as agreed' },
  },
  async handle(call, core) {
    const { subscriptionId, tenantId, effectiveFrom: from, effectiveUntil: until = null, ...rest } = call.fields;
    const { reason, ...stated } = rest;
    assertEffective(from, until);
    const deploymentId = await knownDeploymentOf(core, subscriptionId);
    return usingPlans(core, async () => {
      const of = { subscriptionId, deploymentId, tenantId };
      const events = await core.book.load(deploymentStream(deploymentId));
      const terms = await agreedTerms(core, { ...of, events }, stated, { start: from, end: until });
      return correctedTerms(core, call, subjectOf(deploymentId, { subscriptionId, tenantId }), {
        ...{ stated: { terms, from, until }, reason },
      });
    });
  },
});

/** An agreement, and the events of its deployment. */
interface OnDeployment extends Agreement {
  readonly deploymentId: string;
  readonly events: readonly RecordedEvent[];
}

/**
 * The overrides as agreed on the plan at their start. Errors: `before_subscription`, `subscription_cancelled`,
 * `other_holder`, `plan_not_in_force`, and those of overrides that can't be billed.
 */
async function agreedTerms(
  core: LedgerCore,
  { subscriptionId, deploymentId, tenantId, events }: OnDeployment,
  stated: StatedOverrides,
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
  const held = subscriptionPeriods(subscription, deployment.assignments).filter((each) => each.tenantId === tenantId);
  if (!held.some((each) => overlaps(each.period, period)))
    throw conflict(
      'other_holder',
      `deployment ${deploymentId} is not of tenant ${tenantId} over ${periodText(period)}: name the tenant that has it`,
      [{ field: 'tenantId', message: 'does not have the deployment of the subscription then' }],
    );
  const planId = planIdAt(subscription, period.start) ?? '';
  return overridesOn(versionInForce(await planVersions(core, planId), planId, period.start), stated);
}

export const overrideOperations: Operations = { commands: [setOverrides, correctOverrides], queries: [] };
