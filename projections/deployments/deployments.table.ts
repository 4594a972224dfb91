import type { CommitmentTerm } from '#domain/plans/commitment';
import type { Overrides } from '#domain/plans/overrides';
import { jsonb, numeric, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

export const deployments = defineTable({
  name: 'deployments',
  columns: {
    deployment_id: text,
    name: text,
  },
  key: ['deployment_id'],
});

export type DeploymentRow = RowOf<typeof deployments>;

/** From `effective_from` the deployment belongs to this tenant. */
export const deploymentAssignments = defineTable({
  name: 'deployment_assignments',
  columns: {
    deployment_id: text,
    effective_from: timestamptz,
    tenant_id: text,
  },
  key: ['deployment_id', 'effective_from'],
  group: ['deployment_id'],
  indexes: [['tenant_id']],
});

export type AssignmentRow = RowOf<typeof deploymentAssignments>;

export const subscriptions = defineTable({
  name: 'subscriptions',
  columns: {
    subscription_id: text,
    deployment_id: text,
    started_at: timestamptz,
    anchor: timestamptz.nullable(),
    cancelled_at: timestamptz.nullable(),
  },
  key: ['deployment_id', 'subscription_id'],
  group: ['deployment_id'],
  indexes: [['subscription_id']],
});

export type SubscriptionRow = RowOf<typeof subscriptions>;

/** From `effective_from` the subscription has this plan. */
export const subscriptionPlans = defineTable({
  name: 'subscription_plans',
  columns: {
    deployment_id: text,
    subscription_id: text,
    effective_from: timestamptz,
    plan_id: text,
  },
  key: ['deployment_id', 'subscription_id', 'effective_from'],
  group: ['deployment_id'],
  indexes: [['subscription_id'], ['plan_id']],
});

export type SubscriptionPlanRow = RowOf<typeof subscriptionPlans>;

/** What a tenant has on a subscription instead of the terms of its plan, while the deployment is of the tenant. */
export const subscriptionOverrides = defineTable({
  name: 'subscription_overrides',
  columns: {
    deployment_id: text,
    subscription_id: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    tenant_id: text,
    /** Of the plan that they were agreed on. */
    currency: text,
    interval: oneOf<Overrides['interval']>(),
    /** null: that of the plan. */
    base_fee: numeric.nullable(),
    items: jsonb<Overrides['items']>(),
  },
  key: ['deployment_id', 'subscription_id', 'tenant_id', 'effective_from'],
  group: ['deployment_id', 'subscription_id', 'tenant_id'],
  indexes: [['subscription_id'], ['tenant_id']],
});

export type SubscriptionOverridesRow = RowOf<typeof subscriptionOverrides>;

/** What a tenant pays at least in each term of a commitment, while the deployment is of the tenant. */
export const subscriptionCommitments = defineTable({
  name: 'subscription_commitments',
  columns: {
    deployment_id: text,
    subscription_id: text,
    commitment_id: text,
    tenant_id: text,
    currency: text,
    terms: jsonb<readonly CommitmentTerm[]>(),
    /** null: all but the base fee. */
    billing_kinds: jsonb<readonly string[]>().nullable(),
  },
  key: ['deployment_id', 'subscription_id', 'commitment_id'],
  indexes: [['subscription_id'], ['tenant_id']],
});

export type SubscriptionCommitmentRow = RowOf<typeof subscriptionCommitments>;

/** Usage that is not covered and will not be billed. */
export const usageWaivers = defineTable({
  name: 'usage_waivers',
  columns: {
    deployment_id: text,
    billing_kind: text,
    period_start: timestamptz,
    period_end: timestamptz,
    reason: text,
  },
  key: ['deployment_id', 'billing_kind', 'period_start', 'period_end'],
});

export type UsageWaiverRow = RowOf<typeof usageWaivers>;

declare module '#read-model/read-models' {
  interface ReadModels {
    deployments: History<DeploymentRow>;
    deployment_assignments: History<AssignmentRow>;
    subscriptions: History<SubscriptionRow>;
    subscription_plans: History<SubscriptionPlanRow>;
    subscription_overrides: History<SubscriptionOverridesRow>;
    subscription_commitments: History<SubscriptionCommitmentRow>;
    usage_waivers: History<UsageWaiverRow>;
  }
}
