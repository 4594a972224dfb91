import { z } from 'zod';
import { conflict, invalid, notFound } from '../errors.js';
import { correctionFields, type EventOf, type IdSchema, zId, zInstant, zPeriod, zText } from '../schema.js';
import {
  assertNoCommitments,
  type CommitmentEvent,
  commitmentEventsWith,
  foldCommitments,
} from '../plans/commitment.js';
import { type Overrides, overridesWith } from '../plans/overrides.js';
import { streamName } from '../stream-name.js';
import { correctedFields, foldTerms, setFields, type TermsPeriod } from '../terms/terms.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import { intersection, type OpenPeriod } from '../time/period.js';

/**
 * A deployment: what a tenant runs. Its stream also holds its subscriptions, so that "at most one subscription at any
 * instant" and "one tenant at any instant" are each decided against one stream.
 */
export const deploymentStream = (deploymentId: string): string => streamName('deployment', [deploymentId]);

const overrideFieldsWith = (zId: IdSchema) => ({ subscriptionId: zId, deploymentId: zId, tenantId: zId });

// Stored permanently.
export const deploymentEventsWith = (zId: IdSchema) => ({
  DeploymentRegistered: z.object({ deploymentId: zId, tenantId: zId, name: zText, from: zInstant }),
  DeploymentAssigned: z.object({ deploymentId: zId, tenantId: zId, from: zInstant }),
  SubscriptionStarted: z.object({
    subscriptionId: zId,
    deploymentId: zId,
    planId: zId,
    from: zInstant,
    anchor: zInstant.nullable(),
  }),
  SubscriptionPlanChanged: z.object({ subscriptionId: zId, deploymentId: zId, planId: zId, at: zInstant }),
  SubscriptionCancelled: z.object({ subscriptionId: zId, deploymentId: zId, at: zInstant }),
  /** What the tenant has on the subscription instead of the terms of its plan. */
  OverridesSet: z.object({ ...overrideFieldsWith(zId), ...setFields(overridesWith(zId)) }),
  /** The overrides as they are true now. */
  OverridesCorrected: z.object({ ...overrideFieldsWith(zId), ...correctedFields(overridesWith(zId)) }),
  ...commitmentEventsWith(zId),
  /** The deployment, its holders and its subscriptions as they are true now. */
  DeploymentCorrected: z.object({
    deploymentId: zId,
    name: zText,
    assignments: z.array(z.object({ tenantId: zId, from: zInstant })).min(1),
    subscriptions: z.array(
      z.object({
        subscriptionId: zId,
        from: zInstant,
        anchor: zInstant.nullable(),
        plans: z.array(z.object({ planId: zId, from: zInstant })).min(1),
        cancelledAt: zInstant.nullable(),
      }),
    ),
    /** What the correction states. Both absent: it states neither, or was recorded by an early version. */
    statedHolder: z.object({ tenantId: zId, from: zInstant, until: zInstant.nullable() }).optional(),
    statedTimeline: z
      .object({
        subscriptionId: zId,
        from: zInstant.optional(),
        anchor: zInstant.nullable().optional(),
        /** The first plan. */
        planId: zId.optional(),
        /** The plans after the first one. */
        plans: z.array(z.object({ planId: zId, at: zInstant })).optional(),
        /** null: it was not cancelled. */
        cancelledAt: zInstant.nullable().optional(),
      })
      .optional(),
    ...correctionFields,
  }),
  /** Usage without a plan will not be billed: it is no longer listed as unbilled. */
  UsageWaived: z.object({ deploymentId: zId, billingKind: zId, period: zPeriod, reason: zText }),
  /** The usage was never waived. `withdrawn`: the key of the command that said so. */
  UsageWaiverWithdrawn: z.object({
    deploymentId: zId,
    billingKind: zId,
    period: zPeriod,
    withdrawn: z.string().optional(),
    reason: zText,
  }),
});
export const deploymentEvents = deploymentEventsWith(zId);

export type DeploymentEvent = EventOf<typeof deploymentEventsWith>;

export interface Assignment {
  readonly tenantId: string;
  readonly from: Instant;
}

export interface Subscription {
  readonly subscriptionId: string;
  readonly deploymentId: string;
  readonly from: Instant;
  readonly anchor: Instant | null;
  /** In order of time; the first from the subscription's start. */
  readonly plans: readonly { readonly planId: string; readonly from: Instant }[];
  readonly cancelledAt: Instant | null;
}

export interface Deployment {
  readonly deploymentId: string;
  readonly name: string;
  /** In order of time. If two have the same instant, the later recorded one holds. */
  readonly assignments: readonly Assignment[];
  readonly subscriptions: readonly Subscription[];
}

/** What a correction states of a deployment. */
export type StatedOfDeployment = Pick<
  Extract<DeploymentEvent, { type: 'DeploymentCorrected' }>['data'],
  'statedHolder' | 'statedTimeline'
>;

export function foldDeployment(events: Iterable<DeploymentEvent>): Deployment | null {
  let state: Deployment | null = null;
  for (const event of events) state = evolve(state, event);
  return state;
}

export function evolve(state: Deployment | null, event: DeploymentEvent): Deployment | null {
  if (event.type === 'DeploymentRegistered') {
    const { deploymentId, name, tenantId, from } = event.data;
    return { deploymentId, name, assignments: [{ tenantId, from }], subscriptions: [] };
  }
  if (state === null) return null;
  switch (event.type) {
    case 'DeploymentAssigned':
      return { ...state, assignments: withAssignment(state.assignments, event.data) };
    case 'SubscriptionStarted': {
      const { subscriptionId, deploymentId, planId, from, anchor } = event.data;
      const started: Subscription = {
        subscriptionId,
        deploymentId,
        from,
        anchor,
        plans: [{ planId, from }],
        cancelledAt: null,
      };
      return { ...state, subscriptions: [...state.subscriptions, started] };
    }
    case 'SubscriptionPlanChanged':
      return change(state, event.data.subscriptionId, (current) => withPlan(current, event.data.planId, event.data.at));
    case 'SubscriptionCancelled':
      return change(state, event.data.subscriptionId, (current) => ({ ...current, cancelledAt: event.data.at }));
    case 'DeploymentCorrected': {
      const { deploymentId, name, assignments, subscriptions } = event.data;
      return {
        deploymentId,
        name,
        assignments,
        subscriptions: subscriptions.map((each) => ({ ...each, deploymentId })),
      };
    }
    case 'OverridesSet':
    case 'OverridesCorrected':
    case 'CommitmentSet':
    case 'CommitmentCorrected':
    case 'CommitmentWithdrawn':
    case 'UsageWaived':
    case 'UsageWaiverWithdrawn':
      return state;
  }
}

const change = (state: Deployment, id: string, next: (current: Subscription) => Subscription): Deployment => ({
  ...state,
  subscriptions: state.subscriptions.map((each) => (each.subscriptionId === id ? next(each) : each)),
});

const withAssignment = (assignments: readonly Assignment[], { tenantId, from }: Assignment): Assignment[] =>
  [...assignments.filter((each) => each.from !== from), { tenantId, from }].sort((a, b) =>
    compareInstants(a.from, b.from),
  );

const withPlan = (subscription: Subscription, planId: string, from: Instant): Subscription => ({
  ...subscription,
  plans: [...subscription.plans.filter((each) => each.from !== from), { planId, from }].sort((a, b) =>
    compareInstants(a.from, b.from),
  ),
});

/** Overrides that were agreed with a tenant. */
export interface AgreedOverrides extends TermsPeriod<Overrides> {
  readonly tenantId: string;
}

/** Overrides, each while the deployment is of its tenant. */
export const overridesInForce = (
  overrides: readonly AgreedOverrides[],
  assignments: readonly Assignment[],
): TermsPeriod<Overrides>[] =>
  overrides.flatMap(({ tenantId, terms, period }) =>
    tenancies(assignments).flatMap((tenancy) => {
      const common = tenancy.tenantId === tenantId ? intersection(period, tenancy.period) : null;
      return common === null ? [] : [{ terms, period: common }];
    }),
  );

/**
 * Refuses to withdraw a subscription that has overrides or commitments: they would hold again if it were started again.
 * Errors: `subscription_has_overrides`, `subscription_has_commitments`.
 */
export function assertNothingAgreed(subscriptionId: string, history: readonly DeploymentEvent[]): void {
  const tenantIds = tenantsWithOverrides(history, subscriptionId);
  if (tenantIds.length > 0)
    throw conflict(
      'subscription_has_overrides',
      `subscription ${subscriptionId} has overrides of ${tenantIds.join(' and ')}, which would hold if it were` +
        ' started again. Withdraw them first (set-overrides), or correct them (correct-overrides with items: [])',
    );
  assertNoCommitments(subscriptionId, foldCommitments(history.filter(isCommitmentEvent)));
}

export const isCommitmentEvent = (event: DeploymentEvent): event is CommitmentEvent & DeploymentEvent =>
  event.type === 'CommitmentSet' || event.type === 'CommitmentCorrected' || event.type === 'CommitmentWithdrawn';

/** The tenants that have overrides on a subscription, at any instant. */
function tenantsWithOverrides(events: readonly DeploymentEvent[], subscriptionId: string): string[] {
  const facts = events.flatMap(({ type, data }) =>
    (type === 'OverridesSet' || type === 'OverridesCorrected') && data.subscriptionId === subscriptionId ? [data] : [],
  );
  return [...Map.groupBy(facts, ({ tenantId }) => tenantId)].flatMap(([tenantId, own]) => {
    const says = foldTerms<Overrides>(own).some(
      ({ terms }) => terms !== null && (terms.baseFee !== undefined || terms.items.length > 0),
    );
    return says ? [tenantId] : [];
  });
}

/** The tenant of the deployment at an instant; null before it has one. */
export function tenantAt(assignments: readonly Assignment[], at: Instant): string | null {
  let holder: string | null = null;
  for (const each of assignments) if (!isBefore(at, each.from)) holder = each.tenantId;
  return holder;
}

/** The periods in which the deployment was a tenant's, in order. */
export function tenancies(assignments: readonly Assignment[]): { tenantId: string; period: OpenPeriod }[] {
  const merged = assignments.filter((each, index) => index === 0 || assignments[index - 1]?.tenantId !== each.tenantId);
  return merged.map((each, index) => ({
    tenantId: each.tenantId,
    period: { start: each.from, end: merged[index + 1]?.from ?? null },
  }));
}

/**
 * The periods in which the subscription ran for one tenant. An assignment to another tenant ends one and begins the
 * next.
 */
export function subscriptionPeriods(
  subscription: Subscription,
  assignments: readonly Assignment[],
): { tenantId: string; period: OpenPeriod }[] {
  const running = { start: subscription.from, end: subscription.cancelledAt };
  return tenancies(assignments).flatMap(({ tenantId, period: held }) => {
    const period = intersection(running, held);
    return period === null ? [] : [{ tenantId, period }];
  });
}

export function startSubscription(
  deployment: Deployment | null,
  input: { subscriptionId: string; deploymentId: string; planId: string; from: Instant; anchor: Instant | null },
): DeploymentEvent[] {
  if (deployment === null) throw notFound('unknown_deployment', `deployment ${input.deploymentId} is not registered`);
  if (tenantAt(deployment.assignments, input.from) === null)
    throw invalid('deployment_not_assigned', `deployment ${input.deploymentId} has no tenant at ${input.from}`);
  const overlapping = deployment.subscriptions.find(
    (each) => each.cancelledAt === null || (isBefore(input.from, each.cancelledAt) && each.from !== each.cancelledAt),
  );
  if (overlapping !== undefined)
    throw conflict(
      'subscription_overlap',
      `deployment ${input.deploymentId} has subscription ${overlapping.subscriptionId} from ${overlapping.from}` +
        ` until ${overlapping.cancelledAt ?? 'further notice'}: cancel it at or before ${input.from}`,
    );
  return [{ type: 'SubscriptionStarted', data: input }];
}

/** A change at the subscription's start replaces its first plan. */
export function changePlan(subscription: Subscription, planId: string, at: Instant): DeploymentEvent[] {
  assertRunning(subscription, at);
  if (isBefore(at, subscription.from))
    throw invalid(
      'before_subscription',
      `subscription ${subscription.subscriptionId} starts at ${subscription.from}: change its plan from then on`,
    );
  const { subscriptionId, deploymentId } = subscription;
  return [{ type: 'SubscriptionPlanChanged', data: { subscriptionId, deploymentId, planId, at } }];
}

export function cancelSubscription(subscription: Subscription, at: Instant): DeploymentEvent[] {
  if (subscription.cancelledAt !== null)
    throw conflict(
      'subscription_cancelled',
      `subscription ${subscription.subscriptionId} was cancelled at ${subscription.cancelledAt} already`,
    );
  if (isBefore(at, subscription.from))
    throw invalid(
      'before_subscription',
      `subscription ${subscription.subscriptionId} starts at ${subscription.from}, after ${at}`,
    );
  return [
    {
      type: 'SubscriptionCancelled',
      data: { subscriptionId: subscription.subscriptionId, deploymentId: subscription.deploymentId, at },
    },
  ];
}

function assertRunning(subscription: Subscription, at: Instant): void {
  if (subscription.cancelledAt !== null && !isBefore(at, subscription.cancelledAt))
    throw conflict(
      'subscription_cancelled',
      `subscription ${subscription.subscriptionId} ends at ${subscription.cancelledAt}, not after ${at}`,
    );
}
