import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { Preview } from '#operations/ledger';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** A correction is seen in money before it is applied; what it then does is what was shown, to the cent. */

const T = (date: string) => `${date}T00:00:00Z`;
const RATE = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'set-rate', ...RATE, unitPrice: '0.10', effectiveFrom: T('2026-01-01') },
    plan('p1', '50.00', [
      { billingKind: 'cores', price: { model: 'rate_card' } },
      { billingKind: 'droplet_hours', price: { model: 'unit', unitAmount: '0.01' } },
    ]),
    ...['1', '2'].flatMap((n) => [
      { command: 'register-tenant', tenantId: `t${n}`, name: n, currency: 'USD' },
      { command: 'register-deployment', deploymentId: `d${n}`, tenantId: `t${n}`, name: n, from: T('2026-04-01') },
      {
        command: 'start-subscription',
        subscriptionId: `s${n}`,
        deploymentId: `d${n}`,
        planId: 'p1',
        from: T('2026-04-01'),
      },
    ]),
  );
});
afterEach(async () => test.close());

const use = (deploymentId: string, date: string, quantity: string) => ({
  command: 'observe-usage',
  deploymentId,
  observations: [
    {
      resourceId: 'r1',
      billingKind: 'cores',
      period: { start: T(date), end: `${date}T01:00:00Z` },
      granularity: 'hour',
      quantity,
      rateKey: RATE,
    },
  ],
});
const bill = async (
  tenantId: string,
  asOf: string,
): Promise<{ total: string; lines: { billingKind: string; net: string }[] }> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(asOf) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const invoiceId = invoices[0]?.invoiceId ?? 'none';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
  return test.ask('invoice', { id: invoiceId });
};
const preview = async (commands: object[], at: string, more: object = {}): Promise<Preview> =>
  test.ledger.preview(commands, ADMIN, { at: instant(T(at)), ...more });
const shown = ({ lines }: Preview) =>
  lines.map(({ tenantId, number, period, before, after, difference }) => [
    tenantId,
    number ?? 'open',
    `${period.start.slice(5, 10)}/${period.end.slice(5, 10)}`,
    before,
    after,
    difference,
  ]);

describe('the preview of a corrected rate', () => {
  const right = {
    command: 'correct-rate',
    ...RATE,
    unitPrice: '0.01',
    effectiveFrom: T('2026-04-05'),
    reason: 'ten times too high',
  };

  it('shows every line, issued and open, by tenant and month, and equals the later correction', async () => {
    await test.apply(use('d1', '2026-04-02', '100'), use('d1', '2026-04-06', '200'), use('d2', '2026-04-07', '50'));
    await bill('t1', '2026-04-10');
    await test.apply(use('d1', '2026-04-12', '300'));
    const seen = await preview([right], '2026-04-20');
    // t1: 100 at 0.10 stay 10.00, 200 from 20.00 to 2.00 (issued), 300 from 30.00 to 3.00 (open); t2: 50 from 5.00 to
    // 0.50 (open)
    expect(shown(seen)).toEqual([
      ['t1', 'INV-000001', '04-01/04-10', '30.00', '12.00', '-18.00'],
      ['t1', 'open', '04-10/05-01', '30.00', '3.00', '-27.00'],
      ['t2', 'open', '04-01/05-01', '5.00', '0.50', '-4.50'],
    ]);
    expect(seen.byTenant).toEqual([
      { tenantId: 't1', currency: 'USD', difference: '-45.00', taxDifference: '0.00' },
      { tenantId: 't2', currency: 'USD', difference: '-4.50', taxDifference: '0.00' },
    ]);
    expect([seen.byMonth, seen.total]).toEqual([
      [{ month: '2026-04', currency: 'USD', difference: '-49.50' }],
      '-49.50',
    ]);
    // nothing of it is kept
    expect(shown(await preview([right], '2026-04-20'))).toEqual(shown(seen));
    expect(await test.ask('rates', { at: T('2026-04-06') })).toMatchObject({ items: [{ unitPrice: '0.1' }] });
    // and applied: the issued part is corrected by −18.00, next to 3.00 for the open part
    await test.apply(right);
    const { lines } = await bill('t1', '2026-04-20');
    expect(lines.map(({ billingKind, net }) => [billingKind, net])).toEqual([
      ['cores', '-18.00'],
      ['cores', '3.00'],
      ['droplet_hours', '0.00'],
    ]);
    expect((await preview([{ ...right, reason: 'again' }], '2026-04-20')).lines).toEqual([]);
  });

  it('shows issued parts whole, also if their usage is after its instant', async () => {
    await test.apply(use('d1', '2026-04-06', '3'), use('d1', '2026-04-20', '24'));
    await bill('t1', '2026-05-01');
    // 3 and 24 at 0.01 instead of 0.10, on 10 April too
    expect(shown(await preview([right], '2026-04-10'))).toEqual([
      ['t1', 'INV-000001', '04-01/05-01', '2.70', '0.27', '-2.43'],
    ]);
  });

  it('deducts coupons like the later correction, and also previews a coupon itself', async () => {
    await test.apply(use('d1', '2026-04-06', '200'));
    const coupon = {
      command: 'grant-coupon',
      creditId: 'half',
      tenantId: 't1',
      currency: 'USD',
      percent: '50',
      from: T('2026-04-01'),
      billingKinds: ['cores'],
    };
    await bill('t1', '2026-04-10');
    // half of 20.00 that is issued
    expect((await preview([coupon], '2026-04-10')).total).toBe('-10.00');
    await test.apply(coupon);
    expect(shown(await preview([right], '2026-04-10'))).toEqual([
      ['t1', 'INV-000001', '04-01/04-10', '10.00', '1.00', '-9.00'],
    ]);
    await test.apply(right);
    // 20.00 are taken back, and half of 2.00 is charged
    expect((await bill('t1', '2026-04-20')).total).toBe('-19.00');
    expect(await test.ask('accrual', { at: T('2026-04-20') })).toMatchObject({
      subscriptions: expect.arrayContaining([
        expect.objectContaining({ subscriptionId: 's1', accrued: '51.00', issued: '51.00', total: '0.00' }),
      ]),
    });
  });

  it('shows no difference if the correction is reversed', async () => {
    await test.apply(use('d1', '2026-04-06', '200'));
    await bill('t1', '2026-04-10');
    const back = { ...right, unitPrice: '0.10', reason: 'it was right' };
    const seen = await preview([right, back], '2026-04-20');
    expect([seen.lines, seen.total]).toEqual([[], '0.00']);
  });

  it('reports refused commands, and executes the rest', async () => {
    await test.apply(use('d1', '2026-04-06', '200'));
    const seen = await preview([{ ...right, location: 'mars' }, right], '2026-04-20');
    expect(seen.commands.map(({ index, status }) => [index, status])).toEqual([
      [0, 'refused'],
      [1, 'done'],
    ]);
    expect(seen.total).toBe('-18.00');
  });

  it('names the lines that could not be rated then', async () => {
    await test.apply(use('d1', '2026-04-06', '200'));
    const seen = await preview(
      [{ command: 'withdraw-rate', ...RATE, from: T('2026-04-01'), reason: 'no longer sold' }],
      '2026-04-20',
    );
    expect(seen.lines).toMatchObject([
      { before: '20.00', after: '0.00', quarantine: { before: null, after: 'missing_rate' } },
    ]);
  });

  it('is refused to roles that can’t apply it', async () => {
    await expect(test.ledger.preview([right], { ...ADMIN, role: 'auditor' })).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(test.ledger.preview([{ command: 'issue-invoice' }], ADMIN)).rejects.toMatchObject({
      code: 'not_previewed',
    });
  });
});

describe('the preview of', () => {
  it('a corrected price of a plan', async () => {
    await bill('t1', '2026-04-01');
    const price = { model: 'flat', amount: '40.00', paymentTerm: 'in_advance' };
    const seen = await preview(
      [
        {
          command: 'correct-price',
          planId: 'p1',
          billingKind: 'base_fee',
          price,
          effectiveFrom: T('2026-04-01'),
          reason: 'agreed',
        },
      ],
      '2026-04-20',
    );
    expect(shown(seen)).toEqual([
      ['t1', 'INV-000001', '04-01/05-01', '50.00', '40.00', '-10.00'],
      ['t2', 'open', '04-01/05-01', '50.00', '40.00', '-10.00'],
    ]);
  });

  it('a corrected reading', async () => {
    await test.apply(use('d1', '2026-04-06', '200'));
    await bill('t1', '2026-04-10');
    const key = {
      resourceId: 'r1',
      billingKind: 'cores',
      period: { start: T('2026-04-06'), end: '2026-04-06T01:00:00Z' },
      granularity: 'hour',
    };
    const seen = await preview(
      [{ command: 'correct-usage', deploymentId: 'd1', ...key, quantity: null, reason: 'a test machine' }],
      '2026-04-20',
    );
    expect(shown(seen)).toEqual([['t1', 'INV-000001', '04-01/04-10', '20.00', '0.00', '-20.00']]);
  });

  it('a resource that belonged to another in the past: its days are metered again', async () => {
    await test.apply(
      {
        command: 'observe-resource',
        provider: 'do',
        providerId: 'm',
        kind: 'droplet',
        name: 'm',
        status: 'active',
        seenAt: T('2026-04-01'),
        deploymentId: 'd1',
      },
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((day) => ({ command: 'run-metering', date: `2026-04-0${day}` })),
    );
    await bill('t1', '2026-04-10');
    const moved = {
      command: 'correct-resource',
      provider: 'do',
      providerId: 'm',
      from: T('2026-04-03'),
      deploymentId: 'd2',
      reason: 'it is theirs',
    };
    const seen = await preview([moved], '2026-04-20');
    expect(seen.remetered).toEqual([3, 4, 5, 6, 7, 8, 9].map((day) => `2026-04-0${day}`));
    // 7 of 9 days × 24 hours at 0.01
    expect(shown(seen)).toEqual([
      ['t1', 'INV-000001', '04-01/04-10', '2.16', '0.48', '-1.68'],
      ['t2', 'open', '04-01/05-01', '0.00', '1.68', '1.68'],
    ]);
    expect(seen.total).toBe('0.00');
  });

  it('a hypothetical rate card of last month, in revenue and margin', async () => {
    await test.apply(use('d1', '2026-04-06', '200'), {
      command: 'record-cost',
      provider: 'do',
      invoiceRef: 'x',
      lines: [
        {
          lineKey: '1',
          kind: 'droplet',
          chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') },
          amount: '30.00',
          currency: 'USD',
          category: 'usage',
          tenantId: 't1',
        },
      ],
    });
    await bill('t1', '2026-05-01');
    const card = {
      command: 'correct-rate',
      ...RATE,
      unitPrice: '0.20',
      effectiveFrom: T('2026-04-01'),
      effectiveUntil: T('2026-05-01'),
      reason: 'what if',
    };
    const seen = await preview([card], '2026-05-01', { margin: { period: '2026-04' } });
    // 50.00 + 200 × 0.10, then × 0.20
    expect(seen.margin).toMatchObject({
      before: { overall: { revenue: '70.00', cogs: '30.00', margin: '40.00', marginPct: '57.1' } },
      after: {
        overall: { revenue: '90.00', cogs: '30.00', margin: '60.00', marginPct: '66.7' },
        byTenant: [{ tenantId: 't1', revenue: '90.00' }],
      },
    });
    expect(await test.ask('margin', { period: '2026-04' })).toMatchObject({ overall: { revenue: '70.00' } });
  });

  it('a hypothetical price of a plan, with one command for all its subscriptions', async () => {
    const dearer = {
      command: 'publish-plan',
      planId: 'p1',
      name: 'p1',
      currency: 'USD',
      baseFee: '60.00',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-05-01'),
      items: [{ billingKind: 'cores', price: { model: 'rate_card' } }],
    };
    const seen = await preview([dearer], '2026-05-10');
    expect(shown(seen)).toEqual([
      ['t1', 'open', '05-01/06-01', '50.00', '60.00', '10.00'],
      ['t2', 'open', '05-01/06-01', '50.00', '60.00', '10.00'],
    ]);
    expect(seen.total).toBe('20.00');
  });

  it('a hypothetical plan without subscriptions', async () => {
    await test.apply(use('d1', '2026-04-06', '200'));
    await bill('t1', '2026-05-01');
    const generous = {
      command: 'publish-plan',
      planId: 'generous',
      name: 'generous',
      currency: 'USD',
      baseFee: '20.00',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-01-01'),
      items: [{ billingKind: 'cores', price: { model: 'unit', unitAmount: '0.30' }, included: '100' }],
    };
    const seen = await preview(
      [generous, { command: 'change-plan', subscriptionId: 's1', planId: 'generous', at: T('2026-04-01') }],
      '2026-05-01',
      { margin: { period: '2026-04' } },
    );
    // 50.00 + 200 × 0.10; then 20.00 + (200 − 100) × 0.30
    expect(seen.margin).toMatchObject({
      before: { overall: { revenue: '70.00' } },
      after: { overall: { revenue: '50.00' } },
    });
    expect(await test.ask('plans')).toMatchObject({ items: [{ planId: 'p1' }] });
  });
});

describe('the preview of corrections of issued lines is what the next invoice books', () => {
  const unit = (billingKind: string, unitAmount: string) => ({ billingKind, price: { model: 'unit', unitAmount } });
  const taxed = async (items: readonly object[], from: string, more: object = {}): Promise<void> => {
    await test.apply(
      tenant('t3', { tax: { name: 'VAT', ratePercent: '10', from: T('2026-01-01') } }),
      deployment('d3', 't3'),
      plan('p3', '0.00', items),
      subscription('s3', 'd3', 'p3', { from: T(from), ...more }),
    );
  };
  const day = (billingKind: string, date: string, next: string) => ({
    ...{ resourceId: 'r', billingKind, granularity: 'day' },
    period: { start: T(date), end: T(next) },
  });
  const read = (reading: object, quantity: string) => ({
    ...{ command: 'observe-usage', deploymentId: 'd3', observations: [{ ...reading, quantity }] },
  });
  /** Net by month, and tax, of an invoice. */
  const booked = async (asOf: string) => {
    const before = await test.ask<{ byTenant: Revenue[] }>('margin', { period: '2026-04' });
    const may = await test.ask<{ byTenant: Revenue[] }>('margin', { period: '2026-05' });
    const of = ({ byTenant }: { byTenant: Revenue[] }) =>
      byTenant.find(({ tenantId }) => tenantId === 't3')?.revenue ?? '0.00';
    const { tax } = await test.ask<{ tax: string }>('invoice-preview', { tenantId: 't3', at: T(asOf) });
    return { april: of(before), may: of(may), tax };
  };
  interface Revenue {
    readonly tenantId: string;
    readonly revenue: string;
  }

  it('to the cent of tax, which is rounded an invoice', async () => {
    const kinds = ['a', 'b', 'c', 'e'];
    await taxed(
      kinds.map((kind) => unit(kind, '0.05')),
      '2026-04-01',
    );
    await test.apply(...kinds.map((kind) => read(day(kind, '2026-04-02', '2026-04-03'), '1')));
    await bill('t3', '2026-05-01');
    const right = {
      ...{ command: 'correct-tax', tenantId: 't3', ratePercent: '20', effectiveFrom: T('2026-01-01'), reason: 'typo' },
    };
    // 0.20 at 20 % are 0.04 of tax, at 10 % 0.02. Line by line it would be 4 × 0.01 each way.
    const seen = await preview([right], '2026-05-01');
    expect(seen.byTenant).toEqual([{ tenantId: 't3', currency: 'USD', difference: '0.00', taxDifference: '0.02' }]);
    await test.apply(right);
    expect(await booked('2026-05-01')).toMatchObject({ tax: '0.02' });
  });

  it('but for a cent of tax, where the invoice has other rows at the same rate', async () => {
    await taxed([unit('a', '0.05'), unit('b', '0.05')], '2026-04-01');
    const reading = day('a', '2026-04-02', '2026-04-03');
    await test.apply(read(reading, '1'));
    await bill('t3', '2026-05-01');
    await test.apply(read(day('b', '2026-05-02', '2026-05-03'), '1'));
    const right = { command: 'correct-usage', deploymentId: 'd3', ...reading, quantity: '2', reason: 'counted again' };
    // Alone, 0.05 more at 10 % are 0.005, which is rounded to 0.01.
    const seen = await preview([right], '2026-05-01');
    expect(seen.byTenant).toMatchObject([{ difference: '0.05', taxDifference: '0.01' }]);
    // With the 0.05 of May they are 0.10 at 10 %: 0.01, as those 0.05 have alone.
    expect((await booked('2026-06-01')).tax).toBe('0.01');
    await test.apply(right);
    expect((await booked('2026-06-01')).tax).toBe('0.01');
  });

  it('by month, where a tax began within a period that crosses months', async () => {
    await taxed([unit('hours', '1.00')], '2026-04-15', { anchor: T('2026-04-15') });
    await test.apply(read(day('hours', '2026-05-03', '2026-05-04'), '310'));
    await bill('t3', '2026-05-15');
    const right = {
      ...{ command: 'correct-tax', tenantId: 't3', ratePercent: '20', effectiveFrom: T('2026-05-01'), reason: 'rose' },
    };
    const seen = await preview([right], '2026-05-15');
    // All 310.00 are of May then. As one charge of 15 April to 15 May, 310.00 × 16 ⁄ 30 = 165.33 were April's.
    expect(seen.byMonth).toEqual([
      { month: '2026-04', currency: 'USD', difference: '-165.33' },
      { month: '2026-05', currency: 'USD', difference: '165.33' },
    ]);
    // 31.00 at 20 % less 31.00 at 10 %
    expect(seen.byTenant).toMatchObject([{ difference: '0.00', taxDifference: '31.00' }]);
    expect(await booked('2026-05-15')).toMatchObject({ april: '165.33', may: '144.67' });
    await test.apply(right);
    expect((await booked('2026-05-15')).tax).toBe('31.00');
    await bill('t3', '2026-05-16');
    expect(await booked('2026-05-16')).toMatchObject({ april: '0.00', may: '310.00' });
  });

  it('by month, where usage is corrected on one side of a tax change', async () => {
    await taxed([unit('hours', '1.00')], '2026-04-15', { anchor: T('2026-04-15') });
    const reading = day('hours', '2026-05-03', '2026-05-04');
    await test.apply(read(reading, '300'), {
      ...{ command: 'set-tax', tenantId: 't3', name: 'VAT', ratePercent: '20', from: T('2026-05-01') },
    });
    const right = {
      command: 'correct-usage',
      deploymentId: 'd3',
      ...reading,
      quantity: '330',
      reason: 'counted again',
    };
    const inMay = [{ month: '2026-05', currency: 'USD', difference: '30.00' }];
    // The part from 1 May on has other 30.00, not the whole line: as long as it is open, and once it is issued.
    expect((await preview([right], '2026-05-15')).byMonth).toEqual(inMay);
    await bill('t3', '2026-05-15');
    expect((await preview([right], '2026-05-15')).byMonth).toEqual(inMay);
    expect((await preview([right], '2026-05-15', { margin: { period: '2026-05' } })).margin).toMatchObject({
      after: { byTenant: expect.arrayContaining([expect.objectContaining({ tenantId: 't3', revenue: '330.00' })]) },
    });
    await test.apply(right);
    await bill('t3', '2026-05-16');
    expect(await booked('2026-05-16')).toMatchObject({ april: '0.00', may: '330.00' });
  });

  it('also where an issued part turns out to fall due later', async () => {
    await taxed(
      [{ ...unit('hours', '50.00'), price: { model: 'flat', amount: '50.00', paymentTerm: 'in_advance' } }],
      '2026-04-01',
    );
    await test.apply(read(day('hours', '2026-04-02', '2026-04-03'), '5'));
    await bill('t3', '2026-04-01');
    const right = {
      ...{ command: 'correct-plan', planId: 'p3', effectiveFrom: T('2026-01-01'), reason: 'was metered' },
      items: [{ ...unit('hours', '1.00'), commitments: { minimum: '20.00' } }],
    };
    // The fee is taken back; the usage so far is open, and the minimum falls due on 1 May.
    expect(shown(await preview([right], '2026-04-10'))).toEqual([
      ['t3', 'INV-000001', '04-01/05-01', '50.00', '0.00', '-50.00'],
      ['t3', 'open', '04-01/05-01', '0.00', '5.00', '5.00'],
    ]);
  });
});
