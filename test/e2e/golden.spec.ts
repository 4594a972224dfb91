import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenant } from '../support/commands.js';
import { LOGS, type TestLedger } from '../support/ledger.js';

// The figures that the domain's rules are proven by, through the whole stack: commands, log, projections, queries.

const STUDIO = {
  command: 'publish-plan',
  planId: 'studio',
  name: 'Studio',
  currency: 'USD',
  baseFee: '50.00',
  paymentTerm: 'in_advance',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [
    { billingKind: 'droplet_hours', included: '1488', price: { model: 'unit', unitAmount: '0.01' } },
    { billingKind: 'dns_zones', included: '10', price: { model: 'unit', unitAmount: '0.10' } },
    { billingKind: 'snapshot_gb_month', included: '100', price: { model: 'unit', unitAmount: '0.06' } },
    { billingKind: 'droplet_backup_gb_month', included: '100', price: { model: 'unit', unitAmount: '0.06' } },
    { billingKind: 'spaces_gb_month', included: '250', price: { model: 'unit', unitAmount: '0.02' } },
  ],
};

const seen = (providerId: string, kind: string, deploymentId: string, seenAt: string, more: object = {}) => ({
  command: 'observe-resource',
  provider: 'digitalocean',
  providerId,
  kind,
  name: providerId,
  status: 'active',
  seenAt,
  deploymentId,
  ...more,
});

const days = (month: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${month}-${String(index + 1).padStart(2, '0')}`);

interface Items<Item> {
  readonly items: readonly Item[];
}
interface Line {
  readonly lineId: string;
  readonly parentLineId: string | null;
  readonly status: string;
  readonly billingKind: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly quantity: string;
  readonly net: string;
  readonly rows: readonly {
    readonly ref: string;
    readonly quantity: string;
    readonly net: string;
    readonly kind: string;
  }[];
}
interface Invoice {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly status: string;
  readonly lines: readonly Line[];
  readonly total: string;
}

describe.each(LOGS)('ten days of March, the log in %s,', (_log, testLedger) => {
  let test: TestLedger;
  beforeAll(async () => {
    test = await testLedger();
    const from = '2026-03-01T00:00:00Z';
    await test.apply(
      tenant('platform-admin'),
      { command: 'register-deployment', deploymentId: 'd1', tenantId: 'platform-admin', name: 'pilot', from },
      STUDIO,
      ...['a', 'b'].map((id) => seen(`droplet-${id}`, 'droplet', 'd1', from)),
      ...['a', 'b'].map((id) => seen(`zone-${id}`, 'dns_zone', 'd1', from)),
      ...['a', 'b', 'c'].map((id) => seen(`snapshot-${id}`, 'snapshot', 'd1', from, { sizeGb: '16' })),
    );
    await test.apply(...days('2026-03', 10).map((date) => ({ command: 'run-metering', date })));
  });
  afterAll(async () => test.close());

  it('is 70 usage records: (2 + 2 + 3) × 10', async () => {
    const records = await test.ask<Items<unknown>>('usage-records', { deploymentId: 'd1' });
    expect(records.items).toHaveLength(70);
  });

  it('is 480 droplet hours, 0.645161290322 zones and 15.483870967743 GB-months', async () => {
    // 2 × 10 × 24; 2 × R(10/31) = 2 × 0.322580645161; 3 × R(16 × 10/31) = 3 × 5.161290322581
    expect(
      await test.ask('usage', { deploymentId: 'd1', start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' }),
    ).toEqual({
      dns_zones: '0.645161290322',
      droplet_hours: '480',
      snapshot_gb_month: '15.483870967743',
    });
  });

  it('appends nothing if it is metered again', async () => {
    const again = await test.apply(...days('2026-03', 10).map((date) => ({ command: 'run-metering', date })));
    expect(again.map(({ status }) => status)).toEqual(Array(10).fill('unchanged'));
    expect((await test.ask<Items<unknown>>('usage-records', { deploymentId: 'd1' })).items).toHaveLength(70);
  });

  it('is quoted 50.00 on Studio: the base fee, no overage', async () => {
    const usage = await test.ask('usage', { deploymentId: 'd1' });
    const quote = await test.ask<{ total: string; lines: { billingKind: string; net: string }[] }>('quote', {
      planId: 'studio',
      usage,
    });
    expect(quote.total).toBe('50.00');
    expect(quote.lines.map(({ billingKind, net }) => [billingKind, net])).toEqual([
      ['base_fee', '50.00'],
      ['droplet_hours', '0.00'],
      ['dns_zones', '0.00'],
      ['snapshot_gb_month', '0.00'],
      ['droplet_backup_gb_month', '0.00'],
      ['spaces_gb_month', '0.00'],
    ]);
  });
});

describe.each(LOGS)('April of the dashboard pilot, the log in %s,', (_log, testLedger) => {
  let test: TestLedger;
  beforeAll(async () => {
    test = await testLedger();
    const from = '2026-04-01T00:00:00Z';
    await test.apply(
      tenant('dashboard-pilot'),
      { command: 'register-deployment', deploymentId: 'd2', tenantId: 'dashboard-pilot', name: 'dashboard', from },
      STUDIO,
      { command: 'start-subscription', subscriptionId: 's2', deploymentId: 'd2', planId: 'studio', from },
      ...['1', '2', '3', '4', '5'].map((id) => seen(`droplet-${id}`, 'droplet', 'd2', from)),
    );
    await test.apply(...days('2026-04', 30).map((date) => ({ command: 'run-metering', date })));
  });
  afterAll(async () => test.close());

  const invoice = async (asOf: string): Promise<Invoice> => {
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 'dashboard-pilot', asOf });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    const invoiceId = invoices[0]?.invoiceId ?? '';
    await test.apply({ command: 'issue-invoice', invoiceId, at: asOf });
    return test.ask<Invoice>('invoice', { id: invoiceId });
  };

  it('is invoiced in three parts that add up to 71.12', async () => {
    // By 16 April 5 × 24 × 15 = 1800 hours, 312 above 1488: 3.12, and the base fee in advance.
    const first = await invoice('2026-04-16T00:00:00Z');
    expect([first.number, first.status, first.total]).toEqual(['INV-000001', 'issued', '53.12']);
    // A week later 7 × 120 = 840 more: 8.40.
    const second = await invoice('2026-04-23T00:00:00Z');
    expect([second.number, second.total]).toEqual(['INV-000002', '8.40']);
    // The rest 8 × 120 = 960: 9.60; and May's base fee, in advance.
    const third = await invoice('2026-05-01T00:00:00Z');
    expect([third.number, third.total]).toEqual(['INV-000003', '59.60']);
    expect(third.lines.find(({ billingKind }) => billingKind === 'base_fee')?.period).toEqual({
      start: '2026-05-01T00:00:00Z',
      end: '2026-06-01T00:00:00Z',
    });
  });

  it('has one line in three flat parts that tile April', async () => {
    const { items } = await test.ask<Items<Line>>('lines', {
      tenantId: 'dashboard-pilot',
      billingKind: 'droplet_hours',
      at: '2026-05-01T00:00:00Z',
    });
    const april = items.filter(({ period }) => period.start < '2026-05');
    const parent = april.find(({ status }) => status === 'split');
    const parts = april.filter(({ status }) => status === 'valid');
    expect(parent?.period).toEqual({ start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' });
    expect(parts.map(({ parentLineId }) => parentLineId)).toEqual(Array(3).fill(parent?.lineId));
    expect(parts.map(({ period, quantity, net }) => [period.start, period.end, quantity, net])).toEqual([
      ['2026-04-01T00:00:00Z', '2026-04-16T00:00:00Z', '1800', '3.12'],
      ['2026-04-16T00:00:00Z', '2026-04-23T00:00:00Z', '840', '8.40'],
      ['2026-04-23T00:00:00Z', '2026-05-01T00:00:00Z', '960', '9.60'],
    ]);
  });

  it('earns a margin of 40.59 (57.1 %), and −15.80 overall', async () => {
    const period = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };
    const cost = (lineKey: string, amount: string, more: object = {}) => ({
      lineKey,
      kind: 'droplet',
      chargePeriod: period,
      amount,
      currency: 'USD',
      category: 'usage',
      ...more,
    });
    await test.apply({
      command: 'record-cost',
      provider: 'digitalocean',
      invoiceRef: '2026-04',
      lines: [
        // 4 × 6.00 + 6.53 = 30.53
        ...['1', '2', '3', '4'].map((id) => cost(id, '6.00', { resourceId: `droplet-${id}` })),
        cost('5', '6.53', { resourceId: 'droplet-5' }),
        cost('6', '56.39', { kind: 'support' }),
        cost('7', '7.00', { category: 'tax' }),
      ],
    });
    const margin = await test.ask<Record<string, unknown>>('margin', { period: '2026-04-15' });
    expect(margin).toMatchObject({
      period: '2026-04',
      currency: 'USD',
      // 71.12 − 86.92 = −15.80; −15.80 / 71.12 = −22.2 %
      overall: { revenue: '71.12', cogs: '86.92', margin: '-15.80', marginPct: '-22.2' },
      byTenant: [{ tenantId: 'dashboard-pilot', revenue: '71.12', cogs: '30.53', margin: '40.59', marginPct: '57.1' }],
      byDeployment: [
        {
          tenantId: 'dashboard-pilot',
          deploymentId: 'd2',
          revenue: '71.12',
          cogs: '30.53',
          margin: '40.59',
          marginPct: '57.1',
        },
      ],
      byKind: {
        revenue: [
          { billingKind: 'base_fee', revenue: '50.00' },
          { billingKind: 'droplet_hours', revenue: '21.12' },
        ],
        cogs: [
          { kind: 'droplet', cogs: '30.53' },
          { kind: 'support', cogs: '56.39' },
        ],
      },
      unattributed: { cogs: '56.39' },
      estimate: { estimatedCost: '0.00', marginWithEstimate: '-15.80', byTenant: [], byKind: [] },
      otherCurrencies: [],
    });
    // 30.53 / 86.92 = 35.1 % of the cost has a tenant. Nothing is billed or charged for March.
    const nothing = { revenue: '0.00', cogs: '0.00', margin: '0.00', marginPct: null, coveragePct: null };
    const undivided = { directCogs: '0.00', sharedCogs: '0.00', directMargin: '0.00', directMarginPct: null };
    expect(await test.ask('margin-trend', { from: '2026-03', to: '2026-04' })).toEqual({
      currency: 'USD',
      months: [
        { month: '2026-03', ...nothing, ...undivided, estimatedCost: '0.00', marginWithEstimate: '0.00' },
        {
          month: '2026-04',
          ...{ revenue: '71.12', cogs: '86.92', margin: '-15.80', marginPct: '-22.2', coveragePct: '35.1' },
          ...{ directCogs: '86.92', sharedCogs: '0.00', directMargin: '-15.80', directMarginPct: '-22.2' },
          ...{ estimatedCost: '0.00', marginWithEstimate: '-15.80' },
        },
      ],
    });
    expect(await test.ask('margin-trend', { from: '2026-04', to: '2026-04', by: 'kind' })).toMatchObject({
      months: [{ month: '2026-04', byKind: margin['byKind'] }],
    });
  });

  it('books late usage as a correction with its own charge period, on the next invoice', async () => {
    await test.apply({
      command: 'observe-usage',
      deploymentId: 'd2',
      observations: [
        {
          resourceId: 'late',
          billingKind: 'droplet_hours',
          period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
          granularity: 'day',
          quantity: '24',
        },
      ],
    });
    // Within the allowance of May.
    await test.apply({ command: 'run-metering', date: '2026-05-01' });
    // 24 more hours in the first part: 336 above the allowance instead of 312, 3.36 instead of 3.12.
    const next = await invoice('2026-05-02T00:00:00Z');
    expect(next.total).toBe('0.24');
    const rows = next.lines.flatMap((line) =>
      line.rows.map((row) => [line.period.start, line.period.end, row.kind, row.quantity, row.net]),
    );
    expect(rows).toEqual([
      ['2026-04-01T00:00:00Z', '2026-04-16T00:00:00Z', 'reversal', '-312', '-3.12'],
      ['2026-04-01T00:00:00Z', '2026-04-16T00:00:00Z', 'rebooked', '336', '3.36'],
    ]);
    expect((await test.ask<{ overall: { revenue: string } }>('margin', { period: '2026-04' })).overall.revenue).toBe(
      '71.36',
    );
  });
});
