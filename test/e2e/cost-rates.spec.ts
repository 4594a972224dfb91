import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keepNext } from '#billing/costs/keep-months';
import { costStream } from '#domain/costs/cost';
import { instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import { NO_STREAM } from '#event-store/port';
import type { AppendedEvent } from '#ledger/appending/event-book';
import { backfilled } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
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

const CAUSE = {
  ...{ name: 'spec', key: null, bodyHash: '', occurredAt: null, isKeyed: false, idempotencyKey: null },
  caller: ADMIN,
};

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

const mapping = (kind: string, ...billingKinds: string[]) => ({
  ...{ command: 'set-kind-mapping', provider: 'aws', kind, billingKinds, effectiveFrom: T('2026-01-01') },
});
const line = (lineKey: string, start: string, end: string, more: object = {}) => ({
  ...{ lineKey, kind: 'API', amount: '0.50', currency: 'USD', category: 'usage', tenantId: 'a' },
  ...{ chargePeriod: { start: T(start), end: T(end) }, ...more },
});
const billed = (invoiceRef: string, ...lines: object[]) => ({
  ...{ command: 'record-cost', provider: 'aws', invoiceRef },
  lines,
});
/** What is estimated, and the estimate, the cost and the variance of what is billed. */
const ended = async () => {
  const { estimate } = await margin();
  const [kind] = ((await variance()) ?? []) as { estimate: string; actual: string; variance: string }[];
  return [estimate.estimatedCost, kind?.estimate, kind?.actual, kind?.variance];
};

it('is known for a reading of 59 decimals, which can be billed in converted units, too', async () => {
  const price = { model: 'unit', unitAmount: '2.00' };
  await test.apply(
    plan('p', '0.00', [{ billingKind: 'requests', unitConversion: { operation: 'multiply', factor: '0.001' }, price }]),
    ...[subscription('s', 'a1', 'p'), rate('0.05')],
    observe('a1', reading('2026-04-10', `1000.${'0'.repeat(58)}7`)),
  );
  // 1000 × 0.05, to 30 decimals
  expect(await test.ask<Margin>('margin', { period: '2026-04-15' })).toMatchObject({
    estimate: { estimatedCost: '50.00' },
  });
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 'a', asOf: APRIL.end });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const invoiceId = invoices[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId, at: APRIL.end });
  // 1000 × 0.001 = 1 unit, to 60 decimals
  expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({ subtotal: '2.00' });
});

it('ends by kind and day: what a bill does not charge is still estimated', async () => {
  await test.apply(
    rate('0.10'),
    mapping('API', 'requests'),
    mapping('Disk', 'gb_months'),
    ...['2026-04-01', '2026-04-02', '2026-04-03', '2026-04-04'].map((date) =>
      observe('a1', reading(date, '10', { provider: 'aws' })),
    ),
  );
  // 4 × 10 × 0.10
  expect(await ended()).toEqual(['4.00', undefined, undefined, undefined]);
  // Lines of another kind, of a kind that is not mapped, of a fee, and of another month end nothing.
  await test.apply(
    billed('2026-03', line('1', '2026-03-01', '2026-04-01')),
    billed(
      '2026-04',
      line('1', '2026-04-01', '2026-05-01', { kind: 'Disk' }),
      line('2', '2026-04-01', '2026-05-01', { kind: 'Support' }),
      line('3', '2026-04-01', '2026-05-01', { category: 'purchase', amount: '0.00' }),
    ),
  );
  expect((await ended())[0]).toBe('4.00');
  // The bill of two days so far, from 10:00 on: 2 × 1.00 are estimated, and 2 × 1.00 − 0.50.
  await test.apply(
    billed(
      '2026-04 so far',
      line('1', '2026-04-02', '2026-04-03'),
      line('2', '2026-04-01', '2026-04-02', {
        ...{ amount: '0.00', chargePeriod: { start: '2026-04-01T10:00:00Z', end: '2026-04-01T11:00:00Z' } },
      }),
    ),
  );
  expect(await ended()).toEqual(['2.00', '2.00', '0.50', '1.50']);
  // The rest: 4.00 − 1.00.
  await test.apply(billed('2026-04 closed', line('1', '2026-04-03', '2026-05-01')));
  expect(await ended()).toEqual(['0.00', '4.00', '1.00', '3.00']);
});

const DAYS = Array.from({ length: 30 }, (_, n) => instant(`2026-04-${String(n + 1).padStart(2, '0')}T00:00:00Z`));
const days = DAYS.map((at) => at.slice(0, 10));

it('is compared with the cost of the providers whose usage was estimated, shared or not', async () => {
  const both = ['A', 'B'].map((provider) => ({ ...mapping('API', 'requests'), provider }));
  await test.apply(
    ...both,
    rate('0.10', { provider: 'A' }),
    observe('a1', reading('2026-04-02', '100', { provider: 'A' }), reading('2026-04-02', '7', { provider: 'B' })),
    bill('A', '9.00', { tenantId: 'a' }),
    bill('B', '50.00', { tenantId: 'a' }),
  );
  // 100 × 0.10 = 10.00. B has no rate, so its 50.00 end no estimate. 10.00 − 9.00 = 1.00
  const expected = [{ billingKind: 'requests', quantity: '100', estimate: '10.00', actual: '9.00', variance: '1.00' }];
  expect(await variance()).toEqual(expected);
  await test.apply({
    ...{ command: 'set-cost-sharing', policyId: 'all', costs: { provider: 'A' }, method: 'even' },
    effectiveFrom: T('2026-01-01'),
  });
  expect((await margin()).overall).toMatchObject({ cogs: '59.00', sharedCogs: '9.00' });
  expect(await variance()).toEqual(expected);
  // The rest of the bill of A is of nobody: it ends the estimate as well. 10.00 − 9.00 − 2.00 = −1.00
  await test.apply({
    ...{ command: 'record-cost', provider: 'A', invoiceRef: 'A rest' },
    lines: [line('1', '2026-04-01', '2026-05-01', { amount: '2.00', tenantId: undefined })],
  });
  expect(await variance()).toMatchObject([{ actual: '11.00', variance: '-1.00' }]);
  // A reading without a provider may be of any: with a rate for it, the cost of all providers counts.
  await test.apply(rate('0.50'), observe('b1', reading('2026-04-03', '10')));
  // 100 × 0.10 + 7 × 0.50 + 10 × 0.50 = 18.50, and 11.00 + 50.00 = 61.00
  expect(await variance()).toMatchObject([{ estimate: '18.50', actual: '61.00', variance: '-42.50' }]);
});

describe('from the 16th of a month', () => {
  beforeEach(async () => {
    await test.apply(
      mapping('API', 'requests'),
      rate('0.10', { effectiveFrom: T('2026-04-16') }),
      observe('a1', ...days.map((date) => reading(date, '10', { provider: 'aws' }))),
    );
  });
  // Of 30 days with 10 requests, 15 are estimated at 10 × 0.10 = 1.00 each.
  const expected = ['0.00', '15.00', '15.00', '0.00'];

  it('is compared with the lines from then on', async () => {
    const daily = DAYS.map((at, n) => ({
      ...{ ...line(String(n), days[n] ?? '', ''), amount: '1.00', chargePeriod: dayOf(at) },
    }));
    await test.apply(billed('2026-04', ...daily));
    expect(await ended()).toEqual(expected);
  });

  it('is compared with the part of a line of the month from then on', async () => {
    await test.apply(billed('2026-04', line('1', '2026-04-01', '2026-05-01', { amount: '30.00' })));
    // 30.00 × 15 / 30 days
    expect(await ended()).toEqual(expected);
    // From the 21st on a rate in another currency is in force: 5 days are left.
    await test.apply(rate('0.20', { effectiveFrom: T('2026-04-21'), currency: 'NOK' }));
    expect(await ended()).toEqual(['0.00', '5.00', '5.00', '0.00']);
  });

  it('is compared with the part of a line for its billing kind, by the use of the resource', async () => {
    const gib = { billingKind: 'gib', provider: 'aws', quantity: '1' };
    await test.apply(
      mapping('Storage', 'requests', 'gib'),
      // 10 days of it: 30 days of requests are three quarters of the time.
      observe('a1', ...days.slice(0, 10).map((date) => reading(date, '1', gib))),
      billed('2026-04', line('1', '2026-04-01', '2026-05-01', { kind: 'Storage', amount: '40.00', resourceId: 'r' })),
    );
    // 40.00 × 15 / 30 days × 3 / 4
    expect(await ended()).toEqual(expected);
  });
});

it('does not end by a delivery that is declared partial', async () => {
  const files = await folder();
  try {
    const of = (amount: string, resource: string) =>
      `aws,42 2026-04,${resource},API,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,${amount},USD,usage,,a,\n`;
    const HEADER = 'provider,invoice,resource_id,kind,start,end,amount,currency,category,class,tenant_id,description\n';
    const some = await files.write('some.csv', HEADER + of('0.30', 'r'));
    const all = await files.write('all.csv', HEADER + of('0.30', 'r') + of('0.40', 's'));
    await test.apply(
      rate('0.10'),
      mapping('API', 'requests'),
      observe('a1', reading('2026-04-02', '10', { provider: 'aws' })),
    );
    await backfilled(test, 'costs', some, {}, { delivery: { name: null, isPartial: true } });
    // Its cost counts, and all of 1.00 is still estimated.
    expect((await margin()).overall.cogs).toBe('0.30');
    expect(await ended()).toEqual(['1.00', undefined, undefined, undefined]);
    // A bill of another account ends it. What the partial one charges is not compared: 1.00 − 0.20.
    await test.apply(billed('43 2026-04', line('1', '2026-04-01', '2026-05-01', { amount: '0.20' })));
    expect(await ended()).toEqual(['0.00', '1.00', '0.20', '0.80']);
    await backfilled(test, 'costs', all, {}, { delivery: { name: 'closed', isPartial: false } });
    // 1.00 − 0.20 − 0.70
    expect(await ended()).toEqual(['0.00', '1.00', '0.90', '0.10']);
  } finally {
    await files.remove();
  }
});

it('does not end by a bill whose import was interrupted, and does when it is completed', async () => {
  const delivered = { provider: 'aws', delivery: '42 2026-04' };
  const files = [{ name: 'bill.csv', sha256: 'x', mapping: 'x', rejected: 0 }];
  const stream = costStream('aws', '42 2026-04');
  const record = async (event: AppendedEvent) => {
    const { length } = await test.core.book.load(stream);
    await test.core.book.appendAt(stream, length === 0 ? NO_STREAM : length - 1, CAUSE, [event]);
  };
  await test.apply(
    rate('0.10'),
    mapping('API', 'requests'),
    observe('a1', reading('2026-04-02', '10', { provider: 'aws' })),
  );
  await record({ type: 'CostDeliveryStarted', data: { ...delivered, mode: 'whole', files } });
  await test.apply({
    ...{ command: 'record-cost', provider: 'aws', invoiceRef: '42 2026-04' },
    lines: [
      {
        ...{ lineKey: '1', kind: 'API', chargePeriod: APRIL, amount: '0.30', currency: 'USD', category: 'usage' },
        tenantId: 'a',
      },
    ],
  });
  // Its cost counts, and all of 1.00 is still estimated.
  expect((await margin()).overall.cogs).toBe('0.30');
  expect(await ended()).toEqual(['1.00', undefined, undefined, undefined]);
  // The delivery changes no line of the month, which is kept: it ends the estimate all the same.
  while (!(await keepNext(test.core)).isDone);
  expect(await ended()).toEqual(['1.00', undefined, undefined, undefined]);
  await record({ type: 'CostDeliveryCompleted', data: delivered });
  // 1.00 − 0.30
  expect(await ended()).toEqual(['0.00', '1.00', '0.30', '0.70']);
  // Delivered again, and interrupted again: what was whole before still ends it.
  await record({ type: 'CostDeliveryStarted', data: { ...delivered, mode: 'whole', files } });
  expect(await ended()).toEqual(['0.00', '1.00', '0.30', '0.70']);
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
