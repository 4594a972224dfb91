import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** April against paper: what was imported, billed, seen and used, and what does not fit together. */

const T = (date: string) => `${date}T00:00:00Z`;
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };
const DAY = { start: T('2026-04-01'), end: T('2026-04-02') };

interface Bill {
  readonly provider: string;
  readonly invoiceRef: string;
  readonly invoices: readonly string[];
  readonly total: string;
  readonly tax: string;
  readonly difference: string | null;
  readonly taxDifference: string | null;
  readonly status: string;
  readonly remedy: string | null;
}
interface Item {
  readonly provider: string | null;
  readonly kind: string | null;
  readonly resourceId: string | null;
  readonly billingKind: string | null;
  readonly quantity: string | null;
  readonly amount: string | null;
  readonly count: number;
  readonly reason: string | null;
  readonly lines: readonly { readonly invoiceRef: string; readonly lineKey: string }[] | null;
}
interface Answer {
  readonly provider: { readonly count: number; readonly difference: string; readonly items: readonly Bill[] };
  readonly issued: object;
  readonly lists: readonly {
    readonly list: string;
    readonly count: number;
    readonly amount: string | null;
    readonly items: readonly Item[];
  }[];
}

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('a'),
    deployment('a1', 'a'),
    plan('p', '60.00', [
      { billingKind: 'droplet_hours', price: { model: 'unit', unitAmount: '0.01' } },
      { billingKind: 'vcpu', price: { model: 'rate_card' } },
    ]),
    subscription('s', 'a1', 'p'),
    ...[
      seen('vm-1', 'droplet', 'active'),
      seen('vm-2', 'droplet', 'active'),
      seen('vm-off', 'droplet', 'off'),
      seen('lb-1', 'load_balancer', 'active'),
      { ...seen('vm-eu', 'droplet', 'active'), provider: 'hetzner' },
    ],
    { command: 'run-metering', date: '2026-04-01' },
    {
      ...{ command: 'observe-usage', deploymentId: 'a1' },
      observations: [
        { resourceId: 'mailer', billingKind: 'mails', period: DAY, granularity: 'day', quantity: '7' },
        {
          ...{ resourceId: 'job', billingKind: 'vcpu', period: DAY, granularity: 'day', quantity: '2' },
          rateKey: { resourceType: 'vcpu', resourceFamily: 'small', location: 'fra1' },
        },
      ],
    },
    bill('digitalocean', '2026-04', [
      line('1', '30.00', { resourceId: 'vm-1' }),
      line('2', '6.00', { resourceId: 'vm-off' }),
      line('3', '9.00', { resourceId: 'ghost' }),
      line('4', '10.00'),
      // 30 days, 15 of them in April: 1.50.
      line('5', '3.00', { resourceId: 'vm-off', chargePeriod: { start: T('2026-04-16'), end: T('2026-05-16') } }),
      line('6', '5.50', { category: 'tax' }),
      // It costs nothing.
      line('7', '0.00', { resourceId: 'free' }),
    ]),
    bill('hetzner', '2026-04', [
      line('1', '5.00', { resourceId: 'vm-eu', currency: 'EUR' }),
      line('2', '1.00', { resourceId: 'ghost-eu', currency: 'EUR' }),
    ]),
    bill('aws', '123 2026-04 Anniversary', [line('1', '4.00')]),
    bill('aws', '123 2026-04 Purchase', [line('1', '2.00')]),
    bill('azure', '2026-04', [line('1', '0.70')]),
    total('digitalocean', '2026-04', '63.00', '5.00'),
    total('aws', '123 2026-04', '6.00', '0.00'),
    total('gcp', '01D4 2026-04', '1.00', '0.00'),
  );
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 'a', asOf: APRIL.start });
  const { invoices } = (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
  await test.apply({ command: 'issue-invoice', invoiceId: invoices[0]?.invoiceId ?? '', at: APRIL.start });
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const seen = (providerId: string, kind: string, status: string) => ({
  ...{ command: 'observe-resource', provider: 'digitalocean', providerId, kind, name: providerId, status },
  ...{ seenAt: APRIL.start, deploymentId: 'a1' },
});
const line = (lineKey: string, amount: string, more: object = {}) => ({
  ...{ lineKey, kind: 'compute', chargePeriod: APRIL, amount, currency: 'USD', category: 'usage', ...more },
});
const bill = (provider: string, invoiceRef: string, lines: readonly object[]) => ({
  ...{ command: 'record-cost', provider, invoiceRef, lines },
});
const total = (provider: string, invoiceRef: string, of: string, tax: string) => ({
  ...{ command: 'record-provider-total', provider, invoiceRef, currency: 'USD', period: '2026-04', total: of, tax },
});
const DIGITALOCEAN = { provider: 'digitalocean', invoiceRef: '2026-04', currency: 'USD' };

const april = async (more: object = {}): Promise<Answer> => test.ask('reconciliation', { period: '2026-04', ...more });
const bills = ({ provider }: Answer): string[] =>
  provider.items.map(
    ({ provider: name, invoiceRef, total: of, tax, difference, taxDifference, status }) =>
      `${name} ${invoiceRef}: ${of} with ${tax}, ${difference ?? '-'} and ${taxDifference ?? '-'} ${status}`,
  );
const shown = ({ provider, kind, resourceId, billingKind, quantity, amount, reason }: Item): string =>
  [provider, kind, resourceId, billingKind, quantity, amount, reason].filter((each) => each !== null).join(' ');

it('compares the lines of each provider invoice with its recorded total', async () => {
  const answer = await april();
  expect(bills(answer)).toEqual([
    // 4.00 + 2.00, of two invoices whose references begin with that of the total.
    'aws 123 2026-04: 6.00 with 0.00, 0.00 and 0.00 equal',
    'azure 2026-04: 0.70 with 0.00, - and - not_recorded',
    // 30 + 6 + 9 + 10 + 3 + 5.50 = 63.50, against 63.00; its tax 5.50, against 5.00.
    'digitalocean 2026-04: 63.50 with 5.50, 0.50 and 0.50 differs',
    // Nothing is imported: 0 − 1.00.
    'gcp 01D4 2026-04: 0.00 with 0.00, -1.00 and 0.00 not_imported',
  ]);
  // 0.00 + 0.50 − 1.00
  expect(answer.provider).toMatchObject({ count: 4, total: '70.20', stated: '70.00', difference: '-0.50' });
  expect(answer.provider.items[0]?.invoices).toEqual(['123 2026-04 Anniversary', '123 2026-04 Purchase']);
  expect((await april({ first: '1' })).provider).toMatchObject({ count: 4, items: [{ provider: 'aws' }] });
});

it('finds issued rows and revenue equal', async () => {
  // The base fee of April.
  expect((await april()).issued).toEqual({
    ...{ issued: '60.00', revenue: '60.00', difference: '0.00', items: [], remedy: null },
  });
});

it('lists what cost, inventory, usage and prices do not have in common', async () => {
  const { lists } = await april();
  const [unpriced] = lists.filter(({ list }) => list === 'usage_without_price').flatMap(({ items }) => items);
  expect(Object.fromEntries(lists.map(({ list, items }) => [list, items.map(shown)]))).toEqual({
    kinds_not_metered: ['digitalocean load_balancer'],
    // 30.00 + 6.00 + 9.00 + 10.00 + 1.50 = 56.50, without tax.
    kinds_not_mapped: ['aws compute 6.00', 'azure compute 0.70', 'digitalocean compute 56.50'],
    usage_without_price: [`vcpu ${unpriced?.reason ?? ''}`],
    usage_unbilled: ['mails 7 no_plan_item'],
    cost_without_inventory: ['digitalocean compute ghost 9.00'],
    inventory_without_cost: ['digitalocean load_balancer lb-1', 'digitalocean droplet vm-2'],
    usage_without_cost: ['digitalocean vm-2 droplet_hours 24', 'mailer mails 7', 'job vcpu 2'],
    // 6.00 + 3.00 × 15 / 30 = 7.50; it was off: 0 hours.
    cost_without_usage: ['digitalocean compute vm-off 7.50 off'],
  });
  expect(unpriced?.reason).toContain('vcpu');
  expect(lists.map(({ list, count, amount }) => `${list} ${count} ${amount ?? '-'}`)).toEqual([
    'kinds_not_metered 1 -',
    'kinds_not_mapped 3 63.20',
    'usage_without_price 1 -',
    'usage_unbilled 1 -',
    'cost_without_inventory 1 9.00',
    'inventory_without_cost 2 -',
    'usage_without_cost 3 -',
    'cost_without_usage 1 7.50',
  ]);
  const linesOf = (name: string) =>
    lists.filter(({ list }) => list === name).flatMap(({ items }) => items.map((item) => item.lines));
  // Of the bill 2026-04: what correct-cost needs.
  expect(linesOf('cost_without_inventory')).toEqual([[{ invoiceRef: '2026-04', lineKey: '3' }]]);
  expect(linesOf('cost_without_usage')).toEqual([
    [
      { invoiceRef: '2026-04', lineKey: '2' },
      { invoiceRef: '2026-04', lineKey: '5' },
    ],
  ]);
  expect(linesOf('inventory_without_cost')).toEqual([null, null]);
  expect(linesOf('kinds_not_mapped')).toEqual([
    [
      { invoiceRef: '123 2026-04 Anniversary', lineKey: '1' },
      { invoiceRef: '123 2026-04 Purchase', lineKey: '1' },
    ],
    [{ invoiceRef: '2026-04', lineKey: '1' }],
    ['1', '2', '3', '4', '5'].map((lineKey) => ({ invoiceRef: '2026-04', lineKey })),
  ]);
  const one = await april({ list: 'usage_without_cost', first: '2' });
  expect(one.lists.map(({ list, count, items }) => [list, count, items.length])).toEqual([
    ['usage_without_cost', 3, 2],
  ]);
});

it('lists a kind with what it costs while it is not mapped, and those lines', async () => {
  const ledger = await testLedger();
  const mapping = { provider: 'aws', kind: 'compute', billingKinds: ['vcpu'] };
  const open = async () => {
    const { lists } = await ledger.ask<Answer>('reconciliation', { period: '2026-04', list: 'kinds_not_mapped' });
    return lists.flatMap(({ items }) => items.map((item) => [shown(item), item.count, item.lines]));
  };
  const until = (date: string) => ({ chargePeriod: { start: APRIL.start, end: T(date) } });
  const from = (date: string) => ({ chargePeriod: { start: T(date), end: APRIL.end } });
  const [early, all, late] = ['early', 'all', 'late'].map((lineKey) => ({ invoiceRef: '2026-04', lineKey }));
  try {
    await ledger.apply(
      bill('aws', '2026-04', [
        line('early', '1.00', until('2026-04-11')),
        line('all', '6.00'),
        line('late', '3.00', from('2026-04-21')),
      ]),
    );
    expect(await open()).toEqual([['aws compute 10.00', 3, [all, early, late]]]);
    // From the 11th on: 1.00 and 10 of 30 days of 6.00 are before.
    await ledger.apply({ command: 'set-kind-mapping', ...mapping, effectiveFrom: T('2026-04-11') });
    expect(await open()).toEqual([['aws compute 3.00', 2, [all, early]]]);
    // Until the 21st: another 10 days of 6.00, and 3.00, are after.
    await ledger.apply({
      ...{ command: 'withdraw', what: 'set-kind-mapping', provider: 'aws', kind: 'compute' },
      ...{ effectiveFrom: T('2026-04-11'), reason: 'too long' },
    });
    const ended = { effectiveFrom: T('2026-04-11'), effectiveUntil: T('2026-04-21') };
    await ledger.apply({ command: 'set-kind-mapping', ...mapping, ...ended });
    expect(await open()).toEqual([['aws compute 8.00', 3, [all, early, late]]]);
    const { unmapped } = await ledger.ask<{ unmapped: { cogs: string }; unattributed: { cogs: string } }>(
      'margin-units',
      { from: '2026-04', to: '2026-04' },
    );
    // Nobody bears it.
    expect(unmapped.cogs).toBe('0.00');
    await ledger.apply({
      ...{ command: 'set-kind-mapping', ...mapping, effectiveFrom: APRIL.start, effectiveUntil: T('2026-04-11') },
    });
    expect(await open()).toEqual([['aws compute 5.00', 2, [all, late]]]);
    await ledger.apply({ command: 'set-kind-mapping', ...mapping, effectiveFrom: T('2026-04-21') });
    expect(await open()).toEqual([]);
  } finally {
    await ledger.close();
  }
});

it('pages each list and the provider invoices by a cursor, as of the first page', async () => {
  const pagesOf = async (query: string, params: object): Promise<object[]> => {
    const found: object[] = [];
    let next: string | null = null;
    do {
      const page: { items: object[]; nextCursor: string | null } = await test.ask(query, {
        ...(next === null ? { period: '2026-04', limit: 1, ...params } : { cursor: next, limit: 2 }),
      });
      found.push(...page.items);
      next = page.nextCursor;
    } while (next !== null);
    return found;
  };
  const { lists, provider } = await april({ first: '100' });
  for (const { list, items } of lists) expect(await pagesOf('reconciliation-items', { list })).toEqual(items);
  expect(lists.find(({ list }) => list === 'usage_without_cost')?.count).toBe(3);
  expect(await pagesOf('reconciliation-invoices', {})).toEqual(provider.items);
  expect(provider.count).toBe(4);
});

it('takes a resource as charged that is billed in another currency', async () => {
  const { lists } = await april({ currency: 'EUR' });
  const of = new Map(lists.map(({ list, items }) => [list, items.map(shown)]));
  // vm-1 and vm-off are billed in USD, vm-eu in EUR.
  expect(of.get('inventory_without_cost')).toEqual(['digitalocean load_balancer lb-1', 'digitalocean droplet vm-2']);
  expect(of.get('usage_without_cost')).toEqual(['digitalocean vm-2 droplet_hours 24', 'mailer mails 7', 'job vcpu 2']);
  expect(of.get('cost_without_inventory')).toEqual(['hetzner compute ghost-eu 1.00']);
});

it('counts all lines of the month that have no price, however many there are of other months', async () => {
  const ledger = await testLedger();
  try {
    // Its plan is in USD, its tenant pays in EUR. 120 kinds and the fee, for 88 months: 10,648 lines without a price.
    await ledger.apply(
      ...[tenant('x'), tenant('euro', { currency: 'EUR' })],
      deployment('x1', 'x', { from: T('2018-12-01') }),
      { command: 'assign-deployment', deploymentId: 'x1', tenantId: 'euro', from: T('2019-01-01') },
      plan(
        'many',
        '1.00',
        Array.from({ length: 120 }, (_, index) => ({
          billingKind: `kind-${String(index).padStart(3, '0')}`,
          price: { model: 'unit', unitAmount: '1' },
        })),
        { effectiveFrom: T('2018-12-01') },
      ),
      subscription('s', 'x1', 'many', { from: T('2018-12-01') }),
    );
    const { lists } = await ledger.ask<Answer>('reconciliation', {
      ...{ period: '2026-04', currency: 'EUR', list: 'usage_without_price', first: '200' },
    });
    expect(lists).toMatchObject([{ count: 121 }]);
    expect(lists[0]?.items.length).toBe(121);
    expect(lists[0]?.items.at(-1)).toMatchObject({ billingKind: 'kind-119', reason: expect.stringContaining('USD') });
  } finally {
    await ledger.close();
  }
});

it('corrects and withdraws a recorded total, and knows what was recorded before', async () => {
  const noticed = async () =>
    (await test.check()).notices.filter((each) => 'code' in each && each.code === 'provider_total_differs').length;
  // DigitalOcean’s and that of gcp.
  expect(await noticed()).toBe(2);
  expect(await test.refused(total('digitalocean', '2026-04', '64.00', '5.00'))).toMatchObject({
    code: 'conflicting_body',
  });
  const correct = { command: 'correct-provider-total', ...DIGITALOCEAN };
  expect(await test.refused({ ...correct, reason: 'r' })).toMatchObject({ code: 'nothing_to_correct' });
  const before = await test.core.log.head();
  await test.apply({ ...correct, total: '63.50', tax: '5.50', reason: 'read from the wrong line' });
  expect(bills(await april())).toContain('digitalocean 2026-04: 63.50 with 5.50, 0.00 and 0.00 equal');
  expect(await noticed()).toBe(1);
  const withdraw = { command: 'withdraw', what: 'record-provider-total', ...DIGITALOCEAN, reason: 'a draft' };
  await test.apply(withdraw);
  expect(bills(await april())).toContain('digitalocean 2026-04: 63.50 with 5.50, - and - not_recorded');
  expect(await test.refused({ ...correct, total: '1', reason: 'r' })).toMatchObject({ code: 'unknown_provider_total' });
  expect(bills(await april({ asOf: `${before}` }))).toContain(
    'digitalocean 2026-04: 63.50 with 5.50, 0.50 and 0.50 differs',
  );
  // May be stated again after it was withdrawn.
  await test.apply(total('digitalocean', '2026-04', '63.50', '5.50'));
  expect(await test.ask('provider-totals', { provider: 'digitalocean', period: '2026-04' })).toEqual({
    items: [{ ...DIGITALOCEAN, period: '2026-04', total: '63.5', tax: '5.5' }],
    nextCursor: null,
  });
});

it('no longer lists usage once it has a price', async () => {
  await test.apply({
    ...{ command: 'set-rate', resourceType: 'vcpu', resourceFamily: 'small', location: 'fra1', unitPrice: '0.01' },
    effectiveFrom: APRIL.start,
  });
  expect((await april({ list: 'usage_without_price' })).lists).toMatchObject([{ count: 0, items: [] }]);
});

it('is for the platform admin only', async () => {
  const asked = test.ledger.ask(
    (await import('#operations/reconciliation')).reconciliation,
    { period: '2026-04' },
    { ...ADMIN, role: 'auditor' },
  );
  await expect(asked).rejects.toMatchObject({ code: 'forbidden' });
});
