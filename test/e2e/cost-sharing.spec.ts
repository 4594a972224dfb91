import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Caller } from '#ledger/caller';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Which cost is shared among tenants, how, and what the margin of each then is. */

const T = (date: string) => `${date}T00:00:00Z`;
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };

interface Figures {
  readonly revenue: string;
  readonly cogs: string;
  readonly margin: string;
  readonly marginPct: string | null;
  readonly directCogs: string;
  readonly sharedCogs: string;
  readonly directMargin: string;
  readonly directMarginPct: string | null;
}
interface Margin {
  readonly overall: Figures;
  readonly byTenant: readonly ({ readonly tenantId: string } & Figures)[];
  readonly byDeployment: readonly ({ readonly tenantId: string; readonly deploymentId: string | null } & Figures)[];
  readonly byKind: { readonly cogs: readonly { readonly kind: string; readonly cogs: string }[] };
  readonly unattributed: { readonly cogs: string; readonly directCogs: string; readonly sharedCogs: string };
  readonly shared: readonly {
    readonly policyId: string;
    readonly amount: string;
    readonly basis: string;
    readonly fallback: string | null;
    readonly parts: readonly { readonly tenantId: string | null; readonly amount: string }[];
  }[];
}

const droplet = (providerId: string, deploymentId: string, seenAt = APRIL.start) => ({
  ...{ command: 'observe-resource', provider: 'aws', providerId, kind: 'droplet', name: providerId, status: 'active' },
  ...{ seenAt, deploymentId },
});
const line = (lineKey: string, amount: string, kind: string, more: object = {}) => ({
  ...{ lineKey, kind, chargePeriod: APRIL, amount, currency: 'USD', category: 'usage', ...more },
});

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    ...['a', 'b'].flatMap((id) => [tenant(id), deployment(`${id}1`, id)]),
    plan('p', '60.00', []),
    ...['a', 'b'].map((id) => subscription(`s-${id}`, `${id}1`, 'p')),
    droplet('vm-a', 'a1'),
    droplet('vm-b', 'b1'),
    {
      ...{ command: 'record-cost', provider: 'aws', invoiceRef: '2026-04' },
      lines: [
        line('1', '30.00', 'compute', { resourceId: 'vm-a' }),
        line('2', '60.00', 'compute', { resourceId: 'vm-b' }),
        line('3', '10.00', 'support', { focus: { Tags: '{"team": "infra", "n": null}' } }),
        line('4', '-0.01', 'refund', { category: 'credit' }),
      ],
    },
  );
  for (const tenantId of ['a', 'b']) {
    const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: APRIL.start });
    const { invoices } =
      created?.status === 'done' ? (created.result as { invoices: { invoiceId: string }[] }) : { invoices: [] };
    await test.apply({ command: 'issue-invoice', invoiceId: invoices[0]?.invoiceId ?? '', at: APRIL.start });
  }
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const set = (policyId: string, costs: object, method: string, more: object = {}) => ({
  ...{ command: 'set-cost-sharing', policyId, costs, method, effectiveFrom: APRIL.start, ...more },
});
const marginOf = async (more: object = {}): Promise<Margin> => test.ask('margin', { period: '2026-04', ...more });
/** What each tenant bears of shared cost, and what nobody does. */
const sharedOf = ({ byTenant, unattributed }: Margin) => ({
  ...Object.fromEntries(byTenant.map(({ tenantId, sharedCogs }) => [tenantId, sharedCogs])),
  nobody: unattributed.cogs,
});
/** The end of the log now, as a parameter. */
const head = async (): Promise<string> => String(await test.core.log.head());

describe('shared cost', () => {
  it('is not shared without a policy', async () => {
    const { overall, byTenant, unattributed, shared } = await marginOf();
    // 120.00 − (30.00 + 60.00 + 10.00 − 0.01) = 20.01; 20.01 / 120.00 = 16.7 %
    expect(overall).toEqual({
      ...{ revenue: '120.00', cogs: '99.99', margin: '20.01', marginPct: '16.7' },
      ...{ directCogs: '99.99', sharedCogs: '0.00', directMargin: '20.01', directMarginPct: '16.7' },
    });
    expect(byTenant.map(({ tenantId, cogs }) => [tenantId, cogs])).toEqual([
      ['a', '30.00'],
      ['b', '60.00'],
    ]);
    expect(unattributed).toEqual({ cogs: '9.99', directCogs: '9.99', sharedCogs: '0.00' });
    expect(shared).toEqual([]);
  });

  it('stands beside direct cost, with the margin before it and after it', async () => {
    await test.apply(set('support', { kind: 'support' }, 'direct_cost'), set('refunds', { kind: 'refund' }, 'even'));
    const { overall, byTenant, byDeployment, byKind, unattributed, shared } = await marginOf();
    // The direct cost of a is 30.00 and of b 60.00: 10.00 × 30 / 90 = 3.33, × 60 / 90 = 6.67. One cent off is a’s.
    expect(byTenant).toEqual([
      {
        // 60.00 − 30.00 = 30.00, 50.0 %; 30.00 − 3.33 + 0.01 = 26.68, 44.5 %
        ...{ tenantId: 'a', revenue: '60.00', cogs: '33.32', margin: '26.68', marginPct: '44.5' },
        ...{ directCogs: '30.00', sharedCogs: '3.32', directMargin: '30.00', directMarginPct: '50.0' },
      },
      {
        // 60.00 − 60.00 = 0.00; 0.00 − 6.67 = −6.67, −11.1 %
        ...{ tenantId: 'b', revenue: '60.00', cogs: '66.67', margin: '-6.67', marginPct: '-11.1' },
        ...{ directCogs: '60.00', sharedCogs: '6.67', directMargin: '0.00', directMarginPct: '0.0' },
      },
    ]);
    // An even part is the tenant’s, of none of its deployments.
    expect(byDeployment.map((each) => [each.deploymentId, each.directCogs, each.sharedCogs])).toEqual([
      ['a1', '30.00', '3.33'],
      [null, '0.00', '-0.01'],
      ['b1', '60.00', '6.67'],
      [null, '0.00', '0.00'],
    ]);
    expect(overall).toMatchObject({ cogs: '99.99', directCogs: '90.00', sharedCogs: '9.99', directMargin: '30.00' });
    expect(unattributed).toEqual({ cogs: '0.00', directCogs: '0.00', sharedCogs: '0.00' });
    expect(byKind.cogs).toEqual([
      { kind: 'compute', cogs: '90.00' },
      { kind: 'refund', cogs: '-0.01' },
      { kind: 'support', cogs: '10.00' },
    ]);
    expect(shared).toMatchObject([
      {
        policyId: 'refunds',
        amount: '-0.01',
        basis: '2',
        fallback: null,
        parts: [{ amount: '-0.01' }, { amount: '0.00' }],
      },
      { policyId: 'support', amount: '10.00', basis: '90', fallback: null },
    ]);
    const trend = await test.ask<{ months: readonly object[] }>('margin-trend', {
      ...{ from: '2026-03', to: '2026-05', by: 'tenant' },
    });
    const estimate = { estimatedCost: '0.00', marginWithEstimate: '20.01' };
    expect(trend.months[1]).toEqual({ month: '2026-04', ...overall, coveragePct: '100.0', ...estimate, byTenant });
  });

  it.each<[string, object, object, object]>([
    // 9.99 / 2 = 4.995: the first id bears the odd cent.
    [
      'all unattributed cost evenly',
      { unattributed: true },
      { method: 'even' },
      { a: '5.00', b: '4.99', nobody: '0.00' },
    ],
    // Both earned 60.00.
    ['by revenue', { unattributed: true }, { method: 'revenue' }, { a: '5.00', b: '4.99', nobody: '0.00' }],
    [
      'by fixed weights',
      { tag: { key: 'team', value: 'infra' } },
      {
        method: 'weights',
        weights: [
          { tenantId: 'a', percent: '12.5' },
          { tenantId: 'b', percent: '87.5' },
        ],
      },
      { a: '1.25', b: '8.75', nobody: '-0.01' },
    ],
    ['not at all', { unattributed: true }, { method: 'none' }, { a: '0.00', b: '0.00', nobody: '9.99' }],
    // Without usage of the kind, evenly.
    [
      'by usage',
      { provider: 'aws', kind: 'support' },
      { method: 'usage', billingKind: 'cpu' },
      { a: '5.00', b: '5.00', nobody: '-0.01' },
    ],
  ])('%s', async (_how, costs, { method, ...more }: { method?: string }, borne) => {
    await test.apply(set('p', costs, method ?? '', more));
    expect(sharedOf(await marginOf())).toEqual(borne);
  });

  it('leaves who held it: each cent is counted once', async () => {
    await test.apply(set('compute', { provider: 'aws', kind: 'compute' }, 'even'));
    const { byTenant, overall } = await marginOf();
    expect(byTenant.map((each) => [each.directCogs, each.sharedCogs])).toEqual([
      ['0.00', '45.00'],
      ['0.00', '45.00'],
    ]);
    expect(overall).toMatchObject({ cogs: '99.99', directCogs: '9.99', sharedCogs: '90.00' });
  });

  it('is no basis of another policy: with all direct cost shared, there is none to go by', async () => {
    await test.apply(set('1', { kind: 'compute' }, 'even'), set('2', { kind: 'support' }, 'direct_cost'));
    const { shared } = await marginOf();
    expect(shared.map(({ policyId, amount, fallback }) => [policyId, amount, fallback])).toEqual([
      ['1', '90.00', null],
      ['2', '10.00', 'even'],
    ]);
  });

  it('is divided by time where a policy begins within the charge period', async () => {
    await test.apply(set('p', { kind: 'support' }, 'even', { effectiveFrom: T('2026-04-16') }));
    // 15 of 30 days: 5.00 of 10.00.
    expect(sharedOf(await marginOf())).toEqual({ a: '2.50', b: '2.50', nobody: '4.99' });
  });

  it('is shared by the usage of who held the deployment when it was used', async () => {
    const used = (date: string, quantity: string, deploymentId: string) => ({
      ...{ command: 'observe-usage', deploymentId },
      observations: [
        {
          ...{ resourceId: 'r', billingKind: 'cpu', granularity: 'event', quantity },
          period: { start: T(date), end: `${date}T01:00:00Z` },
        },
      ],
    });
    await test.apply(
      used('2026-04-02', '1', 'a1'),
      used('2026-04-20', '3', 'a1'),
      used('2026-05-02', '100', 'b1'),
      { command: 'assign-deployment', deploymentId: 'a1', tenantId: 'b', from: T('2026-04-16') },
      set('p', { kind: 'support' }, 'usage', { billingKind: 'cpu' }),
    );
    // a had 1 of 4, b 3 of 4: 2.50 and 7.50, both on the deployment a1.
    const margin = await marginOf();
    expect(sharedOf(margin)).toEqual({ a: '2.50', b: '7.50', nobody: '-0.01' });
    expect(margin.byDeployment.map((each) => [each.tenantId, each.deploymentId, each.sharedCogs])).toEqual([
      ['a', 'a1', '2.50'],
      ['b', 'a1', '7.50'],
      ['b', 'b1', '0.00'],
    ]);
  });

  it('of a pool leaves what nobody used to nobody, as idle', async () => {
    const used = (deploymentId: string, quantity: string) => ({
      ...{ command: 'observe-usage', deploymentId },
      observations: [
        {
          ...{ resourceId: 'r', billingKind: 'cpu', granularity: 'event', quantity },
          period: { start: T('2026-04-02'), end: '2026-04-02T01:00:00Z' },
        },
      ],
    });
    const pool = { billingKind: 'cpu', capacity: '8' };
    await test.apply(used('a1', '1'), used('b1', '3'), set('p', { kind: 'support' }, 'usage', pool));
    // Of 10.00 for 8, 1 and 3 are used: 1.25, 3.75, and 5.00 of nobody besides the refund.
    const margin = await marginOf();
    expect(sharedOf(margin)).toEqual({ a: '1.25', b: '3.75', nobody: '4.99' });
    const remainder = { provider: 'aws', kind: 'support', reason: 'remainder', cogs: '5.00', directCogs: '5.00' };
    expect(margin).toMatchObject({
      overall: { cogs: '99.99' },
      shared: [
        {
          ...{ policyId: 'p', amount: '5.00', basis: '4', fallback: null },
          pool: { cost: '10.00', capacity: '8', sold: '4', remainder: '5.00' },
        },
      ],
      idle: { cogs: '5.00', parts: [remainder], byHolder: [{ tenantId: null, deploymentId: null, cogs: '5.00' }] },
    });
    const units = await test.ask<object>('margin-units', { from: '2026-04', to: '2026-04' });
    expect(units).toMatchObject({ overall: { cogs: '99.99' }, idle: { parts: [remainder] } });
    const { months } = await test.ask<{ months: object[] }>('margin-trend', { from: '2026-04', to: '2026-04' });
    // (99.99 − 4.99) / 99.99
    expect(months).toMatchObject([{ cogs: '99.99', sharedCogs: '5.00', coveragePct: '95.0' }]);
    expect(await test.ask('cost-sharing')).toMatchObject({ items: [pool] });
    // 10.00 × 4 / 8 = 5.00 are idle; of the other 5.00, 5.00 × 3 / 4 = 3.75 are b’s.
    const idle = '10.00 × (8 − 4) / 8 = 5.00 idle; 10.00 − 5.00 = 5.00';
    expect(await test.ask('explain', { id: 'margin:2026-04/USD/b' })).toMatchObject({
      shared: [{ arithmetic: `${idle}; 5.00 × 3 / 4 = 3.75` }],
    });
    expect(await test.ask('explain', { id: 'margin:2026-04', kind: 'support' })).toMatchObject({
      costs: [
        { amount: '5.00', sharedBy: 'p', remainderOf: null },
        { amount: '5.00', sharedBy: null, remainderOf: 'p' },
      ],
    });
    expect(await test.ask('explain', { id: 'margin:2026-04' })).toMatchObject({ shared: [{ arithmetic: idle }] });
    // The refund has no tenant. What is idle by policy is not to be attributed.
    const { notices } = await test.check();
    expect(notices.filter((each) => 'code' in each && each.code === 'cost_without_tenant')).toMatchObject([
      { ids: { month: '2026-04', amount: '-0.01', costLines: ['aws/2026-04/4'], lines: 1 } },
    ]);
    // With a smaller pool all is shared: 2.50 and 7.50.
    const smaller = set('p', { kind: 'support' }, 'usage', { ...pool, capacity: '3' });
    await test.apply({ ...smaller, command: 'correct-cost-sharing', reason: 'a smaller cluster' });
    expect(sharedOf(await marginOf())).toEqual({ a: '2.50', b: '7.50', nobody: '-0.01' });
  });

  it('that no tenant could bear stays unattributed, and says so', async () => {
    const march = { start: T('2026-03-01'), end: T('2026-04-01') };
    await test.apply(
      {
        command: 'record-cost',
        provider: 'aws',
        invoiceRef: '2026-03',
        lines: [line('1', '7.00', 'support', { chargePeriod: march })],
      },
      set('p', { unattributed: true }, 'even', { effectiveFrom: march.start }),
    );
    const { unattributed, shared, overall } = await marginOf({ period: '2026-03' });
    expect(unattributed).toEqual({ cogs: '7.00', directCogs: '0.00', sharedCogs: '7.00' });
    expect(shared).toMatchObject([{ fallback: 'unattributed', parts: [{ tenantId: null, amount: '7.00' }] }]);
    expect(overall.cogs).toBe('7.00');
  });
});

describe('a policy', () => {
  it('is corrected and withdrawn as every fact, and what was known stays known', async () => {
    const before = await head();
    await test.apply(set('p', { kind: 'support' }, 'even'));
    const wrong = await head();
    const corrected = {
      ...{ command: 'correct-cost-sharing', policyId: 'p', costs: { kind: 'support' }, method: 'direct_cost' },
      ...{ effectiveFrom: APRIL.start, reason: 'as agreed' },
    };
    await test.apply(corrected);
    const right = await head();
    await test.apply({
      command: 'withdraw',
      what: 'set-cost-sharing',
      policyId: 'p',
      effectiveFrom: APRIL.start,
      reason: 'no',
    });
    // The correction stays over the period that it states.
    expect(sharedOf(await marginOf())).toEqual({ a: '3.33', b: '6.67', nobody: '-0.01' });
    expect(sharedOf(await marginOf({ asOf: right }))).toEqual({ a: '3.33', b: '6.67', nobody: '-0.01' });
    expect(sharedOf(await marginOf({ asOf: wrong }))).toEqual({ a: '5.00', b: '5.00', nobody: '-0.01' });
    expect(sharedOf(await marginOf({ asOf: before }))).toEqual({ a: '0.00', b: '0.00', nobody: '9.99' });
  });

  it('that was withdrawn never was, and can be set again', async () => {
    const policy = set('p', { kind: 'support' }, 'even');
    const withdrawn = {
      command: 'withdraw',
      what: 'set-cost-sharing',
      policyId: 'p',
      effectiveFrom: APRIL.start,
      reason: 'no',
    };
    await test.apply(policy, withdrawn);
    expect(sharedOf(await marginOf())).toEqual({ a: '0.00', b: '0.00', nobody: '9.99' });
    expect(await test.refused({ ...withdrawn, reason: 'again' })).toMatchObject({ code: 'unknown_sharing' });
    await test.apply(set('p', { kind: 'support' }, 'revenue'));
    expect(sharedOf(await marginOf())).toEqual({ a: '5.00', b: '5.00', nobody: '-0.01' });
  });

  it('is the same again, and another body is a conflict', async () => {
    const policy = set('p', { kind: 'support' }, 'even');
    expect(await test.apply(policy, policy)).toMatchObject([{ status: 'done' }, { status: 'unchanged' }]);
    expect(await test.refused({ ...policy, method: 'revenue' })).toMatchObject({ code: 'conflicting_body' });
  });

  it('is listed with its periods, as of any position', async () => {
    await test.apply(
      set('p', { kind: 'support' }, 'even', { effectiveUntil: T('2026-07-01') }),
      set('p', { kind: 'support' }, 'usage', {
        billingKind: 'cpu',
        effectiveFrom: T('2026-05-01'),
        effectiveUntil: T('2026-06-01'),
      }),
    );
    const { items } = await test.ask<{ items: readonly object[] }>('cost-sharing');
    const even = { policyId: 'p', costs: { kind: 'support' }, method: 'even', billingKind: null, weights: null };
    expect(items).toMatchObject([
      { ...even, effectiveFrom: APRIL.start, effectiveUntil: T('2026-05-01') },
      { method: 'usage', billingKind: 'cpu', effectiveFrom: T('2026-05-01'), effectiveUntil: T('2026-06-01') },
      { ...even, effectiveFrom: T('2026-06-01'), effectiveUntil: T('2026-07-01') },
    ]);
    const asked = async (params: object) =>
      (await test.ask<{ items: readonly object[] }>('cost-sharing', { ...params })).items;
    expect(await asked({ at: T('2026-05-10') })).toMatchObject([{ method: 'usage' }]);
    expect(await asked({ asOf: '0' })).toEqual([]);
    const first = await test.ask<{ nextCursor: string }>('cost-sharing', { limit: 2 });
    expect(await asked({ cursor: first.nextCursor })).toHaveLength(1);
  });

  it.each([
    [set('p', { kind: 'x' }, 'weights', { weights: [{ tenantId: 'nobody', percent: '100' }] }), 'unknown_tenant'],
    [set('p', { kind: 'x' }, 'weights', { weights: [{ tenantId: 'a', percent: '99' }] }), 'invalid_sharing'],
    [set('p', {}, 'even'), 'invalid_sharing'],
    [set('p', { kind: 'x' }, 'by size'), 'invalid_input'],
    [set('p', { kind: 'x' }, 'even', { effectiveUntil: APRIL.start }), 'empty_period'],
    [set('p', { kind: 'x' }, 'even', { capacity: '1' }), 'invalid_sharing'],
    [set('p', { kind: 'x' }, 'usage', { billingKind: 'cpu', capacity: '0' }), 'invalid_sharing'],
  ])('%j is refused: %s', async (command, code) => {
    expect(await test.refused(command)).toMatchObject({ code });
  });

  it('is for those who see the margin only', async () => {
    await test.apply(set('p', { kind: 'support' }, 'even'));
    const operator: Caller = { ...ADMIN, role: 'operator' };
    const refused = async (command: object) => test.ledger.execute(command, operator);
    const forbidden = { status: 'refused', error: { code: 'forbidden' } };
    expect(await refused(set('q', { kind: 'support' }, 'even'))).toMatchObject(forbidden);
    const withdrawn = {
      command: 'withdraw',
      what: 'set-cost-sharing',
      policyId: 'p',
      effectiveFrom: APRIL.start,
      reason: 'no',
    };
    expect(await refused(withdrawn)).toMatchObject(forbidden);
    await expect(test.ledger.ask('cost-sharing', {}, operator)).rejects.toMatchObject({ code: 'forbidden' });
    const auditor: Caller = { ...ADMIN, role: 'auditor' };
    const { items } = (await test.ledger.ask('events', { stream: 'shared-costs' }, auditor)) as {
      items: readonly object[];
    };
    expect(items).toMatchObject([{ type: 'CostSharingSet', data: null }]);
  });
});

describe('a preview', () => {
  it('shows past months without terms and with them, and records nothing', async () => {
    const march = { start: T('2026-03-01'), end: T('2026-04-01') };
    await test.apply({
      ...{ command: 'record-cost', provider: 'aws', invoiceRef: '2026-03' },
      lines: [line('1', '8.00', 'support', { chargePeriod: march })],
    });
    await test.apply(set('1', { kind: 'refund' }, 'even'));
    const before = await head();
    const terms = { policyId: '2', costs: { unattributed: true }, method: 'direct_cost', effectiveFrom: march.start };
    interface Previewed {
      readonly months: readonly { readonly month: string; readonly before: Margin; readonly after: Margin }[];
    }
    const { months } = await test.ask<Previewed>('cost-sharing-preview', terms);
    // By default from its start up to now, June.
    expect(months.map(({ month }) => month)).toEqual(['2026-03', '2026-04', '2026-05', '2026-06']);
    const [inMarch, inApril] = months;
    expect(inMarch?.before.unattributed.cogs).toBe('8.00');
    expect(inMarch?.after.shared).toMatchObject([{ policyId: '2', amount: '8.00', fallback: 'unattributed' }]);
    if (inApril === undefined) throw new Error('April is not shown');
    expect(sharedOf(inApril.before)).toEqual({ a: '-0.01', b: '0.00', nobody: '10.00' });
    // 10.00 by 30 : 60, and the refund as before.
    expect(sharedOf(inApril.after)).toEqual({ a: '3.32', b: '6.67', nobody: '0.00' });
    expect(await head()).toBe(before);
    await test.apply({ command: 'set-cost-sharing', ...terms });
    const { byTenant, unattributed, overall, shared } = await marginOf();
    expect(inApril.after).toEqual({ byTenant, unattributed, overall, shared });
    const refused = async (code: string, more: object) =>
      expect(test.ask('cost-sharing-preview', { ...terms, ...more })).rejects.toMatchObject({ code });
    await refused('sharing_overlap', { policyId: '3', costs: { unattributed: true } });
    // March to February are 12 months.
    await refused('invalid_parameter', { to: '2027-03' });
  });
});

describe('the evidence of shared cost', () => {
  it('names the policy, its event, the basis and the share of a tenant', async () => {
    await test.apply(set('support', { kind: 'support' }, 'direct_cost'));
    const position = await head();
    expect(await test.ask('explain', { id: 'margin:2026-04/USD/a' })).toMatchObject({
      arithmetic: '60.00 − 30.00 − 3.33 = 26.67 (44.5 %)',
      costs: [{ costLine: 'aws/2026-04/1', sharedBy: null }],
      shared: [
        {
          policyId: 'support',
          arithmetic: '10.00 × 30 / 90 = 3.33',
          parts: [{ tenantId: 'a', deploymentId: 'a1', tenantBasis: '30', basis: '30', amount: '3.33' }],
          event: { position: Number(position), type: 'CostSharingSet' },
        },
      ],
    });
    // 10.00 × 60 / 90 = 6.666…: b has the larger remainder, and bears the cent that is left.
    expect(await test.ask('explain', { id: 'margin:2026-04/USD/b' })).toMatchObject({
      shared: [{ arithmetic: '10.00 × 60 / 90 = 6.66, and 0.01 of the remainder: 6.67' }],
    });
    const { costs } = await test.ask<{ costs: readonly object[] }>('explain', { id: 'margin:2026-04' });
    expect(costs).toMatchObject([
      { kind: 'compute', sharedBy: null },
      { kind: 'compute', sharedBy: null },
      { kind: 'refund', sharedBy: null },
      { kind: 'support', sharedBy: 'support' },
    ]);
  });

  it('is chosen by deployment and kind, also what nobody bears, and page by page', async () => {
    await test.apply(set('support', { kind: 'support' }, 'direct_cost'));
    const explained = async (id: string, choice: object) => test.ask('explain', { id, ...choice });
    const ofAll = async (choice: object) => explained('margin:2026-04', choice);
    // The arithmetic is that of the tenant.
    expect(await explained('margin:2026-04/USD/a', { deploymentId: 'a1' })).toMatchObject({
      arithmetic: '60.00 − 30.00 − 3.33 = 26.67 (44.5 %)',
      ...{ revenueCount: 1, revenue: [{ deploymentId: 'a1' }], costCount: 1, costs: [{ costLine: 'aws/2026-04/1' }] },
      shared: [{ policyId: 'support', partCount: 1, parts: [{ deploymentId: 'a1', amount: '3.33' }] }],
    });
    const nothing = { revenueCount: 0, revenue: [], costCount: 0, costs: [], shared: [] };
    expect(await explained('margin:2026-04/USD/a', { without: 'deployment' })).toMatchObject(nothing);
    expect(await ofAll({ kind: 'compute', first: 1 })).toMatchObject({
      ...nothing,
      ...{ costCount: 2, costs: [{ costLine: 'aws/2026-04/1' }] },
    });
    // Also the line that is shared: it is cost of its kind.
    expect(await ofAll({ kind: 'support' })).toMatchObject({ costCount: 1, costs: [{ sharedBy: 'support' }] });
    expect(await ofAll({ billingKind: 'base_fee', deploymentId: 'b1' })).toMatchObject({
      ...nothing,
      ...{ revenueCount: 1, revenue: [{ deploymentId: 'b1', amount: '60.00' }] },
    });
    expect(await ofAll({ without: 'tenant' })).toMatchObject({ ...nothing, costCount: 1, costs: [{ kind: 'refund' }] });
    expect(await ofAll({ first: 1 })).toMatchObject({ shared: [{ partCount: 2, parts: [{ tenantId: 'a' }] }] });
    await expect(explained('INV-000001', { kind: 'compute' })).rejects.toMatchObject({ code: 'not_a_margin' });
  });

  it('tells what a policy changed, and what changed by it', async () => {
    const from = await head();
    await test.apply(set('support', { kind: 'support' }, 'usage', { billingKind: 'cpu' }));
    const to = await head();
    const diff = async (params: object) =>
      (
        await test.ask<{ margin: readonly { tenantId: string | null; after: Figures; events: readonly object[] }[] }>(
          'diff',
          { ...params },
        )
      ).margin;
    const changed = await diff({ from, to });
    expect(changed.map(({ tenantId, after }) => [tenantId, after.cogs, after.sharedCogs])).toEqual([
      [null, '99.99', '10.00'],
      ['a', '35.00', '5.00'],
      ['b', '65.00', '5.00'],
    ]);
    expect(changed[1]?.events).toMatchObject([{ type: 'CostSharingSet', position: Number(to) }]);
    const used = {
      resourceId: 'r',
      billingKind: 'cpu',
      granularity: 'event',
      quantity: '1',
      period: { start: T('2026-04-02'), end: T('2026-04-03') },
    };
    await test.apply({ command: 'observe-usage', deploymentId: 'a1', observations: [used] });
    const later = await diff({ from: to });
    expect(later.map(({ tenantId, after }) => [tenantId, after.sharedCogs])).toEqual([
      ['a', '10.00'],
      ['b', '0.00'],
    ]);
    expect(later[0]?.events).toMatchObject([{ type: 'UsageObserved' }]);
  });
});
