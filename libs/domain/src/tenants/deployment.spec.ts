import { describe, expect, it } from '@jest/globals';
import { instant } from '../time/instant.js';
import {
  cancelSubscription,
  changePlan,
  type Deployment,
  type DeploymentEvent,
  foldDeployment,
  startSubscription,
  type Subscription,
  subscriptionPeriods,
  tenancies,
  tenantAt,
} from './deployment.js';

const T = (day: string) => instant(`2026-${day}T00:00:00Z`);
const REGISTERED: DeploymentEvent = {
  type: 'DeploymentRegistered',
  data: { deploymentId: 'd1', tenantId: 't1', name: 'pilot', from: T('01-01') },
};
const assigned = (tenantId: string, from: string): DeploymentEvent => ({
  type: 'DeploymentAssigned',
  data: { deploymentId: 'd1', tenantId, from: T(from) },
});
const start = (subscriptionId: string, from: string) => ({
  subscriptionId,
  deploymentId: 'd1',
  planId: 'p1',
  from: T(from),
  anchor: null,
});

/** The deployment after further events; what is decided in between is applied too. */
const deploymentAfter = (...events: readonly DeploymentEvent[]): Deployment => {
  const deployment = foldDeployment([REGISTERED, ...events]);
  if (deployment === null) throw new Error('not registered');
  return deployment;
};
const subscriptionOf = (deployment: Deployment, index = 0): Subscription => {
  const subscription = deployment.subscriptions[index];
  if (subscription === undefined) throw new Error('no subscription');
  return subscription;
};
const started = (from: string, ...events: readonly DeploymentEvent[]): Deployment =>
  deploymentAfter({ type: 'SubscriptionStarted', data: start('s1', from) }, ...events);
const cancelled = (at: string): DeploymentEvent => ({
  type: 'SubscriptionCancelled',
  data: { subscriptionId: 's1', deploymentId: 'd1', at: T(at) },
});

describe('a deployment', () => {
  it('is nothing before it is registered', () => {
    expect(foldDeployment([])).toBeNull();
    expect(foldDeployment([assigned('t2', '02-01')])).toBeNull();
  });

  it('belongs to one tenant at any instant', () => {
    const { assignments } = deploymentAfter(assigned('t2', '04-16'));
    expect([tenantAt(assignments, instant('2025-12-31T23:59:59Z')), tenantAt(assignments, T('01-01'))]).toEqual([
      null,
      't1',
    ]);
    expect([tenantAt(assignments, instant('2026-04-15T23:59:59.999999Z')), tenantAt(assignments, T('04-16'))]).toEqual([
      't1',
      't2',
    ]);
  });

  it('takes assignments in any order; of two for one instant the later recorded holds', () => {
    const { assignments } = deploymentAfter(assigned('t3', '06-01'), assigned('t2', '04-01'), assigned('t4', '06-01'));
    expect(tenancies(assignments)).toEqual([
      { tenantId: 't1', period: { start: T('01-01'), end: T('04-01') } },
      { tenantId: 't2', period: { start: T('04-01'), end: T('06-01') } },
      { tenantId: 't4', period: { start: T('06-01'), end: null } },
    ]);
  });

  it('is one stretch where it is assigned to its own tenant again', () => {
    const { assignments } = deploymentAfter(assigned('t1', '03-01'), assigned('t2', '04-01'), assigned('t2', '05-01'));
    expect(tenancies(assignments).map(({ tenantId, period }) => [tenantId, period.start, period.end])).toEqual([
      ['t1', T('01-01'), T('04-01')],
      ['t2', T('04-01'), null],
    ]);
  });
});

describe('a subscription', () => {
  it('starts on a deployment that belongs to someone then', () => {
    expect(startSubscription(deploymentAfter(), start('s1', '04-01'))).toEqual([
      { type: 'SubscriptionStarted', data: start('s1', '04-01') },
    ]);
    expect(() => startSubscription(null, start('s1', '04-01'))).toThrow(
      expect.objectContaining({ code: 'unknown_deployment', kind: 'not_found' }),
    );
    const early = { ...start('s1', '04-01'), from: instant('2025-12-01T00:00:00Z') };
    expect(() => startSubscription(deploymentAfter(), early)).toThrow(
      expect.objectContaining({ code: 'deployment_not_assigned' }),
    );
  });

  it('does not overlap another of the deployment', () => {
    const refused = expect.objectContaining({ code: 'subscription_overlap', kind: 'conflict' });
    expect(() => startSubscription(started('04-01'), start('s2', '05-01'))).toThrow(refused);
    // one that begins earlier runs into it: it has no end
    expect(() => startSubscription(started('04-01'), start('s2', '02-01'))).toThrow(refused);
    expect(() => startSubscription(started('04-01', cancelled('06-01')), start('s2', '05-31'))).toThrow(refused);
    expect(() => startSubscription(started('04-01', cancelled('06-01')), start('s2', '02-01'))).toThrow(refused);
  });

  it('follows another from the very instant of its end, or one that never ran', () => {
    expect(startSubscription(started('04-01', cancelled('06-01')), start('s2', '06-01'))).toHaveLength(1);
    expect(startSubscription(started('04-01', cancelled('04-01')), start('s2', '02-01'))).toHaveLength(1);
  });

  it('changes its plan while it runs, from its start on', () => {
    const deployment = started('04-01', cancelled('06-01'));
    const subscription = subscriptionOf(deployment);
    expect(changePlan(subscription, 'p2', T('05-16'))).toEqual([
      {
        type: 'SubscriptionPlanChanged',
        data: { subscriptionId: 's1', deploymentId: 'd1', planId: 'p2', at: T('05-16') },
      },
    ]);
    expect(changePlan(subscription, 'p2', T('04-01'))).toHaveLength(1);
    expect(() => changePlan(subscription, 'p2', T('03-31'))).toThrow(
      expect.objectContaining({ code: 'before_subscription' }),
    );
    expect(() => changePlan(subscription, 'p2', T('06-01'))).toThrow(
      expect.objectContaining({ code: 'subscription_cancelled' }),
    );
  });

  it('has its plans in order of time; of two for one instant the later recorded holds', () => {
    const change = (planId: string, at: string): DeploymentEvent => ({
      type: 'SubscriptionPlanChanged',
      data: { subscriptionId: 's1', deploymentId: 'd1', planId, at: T(at) },
    });
    expect(
      subscriptionOf(started('04-01', change('p3', '06-01'), change('p2', '05-01'), change('p4', '06-01'))).plans,
    ).toEqual([
      { planId: 'p1', from: T('04-01') },
      { planId: 'p2', from: T('05-01') },
      { planId: 'p4', from: T('06-01') },
    ]);
  });

  it('is cancelled once, not before its start', () => {
    expect(cancelSubscription(subscriptionOf(started('04-01')), T('04-01'))).toHaveLength(1);
    expect(() => cancelSubscription(subscriptionOf(started('04-01')), T('03-31'))).toThrow(
      expect.objectContaining({ code: 'before_subscription' }),
    );
    expect(() => cancelSubscription(subscriptionOf(started('04-01', cancelled('06-01'))), T('07-01'))).toThrow(
      expect.objectContaining({ code: 'subscription_cancelled', kind: 'conflict' }),
    );
  });

  it('changes nothing of another subscription', () => {
    const both = started('04-01', cancelled('06-01'), { type: 'SubscriptionStarted', data: start('s2', '06-01') });
    expect([subscriptionOf(both).cancelledAt, subscriptionOf(both, 1).cancelledAt]).toEqual([T('06-01'), null]);
  });
});

describe('the periods of a subscription', () => {
  const spansOf = (deployment: Deployment) =>
    subscriptionPeriods(subscriptionOf(deployment), deployment.assignments).map(({ tenantId, period }) => [
      tenantId,
      period.start,
      period.end,
    ]);

  it('end for one tenant and begin for the other where the deployment is assigned', () => {
    expect(spansOf(started('02-01', assigned('t2', '04-16'), assigned('t3', '09-01'), cancelled('08-01')))).toEqual([
      ['t1', T('02-01'), T('04-16')],
      ['t2', T('04-16'), T('08-01')],
    ]);
  });

  it('are open while neither it nor the tenant’s time has ended', () => {
    expect(spansOf(started('02-01'))).toEqual([['t1', T('02-01'), null]]);
  });

  it('are none where it was cancelled at its start', () => {
    expect(spansOf(started('02-01', cancelled('02-01')))).toEqual([]);
  });
});
