import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Caller } from '#ledger/caller';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What is billed of the list value of metered usage, and what took the rest. */

const T = (date: string) => `${date}T00:00:00Z`;
const MAY = T('2026-05-01');
const APRIL = { from: '2026-04', to: '2026-04' };

interface Kind {
  readonly billingKind: string;
  readonly quantity: string;
  readonly list: string;
  readonly billed: string;
  readonly realisationPct: string | null;
  readonly difference: string;
}
interface Realisation {
  readonly overall: Omit<Kind, 'billingKind' | 'quantity'>;
  readonly byKind: readonly Kind[];
  readonly months?: readonly ({ readonly month: string } & Realisation)[];
}

const used = (deploymentId: string, billingKind: string, date: string, quantity: string) => ({
  ...{ command: 'observe-usage', deploymentId },
  observations: [
    {
      ...{ resourceId: `${billingKind}-${date}-${quantity}`, billingKind, granularity: 'event', quantity },
      period: { start: T(date), end: `${date}T01:00:00Z` },
    },
  ],
});

let test: TestLedger;
let invoiceId = '';
const bill = async (tenantId: string, asOf: string): Promise<string> => {
  const [outcome] = await test.apply({ command: 'create-invoice', tenantId, asOf });
  const { invoices } =
    outcome?.status === 'done' ? (outcome.result as { invoices: { invoiceId: string }[] }) : { invoices: [] };
  const id = invoices[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId: id, at: asOf });
  return id;
};
beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    ...['a', 'b'].flatMap((id) => [tenant(id), deployment(`${id}1`, id)]),
    plan('all', '10.00', [
      {
        ...{ billingKind: 'cpu', price: { model: 'unit', unitAmount: '1.00' }, included: '8' },
        ...{ discounts: { quantity: '2', percentage: '10' }, commitments: { maximum: '40.00' } },
      },
      {
        ...{ billingKind: 'gpu', price: { model: 'unit', unitAmount: '2.00' } },
        ...{ commitments: { minimum: '30.00' } },
      },
    ]),
    plan('plain', '0.00', [
      {
        ...{ billingKind: 'cpu', included: '6' },
        price: {
          model: 'graduated',
          tiers: [
            { upTo: '10', unitAmount: '1.00' },
            { upTo: null, unitAmount: '0.50' },
          ],
        },
      },
    ]),
    subscription('s-a', 'a1', 'all'),
    subscription('s-b', 'b1', 'plain'),
    used('a1', 'cpu', '2026-04-02', '60'),
    used('a1', 'gpu', '2026-04-02', '4'),
    used('b1', 'cpu', '2026-04-02', '20'),
    used('b1', 'cpu', '2026-04-20', '20'),
    {
      ...{ command: 'grant-coupon', creditId: 'half', tenantId: 'a', currency: 'USD', percent: '50' },
      ...{ from: T('2026-04-01'), billingKinds: ['cpu'] },
    },
    {
      ...{ command: 'grant-credit', creditId: 'gift', tenantId: 'a', currency: 'USD', amount: '5.00' },
      ...{ from: T('2026-04-01'), billingKinds: ['cpu'] },
    },
  );
  invoiceId = await bill('a', MAY);
  await bill('b', T('2026-04-16'));
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const head = async (): Promise<string> => String(await test.ledger.catchUp());
const asked = async (params: object = {}): Promise<Realisation> =>
  test.ask<Realisation>('price-realisation', { ...APRIL, ...params });
const NONE = {
  ...{ allowance: '0.00', discount: '0.00', maximum: '0.00', minimum: '0.00' },
  ...{ coupon: '0.00', credit: '0.00', creditNotes: '0.00', other: '0.00' },
};
const FEE = { billingKind: 'base_fee', quantity: '0', list: '10.00', billed: '10.00', realisationPct: '100.0' };
const GPU = { billingKind: 'gpu', quantity: '4', list: '8.00', billed: '30.00', realisationPct: '375.0' };
const CPU = {
  // a: 60 × 1.00. b: of the invoice of 16 April, 20 = 10 × 1.00 + 10 × 0.50. Its other 20 are not billed yet.
  ...{ billingKind: 'cpu', quantity: '80', list: '75.00' },
  // a: 60 − 10 are 50.00, less 10 % 45.00, at most 40.00, less 50 % 20.00, less 5.00 is 15.00.
  // b: 20 − 6 = 14, 10 × 1.00 + 4 × 0.50 = 12.00.
  ...{ billed: '27.00', realisationPct: '36.0', difference: '-48.00' },
};
const CAUSES = {
  ...{ ...NONE, allowance: '-13.00', discount: '-5.00', maximum: '-5.00' },
  ...{ coupon: '-20.00', credit: '-5.00' },
};

let issued = '';

it('names what each step of rating took, and each coupon and credit', async () => {
  issued = await head();
  expect(await asked()).toEqual({
    ...{ ...APRIL, currency: 'USD' },
    overall: {
      // 10.00 + 75.00 + 8.00 and 10.00 + 27.00 + 30.00; 67 / 93 = 72.04 %
      ...{ list: '93.00', billed: '67.00', realisationPct: '72.0', difference: '-26.00' },
      ...{ ...CAUSES, minimum: '22.00' },
    },
    byKind: [
      { ...FEE, ...NONE, difference: '0.00' },
      { ...CPU, ...CAUSES },
      { ...GPU, difference: '22.00', ...{ ...NONE, minimum: '22.00' } },
    ],
  });
});

it('names credit notes, and what no invoice has corrected yet', async () => {
  const { lines } = await test.ask<{
    lines: readonly { billingKind: string; rows: readonly { rowId: string; chargePeriod: { start: string } }[] }[];
  }>('invoice', { id: invoiceId });
  const row = lines.find(({ billingKind }) => billingKind === 'cpu')?.rows[0];
  await test.apply(
    {
      ...{ command: 'create-credit-note', invoiceId, at: MAY, reason: 'an outage' },
      rows: [{ rowId: row?.rowId, amount: '1.00' }],
    },
    // Late: 24 × 2.00 are above the minimum. 48.00 is owed, 30.00 is billed.
    used('a1', 'gpu', '2026-04-03', '20'),
  );
  const { byKind } = await asked();
  expect(byKind[1]).toEqual({
    ...{ ...CPU, billed: '26.00', realisationPct: '34.7', difference: '-49.00' },
    ...{ ...CAUSES, creditNotes: '-1.00' },
  });
  expect(byKind[2]).toEqual({
    ...{ ...GPU, quantity: '24', list: '48.00', realisationPct: '62.5', difference: '-18.00' },
    ...{ ...NONE, other: '-18.00' },
  });
  await bill('a', T('2026-05-02'));
  expect((await asked()).byKind[2]).toEqual({
    ...{ ...GPU, quantity: '24', list: '48.00', billed: '48.00', realisationPct: '100.0', difference: '0.00' },
    ...NONE,
  });
  expect((await asked({ asOf: issued })).byKind[1]).toEqual({ ...CPU, ...CAUSES });
});

it('has each month, and all together: the revenue of the margin', async () => {
  const { months = [], overall } = await asked({ from: '2026-03', to: '2026-05', by: 'month' });
  expect(
    months.map((each) => [each.month, each.overall.list, each.overall.billed, each.overall.realisationPct]),
  ).toEqual([
    ['2026-03', '0.00', '0.00', null],
    // 10.00 + 75.00 + 48.00 and 10.00 + 26.00 + 48.00; 84 / 133 = 63.15 %
    ['2026-04', '133.00', '84.00', '63.2'],
    // The base fee of May, in advance.
    ['2026-05', '10.00', '10.00', '100.0'],
  ]);
  expect(overall).toMatchObject({ list: '143.00', billed: '94.00' });
  const margin = await test.ask<{ overall: { revenue: string } }>('margin', { period: '2026-04' });
  expect(margin.overall.revenue).toBe('84.00');
});

it('of a void invoice is nothing', async () => {
  const [id] = [await bill('b', T('2026-04-25'))];
  const billed = (await asked()).byKind[1];
  // 40 = 10 × 1.00 + 30 × 0.50 = 25.00 of b; with its allowance 34 = 10.00 + 12.00.
  expect(billed).toMatchObject({ quantity: '100', list: '85.00', billed: '36.00', other: '0.00' });
  await test.apply({ command: 'void-invoice', invoiceId: id, at: T('2026-04-26'), reason: 'wrong' });
  expect((await asked()).byKind[1]).toMatchObject({ quantity: '80', list: '75.00', billed: '26.00' });
});

it('is for those who see the margin only, and of a year at most', async () => {
  const operator: Caller = { ...ADMIN, role: 'operator' };
  await expect(test.ledger.ask('price-realisation', APRIL, operator)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(asked({ from: '2025-04' })).rejects.toMatchObject({ code: 'invalid_parameter' });
});
