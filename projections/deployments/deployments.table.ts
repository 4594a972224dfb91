import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

export interface DeploymentRow {
  readonly deployment_id: string;
  readonly name: string;
}

export const deployments = defineTable<DeploymentRow>({
  name: 'deployments',
  columns: { deployment_id: 'text', name: 'text' },
  key: ['deployment_id'],
  group: ['deployment_id'],
});

/** From effective_from on the deployment is this tenant's. */
export interface AssignmentRow {
  readonly deployment_id: string;
  readonly effective_from: Instant;
  readonly tenant_id: string;
}

export const deploymentAssignments = defineTable<AssignmentRow>({
  name: 'deployment_assignments',
  columns: { deployment_id: 'text', effective_from: 'timestamptz', tenant_id: 'text' },
  key: ['deployment_id', 'effective_from'],
  group: ['deployment_id', 'effective_from'],
  indexes: [['tenant_id']],
});

export interface SubscriptionRow {
  readonly subscription_id: string;
  readonly deployment_id: string;
  readonly started_at: Instant;
  readonly anchor: Instant | null;
  readonly cancelled_at: Instant | null;
}

export const subscriptions = defineTable<SubscriptionRow>({
  name: 'subscriptions',
  columns: {
    subscription_id: 'text',
    deployment_id: 'text',
    started_at: 'timestamptz',
    anchor: 'timestamptz',
    cancelled_at: 'timestamptz',
  },
  key: ['subscription_id'],
  group: ['subscription_id'],
  indexes: [['deployment_id']],
});

/** From effective_from on the subscription is on this plan. */
export interface SubscriptionPlanRow {
  readonly subscription_id: string;
  readonly effective_from: Instant;
  readonly plan_id: string;
}

export const subscriptionPlans = defineTable<SubscriptionPlanRow>({
  name: 'subscription_plans',
  columns: { subscription_id: 'text', effective_from: 'timestamptz', plan_id: 'text' },
  key: ['subscription_id', 'effective_from'],
  group: ['subscription_id', 'effective_from'],
  indexes: [['plan_id']],
});

/** Usage that nothing covers and that is not going to be billed. */
export interface UsageWaiverRow {
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly period_start: Instant;
  readonly period_end: Instant;
  readonly reason: string;
}

export const usageWaivers = defineTable<UsageWaiverRow>({
  name: 'usage_waivers',
  columns: {
    deployment_id: 'text',
    billing_kind: 'text',
    period_start: 'timestamptz',
    period_end: 'timestamptz',
    reason: 'text',
  },
  key: ['deployment_id', 'billing_kind', 'period_start', 'period_end'],
  group: ['deployment_id', 'billing_kind', 'period_start', 'period_end'],
});
