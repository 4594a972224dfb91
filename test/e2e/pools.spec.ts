import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { expectEInvoices } from '../support/einvoices-hold.js';
import { brokenRules } from '../support/focus-rules.js';
import { BUYER, EXEMPT, SELLER } from '../support/parties.js';
import { billed, rowsOf } from '../support/bills.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Included units that the tenants of one payer share: what one leaves, the others may use. */

const T = (date: string) => `${date}T00:00:00Z`;
const unit = (unitAmount: string) => ({ model: 'unit', unitAmount });
/** 1000 GB are included; each more is 0.01. */
const traffic = (more: object = {}) => ({
  ...{ billingKind: 'traffic_gb', price: unit('0.01'), included: '1000', pooled: true },
  ...more,
});

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger({ seller: 'Cloud & Sons', sellerDetails: SELLER });
  await test.apply(
    plan('p', '0', [traffic()]),
    tenant('holding', { eInvoice: { ...BUYER, untaxed: EXEMPT.untaxed } }),
    ...['a', 'b', 'c'].flatMap((id) => [
      tenant(id),
      deployment(`d-${id}`, id),
      subscription(`s-${id}`, `d-${id}`, 'p'),
    ]),
    ...['a', 'b'].map((tenantId) => payer(tenantId, 'holding', '2026-04-01')),
  );
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const payer = (tenantId: string, payerId: string | null, date: string) => ({
  ...{ command: 'set-payer', tenantId, payerId, effectiveFrom: T(date) },
});
const usageOf = (tenantId: string, date: string, quantity: string) => {
  const period = { start: T(date), end: `${date}T01:00:00Z` };
  const reading = {
    ...{ resourceId: `r-${date}-${quantity}`, billingKind: 'traffic_gb', granularity: 'hour', quantity, period },
  };
  return { command: 'observe-usage', deploymentId: `d-${tenantId}`, observations: [reading] };
};
const use = async (...of: Parameters<typeof usageOf>): Promise<void> => {
  await test.apply(usageOf(...of));
};
/** a leaves 600 of what is included, and b needs 300 more than its own. */
const useUnequally = async (): Promise<void> => {
  await use('a', '2026-04-10', '400');
  await use('b', '2026-04-10', '1300');
};
type Focus = Readonly<Record<string, string | null>>;
interface Explained {
  readonly row: { readonly ref: string };
  readonly arithmetic: string;
  readonly pool: {
    readonly members: readonly { readonly tenantId: string; readonly used: string; readonly share: string }[];
  } | null;
  readonly events: readonly { readonly position: number; readonly stream: string }[];
}
const rows = async (tenantId: string, asOf: string): Promise<string[]> => rowsOf(await billed(test, tenantId, asOf));

describe('included units of a pool', () => {
  it('go to those who use more than their own, when the period ends', async () => {
    await useUnequally();
    await use('c', '2026-04-10', '1300');
    // The pool of holding: 600 unused of a, 300 beyond of b. c pays for itself.
    expect(await rows('b', '2026-05-01')).toEqual([
      'traffic_gb 04-01/05-01 charge -3.00',
      'traffic_gb 04-01/05-01 charge 3.00',
    ]);
    expect(await rows('c', '2026-05-01')).toEqual(['traffic_gb 04-01/05-01 charge 3.00']);
  });

  it('are shared in proportion to the excess where they do not suffice', async () => {
    await test.apply(payer('c', 'holding', '2026-04-01'));
    await use('a', '2026-04-10', '900');
    await use('b', '2026-04-10', '1100');
    await use('c', '2026-04-10', '1200');
    // 100 unused for 100 + 200 beyond: 100 × 100 / 300 = 33.3 → 33, 100 × 200 / 300 = 66.6 → 67 (whole units).
    expect(await rows('b', '2026-05-01')).toEqual([
      'traffic_gb 04-01/05-01 charge -0.33',
      'traffic_gb 04-01/05-01 charge 1.00',
    ]);
    expect(await rows('c', '2026-05-01')).toEqual([
      'traffic_gb 04-01/05-01 charge -0.67',
      'traffic_gb 04-01/05-01 charge 2.00',
    ]);
  });

  it('are shared out anew after late usage of another tenant', async () => {
    await useUnequally();
    expect(await rows('b', '2026-05-01')).toHaveLength(2);
    await use('a', '2026-04-20', '450');
    // a leaves 150 instead of 600: b pays for 150 of its 300.
    expect(await rows('b', '2026-05-02')).toEqual([
      'traffic_gb 04-01/05-01 rebooked -1.50',
      'traffic_gb 04-01/05-01 reversal 3.00',
    ]);
  });

  it('follow the payer, also where that is corrected', async () => {
    await useUnequally();
    expect(await rows('b', '2026-05-01')).toHaveLength(2);
    await test.apply({
      ...{ command: 'correct-payer', tenantId: 'a', payerId: null, effectiveFrom: T('2026-04-01') },
      reason: 'a pays for itself',
    });
    const corrected = await billed(test, 'b', '2026-05-02');
    expect(rowsOf(corrected)).toEqual(['traffic_gb 04-01/05-01 reversal 3.00']);
    // What was recorded of a is not told to b.
    expect(JSON.stringify(corrected)).toContain('the included units that are shared changed');
    expect(JSON.stringify(corrected)).not.toContain('a pays for itself');
  });

  it('are shared out anew where another plan changes what a line of the pool counts', async () => {
    await test.apply(
      plan('q', '0', [traffic({ pooled: undefined })]),
      deployment('d-e', 'a'),
      subscription('s-e', 'd-e', 'q'),
      { command: 'change-plan', subscriptionId: 's-e', planId: 'p', at: T('2026-04-16') },
    );
    await use('e', '2026-04-10', '900');
    await use('b', '2026-04-10', '2300');
    // a leaves 1000, and its second subscription 100 of what it has had since the 1st: b needs 1300, and pays for 200.
    expect(await rows('b', '2026-05-01')).toEqual([
      'traffic_gb 04-01/05-01 charge -11.00',
      'traffic_gb 04-01/05-01 charge 13.00',
    ]);
    // Without the item in q, the line begins on the 16th, and has used nothing since: 2000 are left.
    await test.apply({
      ...{ command: 'correct-plan', planId: 'q', effectiveFrom: T('2026-04-01'), reason: 'it never had traffic' },
      items: [{ billingKind: 'traffic_gb', price: null }],
    });
    expect(await rows('b', '2026-05-02')).toEqual([
      'traffic_gb 04-01/05-01 rebooked -13.00',
      'traffic_gb 04-01/05-01 reversal 11.00',
    ]);
  });

  it('are not shared at a price that was agreed with a subscription, if it may cost more for fewer units', async () => {
    const corrected = (pooled: boolean) => ({
      ...{ command: 'correct-plan', planId: 'p', effectiveFrom: T('2026-01-01'), reason: 'a typo' },
      items: [{ billingKind: 'traffic_gb', pooled }],
    });
    await test.apply(
      corrected(false),
      {
        ...{ command: 'set-overrides', subscriptionId: 's-b', tenantId: 'b', effectiveFrom: T('2026-04-01') },
        items: [{ billingKind: 'traffic_gb', price: { model: 'volume', tiers: [{ upTo: null, unitAmount: '0.02' }] } }],
      },
      corrected(true),
    );
    await useUnequally();
    // 300 × 0.02, whatever a leaves
    expect(await rows('b', '2026-05-01')).toEqual(['traffic_gb 04-01/05-01 charge 6.00']);
  });

  it('are shared no more where the plan says so', async () => {
    await useUnequally();
    expect(await rows('b', '2026-05-01')).toHaveLength(2);
    await test.apply({
      ...{ command: 'correct-plan', planId: 'p', effectiveFrom: T('2026-04-01'), reason: 'never pooled' },
      items: [{ billingKind: 'traffic_gb', pooled: false }],
    });
    expect(await rows('b', '2026-05-02')).toEqual(['traffic_gb 04-01/05-01 reversal 3.00']);
  });

  it('leave invoices within the period alone, and are given on the last one', async () => {
    await useUnequally();
    // 300 × 0.01 by the 16th
    expect(await rows('b', '2026-04-16')).toEqual(['traffic_gb 04-01/04-16 charge 3.00']);
    await use('b', '2026-04-20', '400');
    // 400 × 0.01 since; of all 700 beyond, 600 are left by a
    const bill = await billed(test, 'b', '2026-05-01');
    expect(rowsOf(bill)).toEqual(['traffic_gb 04-01/05-01 charge -6.00', 'traffic_gb 04-16/05-01 charge 4.00']);
    expect(bill?.subtotal).toBe('-2.00');
  });

  it('mark no line before its end is billed, and then every other line of the pool', async () => {
    const marked = async (): Promise<string[]> => {
      await test.core.projector.catchUp();
      const { rows: marks } = await test.core.pool.query<{ tenant_id: string }>(
        'SELECT DISTINCT tenant_id FROM restatements WHERE reason = $1 ORDER BY 1',
        ['the included units that are shared changed'],
      );
      return marks.map(({ tenant_id: tenantId }) => tenantId);
    };
    await useUnequally();
    await billed(test, 'b', '2026-04-16');
    await use('a', '2026-04-17', '10');
    expect(await marked()).toEqual([]);
    await use('b', '2026-04-20', '400');
    await billed(test, 'b', '2026-05-01');
    await use('a', '2026-04-18', '10');
    expect(await marked()).toEqual(['b']);
  });

  it('give tax and coupons back as they were charged', async () => {
    await test.apply(
      { ...{ command: 'set-tax', tenantId: 'b', name: 'VAT', ratePercent: '10', from: T('2026-04-01') } },
      { ...{ command: 'set-tax', tenantId: 'b', name: 'VAT', ratePercent: '20', from: T('2026-04-16') } },
      {
        ...{ command: 'grant-coupon', creditId: 'k', tenantId: 'b', currency: 'USD', percent: '50' },
        from: T('2026-04-16'),
      },
    );
    await useUnequally();
    await use('b', '2026-04-20', '400');
    // 300 × 0.01 at 10 %, and 400 × 0.01 − 50 % at 20 %. Of a's 600, 300 are used before the 16th and 300 since.
    const bill = await billed(test, 'b', '2026-05-01');
    expect(
      bill?.lines.flatMap(({ rows: of }) =>
        of.map(({ net, taxRatePercent, tax }) => `${net} ${taxRatePercent} ${tax}`),
      ),
    ).toEqual(['3.00 10 0.30', '2.00 20 0.40', '-3.00 10 -0.30', '-1.50 20 -0.30']);
  });

  it('are those of all subscriptions of one tenant, over a year with clocks in Berlin', async () => {
    const from = '2025-03-31T22:00:00Z';
    await test.apply(
      plan('y', '0', [traffic()], { interval: 'year', effectiveFrom: '2025-01-01T00:00:00Z' }),
      tenant('z', { timeZone: 'Europe/Berlin' }),
      ...['z1', 'z2'].flatMap((id) => [
        deployment(`d-${id}`, 'z', { from }),
        subscription(`s-${id}`, `d-${id}`, 'y', { from, anchor: from }),
      ]),
    );
    await use('z1', '2026-03-31', '1500');
    // The year ends on 31 March at 22:00 UTC. The other leaves all of its 1000.
    expect(await rows('z', '2026-04-01')).toEqual([
      'traffic_gb 03-31/03-31 charge -5.00',
      'traffic_gb 03-31/03-31 charge 5.00',
    ]);
    await use('z2', '2025-04-01', '800');
    expect(await rows('z', '2026-04-02')).toEqual([
      'traffic_gb 03-31/03-31 rebooked -2.00',
      'traffic_gb 03-31/03-31 reversal 5.00',
    ]);
  });

  it('draw a commitment down with what is charged in the end', async () => {
    await test.apply({
      ...{ command: 'set-commitment', commitmentId: 'k', subscriptionId: 's-b', tenantId: 'b', currency: 'USD' },
      terms: [{ start: T('2026-04-01'), end: T('2026-06-01'), amount: '10.00' }],
    });
    await use('a', '2026-04-10', '900');
    await use('b', '2026-04-10', '1300');
    // 3.00 − 100 × 0.01 left by a: 10.00 − 2.00
    expect(await rows('b', '2026-06-01')).toEqual([
      'commitment 04-01/06-01 charge 8.00',
      'traffic_gb 04-01/05-01 charge -1.00',
      'traffic_gb 04-01/05-01 charge 3.00',
    ]);
    await use('a', '2026-04-11', '100');
    expect(await rows('b', '2026-06-02')).toEqual([
      'commitment 04-01/06-01 rebooked 7.00',
      'commitment 04-01/06-01 reversal -8.00',
      'traffic_gb 04-01/05-01 reversal 1.00',
    ]);
  });

  it('are a reason why less than the list price is billed, and no revenue', async () => {
    await useUnequally();
    await billed(test, 'b', '2026-05-01');
    const { overall } = await test.ask<{ overall: object }>('price-realisation', { from: '2026-04', to: '2026-04' });
    // 1300 × 0.01; all of it is included: 1000 of its own and 300 of a
    expect(overall).toMatchObject({ list: '13.00', allowance: '-13.00', billed: '0.00', other: '0.00' });
  });

  it('are previewed for every tenant that they reach, and explain what changed', async () => {
    await useUnequally();
    await billed(test, 'a', '2026-05-01');
    await billed(test, 'b', '2026-05-01');
    const before = await test.core.log.head();
    const own = payer('a', null, '2026-04-01');
    const withdrawn = {
      ...{ command: 'withdraw', what: 'set-payer', tenantId: 'a', effectiveFrom: T('2026-04-01') },
      reason: 'never agreed',
    };
    const at = instant(T('2026-06-01'));
    const reached = async (command: object) => {
      const { lines } = await test.ledger.preview([command], ADMIN, { at });
      return lines.map(({ tenantId, difference }) => `${tenantId} ${difference}`);
    };
    expect(await reached(own)).toEqual([]);
    expect(await reached(withdrawn)).toEqual(['b 3.00']);
    expect(await reached(usageOf('a', '2026-04-12', '500'))).toEqual(['b 2.00']);
    await test.apply(withdrawn);
    const { lines } = await test.ask<{ lines: { tenantId: string; difference: string; events: { type: string }[] }[] }>(
      'diff',
      { from: String(before) },
    );
    expect(
      lines.map(({ tenantId, difference, events }) => [tenantId, difference, events.map(({ type }) => type)]),
    ).toEqual([['b', '3.00', ['PayerCorrected']]]);
  });

  it('are explained down to the units of each, and to a tenant without the others', async () => {
    await useUnequally();
    const bill = await billed(test, 'b', '2026-05-01');
    const id = bill?.invoiceId ?? '';
    const { rows: explained } = await test.ask<{ rows: Explained[] }>('explain', { id });
    const share = explained.find(({ row }) => row.ref === 'pooled-usage');
    expect(share).toMatchObject({
      arithmetic: '−300 × 0.01 = −3.00',
      pool: {
        ...{ included: '2000', used: '1700', unused: '600', excess: '300', share: '300' },
      },
    });
    expect(share?.pool?.members.map(({ tenantId, used, share: of }) => [tenantId, used, of]).sort()).toEqual([
      ['a', '400', '0'],
      ['b', '1300', '300'],
    ]);
    const streams = share?.events.map(({ stream }) => stream) ?? [];
    expect(streams).toContain('usage-d-a-2026-04');
    expect(streams).toContain('tenant-a');
    const tenantB: Caller = { actor: 'b', role: 'tenant', tenantId: 'b', now: instant(T('2026-08-01')) };
    const own = await test.ledger.ask('explain', { id }, tenantB);
    expect(JSON.stringify(own)).not.toContain('"a"');
    expect(JSON.stringify(own)).not.toContain('d-a');
    // Two tenants share: from the sums, one would know what the other used.
    expect((own as { rows: Explained[] }).rows.find(({ row }) => row.ref === 'pooled-usage')?.pool).toBeNull();
    // Upwards from the reading of a: it is on no invoice of a, and in the share of b.
    const reading = share?.events.find(({ stream }) => stream === 'usage-d-a-2026-04');
    const { usedIn } = await test.ask<{ usedIn: { tenantId: string; rows: { ref: string }[] }[] }>('explain', {
      id: String(reading?.position),
    });
    expect(usedIn.map(({ tenantId, rows: of }) => [tenantId, of.map(({ ref }) => ref)])).toEqual([
      ['b', ['pooled-usage']],
    ]);
  });

  it('are named on documents, and valid in electronic invoices and in FOCUS', async () => {
    await use('a', '2026-04-10', '900');
    await use('b', '2026-04-10', '1300');
    const id = (await billed(test, 'b', '2026-05-01'))?.invoiceId ?? '';
    expect(await test.ask<string>('invoice-document', { id })).toContain('Included units that others left');
    const ubl = await test.ask<string>('invoice-ubl', { id });
    // 300 × 0.01 of usage, less 100 × 0.01
    expect(ubl).toContain('>-100</cbc:InvoicedQuantity>');
    expect(ubl).toContain('<cbc:PayableAmount currencyID="USD">2.00</cbc:PayableAmount>');
    expect(await expectEInvoices(test)).toEqual({ written: 1, refusedBy: [] });
    const focus: Record<string, string>[] = [];
    for await (const row of (await test.ledger.export('focus', { period: '2026-04' }, ADMIN))
      .rows as AsyncIterable<Focus>)
      focus.push(Object.fromEntries(Object.entries(row).map(([column, value]) => [column, value ?? ''])));
    expect(focus.flatMap((row) => brokenRules(row))).toEqual([]);
    expect(focus.map(({ ChargeCategory, BilledCost }) => [ChargeCategory, BilledCost]).sort()).toEqual([
      ['Credit', '-1.00'],
      ['Usage', '3.00'],
    ]);
  });

  it.each([
    ['nothing_to_pool', traffic({ included: undefined })],
    ['price_not_pooled', traffic({ price: { model: 'volume', tiers: [{ upTo: null, unitAmount: '1' }] } })],
    ['price_not_pooled', traffic({ price: { model: 'rate_card' } })],
    ['price_not_pooled', traffic({ price: { model: 'flat', amount: '1', paymentTerm: 'in_arrears' } })],
  ])('are refused as %s where they can not be shared', async (code, item) => {
    expect(await test.refused(plan('q', '0', [item]))).toMatchObject({ code });
  });

  it('stay at a price at which they can be shared', async () => {
    const corrected = {
      ...{ command: 'correct-price', planId: 'p', billingKind: 'traffic_gb', effectiveFrom: T('2026-04-01') },
      ...{ price: { model: 'volume', tiers: [{ upTo: null, unitAmount: '1' }] }, reason: 'a typo' },
    };
    expect(await test.refused(corrected)).toMatchObject({ code: 'price_not_pooled' });
  });
});
