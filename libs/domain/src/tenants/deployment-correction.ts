import type { Correction } from '../correction.js';
import { conflict, invalid, notFound } from '../errors.js';
import { type Fact, firstDifference, replacedOver, withoutValueFrom } from '../time/dated.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import { assertEffective, overlaps } from '../time/period.js';
import { type Deployment, type DeploymentEvent, type Subscription, tenantAt } from './deployment.js';

/** Corrects a deployment and its subscriptions. Nothing happens if they are right already. */
export function correctDeployment(before: Deployment, after: Deployment, correction: Correction): DeploymentEvent[] {
  if (JSON.stringify(after) === JSON.stringify(before)) return [];
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
  { tenantId, from, until }: { readonly tenantId: string; readonly from: Instant; readonly until: Instant | null },
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

/** The deployment without a move that never was. Errors: `unknown_assignment`, `first_assignment`. */
export function withoutAssignment(deployment: Deployment, from: Instant): Deployment {
  const { deploymentId, assignments } = deployment;
  if (assignments[0]?.from === from)
    throw conflict(
      'first_assignment',
      `deployment ${deploymentId} begins with its assignment from ${from}: name another tenant with correct-assignment`,
    );
  const left = withoutValueFrom(assignments, from);
  if (left.length === assignments.length)
    throw notFound('unknown_assignment', `deployment ${deploymentId} was not assigned to a tenant from ${from} on`);
  return { ...deployment, assignments: left };
}

/** What a correction says of a subscription. What is absent stays. */
export interface SubscriptionChanges {
  readonly from?: Instant | undefined;
  readonly anchor?: Instant | null | undefined;
  /** The first plan. */
  readonly planId?: string | undefined;
  /** The plans after the first one. */
  readonly plans?: readonly { readonly planId: string; readonly at: Instant }[] | undefined;
  /** null: it was not cancelled. */
  readonly cancelledAt?: Instant | null | undefined;
}

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

/**
 * The deployment with one of its subscriptions replaced; null: it never was. Errors: `subscription_overlap`,
 * `deployment_not_assigned`.
 */
export function withSubscription(
  deployment: Deployment,
  subscriptionId: string,
  after: Subscription | null,
): Deployment {
  const others = deployment.subscriptions.filter((each) => each.subscriptionId !== subscriptionId);
  if (after === null) return { ...deployment, subscriptions: others };
  const overlapping = others.find(
    (other) => !isEmpty(other) && !isEmpty(after) && overlaps(runOf(other), runOf(after)),
  );
  if (overlapping !== undefined)
    throw conflict(
      'subscription_overlap',
      `deployment ${deployment.deploymentId} has subscription ${overlapping.subscriptionId} from ${overlapping.from}` +
        ` until ${overlapping.cancelledAt ?? 'further notice'}: correct that one first`,
    );
  if (tenantAt(deployment.assignments, after.from) === null)
    throw invalid(
      'deployment_not_assigned',
      `deployment ${deployment.deploymentId} has no tenant at ${after.from}: use correct-assignment first`,
      [{ field: 'from', message: 'is before the deployment has a tenant' }],
    );
  return {
    ...deployment,
    subscriptions: deployment.subscriptions.map((each) => (each.subscriptionId === subscriptionId ? after : each)),
  };
}

const runOf = ({ from, cancelledAt }: Subscription) => ({ start: from, end: cancelledAt });
const isEmpty = ({ from, cancelledAt }: Subscription): boolean =>
  cancelledAt !== null && compareInstants(from, cancelledAt) === 0;

/** The subscription without a change of plan that never was. Errors: `unknown_plan_change`. */
export function withoutPlanChange(subscription: Subscription, at: Instant): Subscription {
  const left = subscription.plans.slice(1).filter(({ from }) => from !== at);
  if (left.length === subscription.plans.length - 1)
    throw notFound(
      'unknown_plan_change',
      `subscription ${subscription.subscriptionId} does not change its plan at ${at}` +
        (subscription.from === at ? ': it starts then. Use correct-subscription with planId' : ''),
    );
  return { ...subscription, plans: [...subscription.plans.slice(0, 1), ...left] };
}

/** The subscription without a cancellation that never was. Errors: `unknown_cancellation`. */
export function withoutCancellation(subscription: Subscription, at: Instant): Subscription {
  if (subscription.cancelledAt !== at)
    throw notFound(
      'unknown_cancellation',
      `subscription ${subscription.subscriptionId} ` +
        (subscription.cancelledAt === null
          ? 'is not cancelled'
          : `is cancelled at ${subscription.cancelledAt}, not at ${at}`),
    );
  return { ...subscription, cancelledAt: null };
}
