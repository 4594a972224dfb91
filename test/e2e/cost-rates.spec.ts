import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import { deployment, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What usage is estimated to cost until the bill comes, and how far off that was. */

const T = (date: string) => `${date}T00:00:00Z`;
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };

interface Estimated {
  readonly estimatedCost: string;
  readonly marginWithEstimate: string;
}
interface Margin {
  readonly overall: { readonly cogs: string; readonly margin: string };
  readonly estimate: Estimated & {
    readonly byTenant: readonly ({ readonly tenantId: string } & Estimated)[];
    readonly byKind: readonly object[];
  };
}

const reading = (date: string, quantity: string, more: object = {}) => ({
  ...{ resourceId: 'r', billingKind: 'requests', granularity: 'day', quantity, period: dayOf(instant(T(date))) },
  ...more,
});
const observe = (deploymentId: string, ...observations: object[]) => ({
  ...{ command: 'observe-usage', deploymentId },
  observations,
});
const rate = (unitCost: string, more: object = {}) => ({
  ...{ command: 'set-cost-rate', billingKind: 'requests', unitCost, effectiveFrom: T('2026-01-01'), ...more },
});
const bill = (provider: string, amount: string, more: object = {}) => ({
  ...{ command: 'record-cost', provider, invoiceRef: `${provider} 2026-04` },
  lines: [
    {
      ...{ lineKey: '1', kind: 'API', chargePeriod: APRIL, amount, currency: 'USD', category: 'usage' },
      ...{ resourceId: 'r', ...more },
    },
  ],
});

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(tenant('a'), tenant('b'), deployment('a1', 'a'), deployment('b1', 'b'));
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const margin = async (params: object = {}): Promise<Margin> => test.ask('margin', { period: '2026-04', ...params });
const trend = async (params: object = {}) =>
  (
    await test.ask<{ months: (Estimated & { month: string })[] }>('margin-trend', {
      ...{ from: '2026-03', to: '2026-05', ...params },
    })
  ).months.map(({ month, estimatedCost, marginWithEstimate }) => [month, estimatedCost, marginWithEstimate]);
const variance = async () =>
  (await test.ask<{ months: { byKind: object[] }[] }>('cost-variance', { from: '2026-04', to: '2026-04' })).months[0]
    ?.byKind;

it('counts in the currency of the closest rate, and in no other', async () => {
  await test.apply(
    rate('10', { currency: 'JPY' }),
    rate('0.05', { currency: 'NOK', provider: 'zz' }),
    observe('a1', reading('2026-04-02', '100', { provider: 'zz' }), reading('2026-04-03', '1', { provider: 'aws' })),
  );
  // 100 × 0.05 = 5.00 NOK, and 1 × 10 = 10 JPY
  expect((await margin({ currency: 'NOK' })).estimate).toMatchObject({ estimatedCost: '5.00' });
  expect((await margin({ currency: 'JPY' })).estimate).toMatchObject({ estimatedCost: '10' });
});

it('stands in its own column until the bill of the provider comes, and then in the variance', async () => {
  await test.apply(
    rate('0.01'),
    rate('0.02', { provider: 'aws' }),
    rate('0.03', { provider: 'aws', effectiveFrom: T('2026-04-16'), effectiveUntil: T('2026-05-01') }),
    observe('a1', reading('2026-04-02', '100', { provider: 'aws' }), reading('2026-04-20', '10', { provider: 'aws' })),
    observe('b1', reading('2026-04-02', '50', { provider: 'gcp' }), reading('2026-05-01', '7', { provider: 'gcp' })),
  );
  // a: 100 × 0.02 + 10 × 0.03 = 2.30. b: 50 × 0.01 = 0.50, and in May 7 × 0.01 = 0.07.
  const before = await margin();
  expect(before.overall).toMatchObject({ cogs: '0.00', margin: '0.00' });
  expect(before.estimate).toEqual({
    ...{ estimatedCost: '2.80', marginWithEstimate: '-2.80' },
    byTenant: [
      { tenantId: 'a', estimatedCost: '2.30', marginWithEstimate: '-2.30' },
      { tenantId: 'b', estimatedCost: '0.50', marginWithEstimate: '-0.50' },
    ],
    byKind: [
      { billingKind: 'requests', provider: 'aws', quantity: '110', estimatedCost: '2.30' },
      { billingKind: 'requests', provider: 'gcp', quantity: '50', estimatedCost: '0.50' },
    ],
  });
  expect(await trend()).toEqual([
    ['2026-03', '0.00', '0.00'],
    ['2026-04', '2.80', '-2.80'],
    ['2026-05', '0.07', '-0.07'],
  ]);
  expect(await variance()).toEqual([]);
  const asOf = String(await test.ledger.catchUp());

  // The bill of aws comes: its estimate drops out, that of gcp stays.
  await test.apply(
    {
      ...{ command: 'set-kind-mapping', provider: 'aws', kind: 'API', billingKinds: ['requests'] },
      effectiveFrom: T('2026-01-01'),
    },
    bill('aws', '2.10', { tenantId: 'a' }),
  );
  const after = await margin();
  expect(after.overall).toMatchObject({ cogs: '2.10', margin: '-2.10' });
  // −2.10 − 0.50 = −2.60
  expect(after.estimate).toMatchObject({ estimatedCost: '0.50', marginWithEstimate: '-2.60' });
  expect(after.estimate.byTenant).toEqual([{ tenantId: 'b', estimatedCost: '0.50', marginWithEstimate: '-0.50' }]);
  // 2.30 − 2.10 = 0.20
  expect(await variance()).toEqual([
    { billingKind: 'requests', quantity: '110', estimate: '2.30', actual: '2.10', variance: '0.20' },
  ]);
  expect(await margin({ asOf })).toEqual(before);
  // The bill is withdrawn: the estimate is back.
  await test.apply({
    ...{ command: 'withdraw', what: 'record-cost', provider: 'aws', invoiceRef: 'aws 2026-04', lineKey: '1' },
    reason: 'of another account',
  });
  expect((await margin()).estimate).toEqual(before.estimate);
});

it('can be corrected and withdrawn, and is for platform_admin only', async () => {
  await test.apply(
    rate('0.10', { region: 'fra1' }),
    rate('0.20'),
    observe(
      'a1',
      reading('2026-04-02', '10'),
      reading('2026-04-03', '10', { rateKey: { resourceType: 'api', resourceFamily: 'std', location: 'fra1' } }),
    ),
  );
  // 10 × 0.20 + 10 × 0.10 = 3.00
  expect((await margin()).estimate.estimatedCost).toBe('3.00');
  const { command: _, ...stated } = rate('0.30', { effectiveUntil: T('2026-04-03') });
  await test.apply({ ...stated, command: 'correct-cost-rate', reason: 'a typo' });
  // 10 × 0.30 + 10 × 0.10 = 4.00
  expect((await margin()).estimate.estimatedCost).toBe('4.00');
  await test.apply({
    ...{ command: 'withdraw', what: 'set-cost-rate', billingKind: 'requests', region: 'fra1' },
    ...{ effectiveFrom: T('2026-01-01'), reason: 'not needed' },
  });
  // 10 × 0.30 + 10 × 0.20 = 5.00
  expect((await margin()).estimate.estimatedCost).toBe('5.00');
  expect((await test.ask<{ items: object[] }>('cost-rates')).items).toMatchObject([
    { billingKind: 'requests', provider: null, region: null, unitCost: '0.3', effectiveUntil: T('2026-04-03') },
    { unitCost: '0.2', effectiveFrom: T('2026-04-03'), effectiveUntil: null },
  ]);
  expect(await test.refused(rate('-1', { region: 'x' }))).toMatchObject({ code: 'invalid_cost_rate' });
  expect(await test.refused({ ...stated, command: 'correct-cost-rate', provider: 'x', reason: 'r' })).toMatchObject({
    code: 'unknown_cost_rate',
  });
  await expect(test.ledger.ask('cost-rates', {}, { ...ADMIN, role: 'operator' })).rejects.toMatchObject({
    code: 'forbidden',
  });
});
