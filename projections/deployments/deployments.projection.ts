import type { RecordedEvent } from '#domain/events';
import type { Commitment } from '#domain/plans/commitment';
import type { Overrides } from '#domain/plans/overrides';
import { evolveTerms, periodsOfTerms, versionsOfTerms } from '#domain/terms/terms';
import type { TableDefinition } from '#read-model/table';
import { changing, type Touch } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { toOverrides } from './deployments.read.js';
import {
  type AssignmentRow,
  deploymentAssignments,
  deployments,
  type SubscriptionCommitmentRow,
  subscriptionCommitments,
  subscriptionOverrides,
  type SubscriptionOverridesRow,
  type SubscriptionPlanRow,
  subscriptionPlans,
  type SubscriptionRow,
  subscriptions,
  usageWaivers,
} from './deployments.table.js';

type Corrected = RecordedEvent<'DeploymentCorrected'>['data'];

const toAssignment = (deploymentId: string, { tenantId, from }: Corrected['assignments'][number]): AssignmentRow => ({
  ...{ deployment_id: deploymentId, effective_from: from, tenant_id: tenantId },
});
const toSubscription = (
  deploymentId: string,
  { subscriptionId, from, anchor, cancelledAt }: Omit<Corrected['subscriptions'][number], 'plans'>,
): SubscriptionRow => ({
  ...{
    deployment_id: deploymentId,
    subscription_id: subscriptionId,
    started_at: from,
    anchor,
    cancelled_at: cancelledAt,
  },
});
const toPlan = (
  { deploymentId, subscriptionId }: { readonly deploymentId: string; readonly subscriptionId: string },
  { planId, from }: Corrected['subscriptions'][number]['plans'][number],
): SubscriptionPlanRow => ({
  ...{ deployment_id: deploymentId, subscription_id: subscriptionId, effective_from: from, plan_id: planId },
});

const ofOverrides = ({ data }: RecordedEvent<OverridesEvents>): string[] => [
  ...[data.deploymentId, data.subscriptionId, data.tenantId],
];
type OverridesEvents = 'OverridesSet' | 'OverridesCorrected';

function nextOverrides(
  { data }: RecordedEvent<OverridesEvents>,
  rows: readonly SubscriptionOverridesRow[],
): SubscriptionOverridesRow[] {
  const versions = versionsOfTerms(rows.map(toOverrides));
  return periodsOfTerms(evolveTerms<Overrides>(versions, data)).map(({ terms, period }) => ({
    ...{ deployment_id: data.deploymentId, subscription_id: data.subscriptionId },
    ...{ effective_from: period.start, effective_until: period.end },
    ...{ tenant_id: data.tenantId, currency: terms.currency, interval: terms.interval },
    ...{ base_fee: terms.baseFee ?? null, items: terms.items },
  }));
}

const ofCommitment = ({
  data,
}: {
  readonly data: Pick<Commitment, 'deploymentId' | 'subscriptionId' | 'commitmentId'>;
}): string[] => [data.deploymentId, data.subscriptionId, data.commitmentId];

const toCommitmentRow = ({ data }: { readonly data: Commitment }): SubscriptionCommitmentRow[] => [
  {
    ...{ deployment_id: data.deploymentId, subscription_id: data.subscriptionId, commitment_id: data.commitmentId },
    ...{ tenant_id: data.tenantId, currency: data.currency, terms: data.terms },
    billing_kinds: data.billingKinds ?? null,
  },
];

const touching =
  (...tables: readonly TableDefinition[]) =>
  ({ data }: { readonly data: { readonly deploymentId: string } }): Touch[] =>
    tables.map((table) => ({ table, group: [data.deploymentId] }));

export const deploymentsProjection = versionedProjection('deployments', {
  version: 6,
  tables: [
    ...[deployments, deploymentAssignments, subscriptions, subscriptionPlans, subscriptionOverrides],
    ...[subscriptionCommitments, usageWaivers],
  ],
  on: {
    DeploymentRegistered: {
      touches: touching(deployments, deploymentAssignments),
      apply: ({ data }, rows) => {
        const { deploymentId, name } = data;
        rows.set(deployments, [deploymentId], [{ deployment_id: deploymentId, name }]);
        rows.set(deploymentAssignments, [deploymentId], [toAssignment(deploymentId, data)]);
      },
    },
    DeploymentAssigned: changing(
      deploymentAssignments,
      ({ data }) => [data.deploymentId],
      ({ data }, rows) => [
        ...rows.filter((row) => row.effective_from !== data.from),
        toAssignment(data.deploymentId, data),
      ],
    ),
    SubscriptionStarted: {
      touches: touching(subscriptions, subscriptionPlans),
      apply: ({ data }, rows) => {
        const { deploymentId } = data;
        const started = toSubscription(deploymentId, { ...data, cancelledAt: null });
        rows.set(subscriptions, [deploymentId], [...rows.get(subscriptions, deploymentId), started]);
        rows.set(subscriptionPlans, [deploymentId], [...rows.get(subscriptionPlans, deploymentId), toPlan(data, data)]);
      },
    },
    SubscriptionPlanChanged: changing(
      subscriptionPlans,
      ({ data }) => [data.deploymentId],
      ({ data }, rows) => [
        ...rows.filter((row) => row.subscription_id !== data.subscriptionId || row.effective_from !== data.at),
        toPlan(data, { planId: data.planId, from: data.at }),
      ],
    ),
    SubscriptionCancelled: changing(
      subscriptions,
      ({ data }) => [data.deploymentId],
      ({ data }, rows) =>
        rows.map((row) => (row.subscription_id === data.subscriptionId ? { ...row, cancelled_at: data.at } : row)),
    ),
    DeploymentCorrected: {
      touches: touching(deployments, deploymentAssignments, subscriptions, subscriptionPlans),
      apply: ({ data }, rows) => {
        const { deploymentId, name, assignments, subscriptions: corrected } = data;
        rows.set(deployments, [deploymentId], [{ deployment_id: deploymentId, name }]);
        rows.set(
          deploymentAssignments,
          [deploymentId],
          assignments.map((each) => toAssignment(deploymentId, each)),
        );
        rows.set(
          subscriptions,
          [deploymentId],
          corrected.map((each) => toSubscription(deploymentId, each)),
        );
        rows.set(
          subscriptionPlans,
          [deploymentId],
          corrected.flatMap(({ subscriptionId, plans }) =>
            plans.map((plan) => toPlan({ deploymentId, subscriptionId }, plan)),
          ),
        );
      },
    },
    OverridesSet: changing(subscriptionOverrides, ofOverrides, nextOverrides),
    OverridesCorrected: changing(subscriptionOverrides, ofOverrides, nextOverrides),
    CommitmentSet: changing(subscriptionCommitments, ofCommitment, toCommitmentRow),
    CommitmentCorrected: changing(subscriptionCommitments, ofCommitment, toCommitmentRow),
    CommitmentWithdrawn: changing(subscriptionCommitments, ofCommitment, () => []),
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
    UsageWaiverWithdrawn: changing(
      usageWaivers,
      ({ data }) => [data.deploymentId, data.billingKind, data.period.start, data.period.end],
      () => [],
    ),
  },
});
