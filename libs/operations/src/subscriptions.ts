import { z } from 'zod';
import type { Correction } from '#domain/correction';
import { conflict, type DomainError, invalid, notFound } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { zId, zInstant, zText } from '#domain/schema';
import { type Instant, isBefore } from '#domain/time/instant';
import { type OpenPeriod, overlaps } from '#domain/time/period';
import {
  assertNothingAgreed,
  cancelSubscription as decideCancellation,
  changePlan as decidePlanChange,
  type Deployment,
  type DeploymentEvent,
  deploymentStream,
  foldDeployment,
  startSubscription as decideStart,
  type Subscription,
  subscriptionPeriods,
  tenantAt,
} from '#domain/tenants/deployment';
import { withSubscription, withTimeline } from '#domain/tenants/deployment-correction';
import type { StoredEvent } from '#event-store/port';
import type { CommandCall, CommandDone } from '#ledger/command';
import { lockOfSubscription } from '#ledger/appending/at-once';
import { valueOf } from '#ledger/appending/in-order';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { deploymentOf, isDeploymentEvent } from '#ledger/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import { statedOver } from '#ledger/stated';
import { contractsOfSubscriptions } from '#billing/invoices/agreed-terms';
import {
  assertVisibleDeployment,
  defineQuery,
  idSets,
  pageOfRows,
  type QueryContext,
  READERS,
  visibleTenant,
  zOptionalId,
  zOptionalIds,
  zPage,
} from '#ledger/query';
import {
  readDeploymentOfSubscription,
  readDeploymentsOfSubscription,
  readSubscriptionPage,
  SUBSCRIPTION_ORDER,
} from '#projections/deployments/deployments.read';
import type { SubscriptionRow } from '#projections/deployments/deployments.table';
import { listOf, zOpenSpan, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { correctedDeployment, withdrawnOfDeployment } from './deployments.js';
import { shownOverrides, zShownOverrides } from './overrides.answer.js';
import { assertPlan, usingPlans } from './plans.js';
import { assertCommitted, unknownCancellation, unknownPlanChange } from './subscription-guards.js';
import { APRIL } from './story.js';

const stateOf = (subscriptionId: string, events: readonly RecordedEvent[]): Subscription | undefined =>
  foldDeployment(events.filter(isDeploymentEvent))?.subscriptions.find(
    (each) => each.subscriptionId === subscriptionId,
  );

function statedPlans(subscriptionId: string, from: Instant, events: readonly RecordedEvent[]): string[] {
  const facts = events.flatMap(({ type, data }) =>
    type === 'SubscriptionPlanChanged' && data.subscriptionId === subscriptionId ? [data.at] : [],
  );
  return statedOver(stateOf(subscriptionId, events)?.plans ?? [], from, facts);
}

const startSubscription = defineCommand({
  name: 'start-subscription',
  summary: 'Subscribes a deployment to a plan from an instant on',
  fields: z.strictObject({
    subscriptionId: zId,
    deploymentId: zId,
    planId: zId,
    from: zInstant,
    anchor: zInstant.optional(),
  }),
  key: ({ subscriptionId }) => [subscriptionId],
  mistakes: { correctedBy: ['correct-subscription', 'withdraw'] },
  stated({ subscriptionId, from }, events) {
    const { from: start, anchor } = stateOf(subscriptionId, events) ?? {};
    return [start, anchor, statedPlans(subscriptionId, from, events)];
  },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ subscriptionId: zId }),
    async handle(call, core, correction) {
      const { subscriptionId } = call.fields;
      return withdrawn(core, call, subscriptionId, correction, () => unknownSubscription(subscriptionId));
    },
  }),
  example: { subscriptionId: 'acme-sub', deploymentId: 'acme-prod', planId: 'standard', from: APRIL.start },
  async handle(call, core) {
    const { subscriptionId, deploymentId, planId, from, anchor } = call.fields;
    const start = async (): Promise<CommandDone> =>
      core.book.decide(deploymentStream(deploymentId), call, async (events) => {
        const deployment = foldDeployment(events.filter(isDeploymentEvent));
        // Read together: a list has many of these, each after the registration of its deployment.
        const [found, id, plan] = await Promise.allSettled([
          deploymentOfSubscription(core, subscriptionId),
          assertIdOf(core, subscriptionId, deploymentId),
          assertPlan(core, planId, from, deployment?.assignments ?? []),
        ]);
        const elsewhere = valueOf(found);
        if (elsewhere !== undefined)
          throw conflict(
            'subscription_exists',
            `subscription ${subscriptionId} already exists, for deployment ${elsewhere}`,
          );
        valueOf(id);
        const decided = decideStart(deployment, {
          subscriptionId,
          deploymentId,
          planId,
          from,
          anchor: anchor ?? null,
        });
        valueOf(plan);
        return { events: decided };
      });
    return core.exclusively(lockOfSubscription(subscriptionId), async () => usingPlans(core, start));
  },
});

const changePlan = defineCommand({
  name: 'change-plan',
  summary: 'Changes the plan of a subscription from an instant on',
  fields: z.strictObject({ subscriptionId: zId, planId: zId, at: zInstant }),
  key: ({ subscriptionId, at }) => [subscriptionId, at],
  mistakes: { correctedBy: ['correct-subscription', 'withdraw'] },
  stated: ({ subscriptionId, at }, events) => statedPlans(subscriptionId, at, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ subscriptionId: zId, at: zInstant }),
    async handle(call, core, correction) {
      const { subscriptionId, at } = call.fields;
      return withdrawn(core, call, subscriptionId, correction, (subscription) => unknownPlanChange(subscription, at));
    },
  }),
  example: { subscriptionId: 'acme-sub', planId: 'standard', at: '2026-06-01T00:00:00Z' },
  async handle(call, core) {
    const { subscriptionId, planId, at } = call.fields;
    return usingPlans(core, async () =>
      onSubscription(core, call, subscriptionId, async (subscription, deployment, history) => {
        await assertPlan(core, planId, at, deployment.assignments);
        const changed = decidePlanChange(subscription, planId, at);
        const after = foldDeployment([...history, ...changed]) ?? deployment;
        await assertCommitted(core, after, subscriptionId, history);
        return changed;
      }),
    );
  },
});

const cancelSubscription = defineCommand({
  name: 'cancel-subscription',
  summary: 'Cancels a subscription at an instant',
  fields: z.strictObject({ subscriptionId: zId, at: zInstant }),
  key: ({ subscriptionId, at }) => [subscriptionId, at],
  mistakes: { correctedBy: ['correct-subscription', 'withdraw'] },
  stated: ({ subscriptionId }, events) => stateOf(subscriptionId, events)?.cancelledAt,
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ subscriptionId: zId, at: zInstant }),
    async handle(call, core, correction) {
      const { subscriptionId, at } = call.fields;
      return withdrawn(core, call, subscriptionId, correction, (subscription) => unknownCancellation(subscription, at));
    },
  }),
  example: { subscriptionId: 'acme-sub', at: '2027-01-01T00:00:00Z' },
  async handle(call, core) {
    const { subscriptionId, at } = call.fields;
    return onSubscription(core, call, subscriptionId, (subscription) => decideCancellation(subscription, at));
  },
});

const correctSubscription = defineCommand({
  name: 'correct-subscription',
  summary: 'Corrects the time line of a subscription: its start, anchor, plans and end',
  fields: z.strictObject({
    subscriptionId: zId,
    from: zInstant.optional(),
    anchor: zInstant.nullable().optional(),
    planId: zId.optional().describe('The first plan'),
    plans: z
      .array(z.strictObject({ planId: zId, at: zInstant }))
      .optional()
      .describe('All plans after the first one'),
    cancelledAt: zInstant.nullable().optional().describe('null: it was not cancelled'),
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-subscription'] },
  example: { subscriptionId: 'acme-sub', cancelledAt: null, reason: 'the customer stays' },
  async handle(call, core) {
    const { subscriptionId, reason, ...changes } = call.fields;
    if (Object.values(changes).every((value) => value === undefined))
      throw invalid(
        'nothing_to_correct',
        'correct-subscription: give at least one of from, anchor, planId, plans, cancelledAt',
      );
    const deploymentId = await knownDeploymentOf(core, subscriptionId);
    const change = async (before: Deployment, history: readonly DeploymentEvent[]): Promise<Deployment> => {
      const changed = withTimeline(subscriptionIn(before, subscriptionId), changes);
      for (const { planId, from } of changed.plans) await assertPlan(core, planId, from, before.assignments);
      const after = withSubscription(before, changed);
      await assertCommitted(core, after, subscriptionId, history);
      return after;
    };
    const stated = { statedTimeline: { subscriptionId, ...changes } };
    return usingPlans(core, async () => correctedDeployment(core, call, deploymentId, { reason }, change, stated));
  },
});

/** Withdraws a fact of a subscription. Errors: `unknown_subscription`, `overtaken`. */
async function withdrawn(
  core: LedgerCore,
  call: CommandCall,
  subscriptionId: string,
  correction: Correction,
  unknown: (subscription: Subscription) => DomainError,
): Promise<CommandDone> {
  const deploymentId = await knownDeploymentOf(core, subscriptionId);
  const unknownIn = (deployment: Deployment): DomainError => unknown(subscriptionIn(deployment, subscriptionId));
  const check = async (after: Deployment, history: readonly DeploymentEvent[]): Promise<void> => {
    const left = after.subscriptions.find((each) => each.subscriptionId === subscriptionId);
    if (left === undefined) assertNothingAgreed(subscriptionId, history);
    else await assertCommitted(core, after, subscriptionId, history);
    const { plans = [], cancelledAt = null } = left ?? {};
    // A plan that was never used, since the subscription ended at its start, may be withdrawn meanwhile.
    for (const { planId, from } of plans)
      if (cancelledAt === null || isBefore(from, cancelledAt)) await assertPlan(core, planId, from, []);
  };
  return usingPlans(core, async () => withdrawnOfDeployment(core, call, deploymentId, correction, unknownIn, check));
}

/** Errors: `unknown_subscription`. */
export async function knownDeploymentOf(core: LedgerCore, subscriptionId: string): Promise<string> {
  const deploymentId = await deploymentOfSubscription(core, subscriptionId);
  if (deploymentId === undefined) throw unknownSubscription(subscriptionId);
  return deploymentId;
}

/** Errors: `unknown_subscription`. */
export function subscriptionIn({ subscriptions: all }: Deployment, subscriptionId: string): Subscription {
  const found = all.find((each) => each.subscriptionId === subscriptionId);
  if (found === undefined) throw unknownSubscription(subscriptionId);
  return found;
}

async function onSubscription(
  core: LedgerCore,
  call: CommandCall,
  subscriptionId: string,
  decide: (
    subscription: Subscription,
    deployment: Deployment,
    history: readonly DeploymentEvent[],
  ) => DeploymentEvent[] | Promise<DeploymentEvent[]>,
): Promise<CommandDone> {
  const deploymentId = await knownDeploymentOf(core, subscriptionId);
  return core.book.decide(deploymentStream(deploymentId), call, async (events) => {
    const deployment = deploymentOf(events, deploymentId);
    const history = events.filter(isDeploymentEvent);
    return { events: await decide(subscriptionIn(deployment, subscriptionId), deployment, history) };
  });
}

/**
 * A withdrawn subscription keeps its id: lines are known by it, and what was issued of them stays with their
 * deployment. Errors: `subscription_exists`.
 */
async function assertIdOf(core: LedgerCore, subscriptionId: string, deploymentId: string): Promise<void> {
  // The log first: what it no longer has then, the read models have.
  const { events } = await core.tail.read(isOfDeployment);
  const ever = await readDeploymentsOfSubscription(core.db, subscriptionId);
  for (const { type, data } of events)
    if (type === 'SubscriptionStarted' && data.subscriptionId === subscriptionId) ever.push(data.deploymentId);
  const other = ever.find((each) => each !== deploymentId);
  if (other !== undefined)
    throw conflict(
      'subscription_exists',
      `subscription ${subscriptionId} was of deployment ${other} before it was withdrawn: use another subscriptionId`,
      [{ field: 'subscriptionId', message: 'is the id of a withdrawn subscription of another deployment' }],
    );
}

/** Whether an event is in the stream of a deployment, as all events of subscriptions are. */
const isOfDeployment = ({ stream }: Pick<StoredEvent, 'stream'>): boolean => stream.startsWith(deploymentStream(''));

async function deploymentOfSubscription(core: LedgerCore, subscriptionId: string): Promise<string | undefined> {
  const { events } = await core.tail.read(isOfDeployment);
  let deploymentId = await readDeploymentOfSubscription(core.db, subscriptionId);
  for (const { type, data } of events) {
    if (type === 'SubscriptionStarted' && data.subscriptionId === subscriptionId) deploymentId = data.deploymentId;
    if (type === 'DeploymentCorrected') {
      const isThere = data.subscriptions.some((each) => each.subscriptionId === subscriptionId);
      if (isThere) ({ deploymentId } = data);
      else if (data.deploymentId === deploymentId) deploymentId = undefined;
    }
  }
  return deploymentId;
}

const unknownSubscription = (subscriptionId: string): DomainError =>
  notFound('unknown_subscription', `there is no subscription ${subscriptionId}`);

const zSubscription = z
  .object({
    subscriptionId: z.string(),
    deploymentId: z.string(),
    tenantId: z.string().nullable(),
    planId: z.string().nullable(),
    period: zOpenSpan,
    anchor: zTimestamp.nullable(),
    plans: z.array(z.object({ planId: z.string(), from: zTimestamp }).meta({ id: 'SubscribedPlan' })),
    overrides: z.array(zShownOverrides).describe('What it has instead of the terms of its plans'),
    tenancies: z.array(z.object({ tenantId: z.string(), period: zOpenSpan }).meta({ id: 'Tenancy' })),
  })
  .meta({ id: 'PlanSubscription' });

export const subscriptions = defineQuery({
  name: 'subscriptions',
  summary: 'Subscriptions of deployments to plans, with their periods and tenants',
  path: 'subscriptions',
  params: zPage.extend({
    subscriptionId: zOptionalId,
    subscriptionIds: zOptionalIds,
    deploymentId: zOptionalId,
    deploymentIds: zOptionalIds,
    tenantId: zOptionalId,
    tenantIds: zOptionalIds,
  }),
  roles: READERS,
  answer: listOf(zSubscription),
  example: { deploymentId: 'acme-prod' },
  async handle(
    { subscriptionId, subscriptionIds, deploymentId, deploymentIds, tenantId, tenantIds, ...page },
    context,
  ) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    if (deploymentId !== undefined) await assertVisibleDeployment(context, deploymentId);
    const own = context.confinedTo;
    const seen = own === null ? tenantIds : tenantIds?.filter((id) => id === own);
    const found = await pageOfRows({
      order: SUBSCRIPTION_ORDER,
      page,
      position,
      read: async (rows) =>
        readSubscriptionPage(
          core.db,
          position,
          {
            ids: idSets(subscriptionId, subscriptionIds),
            deploymentIds: idSets(deploymentId, deploymentIds),
            holders: idSets(visible, seen),
          },
          rows,
        ),
      toItems: async (rows) => withContracts(context, rows),
    });
    if (subscriptionId !== undefined && found.items.length === 0 && page.cursor === undefined)
      throw unknownSubscription(subscriptionId);
    return found;
  },
});

async function withContracts({ core, position, caller, confinedTo }: QueryContext, rows: readonly SubscriptionRow[]) {
  return (await contractsOfSubscriptions(core, position, rows)).map(({ subscription, assignments, overrides }) => {
    const item = {
      subscriptionId: subscription.subscriptionId,
      deploymentId: subscription.deploymentId,
      tenantId:
        tenantAt(assignments, subscription.cancelledAt ?? caller.now) ?? tenantAt(assignments, subscription.from),
      planId: subscription.plans.at(-1)?.planId ?? null,
      period: { start: subscription.from, end: subscription.cancelledAt },
      anchor: subscription.anchor,
      plans: subscription.plans,
      overrides: overrides.map(shownOverrides),
      tenancies: subscriptionPeriods(subscription, assignments),
    };
    return confinedTo === null ? item : ownSubscription(item, confinedTo);
  });
}

interface Shown {
  readonly tenantId: string | null;
  readonly planId: string | null;
  readonly period: OpenPeriod;
  readonly plans: readonly { readonly planId: string; readonly from: Instant }[];
  readonly overrides: readonly { readonly tenantId: string }[];
  readonly tenancies: readonly { readonly tenantId: string; readonly period: OpenPeriod }[];
}

/** What a tenant sees of a subscription: its own time, and the plans of that time. */
function ownSubscription<Item extends Shown>(item: Item, own: string): Item {
  const tenancies = item.tenancies.filter((each) => each.tenantId === own);
  const plans = item.plans.filter(({ from }, index) => {
    const stretch = { start: from, end: item.plans[index + 1]?.from ?? item.period.end };
    return tenancies.some(({ period }) => overlaps(period, stretch));
  });
  const overrides = item.overrides.filter(({ tenantId }) => tenantId === own);
  return { ...item, tenantId: own, planId: plans.at(-1)?.planId ?? null, plans, overrides, tenancies };
}

export const subscriptionOperations: Operations = {
  commands: [startSubscription, changePlan, cancelSubscription, correctSubscription],
  queries: [subscriptions],
};
