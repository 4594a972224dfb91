import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { byMonth } from '#domain/margin/months';
import { type Decimal, decimal, sum, text, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { type Instant, instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/**
 * Histories in which every kind of fact is stated, corrected and withdrawn, with invoices of both tenants along the
 * way, through the whole stack. A fresh ledger that is given the final truth at once, and bills it once, has the same
 * net and tax of each tenant, deployment, billing kind and month at each tax rate.
 *
 * All amounts are such that tax is exact: fees are whole shares of 0.20 a day in April and in May, prices are multiples
 * of 0.20, coupons take half, taxes are 0, 10 and 20 %.
 */

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '6'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20261129'),
  endOnFailure: true,
};

const TENANTS = ['a', 'b'];
const dayAt = (n: number): Instant => instant(new Date(Date.UTC(2026, 3, 1 + n)).toISOString());
const END = dayAt(61);
const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
const hours = (unitAmount: string, more: object = {}) => ({
  billingKind: 'hours',
  price: { model: 'unit', unitAmount },
  ...more,
});
const graduated = (first: string, rest: string) => ({
  model: 'graduated',
  tiers: [
    { upTo: '40', unitAmount: first },
    { upTo: null, unitAmount: rest },
  ],
});

const SET_UP = [
  { command: 'set-rate', ...KEY, unitPrice: '0.40', effectiveFrom: '2026-01-01T00:00:00Z' },
  plan('p', '186.00', [hours('0.40', { included: '20' }), { billingKind: 'cores', price: { model: 'rate_card' } }]),
  plan('q', '372.00', [hours('0.80', { commitments: { minimum: '186.00' } })]),
  ...TENANTS.map((id) => tenant(id, { tax: { name: 'VAT', ratePercent: '10', from: '2026-01-01T00:00:00Z' } })),
  deployment('d1', 'a'),
  deployment('d2', 'b'),
  subscription('s1', 'd1', 'p'),
  subscription('s2', 'd2', 'q'),
];

interface Step {
  /** The day on which both tenants are billed before it. */
  readonly billOn: number | null;
  readonly command: object;
}

const date = fc.integer({ min: 1, max: 58 });
const price = fc.integer({ min: 0, max: 8 }).map((n) => moneyText(decimal(String(n)).times(decimal('0.2')), 'USD'));
const over = fc.tuple(date, fc.option(fc.integer({ min: 1, max: 25 }))).map(([from, days]) => ({
  effectiveFrom: dayAt(from),
  ...(days === null || from + days > 60 ? {} : { effectiveUntil: dayAt(from + days) }),
}));
const reason = { reason: 'stated wrongly' };
const of = fc.constantFrom('d1', 'd2');
const subscriptionId = fc.constantFrom('s1', 's2');
const tenantId = fc.constantFrom(...TENANTS);
const planId = fc.constantFrom('p', 'q');

/** Few enough that readings meet their corrections. */
const reading = fc
  .record({
    deploymentId: of,
    at: fc.integer({ min: 1, max: 40 }),
    kind: fc.constantFrom('hours', 'cores'),
    r: fc.nat(1),
  })
  .map(({ deploymentId, at, kind, r }) => ({
    ...{ deploymentId, resourceId: `r${r}`, billingKind: kind, granularity: 'day' },
    period: { start: dayAt(at), end: dayAt(at + 1) },
  }));

const facts: fc.Arbitrary<object> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(reading, fc.nat(60)).map(([{ deploymentId, ...key }, quantity]) => ({
      command: 'observe-usage',
      deploymentId,
      observations: [{ ...key, quantity: String(quantity), ...(key.billingKind === 'cores' ? { rateKey: KEY } : {}) }],
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(reading, fc.option(fc.nat(60).map(String))).map(([key, quantity]) => ({
      ...{ command: 'correct-usage', ...key, quantity, ...reason },
    })),
  },
  fc
    .tuple(price, over)
    .map(([unitPrice, span]) => ({ command: 'correct-rate', ...KEY, unitPrice, ...span, ...reason })),
  fc.tuple(planId, price, price, over).map(([id, first, rest, span]) => ({
    ...{
      command: 'correct-price',
      planId: id,
      billingKind: 'hours',
      price: graduated(first, rest),
      ...span,
      ...reason,
    },
  })),
  fc
    .tuple(planId, fc.constantFrom('186.00', '372.00'), fc.constantFrom(null, '10', '30'), over)
    .map(([id, baseFee, included, span]) => ({
      ...{
        command: 'correct-plan',
        planId: id,
        baseFee,
        items: [{ billingKind: 'hours', included }],
        ...span,
        ...reason,
      },
    })),
  {
    weight: 2,
    arbitrary: fc.tuple(tenantId, fc.constantFrom('0', '10', '20'), over).map(([id, ratePercent, span]) => ({
      ...{ command: 'correct-tax', tenantId: id, ratePercent, ...span, ...reason },
    })),
  },
  fc.tuple(tenantId, fc.nat(99), over).map(([id, n, { effectiveFrom, effectiveUntil }]) => ({
    ...{ command: 'grant-coupon', creditId: `half-${n}`, tenantId: id, currency: 'USD', percent: '50' },
    ...{ from: effectiveFrom, billingKinds: ['hours'] },
    ...(effectiveUntil === undefined ? {} : { until: effectiveUntil }),
  })),
  {
    weight: 2,
    arbitrary: fc.tuple(of, tenantId, over).map(([deploymentId, id, span]) => ({
      ...{ command: 'correct-assignment', deploymentId, tenantId: id, ...span, ...reason },
    })),
  },
  fc.tuple(of, tenantId, date).map(([deploymentId, id, at]) => ({
    ...{ command: 'assign-deployment', deploymentId, tenantId: id, from: dayAt(at) },
  })),
  fc.tuple(of, date).map(([deploymentId, at]) => ({
    ...{ command: 'withdraw', what: 'assign-deployment', deploymentId, from: dayAt(at), ...reason },
  })),
  fc.tuple(subscriptionId, planId, date).map(([id, to, at]) => ({
    ...{ command: 'change-plan', subscriptionId: id, planId: to, at: dayAt(at) },
  })),
  fc
    .tuple(subscriptionId, date)
    .map(([id, at]) => ({ command: 'cancel-subscription', subscriptionId: id, at: dayAt(at) })),
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        subscriptionId,
        fc.constantFrom('from', 'plans', 'cancelledAt', 'stays'),
        fc.tuple(date, date, planId, planId),
      )
      .map(([id, what, [first, second, one, two]]) => ({
        ...{ command: 'correct-subscription', subscriptionId: id, ...reason },
        ...(what === 'from' ? { from: dayAt(first) } : {}),
        ...(what === 'cancelledAt' ? { cancelledAt: dayAt(first) } : {}),
        ...(what === 'stays' ? { cancelledAt: null } : {}),
        ...(what === 'plans'
          ? {
              plans: [
                { planId: one, at: dayAt(Math.min(first, second)) },
                ...(first === second ? [] : [{ planId: two, at: dayAt(Math.max(first, second)) }]),
              ],
            }
          : {}),
      })),
  },
);
const step: fc.Arbitrary<Step> = fc.record({
  billOn: fc.option(date, { freq: 1 }),
  command: facts,
});

interface Invoice {
  readonly status: string;
  readonly tenantId: string;
  readonly lines: readonly {
    readonly deploymentId: string;
    readonly billingKind: string;
    readonly rows: readonly {
      readonly kind: string;
      readonly net: string;
      readonly tax: string;
      readonly taxRatePercent: string;
      readonly chargePeriod: Period;
    }[];
  }[];
}

async function bill(test: TestLedger, id: string, asOf: string): Promise<Invoice | null> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: id, asOf });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const [first] = invoices;
  if (first === undefined) return null;
  const draft = await test.ask<Invoice>('invoice', { id: first.invoiceId });
  if (draft.status !== 'draft') return null;
  await test.apply({ command: 'issue-invoice', invoiceId: first.invoiceId, at: END });
  return test.ask<Invoice>('invoice', { id: first.invoiceId });
}

async function all<Item>(test: TestLedger, name: string, params: Record<string, unknown> = {}): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: Item[]; nextCursor: string | null } = await test.ask(name, {
      ...params,
      ...{ limit: 1000, ...(cursor === null ? {} : { cursor }) },
    });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return items;
}

/** Net and tax by tenant, deployment, billing kind, month and tax rate, without what comes to nothing. */
async function books(test: TestLedger): Promise<string[]> {
  const totals = new Map<string, { net: Decimal; tax: Decimal }>();
  const live = (await all<Invoice>(test, 'invoices')).filter(({ status }) => status === 'issued');
  for (const { tenantId: id, lines } of live)
    for (const { deploymentId, billingKind, rows } of lines)
      for (const { net, tax, taxRatePercent, chargePeriod } of rows)
        for (const { month, amount } of byMonth(decimal(net), chargePeriod, 'USD')) {
          const key = [id, deploymentId, billingKind, month, `${text(decimal(taxRatePercent))} %`].join(' ');
          const before = totals.get(key) ?? { net: ZERO, tax: ZERO };
          // No row crosses a month here.
          totals.set(key, { net: before.net.plus(amount), tax: before.tax.plus(decimal(tax)) });
        }
  return [...totals]
    .filter(([, { net, tax }]) => !net.eq(ZERO) || !tax.eq(ZERO))
    .map(([key, { net, tax }]) => `${key}: ${text(net)} + ${text(tax)}`)
    .sort();
}

const tried = async (test: TestLedger, command: object): Promise<boolean> =>
  (await test.ledger.execute(command, ADMIN)).status !== 'refused';

const isCorrection = (command: object): boolean =>
  'command' in command && typeof command.command === 'string' && /^(correct-|withdraw)/.test(command.command);

/** What the corrections of an invoice come to. */
const corrected = (invoice: Invoice | null): [Decimal, Decimal] => {
  const rows = (invoice?.lines ?? []).flatMap((line) => line.rows.filter(({ kind }) => kind !== 'charge'));
  return [sum(rows.map(({ net }) => decimal(net))), sum(rows.map(({ tax }) => decimal(tax)))];
};

/** Carries out a history. Where all was billed before a correction, its preview is what the next invoices book. */
async function asItCame(test: TestLedger, steps: readonly Step[]): Promise<void> {
  for (const [index, { billOn, command }] of steps.entries()) {
    const asOf = billOn === null ? null : dayAt(billOn);
    if (asOf !== null)
      for (const round of ['', '.1']) for (const id of TENANTS) await bill(test, id, asOf.replace('Z', `${round}Z`));
    const unique = { ...command, idempotencyKey: `step-${index}` };
    if (asOf === null || !isCorrection(command)) {
      await tried(test, unique);
      continue;
    }
    const seen = await test.ledger.preview([unique], ADMIN, { at: asOf });
    if (!(await tried(test, unique))) continue;
    for (const id of TENANTS) {
      const [net, tax] = corrected(await bill(test, id, asOf.replace('Z', '.2Z')));
      const issued = seen.lines.filter((line) => line.tenantId === id && line.invoiceId !== null);
      const promised = [
        sum(issued.map(({ difference }) => decimal(difference))),
        sum(issued.map((line) => decimal(line.tax.difference))),
      ];
      expect([id, command, text(net), text(tax)]).toEqual([id, command, ...promised.map(text)]);
    }
  }
  for (const round of ['', '.1']) for (const id of TENANTS) await bill(test, id, END.replace('Z', `${round}Z`));
}

/** The commands that state what a ledger knows in the end. */
async function finalTruth(test: TestLedger): Promise<object[]> {
  const [tenants, deployments, subscriptions, plans, rates, coupons, records] = [
    await all<{ tenantId: string; taxes: object[] }>(test, 'tenants'),
    await all<{ deploymentId: string; assignments: { tenantId: string; from: string }[] }>(test, 'deployments'),
    await all<{
      subscriptionId: string;
      deploymentId: string;
      period: { start: string; end: string | null };
      plans: { planId: string; from: string }[];
    }>(test, 'subscriptions'),
    await all<{ effectiveUntil: string | null; period: object; planId: string }>(test, 'plans'),
    await all<{ effectiveUntil: string | null; period: object }>(test, 'rates'),
    await all<{
      kind: string;
      creditId: string;
      tenantId: string;
      percent: string;
      period: { start: string; end: string | null };
    }>(test, 'credits'),
    await all<{ deploymentId: string }>(test, 'usage-records'),
  ];
  return [
    ...tenants.flatMap(({ tenantId: id, taxes }) => [
      tenant(id),
      ...taxes.map((tax) => ({ command: 'set-tax', tenantId: id, ...tax })),
    ]),
    ...rates.map(({ effectiveUntil, period: _, ...rate }) => ({
      ...{ command: 'set-rate', ...rate },
      ...('unit' in rate && rate.unit === null ? { unit: undefined } : {}),
      ...(effectiveUntil === null ? {} : { effectiveUntil }),
    })),
    ...plans.map(({ effectiveUntil: _until, period: _, ...terms }) => ({ command: 'publish-plan', ...terms })),
    ...deployments.flatMap(({ deploymentId, assignments: [first, ...moves] }) => [
      deployment(deploymentId, first?.tenantId ?? '', { from: first?.from }),
      ...moves.map((move) => ({ command: 'assign-deployment', deploymentId, ...move })),
    ]),
    ...subscriptions.flatMap(({ subscriptionId: id, deploymentId, period, plans: [first, ...changes] }) => [
      subscription(id, deploymentId, first?.planId ?? '', { from: period.start }),
      ...changes.map(({ planId: to, from: at }) => ({ command: 'change-plan', subscriptionId: id, planId: to, at })),
      ...(period.end === null ? [] : [{ command: 'cancel-subscription', subscriptionId: id, at: period.end }]),
    ]),
    ...coupons.map(({ creditId, tenantId: id, percent, period: { start, end } }) => ({
      ...{ command: 'grant-coupon', creditId, tenantId: id, currency: 'USD', percent, billingKinds: ['hours'] },
      ...{ from: start, ...(end === null ? {} : { until: end }) },
    })),
    ...records.map(({ deploymentId, ...record }) => ({
      command: 'observe-usage',
      deploymentId,
      observations: [observationOf(record)],
    })),
  ];
}

/** The fields of a usage record that its observation states. */
function observationOf(record: object): object {
  const stated = ['resourceId', 'billingKind', 'period', 'granularity', 'quantity', 'rateKey'];
  return Object.fromEntries(
    Object.entries(record).filter(([field, value]) => stated.includes(field) && value !== null),
  );
}

describe('a history in which every kind of fact is corrected', () => {
  it(
    `is billed as the final truth, told at once: ${RUNS.numRuns} of them`,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 20 }), async (steps) => {
          const [came, told] = [await testLedger(), await testLedger()];
          try {
            await came.apply(...SET_UP);
            await asItCame(came, steps);
            expect((await came.check()).failures).toEqual([]);
            await told.apply(...(await finalTruth(came)));
            for (const id of TENANTS) await bill(told, id, END);
            expect(await books(came)).toEqual(await books(told));
          } finally {
            await came.close();
            await told.close();
          }
        }),
        RUNS,
      );
    },
    RUNS.numRuns * 120_000,
  );
});
