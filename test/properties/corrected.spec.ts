import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decimal, sum } from '#domain/money/decimal';
import { type TestLedger, testLedger } from '../support/ledger.js';

/**
 * Histories of usage and corrections, invoiced along the way, through the whole stack: what was billed and then
 * corrected comes to what would have been billed, had all been known.
 */

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '8'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20260401'),
  endOnFailure: true,
};

const day = (n: number): string => `2026-04-${String(n).padStart(2, '0')}T00:00:00Z`;
const MAY = '2026-05-01T00:00:00Z';
const key = (location: string) => ({ resourceType: 'VmVCpu', resourceFamily: 'standard', location });
const graduated = (first: string, rest: string) => ({
  model: 'graduated',
  tiers: [
    { upTo: '100', unitAmount: first },
    { upTo: null, unitAmount: rest },
  ],
});

const SET_UP = [
  ...['hel1', 'fsn1'].map((location) => ({
    command: 'set-rate',
    ...key(location),
    unitPrice: '0.10',
    effectiveFrom: '2026-01-01T00:00:00Z',
  })),
  {
    command: 'publish-plan',
    planId: 'p',
    name: 'p',
    currency: 'USD',
    baseFee: '10.00',
    paymentTerm: 'in_advance',
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [
      { billingKind: 'cores', price: { model: 'rate_card' }, discounts: { percentage: '10' } },
      { billingKind: 'hours', price: graduated('0.03', '0.01'), included: '20' },
    ],
  },
  {
    command: 'register-tenant',
    tenantId: 't',
    name: 't',
    currency: 'USD',
    tax: { name: 'VAT', ratePercent: '21', from: '2026-01-01T00:00:00Z' },
  },
  ...['d1', 'd2'].flatMap((deploymentId) => [
    { command: 'register-deployment', deploymentId, tenantId: 't', name: deploymentId, from: day(1) },
    { command: 'start-subscription', subscriptionId: deploymentId, deploymentId, planId: 'p', from: day(1) },
  ]),
];

interface Reading {
  readonly deploymentId: string;
  readonly resourceId: string;
  readonly billingKind: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly granularity: string;
}
type Step =
  | { readonly invoice: string }
  | { readonly use: Reading & { readonly quantity: string; readonly location: string } }
  | { readonly correctUsage: readonly [number, string | null] }
  | { readonly command: object };

const date = fc.integer({ min: 1, max: 28 });
const price = fc.integer({ min: 0, max: 40 }).map((cents) => `0.${String(cents).padStart(2, '0')}`);
const stretch = fc.tuple(date, fc.option(fc.integer({ min: 1, max: 10 }))).map(([from, days]) => ({
  effectiveFrom: day(from),
  ...(days === null || from + days > 28 ? {} : { effectiveUntil: day(from + days) }),
}));
const location = fc.constantFrom('hel1', 'fsn1');
const deploymentId = fc.constantFrom('d1', 'd2');

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: date.map((at) => ({ invoice: day(at) })) },
  {
    weight: 5,
    arbitrary: fc
      .record({
        deploymentId,
        location,
        at: date,
        billingKind: fc.constantFrom('cores', 'hours'),
        quantity: fc.integer({ min: 0, max: 3000 }).map((tenths) => `${Math.floor(tenths / 10)}.${tenths % 10}`),
      })
      .map(({ at, ...use }) => ({
        use: { ...use, resourceId: 'r', period: { start: day(at), end: day(at + 2) }, granularity: 'event' },
      })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(20), fc.option(fc.integer({ min: 0, max: 300 }).map(String)))
      .map((correctUsage) => ({ correctUsage })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(location, price, stretch).map(([at, unitPrice, over]) => ({
      command: { command: 'correct-rate', ...key(at), unitPrice, ...over, reason: 'wrong' },
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(price, price, stretch).map(([first, rest, over]) => ({
      command: {
        command: 'correct-price',
        planId: 'p',
        billingKind: 'hours',
        price: graduated(first, rest),
        ...over,
        reason: 'wrong',
      },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 30 }), stretch).map(([amount, over]) => ({
      command: {
        command: 'correct-price',
        planId: 'p',
        billingKind: 'base_fee',
        price: { model: 'flat', amount: String(amount), paymentTerm: 'in_advance' },
        ...over,
        reason: 'wrong',
      },
    })),
  },
);

async function bill(test: TestLedger, asOf: string): Promise<void> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 't', asOf });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const { items } = await test.ask<{ items: { invoiceId: string; status: string }[] }>('invoices');
  const drafts = invoices.filter(({ invoiceId }) =>
    items.some((each) => each.invoiceId === invoiceId && each.status === 'draft'),
  );
  for (const { invoiceId } of drafts) await test.apply({ command: 'issue-invoice', invoiceId, at: asOf });
}

/** Carries out a history, with the invoices along the way or only at its end; what all invoices come to, before tax. */
async function billed(steps: readonly Step[], alongTheWay: boolean): Promise<string> {
  const test = await testLedger();
  try {
    await test.apply(...SET_UP);
    const readings: Reading[] = [];
    for (const [index, each] of steps.entries()) {
      if ('invoice' in each) {
        if (alongTheWay) await bill(test, each.invoice);
      } else if ('use' in each) {
        const { deploymentId: of, quantity, location: at, ...rest } = each.use;
        const reading = { ...rest, resourceId: `r${index}` };
        readings.push({ ...reading, deploymentId: of });
        await test.apply({
          command: 'observe-usage',
          deploymentId: of,
          observations: [{ ...reading, quantity, ...(rest.billingKind === 'cores' ? { rateKey: key(at) } : {}) }],
        });
      } else if ('correctUsage' in each) {
        const [which, quantity] = each.correctUsage;
        const reading = readings[which % Math.max(readings.length, 1)];
        if (reading !== undefined)
          await test.apply({
            command: 'correct-usage',
            ...reading,
            quantity,
            reason: 'misread',
            idempotencyKey: `usage-${index}`,
          });
      } else await test.apply({ ...each.command, idempotencyKey: `command-${index}` });
    }
    // What the first of them leaves to be corrected, a second one books.
    for (const asOf of [MAY, '2026-05-01T00:00:01Z']) await bill(test, asOf);
    const { items } = await test.ask<{ items: { subtotal: string }[] }>('invoices');
    return sum(items.map(({ subtotal }) => decimal(subtotal))).toFixed(2);
  } finally {
    await test.close();
  }
}

describe('a random history of usage, invoices and corrections', () => {
  it(
    `bill-then-correct has the same result as correct-then-bill, ${RUNS.numRuns} of them`,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async (steps) => {
          expect(await billed(steps, true)).toBe(await billed(steps, false));
        }),
        RUNS,
      );
    },
    RUNS.numRuns * 20_000,
  );
});
