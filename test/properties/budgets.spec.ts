import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluateBudgets } from '#billing/budgets/evaluate-budgets';
import type { Evaluated } from '#billing/watching/watch';
import { type Decimal, decimal, sum } from '#domain/money/decimal';
import { instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, onPostgres, type TestLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';

/**
 * Random usage, late and corrected, prices that are corrected, deployments that move, and budgets that are set,
 * corrected and withdrawn in between, evaluated now and then from where the evaluation before ended. Afterwards the
 * thresholds that are recorded as reached are those that a plain computation of each month reaches.
 */

const NOW = instant('2026-07-10T12:00:00Z');
const one = fc.constantFrom;
const MONTHS = ['2026-04', '2026-05', '2026-06', '2026-07'];
const T = (month: string): string => `${month}-01T00:00:00Z`;

const id = one('a', 'b');
/** Few days, so that corrections find what they correct: every twelfth from 1 April to 6 July. */
const day = fc
  .integer({ min: 0, max: 8 })
  .map((n) => new Date(Date.UTC(2026, 3, 1 + n * 12)).toISOString().slice(0, 10));
const amount = fc.integer({ min: 1, max: 60 }).map(String);
const period = (date: string) => ({
  start: `${date}T00:00:00Z`,
  end: new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000).toISOString().replace('.000', ''),
});
const key = (of: string, date: string) => ({
  ...{ deploymentId: `${of}1`, resourceId: 'r', billingKind: 'requests', granularity: 'day', period: period(date) },
});

const terms = fc.oneof(
  amount.map((each) => ({ amount: each, thresholds: ['50', '100'] })),
  amount.map((each) => ({ billingKind: 'requests', quantity: each, thresholds: ['80', '100', '150'] })),
);
const budget = fc.record({ tenantId: id, budgetId: one('x', 'y'), terms, from: one(...MONTHS.slice(0, 3)) });

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(id, day, amount).map(([of, date, quantity]) => {
      const { deploymentId, ...reading } = key(of, date);
      return { command: 'observe-usage', deploymentId, observations: [{ ...reading, quantity }] };
    }),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(id, day, fc.option(amount), fc.nat()).map(([of, date, quantity, n]) => ({
      ...{ command: 'correct-usage', ...key(of, date), quantity, reason: `because ${n}` },
    })),
  },
  {
    weight: 3,
    arbitrary: budget.map(({ tenantId, budgetId, terms: stated, from }) => ({
      ...{ command: 'set-budget', tenantId, budgetId, ...stated, effectiveFrom: T(from) },
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(budget, fc.nat()).map(([{ tenantId, budgetId, terms: stated, from }, n]) => ({
      ...{ command: 'correct-budget', tenantId, budgetId, ...stated, effectiveFrom: T(from) },
      ...{ effectiveUntil: T(MONTHS[MONTHS.indexOf(from) + 1] ?? '2026-08'), reason: `because ${n}` },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(budget, fc.nat()).map(([{ tenantId, budgetId, from }, n]) => ({
      ...{
        command: 'withdraw',
        what: 'set-budget',
        tenantId,
        budgetId,
        effectiveFrom: T(from),
        reason: `because ${n}`,
      },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(id, day).map(([of, date]) => ({
      ...{ command: 'assign-deployment', deploymentId: 'a1', tenantId: of, from: `${date}T00:00:00Z` },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(amount, fc.nat()).map(([unitAmount, n]) => ({
      ...{ command: 'correct-price', planId: 'p', billingKind: 'requests', reason: `because ${n}` },
      ...{ price: { model: 'unit', unitAmount }, effectiveFrom: '2026-01-01T00:00:00Z' },
    })),
  },
  { weight: 4, arbitrary: fc.constant(null) },
);

interface Shown {
  readonly tenantId: string;
  readonly budgetId: string;
  readonly billingKind: string | null;
  readonly limit: string;
  readonly value: string;
  readonly thresholds: readonly {
    readonly percent: string;
    readonly isReached: boolean;
    readonly recorded: { readonly state: string } | null;
  }[];
}

async function happens(test: TestLedger, steps: readonly (object | null)[]): Promise<void> {
  let evaluated: Evaluated | null = null;
  const evaluate = async () => {
    await test.ledger.catchUp();
    const { position, at } = await evaluateBudgets(test.core, { ...ADMIN, now: NOW }, evaluated);
    evaluated = { position, at };
  };
  // A command may be refused: what it states may be there, or not be there.
  for (const each of steps) await (each === null ? evaluate() : test.ledger.execute(each, { ...ADMIN, now: NOW }));
  await evaluate();
}

/** What a tenant owes in a month by its lines, or used as it may see itself. */
async function plainValue(test: TestLedger, { tenantId, billingKind }: Shown, month: string): Promise<Decimal> {
  const isIn = (start: string): boolean => start.startsWith(month);
  if (billingKind === null) {
    const { items } = await test.ask<{ items: { period: { start: string }; net: string; parentLineId: null }[] }>(
      'lines',
      {
        ...{ tenantId, at: NOW },
      },
    );
    return sum(items.filter(({ period: { start } }) => isIn(start)).map(({ net }) => decimal(net)));
  }
  const own: Caller = { actor: tenantId, role: 'tenant', tenantId, now: NOW };
  const { items } = (await test.ledger.ask('usage-records', {}, own)) as {
    items: { period: { start: string }; quantity: string }[];
  };
  return sum(items.filter(({ period: { start } }) => isIn(start)).map(({ quantity }) => decimal(quantity)));
}

/** The recorded thresholds are those of the plain values. Answers how many there are. */
async function expectPlain(test: TestLedger): Promise<number> {
  const { rows } = await test.core.pool.query<Record<'tenant_id' | 'budget_id' | 'month' | 'threshold', string>>(
    "SELECT * FROM ledgerline.budget_thresholds WHERE state = 'reached' AND position_to IS NULL",
  );
  const open = rows.map((row) => [row.tenant_id, row.budget_id, row.month, row.threshold].join(' '));
  const plain: string[] = [];
  for (const month of MONTHS) {
    const { items } = await test.ask<{ items: Shown[] }>('budgets', { month, at: NOW });
    for (const shown of items) {
      const value = await plainValue(test, shown, month);
      expect(value.eq(decimal(shown.value))).toBe(true);
      for (const { percent, isReached } of shown.thresholds) {
        const reaches = value.times(decimal('100')).gte(decimal(shown.limit).times(decimal(percent)));
        // A percentage that is no threshold any more is shown because it was recorded.
        if (isReached) expect(reaches).toBe(true);
        if (isReached) plain.push([shown.tenantId, shown.budgetId, month, percent].join(' '));
      }
    }
  }
  expect(open.sort()).toEqual(plain.sort());
  return open.length;
}

const undoneIn = async (test: TestLedger): Promise<number> =>
  (await test.ask<{ items: { type: string }[] }>('events', { limit: 10_000 })).items.filter(
    ({ type }) => type === 'BudgetThresholdUndone',
  ).length;

it('the thresholds recorded as reached are those that a plain computation reaches', async () => {
  let [recorded, undone] = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const test = await onPostgres();
      try {
        await test.apply(
          plan('p', '5.00', [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.25' } }]),
          ...['a', 'b'].flatMap((of) => [tenant(of), deployment(`${of}1`, of), subscription(`s-${of}`, `${of}1`, 'p')]),
        );
        await happens(test, steps);
        await test.ledger.catchUp();
        recorded += await expectPlain(test);
        undone += await undoneIn(test);
        expect((await test.check()).failures).toEqual([]);
      } finally {
        await test.close();
      }
    }),
    { ...checkedOn(6), endOnFailure: true },
  );
  // The histories are such that this says something.
  expect(recorded).toBeGreaterThan(10);
  expect(undone).toBeGreaterThan(3);
});
