import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { marginBridge } from '#operations/margin-bridge';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Why May earned more than April, and why May came to something else later. */

const T = (date: string) => `${date}T00:00:00Z`;
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };
const MAY = { start: T('2026-05-01'), end: T('2026-06-01') };

type Figures = Readonly<Record<string, string>>;
interface Answer {
  readonly overall: Figures;
  readonly byTenant: readonly ({ readonly tenantId: string; readonly is: string } & Figures)[];
  readonly unattributed: Figures;
  readonly parts: readonly {
    readonly part: string;
    readonly amount: string;
    readonly stepCount: number;
    readonly steps: readonly object[];
    readonly eventCount: number;
    readonly events: readonly { readonly type: string; readonly position: number }[];
  }[];
  readonly explain: readonly string[];
}

let test: TestLedger;
let before: number;
beforeAll(async () => {
  test = await testLedger();
  const perRequest = (unitAmount: string) => [{ billingKind: 'req', price: { model: 'unit', unitAmount } }];
  await test.apply(
    tenant('a'),
    tenant('b'),
    deployment('a1', 'a'),
    deployment('b1', 'b'),
    deployment('m1', 'a'),
    { command: 'assign-deployment', deploymentId: 'm1', tenantId: 'b', from: MAY.start },
    plan('p', '50.00', perRequest('0.10')),
    plan('p', '60.00', perRequest('0.12'), { effectiveFrom: MAY.start }),
    plan('q', '50.00', perRequest('0.05')),
    subscription('s-a', 'a1', 'p'),
    subscription('s-b', 'b1', 'q'),
    subscription('s-m', 'm1', 'q'),
    ...[used('a1', '2026-04-10', '100'), used('b1', '2026-04-10', '100'), used('m1', '2026-04-10', '40')],
    ...[used('a1', '2026-05-10', '200'), used('b1', '2026-05-10', '50'), used('m1', '2026-05-10', '40')],
    ...[seen('vm-a', 'a1'), seen('vm-b', 'b1'), seen('vm-m', 'm1')],
    bill('2026-04', APRIL, { 'vm-a': '20.00', 'vm-m': '6.00', '': '5.00' }),
    bill('2026-05', MAY, { 'vm-a': '22.00', 'vm-m': '6.00', 'vm-b': '3.00', '': '5.00' }),
  );
  for (const tenantId of ['a', 'b']) await issue(tenantId, T('2026-06-01'));
  before = await test.core.log.head();
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const used = (deploymentId: string, day: string, quantity: string) => ({
  ...{ command: 'observe-usage', deploymentId },
  observations: [
    {
      ...{ resourceId: 'app', billingKind: 'req', granularity: 'hour', quantity },
      period: { start: T(day), end: `${day}T01:00:00Z` },
    },
  ],
});
const seen = (providerId: string, deploymentId: string) => ({
  ...{ command: 'observe-resource', provider: 'aws', providerId, kind: 'vm', name: providerId, status: 'active' },
  ...{ seenAt: APRIL.start, deploymentId },
});
const bill = (invoiceRef: string, chargePeriod: object, amounts: Readonly<Record<string, string>>) => ({
  ...{ command: 'record-cost', provider: 'aws', invoiceRef },
  lines: Object.entries(amounts).map(([resourceId, amount]) => ({
    ...{ lineKey: `l${resourceId}`, kind: 'ec2', chargePeriod, amount, currency: 'USD', category: 'usage' },
    ...(resourceId === '' ? {} : { resourceId }),
  })),
});
async function issue(tenantId: string, asOf: string): Promise<void> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf });
  const { invoices } = (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
  await test.apply({ command: 'issue-invoice', invoiceId: invoices[0]?.invoiceId ?? '', at: asOf });
}

const bridge = async (params: object): Promise<Answer> => test.ask('margin-bridge', { ...params });
const months = { from: '2026-04', to: '2026-05' };
/** The figures that are not 0. */
const shown = (figures: Figures): string[] =>
  Object.entries(figures).flatMap(([name, value]) =>
    ['tenantId', 'is'].includes(name) || /^-?0\.00$/.test(value) ? [] : [`${name} ${value}`],
  );
const ofTenant = ({ byTenant }: Answer, tenantId: string): string[] =>
  byTenant.filter((each) => each.tenantId === tenantId).flatMap(shown);

it('divides what a month earns more than another one into parts, overall and by tenant', async () => {
  const answer = await bridge(months);
  // April of a: fees 2 × 50, 100 × 0.10 and 40 × 0.05, less 20 + 6: 86. May: 60 + 200 × 0.12 − 22 = 62.
  // m1 goes to b with 50 + 40 × 0.05 − 6 = 46. All were billed 10 + 5 + 2 = 17 for 240 requests in April.
  expect(ofTenant(answer, 'a')).toEqual([
    ...['from 86.00', 'to 62.00', 'difference -24.00'],
    // 24.00 − 200 × 0.10 = 4.00.
    'price 4.00',
    // 100 × 17 / 240 = 7.083.
    'volume 7.08',
    // 200 × 0.10 − 10.00 − 7.08.
    'mix 2.92',
    ...['fees 10.00', 'cost -2.00', 'sameResources -2.00', 'moves -46.00'],
  ]);
  // April of b: 50 + 100 × 0.05 = 55. May: 2 × 50 + 50 × 0.05 + 40 × 0.05 − 6 − 3 = 95.50.
  expect(ofTenant(answer, 'b')).toEqual([
    ...['from 55.00', 'to 95.50', 'difference 40.50'],
    // 140 requests for 7.00 before (with those of m1), 90 for 4.50 now: −50 × 17 / 240 = −3.542.
    'volume -3.54',
    // 4.50 − 7.00 + 3.54.
    'mix 1.04',
    ...['cost -3.00', 'newResources -3.00', 'moves 46.00'],
  ]);
  expect(shown(answer.unattributed)).toEqual(['from -5.00', 'to -5.00']);
  // 4.00 + 3.54 + 3.96 + 10.00 − 5.00 = 16.50 = 152.50 − 136.00.
  expect(shown(answer.overall)).toEqual([
    ...['from 136.00', 'to 152.50', 'difference 16.50', 'price 4.00', 'volume 3.54', 'mix 3.96', 'fees 10.00'],
    ...['cost -5.00', 'newResources -3.00', 'sameResources -2.00'],
  ]);
  expect((await bridge({ from: '2026-05', to: '2026-04' })).overall).toMatchObject({ difference: '-16.50' });
  // As the margin says.
  expect(await test.ask('margin', { period: '2026-05' })).toMatchObject({ overall: { margin: '152.50' } });
});

it('opens each part into its causes and events', async () => {
  const { parts, explain } = await bridge(months);
  const part = (name: string) => parts.find((each) => each.part === name);
  expect(part('price')?.steps).toEqual([
    {
      ...{ amount: '4.00', tenantId: 'a', deploymentId: null, billingKind: 'req', provider: null, kind: null },
      ...{ resourceId: null, from: { amount: '10.00', quantity: '100' }, to: { amount: '24.00', quantity: '200' } },
    },
  ]);
  expect(part('price')?.events.map(({ type }) => type)).toEqual(['InvoiceIssued']);
  expect(part('new_resources')).toMatchObject({ stepCount: 1, steps: [{ resourceId: 'vm-b', amount: '-3.00' }] });
  expect(part('same_resources')?.events.map(({ type }) => type)).toEqual(['CostRecorded', 'CostRecorded']);
  expect(part('moves')).toMatchObject({
    ...{ amount: '0.00', stepCount: 2, steps: [{ tenantId: 'a' }, { tenantId: 'b', deploymentId: 'm1' }] },
    events: [{ type: 'DeploymentAssigned' }, { type: 'DeploymentRegistered' }],
  });
  expect(explain).toEqual(['margin:2026-04/USD', 'margin:2026-05/USD']);
  const ofB = await bridge({ ...months, tenantId: 'b', first: '1' });
  expect(ofB.byTenant.map(({ tenantId }) => tenantId)).toEqual(['b']);
  expect(ofB.parts.map(({ part: name, amount, steps }) => `${name} ${amount} ${steps.length}`)).toEqual([
    ...['volume -3.54 1', 'mix 1.04 1', 'new_resources -3.00 1', 'moves 46.00 1'],
  ]);
  expect(ofB.explain).toEqual(['margin:2026-04/USD/b', 'margin:2026-05/USD/b']);
});

it('names only the steps asked for, the events behind them, and all of them page by page', async () => {
  const eventsOf = async (params: object) =>
    (await bridge({ ...months, ...params })).parts.map(({ part, amount, events }) => [
      ...[part, amount],
      ...events.map(({ type }) => type),
    ]);
  expect(await eventsOf({ resourceId: 'vm-b' })).toEqual([['new_resources', '-3.00', 'CostRecorded']]);
  expect(await eventsOf({ kind: 'ec2', part: 'same_resources' })).toEqual([
    ['same_resources', '-2.00', 'CostRecorded', 'CostRecorded'],
  ]);
  // Of b in May, and of a too, who was billed for m1 in April.
  expect(await eventsOf({ tenantId: 'b', billingKind: 'req', part: 'mix' })).toEqual([
    ['mix', '1.04', 'InvoiceIssued', 'InvoiceIssued'],
  ]);
  expect(await eventsOf({ billingKind: 'base_fee' })).toEqual([['fees', '10.00', 'InvoiceIssued']]);
  expect(await eventsOf({ billingKind: 'other' })).toEqual([]);
  const pages = await Promise.all(
    ['0', '1', '2'].map(async (skip) => bridge({ ...months, part: 'volume', first: '1', skip })),
  );
  expect(
    pages.map(({ parts }) => parts.map(({ stepCount, steps, events }) => [stepCount, steps, events])),
  ).toMatchObject([
    [[2, [{ tenantId: 'a', amount: '7.08' }], [{ type: 'InvoiceIssued' }]]],
    [[2, [{ tenantId: 'b', amount: '-3.54' }], [{ type: 'InvoiceIssued' }]]],
    [[2, [], []]],
  ]);
});

it('divides what became known of a month after a moment', async () => {
  await test.apply(used('a1', '2026-05-20', '10'), {
    ...{ command: 'correct-cost', provider: 'aws', invoiceRef: '2026-05', lineKey: 'lvm-a', amount: '23.00' },
    reason: 'a typo',
  });
  await issue('a', T('2026-06-02'));
  const answer = await bridge({ period: '2026-05', fromAsOf: `${before}` });
  // Late usage of 10 × 0.12, booked as corrections of May, and 1.00 more of cost.
  expect(shown(answer.overall)).toEqual([
    ...['from 152.50', 'to 152.70', 'difference 0.20', 'corrections 1.20', 'cost -1.00', 'sameResources -1.00'],
  ]);
  expect(answer.parts.map(({ part, events }) => [part, events.map(({ type }) => type)])).toEqual([
    ['corrections', ['InvoiceIssued']],
    ['same_resources', ['CostCorrected']],
  ]);
  // The correction of a cost is not behind another resource, nor another tenant.
  for (const other of [{ resourceId: 'vm-b' }, { tenantId: 'b' }])
    expect((await bridge({ period: '2026-05', fromAsOf: `${before}`, ...other })).parts).toEqual([]);
  const head = await test.core.log.head();
  const back = await bridge({ period: '2026-05', fromAsOf: `${head}`, asOf: `${before}` });
  expect(back.overall).toMatchObject({ difference: '-0.20', corrections: '-1.20', cost: '1.00' });
  // Two months as of then stay what they were.
  expect((await bridge({ ...months, asOf: `${before}` })).overall).toMatchObject({ difference: '16.50' });
});

it('refuses a question of neither form, and other roles', async () => {
  const asked = async (params: object, role = ADMIN.role) =>
    test.ledger.ask(marginBridge, { ...params }, { ...ADMIN, role });
  for (const params of [{}, { from: '2026-04' }, { ...months, period: '2026-04' }, { period: '2026-04' }])
    await expect(asked(params)).rejects.toMatchObject({ code: 'invalid_parameter' });
  await expect(asked(months, 'operator')).rejects.toMatchObject({ code: 'forbidden' });
});
