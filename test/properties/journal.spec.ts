import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import type { Export } from '#exchange/export/exports';
import { readTenantCredits } from '#projections/invoices/invoices.read';
import { folder } from '../support/cli.js';
import { deployment, plan, subscription } from '../support/commands.js';
import { expectEInvoices } from '../support/einvoices-hold.js';
import { BUYER, SELLER } from '../support/parties.js';
import { isInstalled, ran } from '../support/hledger.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { BEGINNING, live, step } from '../support/random-history.js';

/**
 * The journal of random histories balances, and comes to what the margin and the invoices come to. Each invoice is an
 * electronic invoice that keeps the rules of EN 16931, or is refused by one of them.
 */

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '3'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20260423'),
  endOnFailure: true,
};

const T = (date: string) => `${date}T00:00:00Z`;
/** All months in which anything is charged: a year that is paid in advance ends with 2026. */
const MONTHS = Array.from({ length: 15 }, (_, n) => new Date(Date.UTC(2026, n, 1)).toISOString().slice(0, 7));

/** A tenant with tax, whose year is paid in advance, a coupon, and a credit that it bought. Names are hostile. */
const HOSTILE = 't;"3 | é';
const MORE: readonly object[] = [
  {
    command: 'register-tenant',
    tenantId: HOSTILE,
    name: 'third',
    currency: 'USD',
    tax: { name: 'VAT', ratePercent: '7', from: T('2026-01-01') },
  },
  ...['t1', 't2', HOSTILE].map((tenantId) => ({
    ...{ command: 'correct-tenant', tenantId, eInvoice: BUYER, reason: 'as agreed' },
  })),
  deployment('d3', HOSTILE),
  plan('yearly', '100', [{ billingKind: 'a "kind"; ~', price: { model: 'unit', unitAmount: '0.07' } }], {
    interval: 'year',
  }),
  subscription('s3', 'd3', 'yearly', { from: T('2026-04-01') }),
  ...['grant-credit', 'grant-coupon'].map((command, n) => ({
    ...{ command, creditId: `c${n}`, tenantId: n === 0 ? HOSTILE : 't1', currency: 'USD', from: T('2026-04-01') },
    ...(n === 0
      ? { amount: '12.00', payment: { reference: 'bank;\n1', at: T('2026-03-30') } }
      : { percent: '12.5', until: T('2026-04-20') }),
  })),
  // Bought credits that end while the history goes on, and after it; a part of one rolls over. They pay usage only:
  // the fee of the year would take them at once.
  ...[
    { creditId: 'ends in April', until: T('2026-04-20') },
    { creditId: 'ends in July', until: T('2026-07-20'), rollover: { percent: '25', until: T('2026-09-20') } },
  ].map((own) => ({
    ...{ command: 'grant-credit', tenantId: 't1', currency: 'USD', amount: '8.00', from: T('2026-04-01'), ...own },
    ...{ payment: { reference: 'bank', at: T('2026-04-01') }, billingKinds: ['requests'] },
  })),
];

const arbitraryDay = fc.integer({ min: 1, max: 28 }).map((n) => T(`2026-05-${String(n).padStart(2, '0')}`));
const happening: fc.Arbitrary<object> = fc.oneof(
  { weight: 6, arbitrary: step },
  { weight: 1, arbitrary: fc.record({ n: fc.nat(3), at: arbitraryDay }).map((pay) => ({ pay })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ at: arbitraryDay, amount: fc.constantFrom('5.55', '30'), named: fc.boolean() })
      .map(({ named, ...paid }) => ({
        ...{ command: 'record-payment', tenantId: 't1', currency: 'USD', paymentId: JSON.stringify(paid), ...paid },
        ...(named ? { invoiceIds: [] } : {}),
      })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ n: fc.nat(3), at: arbitraryDay, amount: fc.constantFrom('0.50', '3.33') })
      .map((note) => ({ note })),
  },
  { weight: 1, arbitrary: arbitraryDay.map((at) => ({ bill: 't1', at })) },
  { weight: 1, arbitrary: arbitraryDay.map((at) => ({ bill: HOSTILE, at })) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 30 }).map((day) => ({
      command: 'observe-usage',
      deploymentId: 'd3',
      observations: [
        {
          ...{ resourceId: 'a', billingKind: 'a "kind"; ~', granularity: 'event', quantity: '31' },
          period: {
            start: T(`2026-04-${String(day).padStart(2, '0')}`),
            end: T(`2026-05-${String(day + 1).padStart(2, '0')}`),
          },
        },
      ],
    })),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 99 }).map((n) => ({
      command: 'record-cost',
      provider: 'p;"1',
      invoiceRef: `bill ${n}`,
      lines: ['usage', 'tax', 'credit'].map((category, index) => ({
        ...{ lineKey: category, kind: 'droplet', category, currency: index === n % 3 ? 'EUR' : 'USD' },
        chargePeriod: { start: T('2026-03-10'), end: T(n % 2 === 0 ? '2026-03-20' : '2026-05-03') },
        amount: category === 'credit' ? '-0.1' : `${n}.07`,
        ...(n % 4 === 0 ? { class: 'correction' } : {}),
      })),
    })),
  },
);

/** What every history ends with: an invoice that is credited when it is paid, and one that is voided a month later. */
async function end(test: TestLedger, issued: string[]): Promise<void> {
  for (const day of ['10', '20']) {
    const period = { start: T(`2026-06-${day}`), end: `2026-06-${day}T12:00:00Z` };
    const reading = { resourceId: 'a', billingKind: 'a "kind"; ~', granularity: 'event', quantity: '1000', period };
    await test.apply({ command: 'observe-usage', deploymentId: 'd3', observations: [reading] });
    await live(test, { bill: HOSTILE, at: T(`2026-06-${Number(day) + 1}`) }, issued);
  }
  const [paid, last] = issued.slice(-2);
  const account = { tenantId: HOSTILE, currency: 'USD' };
  const bank = { ...account, paymentId: 'b;"1', at: T('2026-06-25') };
  await test.apply(
    { command: 'record-payment', ...bank, amount: '9.99', invoiceIds: [] },
    { command: 'record-refund', ...account, paymentId: bank.paymentId, refundId: 'r', amount: '1.00', at: bank.at },
    { command: 'apply-payment', ...bank, applicationId: 'a', at: T('2026-07-01'), invoiceIds: [paid] },

    { command: 'pay-invoice', invoiceId: paid, at: T('2026-06-12') },
    { command: 'create-credit-note', invoiceId: paid, at: T('2026-06-15'), amount: '1.00', reason: 'an outage' },
    { command: 'void-invoice', invoiceId: last, at: T('2026-07-05'), reason: 'made wrong' },
  );
}

async function happen(test: TestLedger, what: object, issued: string[]): Promise<void> {
  const { n, ...rest } = ('pay' in what ? what.pay : 'note' in what ? what.note : { n: 0 }) as { n: number };
  const invoiceId = issued[n % Math.max(1, issued.length)];
  if ('pay' in what || 'note' in what) {
    if (invoiceId === undefined) return;
    const note = { command: 'create-credit-note', reason: 'an outage', idempotencyKey: JSON.stringify(what) };
    await test.ledger.execute({ ...('pay' in what ? { command: 'pay-invoice' } : note), invoiceId, ...rest }, ADMIN);
    return;
  }
  await live(test, what, issued);
}

const zPosting = z.object({
  ...{ date: z.string(), transaction: z.string(), type: z.string(), document: z.string(), account: z.string() },
  ...{ amount: z.string(), currency: z.string(), bookedMonth: z.string(), chargeMonth: z.string().nullable() },
});
type Posting = z.infer<typeof zPosting>;

const exported = async ({ ledger }: TestLedger, month: string, format: string): Promise<Export> =>
  ledger.export('journal', { period: month, format }, ADMIN);

async function postingsOf(test: TestLedger, month: string): Promise<Posting[]> {
  const postings: Posting[] = [];
  for await (const row of (await exported(test, month, 'csv')).rows) postings.push(zPosting.parse(row));
  return postings;
}

async function textOf(test: TestLedger, month: string, format: string): Promise<string> {
  const parts: string[] = [];
  for await (const part of (await exported(test, month, format)).text ?? []) parts.push(String(part));
  return parts.join('');
}

const total = (postings: readonly Posting[], ...beginnings: readonly string[]): Decimal =>
  sum(
    postings
      .filter(({ account }) => beginnings.some((beginning) => account.startsWith(beginning)))
      .map(({ amount }) => decimal(amount)),
  );
const REVENUE = ['Income:Revenue', 'Income:Discounts', 'Income:Credits'];
const money = (value: Decimal): string => (value.round(20).toFixed() === '0' ? '0' : text(value));

interface Invoices {
  readonly items: readonly {
    readonly ordinal?: number;
    readonly number: string | null;
    readonly status: string;
    readonly total: string;
    readonly tax: string;
    readonly amountDue: string | null;
    readonly amountPaid: string;
  }[];
}

async function expectMarginIsJournal(test: TestLedger, month: string, postings: readonly Posting[]): Promise<void> {
  for (const currency of ['USD', 'EUR']) {
    const { overall } = await test.ask<{ overall: { revenue: string; cogs: string } }>('margin', {
      period: month,
      currency,
    });
    const own = postings.filter((posting) => posting.currency === currency);
    expect({
      month,
      revenue: money(total(own, ...REVENUE).neg()),
      cogs: money(total(own, 'Expenses:')),
    }).toEqual({ month, revenue: text(decimal(overall.revenue)), cogs: text(decimal(overall.cogs)) });
  }
}

async function expectInvoicesAreJournal(test: TestLedger, all: readonly Posting[]): Promise<void> {
  const { items } = await test.ask<Invoices>('invoices');
  const issued = items.filter(({ number }) => number !== null);
  expect(
    issued.map(({ number }) => {
      const own = all.filter(({ transaction }) => transaction === number);
      return [
        number,
        text(total(own, 'Assets:Receivable', 'Liabilities:Tenant-credit')),
        text(total(own, 'Liabilities:Tax').neg()),
      ];
    }),
  ).toEqual(issued.map(({ number, total: of, tax }) => [number, text(decimal(of)), text(decimal(tax))]));
  // What is due and not paid is receivable, and what the tenants have as credit is owed to them.
  const due = issued
    .filter(({ status }) => status === 'issued')
    .map(({ amountDue, amountPaid }) => decimal(amountDue ?? '0').minus(decimal(amountPaid)));
  expect(text(total(all, 'Assets:Receivable'))).toBe(text(sum(due)));
  const credits = await readTenantCredits(test.core.db, await test.core.projector.catchUp(), ['t1', 't2', HOSTILE]);
  expect(text(total(all, 'Liabilities:Tenant-credit').neg())).toBe(
    text(sum(credits.map(({ credit }) => decimal(credit)))),
  );
  // All that was deferred was released, and all that was accrued was billed.
  expect(text(total(all, 'Liabilities:Deferred-revenue'))).toBe('0');
  expect(text(total(all, 'Assets:Accrued-revenue'))).toBe('0');
}

/** After all has happened, what is owed of bought credits is their balance, to the end of each month. */
async function expectPrepaidIsBalance(test: TestLedger, all: readonly Posting[]): Promise<void> {
  for (const month of MONTHS.slice(MONTHS.indexOf('2026-08'))) {
    const { items } = await test.ask<{ items: { payment?: object | null; balance?: string }[] }>('credits', {
      at: T(`${month}-01`),
    });
    const bought = items.filter(({ payment = null }) => payment !== null);
    const before = all.filter(({ date }) => date < `${month}-01`);
    expect([month, text(total(before, 'Liabilities:Prepaid').neg())]).toEqual([
      month,
      text(sum(bought.map(({ balance = '0' }) => decimal(balance)))),
    ]);
  }
}

function expectBalanced(postings: readonly Posting[]): void {
  const left = [...Map.groupBy(postings, ({ transaction, currency }) => `${transaction} ${currency}`)].map(
    ([of, group]) => [of, text(sum(group.map(({ amount }) => decimal(amount))))],
  );
  expect(left).toEqual(left.map(([of]) => [of, '0']));
}

let files: Awaited<ReturnType<typeof folder>>;
let [hasHledger, hasBeancount] = [false, false];
beforeAll(async () => {
  files = await folder();
  [hasHledger, hasBeancount] = [isInstalled('hledger'), isInstalled('bean-check')];
});
afterAll(async () => files.remove());

/** hledger reads all months together, checks that each transaction balances, and comes to the same sums. */
async function expectHledgerAgrees(test: TestLedger, all: readonly Posting[]): Promise<void> {
  const written = async (format: string): Promise<string> =>
    (await Promise.all(MONTHS.map(async (month) => textOf(test, month, format)))).join('\n');
  if (hasBeancount) await ran('bean-check', await files.write('all.beancount', await written('beancount')));
  if (!hasHledger) return;
  const file = await files.write('all.journal', await written('hledger'));
  const balance = await ran(
    'hledger',
    '-f',
    file,
    'balance',
    '--flat',
    '--no-total',
    '--empty',
    '--output-format=json',
  );
  const [rows] = z
    .tuple([
      z.array(
        z.tuple([
          z.string(),
          z.string(),
          z.number(),
          z.array(
            z.object({
              acommodity: z.string(),
              aquantity: z.object({ decimalMantissa: z.coerce.string(), decimalPlaces: z.number() }),
            }),
          ),
        ]),
      ),
      z.unknown(),
    ])
    .parse(JSON.parse(balance));
  const hledger = rows.flatMap(([account, , , amounts]) =>
    amounts.map(({ acommodity, aquantity: { decimalMantissa, decimalPlaces } }) => [
      account,
      acommodity,
      text(decimal(decimalMantissa).div(decimal(`1${'0'.repeat(decimalPlaces)}`))),
    ]),
  );
  const own = [...Map.groupBy(all, ({ account, currency }) => JSON.stringify([account, currency]))].map(
    ([key, group]) => [...(JSON.parse(key) as string[]), text(sum(group.map(({ amount }) => decimal(amount))))],
  );
  const nonZero = (sums: readonly (readonly (string | undefined)[])[]) =>
    sums
      .filter(([, , amount]) => amount !== '0')
      .map((each) => each.join(' '))
      .sort();
  expect(nonZero(hledger)).toEqual(nonZero(own));
}

it(
  'balances, and comes to the margin and the invoices of every month',
  async () => {
    const seen = new Set<string>();
    const eInvoices = { written: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 12, maxLength: 30 }), async (happenings) => {
        const test = await testLedger({ sellerDetails: SELLER });
        try {
          await test.apply(...BEGINNING, ...MORE);
          const issued: string[] = [];
          for (const each of happenings) await happen(test, each, issued);
          await end(test, issued);
          const all: Posting[] = [];
          for (const month of MONTHS) {
            const postings = await postingsOf(test, month);
            expectBalanced(postings);
            expect(postings.filter(({ date }) => !date.startsWith(month))).toEqual([]);
            await expectMarginIsJournal(test, month, postings);
            all.push(...postings);
          }
          await expectInvoicesAreJournal(test, all);
          await expectPrepaidIsBalance(test, all);
          eInvoices.written += (await expectEInvoices(test)).written;
          await expectHledgerAgrees(test, all);
          for (const { type } of all) seen.add(type);
        } finally {
          await test.close();
        }
      }),
      RUNS,
    );
    // Else it would say nothing of them.
    expect(eInvoices.written).toBeGreaterThan(RUNS.numRuns);
    expect([...seen].sort()).toEqual([
      'accrual',
      'application',
      'cost',
      'credit_note',
      'expiry',
      'invoice',
      'payment',
      'prepayment',
      'refund',
      'release',
      'void',
    ]);
  },
  RUNS.numRuns * 60_000,
);
