import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Differences } from '#audit/diff/index';
import { deployment, subscription, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

// Every cause of a changed figure is named: each kind of cause separately, with its actor and reason.

const T = (date: string) => `${date}T00:00:00Z`;
let test: TestLedger;
const key = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
const seen = (seenAt: string, more: object) => ({
  command: 'observe-resource',
  provider: 'do',
  providerId: 'r1',
  kind: 'droplet',
  name: 'r1',
  status: 'active',
  seenAt: T(seenAt),
  ...more,
});
const used = (billingKind: string, quantity: string, more: object = {}) => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [
    {
      resourceId: 'x',
      billingKind,
      period: { start: T('2026-04-02'), end: T('2026-04-03') },
      granularity: 'day',
      quantity,
      ...more,
    },
  ],
});

beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t'),
    tenant('u'),
    deployment('d', 't'),
    {
      command: 'publish-plan',
      planId: 'p',
      name: 'p',
      currency: 'USD',
      baseFee: '0',
      paymentTerm: 'in_arrears',
      effectiveFrom: T('2026-01-01'),
      items: [
        { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.5' } },
        { billingKind: 'cores', price: { model: 'rate_card' } },
      ],
    },
    subscription('s', 'd', 'p'),
    { command: 'set-rate', ...key, unitPrice: '2', effectiveFrom: T('2026-01-01') },
    used('requests', '10'),
    used('cores', '4', { rateKey: key }),
    seen('2026-04-20', {}),
    {
      command: 'record-cost',
      provider: 'do',
      invoiceRef: 'apr',
      lines: [
        {
          lineKey: '1',
          resourceId: 'r1',
          kind: 'droplet',
          chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') },
          amount: '6',
          currency: 'USD',
          category: 'usage',
        },
      ],
    },
  );
});
afterAll(async () => test.close());

/** What these commands make of the ledger. */
async function after(...commands: object[]): Promise<Differences> {
  const from = await test.ledger.catchUp();
  await test.apply(...commands);
  return test.ask('diff', { from: String(from) });
}
const why = (each: { events: readonly { type: string; reason: string | null }[] } | undefined) =>
  each?.events.map(({ type, reason }) => [type, reason]);

describe('diff', () => {
  it('names the sighting that assigned a resource, if that moves a cost', async () => {
    const { margin } = await after(seen('2026-04-01', { tenantId: 'u' }));
    // u's for 19 of 30 days: 6 × 19 / 30 = 3.80.
    expect(margin?.map(({ tenantId, before, after: now }) => [tenantId, before.cogs, now.cogs])).toEqual([
      ['u', '0.00', '3.80'],
    ]);
    expect(why(margin?.[0])).toEqual([['ResourcesObserved', null]]);
  });

  it('names the correction of a resource that moves a cost, and the cost that was corrected', async () => {
    const { margin } = await after({
      command: 'correct-resource',
      provider: 'do',
      providerId: 'r1',
      from: T('2026-03-01'),
      deploymentId: 'd',
      reason: 'it was theirs',
    });
    expect(margin?.map(({ tenantId, before, after: now }) => [tenantId, before.cogs, now.cogs])).toEqual([
      ['t', '0.00', '6.00'],
      ['u', '3.80', '0.00'],
    ]);
    expect(why(margin?.[0])).toEqual([['ResourceCorrected', 'it was theirs']]);
  });

  it('names the coupon that changes a line', async () => {
    const { lines } = await after({
      command: 'grant-coupon',
      creditId: 'c',
      tenantId: 't',
      currency: 'USD',
      percent: '10',
      billingKinds: ['requests'],
      from: T('2026-04-01'),
      reason: 'sorry',
    });
    // 10 × 0.50 = 5.00, less 10 %.
    expect(lines.map(({ billingKind, before, after: now }) => [billingKind, before, now])).toEqual([
      ['requests', '5.00', '4.50'],
    ]);
    expect(why(lines[0])).toEqual([['CouponGranted', 'sorry']]);
  });

  it('names the corrected price of a plan, and the usage that was withdrawn', async () => {
    const price = await after({
      command: 'correct-price',
      planId: 'p',
      billingKind: 'requests',
      price: { model: 'unit', unitAmount: '0.6' },
      effectiveFrom: T('2026-04-01'),
      reason: 'a typo',
    });
    expect(price.lines.map((each) => [each.billingKind, each.before, each.after, why(each)])).toEqual([
      ['requests', '4.50', '5.40', [['PlanPriceCorrected', 'a typo']]],
    ]);
    const { resourceId, billingKind, period, granularity } = used('requests', '10').observations[0] ?? {};
    const usage = await after({
      command: 'correct-usage',
      deploymentId: 'd',
      resourceId,
      billingKind,
      period,
      granularity,
      quantity: null,
      reason: 'it never was',
    });
    expect(usage.usage.map((each) => [each.before, each.after, why(each)])).toEqual([
      ['10', '0', [['UsageCorrected', 'it never was']]],
    ]);
    expect(usage.lines.map((each) => [each.before, each.after, why(each)])).toEqual([
      ['5.40', '0.00', [['UsageCorrected', 'it never was']]],
    ]);
  });

  it('names a rate that has the same figure in another currency', async () => {
    const { rates, lines } = await after(
      { command: 'withdraw-rate', ...key, from: T('2026-01-01'), reason: 'wrong currency' },
      { command: 'set-rate', ...key, unitPrice: '2', currency: 'EUR', effectiveFrom: T('2026-01-01') },
    );
    expect(rates).toMatchObject([
      {
        before: { unitPrice: '2', currency: 'USD' },
        after: { unitPrice: '2', currency: 'EUR' },
        events: [{ type: 'RateWithdrawn', reason: 'wrong currency' }, { type: 'RateSet' }],
      },
    ]);
    // It can't be rated any more: nothing is converted.
    expect(lines.map(({ billingKind, before, after: now }) => [billingKind, before, now])).toEqual([
      ['cores', '8.00', '0.00'],
    ]);
  });
});

describe('diff of a line whose contract changes', () => {
  const reading = (deploymentId: string, resourceId: string) => ({
    ...used('requests', '2', { resourceId }),
    deploymentId,
  });
  const cause = (lines: Differences['lines'], kind = 'requests') =>
    lines
      .filter(({ billingKind }) => billingKind === kind)
      .map((each) => [each.period.start.slice(5, 10), each.difference, each.events.map(({ type }) => type)]);
  const coupon = (creditId: string, from: string, until: string | null, more: object = {}) => ({
    command: 'grant-coupon',
    ...{ creditId, tenantId: 'v', currency: 'USD', percent: '50', from: T(from), ...more },
    ...(until === null ? {} : { until: T(until) }),
  });
  beforeAll(async () => {
    await test.apply(
      ...[tenant('v'), tenant('w'), deployment('e', 'v'), deployment('f', 'v')],
      {
        ...{ command: 'publish-plan', planId: 'q', name: 'q', currency: 'USD', baseFee: '0' },
        ...{ paymentTerm: 'in_arrears', effectiveFrom: T('2026-01-01') },
        items: [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.5' } }],
      },
      {
        ...{ command: 'publish-plan', planId: 'r', name: 'r', currency: 'USD', baseFee: '0' },
        ...{ paymentTerm: 'in_arrears', effectiveFrom: T('2026-01-01') },
        items: [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.8' } }],
      },
      ...[subscription('e', 'e', 'q'), subscription('f', 'f', 'q')],
    );
  });

  it('names no coupon of another period or kind, no move of another deployment, and nothing after its end', async () => {
    const { lines } = await after(
      coupon('march', '2026-03-01', '2026-04-01'),
      coupon('may', '2026-05-01', null),
      coupon('disks', '2026-04-01', null, { billingKinds: ['disks'] }),
      { command: 'assign-deployment', deploymentId: 'f', tenantId: 'w', from: T('2026-04-10') },
      { command: 'change-plan', subscriptionId: 'e', planId: 'r', at: T('2026-05-01') },
      { command: 'cancel-subscription', subscriptionId: 'e', at: T('2026-05-20') },
      reading('e', 'late'),
    );
    // April: 2 × 0.5 = 1.00, because of the reading alone. May of deployment e comes to 0.00, and ends on the 20th.
    expect(
      cause(lines.filter(({ deploymentId, difference }) => deploymentId === 'e' && difference !== '0.00')),
    ).toEqual([['04-01', '1.00', ['UsageObserved']]]);
  });

  it('names those that reach it, though another line ends with them', async () => {
    expect(cause((await after(coupon('april', '2026-04-02', '2026-04-03'))).lines)).toEqual([
      // 1.00 less 50 %
      ['04-01', '-0.50', ['CouponGranted']],
    ]);
    expect(
      cause((await after({ command: 'change-plan', subscriptionId: 'e', planId: 'r', at: T('2026-04-02') })).lines),
    ).toEqual([
      // 2 × 0.8 less 50 % = 0.80
      ['04-01', '0.30', ['SubscriptionPlanChanged']],
    ]);
    const moved = await after({
      command: 'assign-deployment',
      deploymentId: 'e',
      tenantId: 'w',
      from: T('2026-04-02'),
    });
    // v loses 0.80; w has no coupon: 2 × 0.8 = 1.60
    expect(cause(moved.lines.filter(({ difference }) => difference !== '0.00'))).toEqual([
      ['04-01', '-0.80', ['DeploymentAssigned']],
      ['04-02', '1.60', ['DeploymentAssigned']],
    ]);
    const cancelled = await after({
      command: 'correct-subscription',
      ...{ subscriptionId: 'e', plans: [], cancelledAt: T('2026-04-02'), reason: 'it had left' },
    });
    expect(cause(cancelled.lines.filter(({ difference }) => difference !== '0.00'))).toEqual([
      ['04-02', '-1.60', ['DeploymentCorrected']],
    ]);
  });
});
