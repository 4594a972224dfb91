import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Explained } from '#audit/explain/explained';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// Any amount down to its events, with the arithmetic written out; any event up to what it ended up in.

const T = (date: string) => `${date}T00:00:00Z`;
let test: TestLedger;
let invoices: string[];

const key = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
const hours = (day: string, quantity: string, more: object = {}) => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [
    {
      resourceId: 'r',
      billingKind: 'droplet_hours',
      period: { start: T(day), end: `${day}T12:00:00Z` },
      granularity: 'event',
      quantity,
      ...more,
    },
  ],
});
const issue = async (asOf: string): Promise<string> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 't', asOf: T(asOf) });
  const invoiceId =
    (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result.invoices[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
  return invoiceId;
};
const explain = async <Is extends Explained['is']>(id: string, is: Is): Promise<Extract<Explained, { is: Is }>> => {
  const explained = await test.ask<Explained>('explain', { id });
  expect(explained.is).toBe(is);
  return explained as Extract<Explained, { is: Is }>;
};

beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t'),
    deployment('d', 't'),
    {
      command: 'publish-plan',
      planId: 'studio',
      name: 'Studio',
      currency: 'USD',
      baseFee: '50',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-01-01'),
      items: [
        {
          billingKind: 'droplet_hours',
          included: '1488',
          price: { model: 'unit', unitAmount: '0.01' },
          discounts: { percentage: '50' },
        },
        { billingKind: 'cores', price: { model: 'rate_card' } },
      ],
    },
    subscription('s', 'd', 'studio'),
    { command: 'set-rate', ...key, unitPrice: '2', effectiveFrom: T('2026-01-01') },
    hours('2026-04-02', '3600'),
    { ...hours('2026-04-03', '4', { billingKind: 'cores', rateKey: key }) },
  );
  invoices = [await issue('2026-04-16')];
  await test.apply(hours('2026-04-17', '100'), hours('2026-04-05', '24'), {
    command: 'correct-rate',
    ...key,
    unitPrice: '0.2',
    effectiveFrom: T('2026-04-01'),
    reason: 'ten times too high',
  });
  invoices.push(await issue('2026-04-23'));
  await test.apply({
    command: 'record-cost',
    provider: 'digitalocean',
    invoiceRef: 'april',
    lines: [
      {
        lineKey: '1',
        kind: 'droplet',
        chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') },
        amount: '30.53',
        currency: 'USD',
        category: 'usage',
        tenantId: 't',
      },
    ],
  });
});
afterAll(async () => test.close());

describe('explain', () => {
  it('sends no more statements for many rows of a line than for one', async () => {
    const tiers = [
      ...Array.from({ length: 9 }, (_, n) => ({ upTo: String((n + 1) * 10), unitAmount: '1' })),
      { upTo: null, unitAmount: '1' },
    ];
    await test.apply(plan('tiered', '0', [{ billingKind: 'calls', price: { model: 'graduated', tiers } }]));
    const queriesFor = async (name: string, quantity: string): Promise<{ rows: number; queries: number }> => {
      const reading = {
        resourceId: 'r',
        billingKind: 'calls',
        period: { start: T('2026-05-02'), end: T('2026-05-03') },
        granularity: 'day',
        quantity,
      };
      await test.apply(
        tenant(name),
        deployment(name, name),
        subscription(name, name, 'tiered', { from: T('2026-05-01') }),
        { command: 'observe-usage', deploymentId: name, observations: [reading] },
      );
      const [created] = await test.apply({ command: 'create-invoice', tenantId: name, asOf: T('2026-06-01') });
      const { invoices } = (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
      await test.apply({ command: 'issue-invoice', invoiceId: invoices[0]?.invoiceId, at: T('2026-06-01') });
      await test.ledger.catchUp();
      let queries = 0;
      const count = (): void => {
        queries += 1;
      };
      test.core.pool.on('acquire', count);
      const { rows } = await explain(invoices[0]?.invoiceId ?? '', 'issued');
      test.core.pool.off('acquire', count);
      return { rows: rows.length, queries };
    };
    // 5 are in the first tier; 95 in all ten, a row each.
    const [few, many] = [await queriesFor('few', '5'), await queriesFor('many', '95')];
    expect([few.rows, many.rows]).toEqual([1, 10]);
    expect(many.queries).toBe(few.queries);
  });

  it('writes out the arithmetic of each row', async () => {
    const shown = async (number: string) =>
      (await explain(number, 'issued')).rows.map(({ row, arithmetic }) => [row.billingKind, row.kind, arithmetic]);
    expect((await shown('INV-000001')).sort()).toEqual([
      ['base_fee', 'charge', '1 × 50.00 = 50.00'],
      ['cores', 'charge', '4 × 2.00 = 8.00'],
      // 21.12 at half price.
      ['droplet_hours', 'charge', '(3600 − 1488) × 0.01 = 21.12; 21.12 − 10.56 = 10.56'],
    ]);
    expect((await shown('INV-000002')).sort()).toEqual([
      ['cores', 'rebooked', '4 × 0.20 = 0.80'],
      ['cores', 'reversal', '−4 × 2.00 = −8.00'],
      // 24 hours came late into the first part: (3624 − 1488) × 0.01, and 100 were used since.
      ['droplet_hours', 'charge', '((3724 − 1488) − (3624 − 1488)) × 0.01 = 1.00; 1.00 − 0.50 = 0.50'],
      ['droplet_hours', 'rebooked', '(3624 − 1488) × 0.01 = 21.36; 21.36 − 10.68 = 10.68'],
      ['droplet_hours', 'reversal', '−2112 × 0.01 = −21.12; −21.12 − (−10.56) = −10.56'],
    ]);
  });

  it('names the rate event behind a rate-card row', async () => {
    const rates = async (number: string) =>
      (await explain(number, 'issued')).rows.flatMap(({ row, rates: of }) =>
        of.map(({ unitPrice, event }) => [row.kind, unitPrice, event?.type, event?.reason]),
      );
    expect(await rates('INV-000001')).toEqual([['charge', '2', 'RateSet', null]]);
    expect((await rates('INV-000002')).find(([kind]) => kind === 'rebooked')).toEqual([
      'rebooked',
      '0.2',
      'RateCorrected',
      'ten times too high',
    ]);
  });

  it('names the corrected row and the reason of a correction, and the corrections of a row', async () => {
    const { rows } = await explain('INV-000002', 'issued');
    const of = (billingKind: string, kind: string) =>
      rows.find(({ row }) => row.billingKind === billingKind && row.kind === kind);
    for (const kind of ['reversal', 'rebooked'])
      expect([
        of('cores', kind)?.corrects.map((each) => [each.number, each.kind]),
        of('cores', kind)?.because.map(({ type, reason }) => [type, reason]),
      ]).toEqual([[['INV-000001', 'charge']], [['RateCorrected', 'ten times too high']]]);
    // That of the 5th came after the first invoice; that of the 17th is in another part.
    expect(of('droplet_hours', 'rebooked')?.because.map(({ type }) => type)).toEqual(['UsageObserved']);
    const first = (await explain('INV-000001', 'issued')).rows.find(({ row }) => row.billingKind === 'cores');
    expect([
      first?.corrects,
      first?.because,
      first?.correctedBy.map(({ number, kind }) => [number, kind]).sort(),
    ]).toEqual([
      [],
      [],
      [
        ['INV-000002', 'rebooked'],
        ['INV-000002', 'reversal'],
      ],
    ]);
  });

  it('explains an invoice, a line and a row by id', async () => {
    const { rows } = await explain(invoices[0] ?? '', 'issued');
    // 50.00 + 8.00 + 10.56, without tax.
    expect((await explain(invoices[0] ?? '', 'issued')).documents.map(({ arithmetic }) => arithmetic)).toEqual([
      '68.56',
    ]);
    const [first] = rows;
    expect([rows.length, (await explain(first?.row.rowId ?? '', 'issued')).rows.length]).toEqual([3, 1]);
    const line = rows.find(({ row }) => row.billingKind === 'droplet_hours')?.row.lineId ?? '';
    expect((await explain(line, 'issued')).rows.map(({ number }) => number)).toEqual([
      'INV-000001',
      'INV-000002',
      'INV-000002',
      'INV-000002',
    ]);
  });

  it('explains a line that is not billed yet', async () => {
    const { items } = await test.ask<{ items: { lineId: string; billingKind: string }[] }>('lines', {
      tenantId: 't',
      at: T('2026-05-02'),
    });
    const may = items.filter(({ billingKind }) => billingKind === 'base_fee').at(-1)?.lineId ?? '';
    const { parts, events } = await explain(may, 'open line');
    expect([parts.map(({ rows }) => rows.map(({ net }) => net)), events.map(({ type }) => type)]).toEqual([
      [['50.00']],
      ['DeploymentRegistered', 'PlanPublished', 'SubscriptionStarted'],
    ]);
  });

  it('explains a usage record with its events and its invoices', async () => {
    await test.apply({
      command: 'correct-usage',
      deploymentId: 'd',
      resourceId: 'r',
      billingKind: 'droplet_hours',
      period: { start: T('2026-04-17'), end: '2026-04-17T12:00:00Z' },
      granularity: 'event',
      quantity: '90',
      reason: 'misread',
    });
    const { versions, usedIn } = await explain(`usage:d/droplet_hours/r/${T('2026-04-17')}`, 'usage record');
    expect(
      versions.map(({ quantity, isInForce, event, until }) => [
        quantity,
        isInForce,
        event?.type,
        until?.reason ?? null,
      ]),
    ).toEqual([
      ['100', false, 'UsageObserved', 'misread'],
      ['90', true, 'UsageCorrected', null],
    ]);
    expect(usedIn.map(({ number, rows }) => [number, rows.map(({ net }) => net)])).toEqual([['INV-000002', ['0.50']]]);
  });

  it('explains a month of the margin, of all tenants or of one', async () => {
    // 50.00 + 10.56 + 8.00, then −8.00 + 0.80 − 10.56 + 10.68 + 0.50 = 61.98
    for (const id of ['margin:2026-04', 'margin:2026-04/USD/t'])
      expect(await explain(id, 'margin')).toMatchObject({
        arithmetic: '61.98 − 30.53 = 31.45 (50.7 %)',
        costs: [{ costLine: 'digitalocean/april/1', event: { type: 'CostRecorded' } }],
      });
  });

  it('follows an event to the invoices that use it', async () => {
    const upwards = async (id: string) =>
      (await explain(id, 'event')).usedIn?.map(({ number, rows }) => [
        number,
        rows.map(({ billingKind, kind }) => `${billingKind} ${kind}`).sort(),
      ]);
    expect(await upwards('usage-d-2026-04#0')).toEqual([
      ['INV-000001', ['droplet_hours charge']],
      ['INV-000002', ['droplet_hours rebooked', 'droplet_hours reversal']],
    ]);
    // Late: it is in the correction alone.
    expect(await upwards('usage-d-2026-04#3')).toEqual([
      ['INV-000002', ['droplet_hours rebooked', 'droplet_hours reversal']],
    ]);
    expect(await upwards('rate-VmVCpu/standard/hel1#1')).toEqual([
      ['INV-000002', ['cores rebooked', 'cores reversal']],
    ]);
    expect((await explain('cost-digitalocean-april#0', 'event')).margin).toEqual(['margin:2026-04/USD']);
    expect(await explain('1', 'event')).toMatchObject({ event: { type: 'TenantRegistered', actor: 'test' } });
  });

  it('has the first of each list if asked to, and always counts all', async () => {
    const COUNTS = {
      ...{ rows: 'rowCount', events: 'eventCount', because: 'becauseCount' },
      ...{ usedIn: 'usedInCount', revenue: 'revenueCount', costs: 'costCount' },
    };
    let cuts = 0;
    /** A whole answer as it is with the first of each list that has a count. */
    const cut = (of: unknown): unknown => {
      if (Array.isArray(of)) return of.map(cut);
      if (typeof of !== 'object' || of === null) return of;
      const fields = new Map<string, unknown>(Object.entries(of));
      return Object.fromEntries(
        Object.entries(of).map(([name, value]: [string, unknown]) => {
          const count = fields.get(COUNTS[name as keyof typeof COUNTS]);
          if (count === undefined || !Array.isArray(value)) return [name, cut(value)];
          expect([name, count]).toEqual([name, value.length]);
          if (value.length > 1) cuts += 1;
          return [name, cut(value.slice(0, 1))];
        }),
      );
    };
    const ids = [
      ...invoices,
      'margin:2026-04',
      `usage:d/droplet_hours/r/${T('2026-04-17')}`,
      'usage-d-2026-04#0',
      'tenant-t#0',
    ];
    for (const id of ids) {
      const whole = await test.ask<Explained>('explain', { id });
      expect(await test.ask('explain', { id, first: 1 })).toEqual(cut(whole));
    }
    // Rows, events and reasons of corrections on two invoices, the revenue of a month, invoices and rows of an event.
    expect(cuts).toBeGreaterThan(7);
  });

  it('hides cost from roles that do not see the margin, and lists the possible ids', async () => {
    const asAuditor = async (id: string) => test.ledger.ask('explain', { id }, { ...ADMIN, role: 'auditor' });
    await expect(asAuditor('margin:2026-04')).rejects.toMatchObject({ code: 'nothing_to_explain' });
    expect(await asAuditor('cost-digitalocean-april#0')).toMatchObject({ event: { data: null }, margin: [] });
    await expect(test.ask('explain', { id: 'nothing' })).rejects.toThrow(
      'name an invoice, a consolidated invoice or a credit note (id or number)',
    );
    await expect(test.ask('explain', { id: 'INV-000099' })).rejects.toMatchObject({ code: 'unknown_invoice' });
  });
});
