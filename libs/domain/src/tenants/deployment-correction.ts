import type { Correction } from '../correction.js';
import { conflict, invalid } from '../errors.js';
import { changedValues, type Fact, firstDifference, replacedOver } from '../time/dated.js';
import { compareInstants, isBefore } from '../time/instant.js';
import { assertEffective, overlaps } from '../time/period.js';
import {
  type Deployment,
  type DeploymentEvent,
  evolve,
  type StatedOfDeployment,
  type Subscription,
  tenantAt,
} from './deployment.js';

/**
 * Corrects a deployment and its subscriptions. Nothing happens if they are right already, but a withdrawal is recorded
 * always.
 */
export function correctDeployment(
  before: Deployment,
  after: Deployment,
  correction: Correction,
  stated: StatedOfDeployment = {},
): DeploymentEvent[] {
  if (correction.withdrawn === undefined && JSON.stringify(after) === JSON.stringify(before)) return [];
  const { deploymentId, name, assignments, subscriptions } = after;
  return [
    {
      type: 'DeploymentCorrected',
      data: {
        deploymentId,
        name,
        assignments: [...assignments],
        subscriptions: subscriptions.map(({ subscriptionId, from, anchor, plans, cancelledAt }) => ({
          ...{ subscriptionId, from, anchor, plans: [...plans], cancelledAt },
        })),
        ...stated,
        changedFrom: firstDifference(factsOf(before), factsOf(after)),
        ...correction,
      },
    },
  ];
}

/** What amounts depend on: who held the deployment when, and its subscriptions. */
const factsOf = ({ assignments, subscriptions }: Deployment): Fact[] => [
  ...assignments.map(({ tenantId, from }) => ({ text: JSON.stringify(['tenant', tenantId, from]), from })),
  ...subscriptions.flatMap(({ subscriptionId, from, anchor, plans, cancelledAt }): Fact[] => [
    { text: JSON.stringify(['start', subscriptionId, from, anchor]), from },
    ...plans.map((plan) => ({
      text: JSON.stringify(['plan', subscriptionId, plan.planId, plan.from]),
      from: plan.from,
    })),
    ...(cancelledAt === null
      ? []
      : [{ text: JSON.stringify(['end', subscriptionId, cancelledAt]), from: cancelledAt }]),
  ]),
];

/**
 * The deployment with a holder over a period; without an end it is the holder until the next assignment. Before the
 * first assignment, the period begins or reaches it. Errors: `empty_period`, `deployment_not_assigned`.
 */
export function withHolderOver(
  deployment: Deployment,
  { tenantId, from, until }: NonNullable<StatedOfDeployment['statedHolder']>,
): Deployment {
  assertEffective(from, until);
  const { deploymentId, assignments } = deployment;
  const [first] = assignments;
  if (until !== null && first !== undefined && isBefore(until, first.from))
    throw invalid(
      'deployment_not_assigned',
      `deployment ${deploymentId} has no tenant from ${until} to ${first.from}: let the period end at ${first.from}`,
      [{ field: 'effectiveUntil', message: `must be ${first.from}, where the deployment begins` }],
    );
  const next = replacedOver(assignments, { tenantId, from }, until, () => null);
  // Two periods of one tenant that meet are one.
  const merged = next.filter((each, index) => index === 0 || next[index - 1]?.tenantId !== each.tenantId);
  const isSame = assignments.every(({ tenantId: holder, from: at }) => tenantAt(merged, at) === holder);
  const isCovered = merged.every(({ tenantId: holder, from: at }) => tenantAt(assignments, at) === holder);
  return isSame && isCovered ? deployment : { ...deployment, assignments: merged };
}

/**
 * The deployment as it would be recorded without some of its events. Corrections stay, over the periods that they
 * state. What earlier withdrawals came to is computed again. Errors: `subscription_overlap`, `invalid_timeline`.
 */
export function foldDeploymentWithout(
  events: Iterable<DeploymentEvent>,
  never: ReadonlySet<DeploymentEvent>,
): Deployment | null {
  let recorded: Deployment | null = null;
  let left: Deployment | null = null;
  for (const event of events) {
    if (event.type === 'DeploymentCorrected') left = corrected(left, event.data, recorded);
    else if (!never.has(event)) left = evolve(left, event);
    recorded = evolve(recorded, event);
  }
  for (const each of left?.subscriptions ?? []) if (left !== null) guardSubscription(left, each);
  return left;
}

/** An early version did not record what a correction states: then it is what the correction changed. */
function corrected(
  left: Deployment | null,
  data: Extract<DeploymentEvent, { type: 'DeploymentCorrected' }>['data'],
  recorded: Deployment | null,
): Deployment | null {
  const { name, statedHolder, statedTimeline, withdrawn } = data;
  if (left === null || recorded === null || withdrawn !== undefined) return left;
  const named = { ...left, name };
  if (statedHolder !== undefined) return withHolderOver(named, statedHolder);
  if (statedTimeline !== undefined) return withTimelineOf(named, statedTimeline);
  const holders = changedValues(recorded.assignments, data.assignments, (a, b) => a.tenantId === b.tenantId);
  const held = holders.reduce((next, { value, until }) => withHolderOver(next, { ...value, until }), named);
  return data.subscriptions.reduce((next, after) => {
    const before = recorded.subscriptions.find((each) => each.subscriptionId === after.subscriptionId);
    return before === undefined ? next : withTimelineOf(next, changedTimeline(before, after));
  }, held);
}

/** A subscription that is not there was withdrawn. */
const withTimelineOf = (
  deployment: Deployment,
  { subscriptionId, ...changes }: NonNullable<StatedOfDeployment['statedTimeline']>,
): Deployment => ({
  ...deployment,
  subscriptions: deployment.subscriptions.map((each) =>
    each.subscriptionId === subscriptionId ? withTimeline(each, changes) : each,
  ),
});

function changedTimeline(
  before: Subscription,
  after: Omit<Subscription, 'deploymentId'>,
): NonNullable<StatedOfDeployment['statedTimeline']> {
  const [first, ...later] = after.plans;
  const isSameRest = JSON.stringify(before.plans.slice(1)) === JSON.stringify(later);
  return {
    subscriptionId: after.subscriptionId,
    ...(before.from === after.from ? {} : { from: after.from }),
    ...(before.anchor === after.anchor ? {} : { anchor: after.anchor }),
    ...(first === undefined || before.plans[0]?.planId === first.planId ? {} : { planId: first.planId }),
    ...(isSameRest ? {} : { plans: later.map(({ planId, from }) => ({ planId, at: from })) }),
    ...(before.cancelledAt === after.cancelledAt ? {} : { cancelledAt: after.cancelledAt }),
  };
}

/** What a correction says of a subscription. What is absent stays. */
export type SubscriptionChanges = Omit<NonNullable<StatedOfDeployment['statedTimeline']>, 'subscriptionId'>;

/** The subscription with its true time line. Errors: `invalid_timeline`. */
export function withTimeline(subscription: Subscription, changes: SubscriptionChanges): Subscription {
  const from = changes.from ?? subscription.from;
  const later =
    changes.plans?.map(({ planId, at }) => ({ planId, from: at })) ??
    subscription.plans.slice(1).filter((plan) => isBefore(from, plan.from));
  // Where the start moves past a change of plan, the plan in force there is the first one.
  const firstPlan =
    changes.plans === undefined
      ? (subscription.plans.findLast((plan) => !isBefore(from, plan.from)) ?? subscription.plans[0])
      : subscription.plans[0];
  if (firstPlan === undefined) throw new Error(`subscription ${subscription.subscriptionId} has no plan`);
  const cancelledAt = changes.cancelledAt === undefined ? subscription.cancelledAt : changes.cancelledAt;
  const after: Subscription = {
    ...subscription,
    from,
    anchor: changes.anchor === undefined ? subscription.anchor : changes.anchor,
    plans: [{ planId: changes.planId ?? firstPlan.planId, from }, ...later],
    cancelledAt,
  };
  guardTimeline(after);
  return after;
}

function guardTimeline({ subscriptionId, from, plans, cancelledAt }: Subscription): void {
  const refuse = (field: string, message: string): never => {
    throw invalid('invalid_timeline', `subscription ${subscriptionId}: ${field} ${message}`, [{ field, message }]);
  };
  for (const [index, plan] of plans.entries()) {
    const before = plans[index - 1];
    if (before !== undefined && !isBefore(before.from, plan.from))
      refuse(`plans[${index - 1}].at`, `${plan.from} must be after ${before.from}, where the plan before it begins`);
    if (index > 0 && cancelledAt !== null && !isBefore(plan.from, cancelledAt))
      refuse(`plans[${index - 1}].at`, `${plan.from} must be before ${cancelledAt}, where the subscription ends`);
  }
  if (cancelledAt !== null && isBefore(cancelledAt, from))
    refuse('cancelledAt', `${cancelledAt} must not be before ${from}, where the subscription starts`);
}

/** The deployment with one of its subscriptions replaced. Errors: `subscription_overlap`, `deployment_not_assigned`. */
export function withSubscription(deployment: Deployment, after: Subscription): Deployment {
  guardSubscription(deployment, after);
  return {
    ...deployment,
    subscriptions: deployment.subscriptions.map((each) =>
      each.subscriptionId === after.subscriptionId ? after : each,
    ),
  };
}

function guardSubscription({ deploymentId, assignments, subscriptions }: Deployment, after: Subscription): void {
  const overlapping = subscriptions.find(
    (other) =>
      other.subscriptionId !== after.subscriptionId &&
      !isEmpty(other) &&
      !isEmpty(after) &&
      overlaps(runOf(other), runOf(after)),
  );
  if (overlapping !== undefined)
    throw conflict(
      'subscription_overlap',
      `deployment ${deploymentId} has subscription ${overlapping.subscriptionId} from ${overlapping.from}` +
        ` until ${overlapping.cancelledAt ?? 'further notice'}: correct that one first`,
    );
  if (tenantAt(assignments, after.from) === null)
    throw invalid(
      'deployment_not_assigned',
      `deployment ${deploymentId} has no tenant at ${after.from}: use correct-assignment first`,
      [{ field: 'from', message: 'is before the deployment has a tenant' }],
    );
}

const runOf = ({ from, cancelledAt }: Subscription) => ({ start: from, end: cancelledAt });
const isEmpty = ({ from, cancelledAt }: Subscription): boolean =>
  cancelledAt !== null && compareInstants(from, cancelledAt) === 0;
