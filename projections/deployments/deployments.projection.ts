import type { RecordedEvent } from '#domain/events';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import {
  deploymentAssignments,
  deployments,
  subscriptionPlans,
  subscriptions,
  usageWaivers,
} from './deployments.table.js';

const assignment = ({ data }: RecordedEvent<'DeploymentRegistered' | 'DeploymentAssigned'>) => [
  { deployment_id: data.deploymentId, effective_from: data.from, tenant_id: data.tenantId },
];

export const deploymentsProjection = versionedProjection('deployments', {
  version: 2,
  tables: [deployments, deploymentAssignments, subscriptions, subscriptionPlans, usageWaivers],
  on: {
    DeploymentRegistered: {
      touches: ({ data }) => [
        { table: deployments, group: [data.deploymentId] },
        { table: deploymentAssignments, group: [data.deploymentId, data.from] },
      ],
      apply: (event, rows) => {
        const { deploymentId, name, from } = event.data;
        rows.set(deployments, [deploymentId], [{ deployment_id: deploymentId, name }]);
        rows.set(deploymentAssignments, [deploymentId, from], assignment(event));
      },
    },
    DeploymentAssigned: changing(deploymentAssignments, ({ data }) => [data.deploymentId, data.from], assignment),
    SubscriptionStarted: {
      touches: ({ data }) => [
        { table: subscriptions, group: [data.subscriptionId] },
        { table: subscriptionPlans, group: [data.subscriptionId, data.from] },
      ],
      apply: ({ data }, rows) => {
        const { subscriptionId, deploymentId, planId, from, anchor } = data;
        rows.set(
          subscriptions,
          [subscriptionId],
          [
            {
              subscription_id: subscriptionId,
              deployment_id: deploymentId,
              started_at: from,
              anchor,
            },
          ],
        );
        rows.set(
          subscriptionPlans,
          [subscriptionId, from],
          [{ subscription_id: subscriptionId, effective_from: from, plan_id: planId }],
        );
      },
    },
    SubscriptionPlanChanged: changing(
      subscriptionPlans,
      ({ data }) => [data.subscriptionId, data.at],
      ({ data }) => [{ subscription_id: data.subscriptionId, effective_from: data.at, plan_id: data.planId }],
    ),
    SubscriptionCancelled: changing(
      subscriptions,
      ({ data }) => [data.subscriptionId],
      ({ data }, rows) => rows.map((row) => ({ ...row, cancelled_at: data.at })),
    ),
    UsageWaived: changing(
      usageWaivers,
      ({ data }) => [data.deploymentId, data.billingKind, data.period.start, data.period.end],
      ({ data }) => [
        {
          deployment_id: data.deploymentId,
          billing_kind: data.billingKind,
          period_start: data.period.start,
          period_end: data.period.end,
          reason: data.reason,
        },
      ],
    ),
  },
});
