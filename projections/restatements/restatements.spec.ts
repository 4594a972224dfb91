import { describe, expect, it } from '@jest/globals';
import {
  frozenRow,
  invoiceDrafted,
  invoiceIssued,
  invoiceVoided,
  lineOpened,
  partsClaimed,
  rowsFrozen,
} from '../../test/support/facts.js';
import { type Fact, id, projected } from '../../test/support/projections.js';
import { creditsProjection } from '../credits/credits.projection.js';
import { deploymentsProjection } from '../deployments/deployments.projection.js';
import { invoiceLinesProjection } from '../invoice-lines/invoice-lines.projection.js';
import { invoicesProjection } from '../invoices/invoices.projection.js';
import { rateKeyUsageProjection } from '../rate-key-usage/rate-key-usage.projection.js';
import { payersProjection } from '../payers/payers.projection.js';
import { plansProjection } from '../plans/plans.projection.js';
import { restatementsProjection } from './restatements.projection.js';
import { restatements } from './restatements.table.js';

const { given, when, rows } = projected(
  payersProjection,
  deploymentsProjection,
  rateKeyUsageProjection,
  plansProjection,
  creditsProjection,
  invoiceLinesProjection,
  invoicesProjection,
  restatementsProjection,
);

const at = (date: string): string => `2026-${date}T00:00:00Z`;
const KEY = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
const ACCOUNT = { tenantId: 't', currency: 'USD' } as const;
const SUBSCRIPTION = { subscriptionId: 's', deploymentId: 'd' };

const SUBSCRIPTION_E = { subscriptionId: 's-e', deploymentId: 'e' };
const UNIT = { model: 'unit', unitAmount: '0.01' } as const;

const read = (date: string, more: object = {}): Fact => ({
  UsageObserved: {
    deploymentId: 'd',
    month: '2026-04',
    origin: 'command',
    observations: [{ ...reading(date), quantity: '1', ...more }],
  },
});
const reading = (date: string) => ({
  resourceId: 'r',
  billingKind: 'cpu',
  period: { start: at(date), end: `2026-${date}T12:00:00Z` },
  granularity: 'event' as const,
});
const rateSet = (from: string, until: string | null): Fact => ({
  RateSet: {
    ...KEY,
    unit: null,
    unitPrice: '0.3',
    currency: 'USD',
    basis: 'amount',
    effectiveFrom: at(from),
    effectiveUntil: until === null ? null : at(until),
  },
});
const coupon = (creditId: string, from: string, billingKinds: string[]): Fact => ({
  CouponGranted: { ...ACCOUNT, creditId, percent: '10', from: at(from), until: at('07-01'), billingKinds },
});
const published = (planId: string, from: string): Fact => ({
  PlanPublished: {
    planId,
    name: 'Studio',
    currency: 'USD',
    baseFee: '50',
    paymentTerm: 'in_advance',
    interval: 'month',
    effectiveFrom: at(from),
    items: [],
  },
});

/**
 * Line 100 of April, on plan p, with a reading under a rate key, and a coupon. An invoice claims it, but not line 101.
 */
const CLAIMED: readonly Fact[] = [
  { SubscriptionStarted: { ...SUBSCRIPTION, planId: 'p', from: at('04-01'), anchor: null } },
  lineOpened(100),
  lineOpened(101, { billingKind: 'disk' }),
  read('04-02', { rateKey: KEY }),
  read('04-02', { rateKey: KEY, billingKind: 'disk' }),
  coupon('spring', '04-01', ['cpu']),
  { CreditGranted: { ...ACCOUNT, creditId: 'welcome', amount: '5', from: at('04-01'), until: null } },
  partsClaimed(100),
  invoiceDrafted(),
];
const AFTER = CLAIMED.length;

const marks: readonly (readonly [string, Fact])[] = [
  ['late usage', read('04-03')],
  [
    'a meter was wrong',
    {
      UsageCorrected: {
        deploymentId: 'd',
        month: '2026-04',
        origin: 'command',
        corrections: [{ ...reading('04-02'), quantity: '2' }],
        reason: 'a meter was wrong',
      },
    },
  ],
  ['a rate was set', rateSet('04-10', null)],
  [
    'ten times too high',
    {
      RateCorrected: {
        ...KEY,
        unitPrice: '0.03',
        effectiveFrom: at('04-01'),
        effectiveUntil: null,
        reason: 'ten times too high',
      },
    },
  ],
  ['the location closes', { RateWithdrawn: { ...KEY, from: at('04-10'), reason: 'the location closes' } }],
  ['the plan was published', published('p', '04-10')],
  [
    'a typo',
    {
      PlanPriceCorrected: {
        planId: 'p',
        billingKind: 'cpu',
        price: { model: 'unit', unitAmount: '0.01' },
        effectiveFrom: at('04-01'),
        effectiveUntil: null,
        reason: 'a typo',
      },
    },
  ],
  ['the plan was changed', { SubscriptionPlanChanged: { ...SUBSCRIPTION, planId: 'q', at: at('04-10') } }],
  ['the subscription was cancelled', { SubscriptionCancelled: { ...SUBSCRIPTION, at: at('04-10') } }],
  ['the deployment was assigned', { DeploymentAssigned: { deploymentId: 'd', tenantId: 't2', from: at('04-10') } }],
  [
    'a coupon was granted',
    { CouponGranted: { ...ACCOUNT, creditId: 'may', percent: '10', from: at('04-10'), until: null } },
  ],
  ['granted twice', { CreditRevoked: { ...ACCOUNT, creditId: 'spring', at: at('04-10'), reason: 'granted twice' } }],
];

describe('a claimed line is marked', () => {
  it.each(marks)('because of %s', async (reason, fact) => {
    await given(...CLAIMED);
    await when(fact);

    expect(await rows(restatements)).toEqual([{ line_id: id(100), marked_at: AFTER + 1, tenant_id: 't', reason }]);
    expect(await rows(restatements, AFTER)).toEqual([]);
  });

  it('because the invoice that corrected it is void', async () => {
    const correction = frozenRow(201, 100, { kind: 'rebooked', corrects: [id(200)] });
    await given(...CLAIMED, rowsFrozen([correction, frozenRow(202, 101)]), invoiceIssued());
    await when(invoiceVoided());

    expect(await rows(restatements)).toEqual([
      { line_id: id(100), marked_at: AFTER + 3, tenant_id: 't', reason: `invoice ${id(1)} was voided` },
    ]);
  });

  it('for each event, in one batch with the claim as in a batch of its own', async () => {
    await when(...CLAIMED, read('04-03'), read('04-04'), rateSet('04-10', null));

    expect((await rows(restatements)).map((row) => row.marked_at)).toEqual([AFTER + 1, AFTER + 2, AFTER + 3]);
  });
});

const others: readonly (readonly [string, Fact])[] = [
  ['usage of a line that no invoice claims', read('04-03', { billingKind: 'disk' })],
  ['usage of no line', read('04-03', { billingKind: 'network' })],
  ['usage after its period', read('05-03')],
  ['a rate after its usage', rateSet('05-01', null)],
  ['a rate before its usage', rateSet('03-01', '04-01')],
  ['another plan', published('q', '04-01')],
  ['its plan, after its period', published('p', '05-02')],
  ['a coupon of another billing kind', coupon('disks', '04-01', ['disk'])],
  ['a coupon after its period', coupon('may', '05-01', ['cpu'])],
  ['a credit', { CreditRevoked: { ...ACCOUNT, creditId: 'welcome', at: at('04-10'), reason: 'granted twice' } }],
];

describe('a line is not marked', () => {
  it.each(others)('because of %s', async (_what, fact) => {
    await given(...CLAIMED);
    await when(fact);

    expect(await rows(restatements)).toEqual([]);
  });

  it('before an invoice claims it', async () => {
    await given(...CLAIMED.slice(0, AFTER - 2));
    await when(read('04-03'), rateSet('04-10', null), partsClaimed(100), invoiceDrafted());

    expect(await rows(restatements)).toEqual([]);
  });

  it('after the invoice that claimed it was voided', async () => {
    await given(...CLAIMED, invoiceVoided());
    await when(read('04-03'), rateSet('04-10', null));

    expect(await rows(restatements)).toEqual([]);
  });
});

describe('a claimed line that shares included units', () => {
  const pooled: Fact = {
    PlanPublished: {
      ...{ planId: 'p', name: 'Studio', currency: 'USD', baseFee: '50', paymentTerm: 'in_advance', interval: 'month' },
      effectiveFrom: at('01-01'),
      items: [{ billingKind: 'cpu', price: UNIT, aggregation: 'sum', included: '100', pooled: true }],
    },
  };
  /** Tenant t, whose line is claimed, and u, which nobody bills yet, are paid by h. v pays for itself. */
  const SHARING: readonly Fact[] = [
    pooled,
    { DeploymentRegistered: { deploymentId: 'd', name: 'd', tenantId: 't', from: at('04-01') } },
    { DeploymentRegistered: { deploymentId: 'e', name: 'e', tenantId: 'u', from: at('04-01') } },
    { DeploymentRegistered: { deploymentId: 'f', name: 'f', tenantId: 'v', from: at('04-01') } },
    ...['t', 'u'].map((tenantId): Fact => ({
      PayerSet: { tenantId, terms: { payerId: 'h' }, effectiveFrom: at('04-01'), effectiveUntil: null },
    })),
    { SubscriptionStarted: { ...SUBSCRIPTION, planId: 'p', from: at('04-01'), anchor: null } },
    ...['e', 'f'].map((deploymentId): Fact => ({
      SubscriptionStarted: {
        ...{ subscriptionId: `s-${deploymentId}`, deploymentId, planId: 'p', from: at('04-01'), anchor: null },
      },
    })),
    lineOpened(100),
    partsClaimed(100),
    invoiceDrafted(),
  ];
  const usageOf = (deploymentId: string, more: object = {}): Fact => {
    const { UsageObserved: of } = read('04-03', more) as { UsageObserved: object };
    return { UsageObserved: { ...of, deploymentId } } as Fact;
  };

  it.each([
    ['late usage', usageOf('e'), true],
    // Of another payer, another kind, and another month.
    ['late usage', usageOf('f'), false],
    ['late usage', usageOf('e', { billingKind: 'disk' }), false],
    ['late usage', usageOf('e', reading('05-03')), false],
    ['the subscription was cancelled', { SubscriptionCancelled: { ...SUBSCRIPTION_E, at: at('04-10') } }, true],
    ['the subscription was cancelled', { SubscriptionCancelled: { ...SUBSCRIPTION_E, at: at('05-10') } }, false],
    [
      'the deployment was assigned',
      { DeploymentAssigned: { deploymentId: 'e', tenantId: 'v', from: at('04-10') } },
      true,
    ],
    [
      'the payer was set',
      { PayerSet: { tenantId: 'u', terms: { payerId: null }, effectiveFrom: at('04-10'), effectiveUntil: null } },
      true,
    ],
    [
      'the payer was set',
      { PayerSet: { tenantId: 'u', terms: { payerId: null }, effectiveFrom: at('05-10'), effectiveUntil: null } },
      false,
    ],
  ] satisfies [string, Fact, boolean][])(
    'is marked because of %s of another line, without its reason: %j',
    async (_, fact, isMarked) => {
      await given(...SHARING);
      await when(fact);
      expect((await rows(restatements)).map((row) => row.reason)).toEqual(
        isMarked ? ['the included units that are shared changed'] : [],
      );
    },
  );
});
