import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { type Bill, billed, rowsOf } from '../support/bills.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What a subscription has instead of the terms of its plan: negotiated prices, allowances, discounts, commitments. */

const T = (date: string) => `${date}T00:00:00Z`;
const unit = (unitAmount: string) => ({ model: 'unit', unitAmount });

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    ...['a', 'b'].flatMap((id) => [tenant(id), deployment(`d-${id}`, id)]),
    plan('p', '30.00', [
      { billingKind: 'hours', price: unit('1.00'), included: '10' },
      { billingKind: 'hours', filter: { size: 'large' }, price: unit('2.00') },
      { billingKind: 'zones', price: unit('0.10') },
    ]),
    ...['a', 'b'].map((id) => subscription(`s-${id}`, `d-${id}`, 'p')),
  );
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const use = async (of: string, date: string, quantity: string, billingKind = 'hours'): Promise<void> => {
  const reading = { resourceId: 'r', billingKind, granularity: 'hour', quantity };
  const period = { start: T(date), end: `${date}T01:00:00Z` };
  await test.apply({ command: 'observe-usage', deploymentId: `d-${of}`, observations: [{ ...reading, period }] });
};
const agreed = (terms: object, more: object = {}) => ({
  ...{ command: 'set-overrides', subscriptionId: 's-a', tenantId: 'a', effectiveFrom: T('2026-04-01') },
  ...terms,
  ...more,
});
const OWN_PRICE = { items: [{ billingKind: 'hours', price: unit('0.50') }] };
const bill = async (tenantId: string, asOf: string): Promise<Bill | null> => billed(test, tenantId, asOf);
const total = async (tenantId: string, asOf: string): Promise<string> =>
  (await bill(tenantId, asOf))?.subtotal ?? 'none';
const codeOf = async (command: object): Promise<string> => (await test.refused(command)).code;

interface Shown {
  readonly items: readonly { readonly overrides: readonly object[] }[];
}
interface Changed {
  readonly billingKind: string;
  readonly before: string;
  readonly after: string;
  readonly events: readonly object[];
}

describe('overrides', () => {
  it('hold for their subscription alone, and leave what they do not state to the plan', async () => {
    await test.apply(agreed(OWN_PRICE));
    await use('a', '2026-04-10', '110');
    await use('a', '2026-04-11', '50', 'zones');
    await use('b', '2026-04-10', '110');
    // Fees of April and May 30.00 each; (110 − 10) × 0.50 = 50.00; 50 × 0.10 = 5.00
    expect(await total('a', '2026-05-01')).toBe('115.00');
    // (110 − 10) × 1.00 = 100.00
    expect(await total('b', '2026-05-01')).toBe('160.00');
  });

  it('state a fee, an allowance, a discount and commitments, and take them away with null', async () => {
    await test.apply(
      agreed({
        baseFee: '12.00',
        items: [
          { billingKind: 'hours', included: null, discounts: { percentage: '20' } },
          { billingKind: 'zones', commitments: { minimum: '7.00' } },
        ],
      }),
    );
    await use('a', '2026-04-10', '100');
    // Fees 2 × 12.00 = 24.00; 100 × 1.00 − 20 % = 80.00; the minimum 7.00
    expect(await total('a', '2026-05-01')).toBe('111.00');
  });

  it('are known by kind and filter: another item of the same kind keeps its price', async () => {
    await test.apply(agreed({ items: [{ billingKind: 'hours', filter: { size: 'large' }, price: unit('1.50') }] }));
    await use('a', '2026-04-10', '20');
    // 2 × 30.00; (20 − 10) × 1.00: the reading has no size
    expect(await total('a', '2026-05-01')).toBe('70.00');
  });

  it('divide the line where they begin and end within a period, and counters go on', async () => {
    await test.apply(agreed(OWN_PRICE, { effectiveFrom: T('2026-04-11'), effectiveUntil: T('2026-04-21') }));
    for (const date of ['2026-04-05', '2026-04-15', '2026-04-25']) await use('a', date, '20');
    // 2 × 30.00; (20 − 10) × 1.00 + 20 × 0.50 + 20 × 1.00 = 40.00
    expect(await total('a', '2026-05-01')).toBe('100.00');
  });

  it('prorate a fee that changes within the month, by seconds', async () => {
    await test.apply(agreed({ baseFee: '60.00' }, { effectiveFrom: T('2026-04-16') }));
    // April: 15 of 30 days of 30.00 and of 60.00 = 45.00; May 60.00
    expect(await total('a', '2026-05-01')).toBe('105.00');
  });

  it('hold under the next version of the plan, and under another plan with the item', async () => {
    await test.apply(
      agreed(OWN_PRICE),
      plan('p', '30.00', [{ billingKind: 'hours', price: unit('3.00') }], { effectiveFrom: T('2026-05-01') }),
      plan('q', '0.00', [{ billingKind: 'hours', price: unit('4.00'), included: '5' }]),
      { command: 'change-plan', subscriptionId: 's-a', planId: 'q', at: T('2026-06-01') },
    );
    await use('a', '2026-05-10', '100');
    await use('a', '2026-06-10', '100');
    // Fees of April, May and 0.00 of June; 100 × 0.50 without an allowance in May
    expect(await total('a', '2026-06-01')).toBe('110.00');
    // June: (100 − 5) × 0.50
    expect(await total('a', '2026-07-01')).toBe('47.50');
  });

  it('of the base fee hold under another plan too, until they are ended', async () => {
    await test.apply(agreed({ baseFee: '8.00' }), plan('q', '500.00', []), {
      command: 'change-plan',
      subscriptionId: 's-a',
      planId: 'q',
      at: T('2026-05-01'),
    });
    // April and May
    expect(await total('a', '2026-05-01')).toBe('16.00');
    await test.apply(agreed({ items: [] }, { effectiveFrom: T('2026-06-01') }));
    expect(await total('a', '2026-06-01')).toBe('500.00');
  });

  it('end for a tenant who takes the deployment over', async () => {
    await test.apply(agreed(OWN_PRICE), {
      ...{ command: 'assign-deployment', deploymentId: 'd-a', tenantId: 'b', from: T('2026-04-16') },
    });
    await use('a', '2026-04-10', '110');
    await use('a', '2026-04-20', '110');
    // The fee until the 16th 15.00; (110 − 10) × 0.50
    expect(await total('a', '2026-05-01')).toBe('65.00');
    // s-b: 2 × 30.00. s-a: 15.00 of April, 30.00 of May, and (110 − 10) × 1.00
    expect(await total('b', '2026-05-01')).toBe('205.00');
  });

  it('are stated late: the preview says what is owed, and the next invoice corrects what was billed', async () => {
    await use('a', '2026-04-10', '110');
    // 2 × 30.00 + 100 × 1.00
    expect(await total('a', '2026-05-01')).toBe('160.00');
    const { lines } = await test.ledger.preview([agreed(OWN_PRICE)], ADMIN, { at: instant(T('2026-05-01')) });
    expect(
      lines
        .filter(({ invoiceId }) => invoiceId !== null)
        .map(({ billingKind, difference }) => [billingKind, difference]),
    ).toEqual([['hours', '-50.00']]);
    const from = String(await test.ledger.catchUp());
    await test.apply(agreed(OWN_PRICE));
    const { lines: changed } = await test.ask<{ lines: Changed[] }>('diff', { from });
    // The item of the zones and the fee are as they were.
    expect(changed.map(({ billingKind, before, after, events }) => [billingKind, before, after, events])).toEqual([
      ['hours', '100.00', '50.00', [expect.objectContaining({ type: 'OverridesSet' })]],
    ]);
    expect(rowsOf(await bill('a', '2026-05-02'))).toEqual([
      'hours 04-01/05-01 rebooked 50.00',
      'hours 04-01/05-01 reversal -100.00',
    ]);
  });

  it('are corrected and withdrawn: what was billed is put right', async () => {
    await test.apply(agreed(OWN_PRICE));
    await use('a', '2026-04-10', '110');
    // 2 × 30.00 + 100 × 0.50
    expect(await total('a', '2026-05-01')).toBe('110.00');
    await test.apply({
      ...{ command: 'correct-overrides', subscriptionId: 's-a', tenantId: 'a', reason: '0.60 was agreed' },
      ...{ effectiveFrom: T('2026-04-01'), effectiveUntil: T('2026-05-01') },
      items: [{ billingKind: 'hours', price: unit('0.60') }],
    });
    // 100 × (0.60 − 0.50)
    expect(await total('a', '2026-05-02')).toBe('10.00');
    await test.apply({
      ...{
        command: 'withdraw',
        what: 'set-overrides',
        subscriptionId: 's-a',
        tenantId: 'a',
        effectiveFrom: T('2026-04-01'),
      },
      reason: 'never agreed',
    });
    // The correction of April stays: what a person states of a period holds there.
    expect(await total('a', '2026-05-03')).toBe('none');
    // The same again would be a repetition; another price is taken.
    await test.apply(agreed({ items: [{ billingKind: 'hours', price: unit('0.70') }] }));
    // 100 × (0.70 − 0.60)
    expect(await total('a', '2026-05-04')).toBe('10.00');
  });

  it('end with an empty list, and a wrong correction is put right by one', async () => {
    await test.apply(agreed(OWN_PRICE), agreed({ items: [] }, { effectiveFrom: T('2026-04-16') }));
    await use('a', '2026-04-10', '60');
    await use('a', '2026-04-20', '60');
    // 2 × 30.00 + (60 − 10) × 0.50 + 60 × 1.00
    expect(await total('a', '2026-05-01')).toBe('145.00');
    await test.apply({
      ...{ command: 'correct-overrides', subscriptionId: 's-a', tenantId: 'a', reason: 'nothing was agreed' },
      ...{ effectiveFrom: T('2026-04-01'), effectiveUntil: T('2026-04-16'), items: [] },
    });
    // 50 × (1.00 − 0.50)
    expect(await total('a', '2026-05-02')).toBe('25.00');
  });

  it('hold only in the currency and interval, and for items as they were counted, when they were agreed', async () => {
    const hours = { billingKind: 'hours', price: unit('1.00') };
    await test.apply(
      { command: 'correct-tenant', tenantId: 'a', currencies: ['USD', 'JPY'], reason: 'billed in Japan too' },
      agreed({ ...OWN_PRICE, baseFee: '8.00' }),
      plan('year', '360.00', [hours], { interval: 'year' }),
      plan('yen', '3000', [hours], { currency: 'JPY' }),
      // By the thousand from May on: 0.50 was agreed for one.
      plan('p', '30.00', [{ ...hours, unitConversion: { operation: 'divide', factor: '1000' } }], {
        effectiveFrom: T('2026-05-01'),
      }),
    );
    await use('a', '2026-05-10', '2000');
    // 8.00 of April, May and June; 2000 / 1000 × 1.00
    expect(await total('a', '2026-06-01')).toBe('26.00');
    await test.apply({ command: 'change-plan', subscriptionId: 's-a', planId: 'year', at: T('2026-07-01') });
    await use('a', '2026-07-10', '10');
    // The rest of the year's fee: 360.00 × 184 / 365 days
    expect(await total('a', '2026-07-01')).toBe('181.48');
    await test.apply({
      command: 'correct-subscription',
      subscriptionId: 's-a',
      reason: 'in yen',
      plans: [{ planId: 'yen', at: T('2026-07-01') }],
    });
    // 3000 of July and of August; 10 × 1 JPY, not 10 × 0.50
    await test.apply({ command: 'create-invoice', tenantId: 'a', asOf: T('2026-08-01') });
    const { items } = await test.ask<{ items: { subtotal: string; currency: string }[] }>('invoices', {
      tenantId: 'a',
    });
    expect(items.flatMap(({ currency, subtotal }) => (currency === 'JPY' ? [subtotal] : []))).toEqual(['6010']);
  });

  it('are of each tenant: what one agrees on leaves those of the next holder', async () => {
    await test.apply(
      { command: 'assign-deployment', deploymentId: 'd-a', tenantId: 'b', from: T('2026-04-16') },
      { ...agreed(OWN_PRICE, { effectiveFrom: T('2026-04-16') }), tenantId: 'b' },
      agreed({ items: [{ billingKind: 'hours', price: unit('0.80') }] }),
    );
    await use('a', '2026-04-10', '60');
    await use('a', '2026-04-20', '60');
    // 15.00 of the fee; (60 − 10) × 0.80
    expect(await total('a', '2026-05-01')).toBe('55.00');
    // s-b 2 × 30.00; s-a 15.00 and 30.00, (60 − 10) × 0.50
    expect(await total('b', '2026-05-01')).toBe('130.00');
  });

  it('keep their subscription from being withdrawn: they would hold if it were started again', async () => {
    await test.apply(agreed(OWN_PRICE));
    const never = { command: 'withdraw', what: 'start-subscription', subscriptionId: 's-a', reason: 'never was' };
    expect(await codeOf(never)).toBe('subscription_has_overrides');
    await test.apply({
      ...{ command: 'withdraw', what: 'set-overrides', subscriptionId: 's-a', tenantId: 'a' },
      ...{ effectiveFrom: T('2026-04-01'), reason: 'never agreed' },
    });
    await test.apply(never);
  });

  it('state all commitments of an item: those of a later version of the plan do not hold with them', async () => {
    const hours = { billingKind: 'hours', price: unit('1.00') };
    await test.apply(
      agreed({ items: [{ billingKind: 'hours', commitments: { minimum: '500' } }] }),
      plan('p', '30.00', [{ ...hours, commitments: { maximum: '400' } }], { effectiveFrom: T('2026-05-01') }),
    );
    // The override states all commitments of the item: the maximum of the plan does not hold with it.
    await use('a', '2026-05-10', '10');
    // Fees of April, May and June, 500 of April and of May
    expect(await total('a', '2026-06-01')).toBe('1090.00');
  });

  it('are quoted with their subscription', async () => {
    const own = { items: [{ billingKind: 'zones', price: unit('0.05') }] };
    await test.apply(agreed(own), { ...agreed(own), subscriptionId: 's-b', tenantId: 'b' });
    const quote = { subscriptionId: 's-a', usage: { zones: '100' }, at: T('2026-04-10') };
    // 30.00 + 100 × 0.05
    expect(await test.ask('quote', quote)).toMatchObject({ planId: 'p', subtotal: '35.00' });
    const caller = { ...ADMIN, role: 'tenant' as const, tenantId: 'a' };
    expect(await test.ledger.ask('quote', quote, caller)).toMatchObject({ subtotal: '35.00' });
    await expect(test.ledger.ask('quote', { ...quote, subscriptionId: 's-b' }, caller)).rejects.toMatchObject({
      ...{ code: 'unknown_subscription' },
    });
    await expect(test.ask('quote', { ...quote, planId: 'p' })).rejects.toMatchObject({ code: 'plan_missing' });
  });

  it('are shown with their subscription, to its own tenant alone', async () => {
    await test.apply(agreed(OWN_PRICE), {
      ...{ command: 'assign-deployment', deploymentId: 'd-a', tenantId: 'b', from: T('2026-04-16') },
    });
    const shown = async (caller: Caller = ADMIN) =>
      ((await test.ledger.ask('subscriptions', { subscriptionId: 's-a' }, caller)) as Shown).items[0]?.overrides;
    const items = [{ billingKind: 'hours', price: unit('0.50'), aggregation: 'sum' }];
    expect(await shown()).toEqual([
      { tenantId: 'a', period: { start: T('2026-04-01'), end: null }, currency: 'USD', interval: 'month', items },
    ]);
    expect(await shown({ ...ADMIN, role: 'tenant', tenantId: 'a' })).toHaveLength(1);
    expect(await shown({ ...ADMIN, role: 'tenant', tenantId: 'b' })).toEqual([]);
  });

  it('are refused where they say nothing, or can not be billed', async () => {
    expect(await codeOf(agreed({}))).toBe('nothing_to_override');
    expect(await codeOf(agreed({ items: [{ billingKind: 'hours' }] }))).toBe('nothing_to_override');
    expect(await codeOf(agreed({ items: [{ billingKind: 'cores', price: unit('1') }] }))).toBe('unknown_plan_item');
    const twice = OWN_PRICE.items[0];
    expect(await codeOf(agreed({ items: [twice, twice] }))).toBe('duplicate_plan_item');
    const contradicting = { commitments: { minimum: '5', maximum: '4' } };
    expect(await codeOf(agreed({ items: [{ billingKind: 'hours', ...contradicting }] }))).toBe('minimum_above_maximum');
    expect(await codeOf(agreed({ baseFee: '-1' }))).toBe('invalid_input');
    expect(await codeOf(agreed(OWN_PRICE, { effectiveFrom: T('2025-01-01') }))).toBe('before_subscription');
    expect(await codeOf(agreed(OWN_PRICE, { effectiveUntil: T('2026-04-01') }))).toBe('empty_period');
    expect(await codeOf(agreed(OWN_PRICE, { subscriptionId: 'none' }))).toBe('unknown_subscription');
    expect(await codeOf(agreed(OWN_PRICE, { tenantId: 'b' }))).toBe('other_holder');
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's-a', at: T('2026-04-10') });
    expect(await codeOf(agreed(OWN_PRICE, { effectiveFrom: T('2026-04-10') }))).toBe('subscription_cancelled');
  });
});
