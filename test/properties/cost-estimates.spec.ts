import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keepNext } from '#billing/costs/keep-months';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { margin, marginTrend } from '#operations/margin';
import { deployment, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';

/**
 * Random readings, cost rates, mappings of kinds and cost lines, in any order. A plain computation, day by day, says
 * which readings a line covers. Those are true-up, and compared with what the lines of their providers charge. All
 * others are estimated, and whatever is estimated, no figure of the margin but the estimate has it.
 */

const one = fc.constantFrom;
/** From 1 April to 31 May. */
const DAYS = 61;
const dayAt = (day: number): string => new Date(Date.UTC(2026, 3, 1 + day)).toISOString().replace('.000', '');
const MONTHS = ['2026-04', '2026-05'];

const inUnits = (cents: number): string => text(decimal(String(cents)).times(decimal('0.01')));

const reading = fc.record({
  deploymentId: one('a1', 'b1'),
  day: fc.integer({ min: 0, max: DAYS - 1 }),
  from: fc.nat(),
  quantity: fc.integer({ min: 0, max: 500 }).map(String),
});
const line = fc
  .record({
    provider: one('p', 'q'),
    kind: one('API', 'API', 'API', 'other'),
    category: one('usage', 'usage', 'usage', 'usage', 'credit', 'purchase', 'adjustment'),
    from: fc.integer({ min: 0, max: DAYS - 1 }),
    days: fc.integer({ min: 1, max: 30 }),
    /** An even number of cents: a line is divided by days, and then by two billing kinds. */
    perDay: fc.integer({ min: -250, max: 2500 }).map((n) => n * 2),
  })
  .map(({ from, days, ...rest }) => ({ ...rest, from, until: Math.min(DAYS, from + days) }))
  .map((of) => ({ ...of, amount: inUnits(of.perDay * (of.until - of.from)) }));
const unitCost = one('0.01', '0.0305', '2');
/** Whose readings there are: only then do lines of other providers end nothing. null: it is not known. */
const providers = one<(string | null)[]>(['p'], ['q'], ['p', 'q'], ['p', 'q', null]);
const readings = fc
  .tuple(providers, fc.array(reading, { minLength: 15, maxLength: 25 }))
  .map(([of, all]) => all.map(({ from, ...each }) => ({ ...each, provider: of[from % of.length] ?? null })));
const world = fc.record({
  readings,
  lines: fc.array(line, { minLength: 6, maxLength: 10 }),
  /** From which day on the kind API of each provider is mapped. */
  mapped: fc.record({ p: fc.integer({ min: 0, max: 30 }), q: fc.integer({ min: 0, max: 60 }) }),
  rates: fc.record({ any: unitCost, p: fc.option(unitCost) }),
  order: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
});
type World = typeof world extends fc.Arbitrary<infer Of> ? Of : never;

function commandsOf({ readings, lines, mapped, rates }: World): object[] {
  const from = { effectiveFrom: '2026-01-01T00:00:00Z' };
  return [
    { command: 'set-cost-rate', billingKind: 'requests', unitCost: rates.any, ...from },
    ...(rates.p === null
      ? []
      : [{ command: 'set-cost-rate', billingKind: 'requests', provider: 'p', unitCost: rates.p, ...from }]),
    ...(['p', 'q'] as const).map((provider) => ({
      ...{ command: 'set-kind-mapping', provider, kind: 'API', billingKinds: ['requests', 'base_fee'] },
      effectiveFrom: dayAt(mapped[provider]),
    })),
    ...readings.map(({ deploymentId, day, provider, quantity }, n) => ({
      ...{ command: 'observe-usage', deploymentId },
      observations: [
        {
          ...{ resourceId: `r${n}`, billingKind: 'requests', granularity: 'day', quantity },
          ...(provider === null ? {} : { provider }),
          period: { start: dayAt(day), end: dayAt(day + 1) },
        },
      ],
    })),
    ...lines.map(({ provider, kind, category, from: first, until, amount }, n) => ({
      ...{ command: 'record-cost', provider, invoiceRef: `bill-${n}` },
      lines: [
        {
          ...{ lineKey: '1', kind, category, amount, currency: 'USD', tenantId: 'a' },
          chargePeriod: { start: dayAt(first), end: dayAt(until) },
        },
      ],
    })),
  ];
}

/** Day by day: what a reading is estimated to cost, and whether a bill has come for it. */
function estimatesOf({ readings, lines, mapped, rates }: World) {
  return readings.map(({ day, provider, quantity }) => {
    const isOfP = provider === 'p' && rates.p !== null;
    return {
      ...{ month: dayAt(day).slice(0, 7), provider },
      amount: decimal(quantity).times(decimal(isOfP ? (rates.p ?? '') : rates.any)),
      isBilled: lines.some(
        (each) =>
          each.category === 'usage' &&
          each.kind === 'API' &&
          (provider === null || each.provider === provider) &&
          each.from <= day &&
          day < each.until &&
          mapped[each.provider] <= day,
      ),
    };
  });
}

/**
 * Day by day: half of what lines of usage charge for both billing kinds, in a month. `providers`: those of the readings
 * for which a bill has come. null: of any.
 */
function actualOf({ lines, mapped }: World, month: string, providers: readonly (string | null)[]): string {
  const cents = lines
    .filter(({ category, kind }) => category === 'usage' && kind === 'API')
    .filter(({ provider }) => providers.some((each) => each === null || each === provider))
    .flatMap(({ provider, from, until, perDay }) =>
      Array.from({ length: until - from }, (_, n) => from + n)
        .filter((day) => mapped[provider] <= day && dayAt(day).startsWith(month))
        .map(() => perDay / 2),
    );
  return inUnits(cents.reduce((a, b) => a + b, 0));
}

const totalOf = (amounts: readonly Decimal[]): string => text(sum(amounts));
const textOf = (amounts: readonly string[]): string => totalOf(amounts.map((each) => decimal(each)));

async function answersOf({ ledger }: TestLedger) {
  const months = [];
  for (const period of MONTHS) months.push(await ledger.ask(margin, { period }, ADMIN));
  return months;
}

async function expectTruedUp(test: TestLedger, of: World): Promise<void> {
  const months = await answersOf(test);
  const { months: trend } = await test.ledger.ask(marginTrend, { from: '2026-04', to: '2026-05' }, ADMIN);
  const variance = await test.ask<{
    months: { byKind: { billingKind: string; estimate: string; actual: string; variance: string }[] }[];
  }>('cost-variance', { from: '2026-04', to: '2026-05' });
  const expected = estimatesOf(of);
  for (const [index, { period, estimate, overall, byTenant }] of months.entries()) {
    const own = expected.filter(({ month }) => month === period);
    const open = totalOf(own.filter(({ isBilled }) => !isBilled).map(({ amount }) => amount));
    const billed = variance.months[index]?.byKind ?? [];
    // Estimated is what no line covers, in all, by tenant and by kind.
    expect(textOf([estimate.estimatedCost])).toBe(open);
    expect(textOf(estimate.byTenant.map((each) => each.estimatedCost))).toBe(open);
    expect(textOf(estimate.byKind.map((each) => each.estimatedCost))).toBe(open);
    expect(textOf([trend[index]?.estimatedCost ?? ''])).toBe(open);
    // Together with what is trued up, it is all usage at its rates.
    expect(textOf([estimate.estimatedCost, ...billed.map((each) => each.estimate)])).toBe(
      totalOf(own.map(({ amount }) => amount)),
    );
    const ended = own.filter(({ isBilled }) => isBilled);
    const actual = actualOf(
      of,
      period,
      ended.map(({ provider }) => provider),
    );
    expect(billed.map((each) => [each.billingKind, textOf([each.actual])])).toEqual(
      ended.length === 0 ? [] : [['requests', actual]],
    );
    for (const each of billed) expect(textOf([each.actual, each.variance])).toBe(textOf([each.estimate]));
    expect(textOf([estimate.marginWithEstimate, estimate.estimatedCost])).toBe(textOf([overall.margin]));
    for (const each of estimate.byTenant) {
      const { margin: own = '0' } = byTenant.find(({ tenantId }) => tenantId === each.tenantId) ?? {};
      expect(textOf([each.marginWithEstimate, each.estimatedCost])).toBe(textOf([own]));
    }
  }
  // The cost is that of the lines alone.
  expect(textOf(months.map(({ overall }) => overall.cogs))).toBe(textOf(of.lines.map(({ amount }) => amount)));
}

it('estimates what no bill covers, trues up the rest, and mixes neither into the margin', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (of) => {
      const commands = commandsOf(of);
      const shuffled = commands
        .map((command, n) => ({ command, at: of.order[n] ?? n }))
        .sort((a, b) => a.at - b.at)
        .map(({ command }) => command);
      const answers = [];
      for (const order of [commands, shuffled]) {
        const test = await testLedger();
        const keepAll = async (): Promise<void> => {
          while (!(await keepNext(test.core)).isDone);
        };
        try {
          const half = Math.floor(order.length / 2);
          await test.apply(tenant('a'), tenant('b'), deployment('a1', 'a'), deployment('b1', 'b'));
          await test.apply(...order.slice(0, half));
          // What a worker keeps here, the other half changes.
          await keepAll();
          await test.apply(...order.slice(half));
          await expectTruedUp(test, of);
          await keepAll();
          await expectTruedUp(test, of);
          answers.push(await answersOf(test));
          expect((await test.check()).failures).toEqual([]);
        } finally {
          await test.close();
        }
      }
      expect(answers[1]).toEqual(answers[0]);
    }),
    { ...checkedOn(4), endOnFailure: true },
  );
});
