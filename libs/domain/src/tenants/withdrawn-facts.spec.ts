import { describe, expect, it } from '@jest/globals';
import { foldPlan, type PlanEvent, type PlanVersion } from '../plans/plan.js';
import { withdrawPlanEvents } from '../plans/plan-correction.js';
import { instant } from '../time/instant.js';
import { type DeploymentEvent } from './deployment.js';
import { foldDeploymentWithout } from './deployment-correction.js';
import { foldTenantWithout, type TenantEvent } from './tenant.js';

/** Corrections that early versions recorded do not have what was stated: it is what they changed. */

const T = (day: string) => instant(`2026-${day}T00:00:00Z`);
const CORRECTION = { changedFrom: T('04-15'), reason: 'as agreed' };

describe('a fact that is withdrawn after a correction that an early version recorded', () => {
  it('of a tax: what the correction changed stays', () => {
    const details = { detailsRef: '49cab554-31bb-571e-9c5f-4af7a76a641f', detailsHash: 'x' };
    const tax = (ratePercent: string, day: string) => ({ name: 'VAT', ratePercent, from: T(day) });
    const set: TenantEvent = { type: 'TenantTaxSet', data: { tenantId: 't', ...tax('20', '04-10') } };
    const events: TenantEvent[] = [
      { type: 'TenantRegistered', data: { tenantId: 't', currency: 'USD', timeZone: 'UTC', ...details } },
      { type: 'TenantTaxSet', data: { tenantId: 't', ...tax('10', '01-01') } },
      set,
      {
        type: 'TenantCorrected',
        data: {
          ...{ tenantId: 't', timeZone: 'Europe/Berlin', ...details, gracePeriods: [] },
          // 15 % from 15 April until 3 May
          taxes: [tax('10', '01-01'), tax('20', '04-10'), tax('15', '04-15'), tax('20', '05-03')],
          ...CORRECTION,
        },
      },
    ];
    expect(foldTenantWithout(events, new Set([set]))).toMatchObject({
      timeZone: 'Europe/Berlin',
      taxes: [tax('10', '01-01'), tax('15', '04-15'), tax('10', '05-03')],
    });
  });

  it('of a move and a change of plan: what the correction changed stays', () => {
    const [p, q] = [
      { planId: 'p', from: T('04-01') },
      { planId: 'q', from: T('04-10') },
    ];
    const move: DeploymentEvent = {
      type: 'DeploymentAssigned',
      data: { deploymentId: 'd', tenantId: 'u', from: T('04-10') },
    };
    const changed: DeploymentEvent = {
      type: 'SubscriptionPlanChanged',
      data: { subscriptionId: 's', deploymentId: 'd', planId: 'q', at: q.from },
    };
    const events: DeploymentEvent[] = [
      { type: 'DeploymentRegistered', data: { deploymentId: 'd', tenantId: 't', name: 'd', from: T('01-01') } },
      {
        type: 'SubscriptionStarted',
        data: { subscriptionId: 's', deploymentId: 'd', planId: 'p', from: T('04-01'), anchor: null },
      },
      ...[move, changed],
      {
        type: 'DeploymentCorrected',
        data: {
          ...{ deploymentId: 'd', name: 'renamed' },
          // v from 15 April until 3 May, and an end on 1 June
          assignments: [
            { tenantId: 't', from: T('01-01') },
            { tenantId: 'u', from: T('04-10') },
            { tenantId: 'v', from: T('04-15') },
            { tenantId: 'u', from: T('05-03') },
          ],
          subscriptions: [
            { subscriptionId: 's', from: T('04-01'), anchor: null, plans: [p, q], cancelledAt: T('06-01') },
          ],
          ...CORRECTION,
        },
      },
    ];
    expect(foldDeploymentWithout(events, new Set([move, changed]))).toEqual({
      ...{ deploymentId: 'd', name: 'renamed' },
      assignments: [
        { tenantId: 't', from: T('01-01') },
        { tenantId: 'v', from: T('04-15') },
        { tenantId: 't', from: T('05-03') },
      ],
      subscriptions: [
        {
          ...{ subscriptionId: 's', deploymentId: 'd', from: T('04-01'), anchor: null },
          ...{ plans: [p], cancelledAt: T('06-01') },
        },
      ],
    });
  });

  it('of terms: what the correction changed stays, and a price without an end holds until the next change', () => {
    const terms = (baseFee: string, unitAmount: string, from: string, until: string | null): PlanVersion => ({
      ...{ planId: 'p', name: 'p', currency: 'USD', baseFee, paymentTerm: 'in_advance', interval: 'month' },
      items: [{ billingKind: 'hours', price: { model: 'unit', unitAmount }, aggregation: 'sum' }],
      ...{ effectiveFrom: T(from), effectiveUntil: until === null ? null : T(until) },
    });
    const published = (baseFee: string, unitAmount: string, from: string): PlanEvent => {
      const { effectiveUntil: _, items, ...data } = terms(baseFee, unitAmount, from, null);
      return { type: 'PlanPublished', data: { ...data, items: [...items] } };
    };
    const stored = ({ planId: _, items, ...version }: PlanVersion) => ({ ...version, items: [...items] });
    const never = published('60', '2', '04-10');
    const events: PlanEvent[] = [
      published('30', '1', '01-01'),
      never,
      // Until 10 April, where the next terms began.
      {
        type: 'PlanPriceCorrected',
        data: {
          ...{ planId: 'p', billingKind: 'hours', price: { model: 'unit', unitAmount: '3' }, reason: 'as agreed' },
          ...{ effectiveFrom: T('04-05'), effectiveUntil: T('04-10') },
        },
      },
      // A fee of 45 from 15 April until 3 May.
      {
        type: 'PlanCorrected',
        data: {
          planId: 'p',
          versions: [
            terms('30', '1', '01-01', '04-05'),
            terms('30', '3', '04-05', '04-10'),
            terms('60', '2', '04-10', '04-15'),
            terms('45', '2', '04-15', '05-03'),
            terms('60', '2', '05-03', null),
          ].map(stored),
          ...CORRECTION,
        },
      },
    ];
    const withdrawn = withdrawPlanEvents(
      'p',
      events,
      { before: foldPlan(events), never: new Set([never]) },
      { reason: 'it never was' },
    );
    expect(foldPlan([...events, ...withdrawn])).toEqual([
      terms('30', '1', '01-01', '04-05'),
      terms('30', '3', '04-05', '04-15'),
      terms('45', '3', '04-15', '05-03'),
      terms('30', '3', '05-03', null),
    ]);
  });
});
