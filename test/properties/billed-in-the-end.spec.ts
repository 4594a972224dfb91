import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decimal, sum, text } from '#domain/money/decimal';
import { type TestLedger, testLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';
import { BEGINNING, live, step } from '../support/random-history.js';

/**
 * Whenever invoices were made, in the end they come to what one invoice of all that is known comes to: late usage,
 * corrections, other payers and pooled units reach every line that they change.
 */

/** After every invoice of a history: one as of the same instant would be the one that is there. */
const END = '2026-05-05T00:00:00Z';
const TENANTS = ['t1', 't2'];
const isInvoicing = (each: object): boolean => 'bill' in each || 'void' in each;

interface Issued {
  readonly lines: readonly {
    readonly billingKind: string;
    readonly rows: readonly { readonly net: string }[];
  }[];
}

/** What the invoices of each tenant come to by billing kind, before tax: `t1 requests 3.33`. */
async function totals(test: TestLedger): Promise<string[]> {
  const nets: { key: string; net: string }[] = [];
  for (const tenantId of TENANTS) {
    const { items } = await test.ask<{ items: { invoiceId: string; status: string }[] }>('invoices', { tenantId });
    for (const { invoiceId } of items.filter(({ status }) => status !== 'void')) {
      const { lines } = await test.ask<Issued>('invoice', { id: invoiceId });
      for (const { billingKind, rows } of lines)
        for (const { net } of rows) nets.push({ key: `${tenantId} ${billingKind}`, net });
    }
  }
  return [...Map.groupBy(nets, ({ key }) => key)]
    .map(([key, of]) => `${key} ${text(sum(of.map(({ net }) => decimal(net))))}`)
    .filter((each) => !each.endsWith(' 0'))
    .sort();
}

async function lived(history: readonly object[]): Promise<string[]> {
  const test = await testLedger();
  try {
    await test.apply(...BEGINNING, ...PAID);
    const issued: string[] = [];
    for (const each of [...history, ...TENANTS.map((bill) => ({ bill, at: END }))]) await live(test, each, issued);
    expect((await test.check()).failures).toEqual([]);
    return await totals(test);
  } finally {
    await test.close();
  }
}

/** Other included units, pooled or not, from a day of April on; and another tax, which cuts the charges of a line. */
const changed = fc
  .record({ day: fc.integer({ min: 1, max: 30 }), included: fc.nat(60), pooled: fc.boolean(), tax: fc.boolean() })
  .map(({ day, included, pooled, tax }) => {
    const from = `2026-04-${String(day).padStart(2, '0')}T00:00:00Z`;
    if (tax) return { command: 'set-tax', tenantId: 't1', name: 'VAT', ratePercent: String(included), from };
    const items = [{ billingKind: 'requests', included: String(included), pooled }];
    return { command: 'correct-plan', planId: 'p', effectiveFrom: from, items, reason: 'other units' };
  });

/** Another plan, holder or end of a subscription, or other terms of its own; from a day of April on, or corrected. */
const contracted = fc
  .record({
    ...{ n: fc.constantFrom('1', '2'), tenantId: fc.constantFrom('t1', 't2'), day: fc.integer({ min: 1, max: 30 }) },
    ...{ how: fc.nat(7), included: fc.nat(60) },
  })
  .map(({ n, tenantId, day, how, included }) => {
    const at = `2026-04-${String(day).padStart(2, '0')}T00:00:00Z`;
    const [subscription, deployment] = [{ subscriptionId: `s${n}` }, { deploymentId: `d${n}` }];
    const [effectiveFrom, reason] = [at, 'agreed otherwise'];
    const terms = { tenantId, items: [{ billingKind: 'requests', included: String(included) }], effectiveFrom };
    return [
      { command: 'change-plan', ...subscription, planId: 'q', at },
      { command: 'correct-subscription', ...subscription, plans: [], reason },
      { command: 'cancel-subscription', ...subscription, at },
      { command: 'correct-subscription', ...subscription, cancelledAt: null, reason },
      { command: 'assign-deployment', ...deployment, tenantId, from: at },
      { command: 'correct-assignment', ...deployment, tenantId, effectiveFrom, reason },
      { command: 'set-overrides', ...subscription, ...terms },
      { command: 'correct-overrides', ...subscription, ...terms, reason },
    ][how] as { readonly command: string };
  });

/** April is over when most invoices are made: then pooled units were shared out, and later usage changes that. */
const happening = fc.oneof(
  { weight: 3, arbitrary: step },
  {
    weight: 1,
    arbitrary: fc
      .record({ bill: fc.constantFrom(...TENANTS), at: fc.integer({ min: 1, max: 4 }) })
      .map(({ bill, at }) => ({ bill, at: `2026-05-0${at}T00:00:00Z` })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        deploymentId: fc.constantFrom('d1', 'd2'),
        day: fc.integer({ min: 10, max: 30 }),
        quantity: fc.nat(40),
      })
      .map(({ deploymentId, day, quantity }) => {
        const period = { start: `2026-04-${day}T00:00:00Z`, end: `2026-04-${day}T12:00:00Z` };
        const of = { resourceId: 'c', billingKind: 'requests', granularity: 'event', period };
        return { command: 'observe-usage', deploymentId, observations: [{ ...of, quantity: String(quantity) }] };
      }),
  },
  { weight: 1, arbitrary: changed },
  { weight: 2, arbitrary: contracted },
);
/** t1 pays for t2, which has more included, and so often leaves units to t1. */
const PAID = [
  {
    ...{ command: 'publish-plan', planId: 'q', name: 'q', currency: 'USD', baseFee: '4', paymentTerm: 'in_arrears' },
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [
      { billingKind: 'requests', included: '10', pooled: true, price: { model: 'unit', unitAmount: '0.05' } },
      { billingKind: 'vm', price: { model: 'rate_card' } },
    ],
  },
  { command: 'set-payer', tenantId: 't2', payerId: 't1', effectiveFrom: '2026-04-01T00:00:00Z' },
  {
    ...{ command: 'set-overrides', subscriptionId: 's2', tenantId: 't2', effectiveFrom: '2026-04-01T00:00:00Z' },
    items: [{ billingKind: 'requests', included: '100' }],
  },
];

it('is billed in the end what is known then, whenever invoices were made', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 20, maxLength: 40 }), async (history) => {
      expect(await lived(history)).toEqual(await lived(history.filter((each) => !isInvoicing(each))));
    }),
    { ...checkedOn(8), endOnFailure: true },
  );
});
