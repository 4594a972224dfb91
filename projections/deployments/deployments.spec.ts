import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { deploymentsProjection } from './deployments.projection.js';
import {
  deploymentAssignments,
  deployments,
  subscriptionCommitments,
  subscriptionOverrides,
  subscriptionPlans,
  subscriptions,
  usageWaivers,
} from './deployments.table.js';

const { given, when, rows } = projected(deploymentsProjection);

const APRIL = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';

it('keeps the tenants of a deployment with their start', async () => {
  await given({ DeploymentRegistered: { deploymentId: 'd', tenantId: 't1', name: 'Dash', from: APRIL } });
  await when({ DeploymentAssigned: { deploymentId: 'd', tenantId: 't2', from: MAY } });

  expect(await rows(deployments)).toEqual([{ deployment_id: 'd', name: 'Dash' }]);
  const first = { deployment_id: 'd', effective_from: APRIL, tenant_id: 't1' };
  expect(await rows(deploymentAssignments)).toEqual([
    first,
    { deployment_id: 'd', effective_from: MAY, tenant_id: 't2' },
  ]);
  expect(await rows(deploymentAssignments, 1)).toEqual([first]);
});

it('uses the later of two assignments from the same instant', async () => {
  await given({ DeploymentRegistered: { deploymentId: 'd', tenantId: 't1', name: 'Dash', from: APRIL } });
  await when({ DeploymentAssigned: { deploymentId: 'd', tenantId: 't2', from: APRIL } });

  expect(await rows(deploymentAssignments)).toEqual([{ deployment_id: 'd', effective_from: APRIL, tenant_id: 't2' }]);
  expect(await rows(deploymentAssignments, 1)).toEqual([
    { deployment_id: 'd', effective_from: APRIL, tenant_id: 't1' },
  ]);
});

it('keeps a subscription and its plans with their start', async () => {
  await given({
    SubscriptionStarted: {
      subscriptionId: 's',
      deploymentId: 'd',
      planId: 'p1',
      from: APRIL,
      anchor: '2026-03-31T00:00:00Z',
    },
  });
  await when({ SubscriptionPlanChanged: { subscriptionId: 's', deploymentId: 'd', planId: 'p2', at: MAY } });

  expect(await rows(subscriptions)).toEqual([
    { subscription_id: 's', deployment_id: 'd', started_at: APRIL, anchor: '2026-03-31T00:00:00Z' },
  ]);
  const first = { deployment_id: 'd', subscription_id: 's', effective_from: APRIL, plan_id: 'p1' };
  expect(await rows(subscriptionPlans)).toEqual([
    first,
    { deployment_id: 'd', subscription_id: 's', effective_from: MAY, plan_id: 'p2' },
  ]);
  expect(await rows(subscriptionPlans, 1)).toEqual([first]);
});

it('keeps the overrides of a subscription, each with its tenant and period', async () => {
  const of = { subscriptionId: 's', deploymentId: 'd', tenantId: 't' };
  const items = [{ billingKind: 'hours', included: '5', aggregation: 'sum' as const }];
  const on = { currency: 'USD', interval: 'month' as const };
  await given({
    OverridesSet: { ...of, terms: { ...on, baseFee: '8', items }, effectiveFrom: APRIL, effectiveUntil: null },
  });
  await when({
    OverridesSet: { ...of, terms: { ...on, items }, effectiveFrom: MAY, effectiveUntil: null },
  });

  const row = { deployment_id: 'd', subscription_id: 's', tenant_id: 't', ...on, items };
  const first = { ...row, effective_from: APRIL, base_fee: '8' };
  expect(await rows(subscriptionOverrides)).toEqual([
    { ...first, effective_until: MAY },
    { ...row, effective_from: MAY },
  ]);
  expect(await rows(subscriptionOverrides, 1)).toEqual([first]);
});

it('has one row for the same overrides, though jsonb keeps their fields in another order', async () => {
  const of = { subscriptionId: 's', deploymentId: 'd', tenantId: 't' };
  // jsonb has included before billingKind.
  const items = [{ billingKind: 'hours', included: '5', aggregation: 'sum' as const }];
  const terms = { currency: 'USD', interval: 'month' as const, items };
  await given({ OverridesSet: { ...of, terms, effectiveFrom: MAY, effectiveUntil: null } });
  await when({ OverridesSet: { ...of, terms, effectiveFrom: APRIL, effectiveUntil: null } });

  const row = { deployment_id: 'd', subscription_id: 's', tenant_id: 't', ...terms };
  expect(await rows(subscriptionOverrides)).toEqual([{ ...row, effective_from: APRIL }]);
});

it('keeps the commitments of a subscription as they are true, and none that was withdrawn', async () => {
  const of = { commitmentId: 'c', subscriptionId: 's', deploymentId: 'd' };
  const terms = (amount: string) => [{ start: APRIL, end: MAY, amount }];
  const set = { ...of, tenantId: 't', currency: 'USD' };
  await given({ CommitmentSet: { ...set, terms: terms('100.00') } });
  await given({ CommitmentCorrected: { ...set, terms: terms('90.00'), billingKinds: ['cpu'], reason: 'as signed' } });
  await when({ CommitmentWithdrawn: { ...of, tenantId: 't', reason: 'never agreed' } });

  const row = { deployment_id: 'd', subscription_id: 's', commitment_id: 'c', tenant_id: 't', currency: 'USD' };
  expect(await rows(subscriptionCommitments)).toEqual([]);
  expect(await rows(subscriptionCommitments, 2)).toEqual([{ ...row, terms: terms('90'), billing_kinds: ['cpu'] }]);
  expect(await rows(subscriptionCommitments, 1)).toEqual([{ ...row, terms: terms('100') }]);
});

it('keeps the cancellation of a subscription', async () => {
  await given({
    SubscriptionStarted: { subscriptionId: 's', deploymentId: 'd', planId: 'p', from: APRIL, anchor: null },
  });
  await when({ SubscriptionCancelled: { subscriptionId: 's', deploymentId: 'd', at: MAY } });

  const started = { subscription_id: 's', deployment_id: 'd', started_at: APRIL };
  expect(await rows(subscriptions)).toEqual([{ ...started, cancelled_at: MAY }]);
  expect(await rows(subscriptions, 1)).toEqual([started]);
});

it('keeps waived usage', async () => {
  const waived = (reason: string) => ({
    UsageWaived: { deploymentId: 'd', billingKind: 'cpu', period: { start: APRIL, end: MAY }, reason },
  });
  await given(waived('a test'));
  await when(waived('a gift'));

  const waiver = { deployment_id: 'd', billing_kind: 'cpu', period_start: APRIL, period_end: MAY };
  expect(await rows(usageWaivers)).toEqual([{ ...waiver, reason: 'a gift' }]);
  expect(await rows(usageWaivers, 1)).toEqual([{ ...waiver, reason: 'a test' }]);
});
