import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { evaluateBudgets } from '#billing/budgets/evaluate-budgets';
import type { Evaluated } from '#billing/watching/watch';
import { instant, plusHours } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import type { Caller } from '#ledger/caller';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

/** What tenants may owe or use in a month, and which thresholds of it were reached, undone and reached again. */

const T = (date: string) => `${date}T00:00:00Z`;
const APRIL = '2026-04';
const NOW = instant('2026-04-20T12:00:00Z');
const SCHEDULER: Caller = { actor: 'scheduler', role: 'operator', now: NOW };

interface Budget {
  readonly tenantId: string;
  readonly budgetId: string;
  readonly month: string;
  readonly currency: string | null;
  readonly limit: string;
  readonly value: string;
  readonly percent: string;
  readonly thresholds: readonly {
    readonly percent: string;
    readonly isReached: boolean;
    readonly recorded: {
      readonly state: string;
      readonly reachedAt: number;
      readonly reachedValue: string;
      readonly undoneAt: number | null;
      readonly undoneValue: string | null;
    } | null;
  }[];
}

const reading = (date: string, quantity: string) => ({
  ...{ resourceId: 'r', billingKind: 'requests', granularity: 'day', quantity },
  period: dayOf(instant(T(date))),
});
const hour = (start: string, quantity: string) => ({
  ...{ resourceId: 'r', billingKind: 'requests', granularity: 'hour', quantity },
  period: { start, end: plusHours(instant(start), 1) },
});
const observe = (deploymentId: string, ...observations: object[]) => ({
  ...{ command: 'observe-usage', deploymentId },
  observations,
});
const correct = (deploymentId: string, date: string, quantity: string | null) => ({
  ...{ command: 'correct-usage', deploymentId, ...reading(date, ''), quantity, reason: 'the meter was wrong' },
});
const AMOUNT = {
  command: 'set-budget',
  tenantId: 'a',
  budgetId: 'money',
  amount: '100.00',
  effectiveFrom: T('2026-04-01'),
};
const QUANTITY = {
  ...{ command: 'set-budget', tenantId: 'a', budgetId: 'requests', billingKind: 'requests', quantity: '1000' },
  ...{ thresholds: ['100', '80'], effectiveFrom: T('2026-04-01') },
};

let test: TestLedger;
let evaluated: Evaluated | null;
beforeEach(async () => {
  evaluated = null;
  test = await testLedger();
  // 20.00 a month in advance, and 0.10 a request.
  await test.apply(
    plan('p', '20.00', [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.10' } }]),
    ...['a', 'b'].flatMap((id) => [tenant(id), deployment(`${id}1`, id), subscription(`s-${id}`, `${id}1`, 'p')]),
  );
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const evaluate = async (now = NOW) => {
  await test.ledger.catchUp();
  const { reached, undone, ...done } = await evaluateBudgets(test.core, { ...SCHEDULER, now }, evaluated);
  evaluated = done;
  await test.ledger.catchUp();
  return { reached, undone };
};
const budgetsOf = async (params: object = {}) =>
  (await test.ask<{ items: Budget[] }>('budgets', { month: APRIL, at: NOW, ...params })).items;
const budget = async (budgetId: string, params: object = {}) =>
  (await budgetsOf({ tenantId: 'a', budgetId, ...params }))[0];
const statesOf = (of: Budget | undefined) =>
  of?.thresholds.map(({ percent, isReached, recorded }) => [percent, isReached, recorded?.state ?? null]);
const head = async () => String(await test.ledger.catchUp());

describe('a budget of an amount', () => {
  it('records each threshold once, and says what a correction undid', async () => {
    await test.apply(AMOUNT, observe('a1', reading('2026-04-02', '200')));
    // 20.00 + 200 × 0.10 = 40.00: under 50 %.
    expect(await evaluate()).toEqual({ reached: 0, undone: 0 });
    expect(await budget('money')).toMatchObject({ currency: 'USD', limit: '100.00', value: '40.00', percent: '40' });

    await test.apply(observe('a1', reading('2026-04-03', '400')));
    // 20.00 + 600 × 0.10 = 80.00: exactly 80 %.
    expect(await evaluate()).toEqual({ reached: 2, undone: 0 });
    expect(await evaluate()).toEqual({ reached: 0, undone: 0 });
    const reached = await head();
    expect(statesOf(await budget('money'))).toEqual([
      ['50', true, 'reached'],
      ['80', true, 'reached'],
      ['100', false, null],
    ]);

    await test.apply(correct('a1', '2026-04-03', '399.9'));
    // 20.00 + 599.9 × 0.10 = 79.99
    expect(await evaluate()).toEqual({ reached: 0, undone: 1 });
    const now = await budget('money');
    expect(now).toMatchObject({ value: '79.99', percent: '80' });
    expect(now?.thresholds[1]).toEqual({
      ...{ percent: '80', isReached: false },
      recorded: {
        ...{ state: 'undone', reachedValue: '80.00', undoneValue: '79.99' },
        ...{ reachedAt: Number(reached), undoneAt: Number(await head()) },
      },
    });
    expect(statesOf(await budget('money', { asOf: reached }))).toEqual([
      ['50', true, 'reached'],
      ['80', true, 'reached'],
      ['100', false, null],
    ]);

    // Late usage of the 1st reaches it again, and all of it.
    await test.apply(observe('a1', reading('2026-04-01', '200.1')));
    // 20.00 + 800 × 0.10 = 100.00
    expect(await evaluate()).toEqual({ reached: 2, undone: 0 });
    expect(statesOf(await budget('money'))?.map(([, , state]) => state)).toEqual(['reached', 'reached', 'reached']);
  });

  it('counts a line in the month in which its charge period starts, also of a rate that was corrected', async () => {
    await test.apply(
      { ...AMOUNT, amount: '30.00', thresholds: ['100'] },
      observe('a1', reading('2026-04-30', '50'), reading('2026-05-01', '90')),
    );
    // April: 20.00 + 5.00 = 25.00. May: 20.00 + 9.00 = 29.00.
    expect(await evaluate(instant('2026-05-20T00:00:00Z'))).toEqual({ reached: 0, undone: 0 });
    const [plans] = await test.apply({
      ...{ command: 'correct-price', planId: 'p', billingKind: 'requests', reason: 'a typo' },
      ...{ price: { model: 'unit', unitAmount: '0.20' }, effectiveFrom: T('2026-01-01') },
    });
    expect(plans?.status).toBe('done');
    // April: 20.00 + 50 × 0.20 = 30.00. May: 20.00 + 90 × 0.20 = 38.00.
    expect(await evaluate(instant('2026-05-20T00:00:00Z'))).toEqual({ reached: 2, undone: 0 });
    const at = { at: '2026-05-20T00:00:00Z' };
    expect((await budget('money', at))?.value).toBe('30.00');
    expect((await budget('money', { ...at, month: '2026-05' }))?.value).toBe('38.00');
  });

  it('is measured only in months that changed, and a correction of a past month undoes what it reached', async () => {
    const measured = async (now = instant('2026-08-02T00:00:00Z')) => {
      await test.ledger.catchUp();
      const {
        measured: count,
        reached,
        undone,
        ...done
      } = await evaluateBudgets(test.core, { ...SCHEDULER, now }, evaluated);
      evaluated = done;
      await test.ledger.catchUp();
      return [count, reached, undone];
    };
    await test.apply(
      { ...AMOUNT, amount: '30.00', thresholds: ['100'] },
      { ...QUANTITY, quantity: '100', thresholds: ['100'] },
      observe('a1', reading('2026-04-02', '100'), reading('2026-06-02', '10')),
    );
    // Both budgets in five months, April to August. April: 20.00 + 10.00 = 30.00, and 100 requests.
    expect(await measured()).toEqual([10, 2, 0]);
    await test.apply(observe('a1', reading('2026-06-03', '90')));
    // June: 20.00 + 10.00 = 30.00, and 100 requests.
    expect(await measured()).toEqual([2, 2, 0]);
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 'a', asOf: T('2026-07-01') });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    for (const { invoiceId } of invoices)
      await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-07-01') });
    expect(invoices.length).toBeGreaterThan(0);
    // The amount in the months of the rows and later.
    expect(await measured()).toEqual([5, 0, 0]);
    await test.apply(correct('a1', '2026-04-02', '99'));
    // April: 29.90, and 99 requests.
    expect(await measured()).toEqual([2, 0, 2]);
    const next = await test.apply({ command: 'create-invoice', tenantId: 'a', asOf: T('2026-08-01') });
    const [draft] = (next[0] as { result: { invoices: { invoiceId: string }[] } }).result.invoices;
    const invoiceId = draft?.invoiceId ?? '';
    await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-08-01') });
    // Its correction is of April.
    expect(await measured()).toEqual([5, 0, 0]);
    await test.apply({ command: 'void-invoice', invoiceId, reason: 'a mistake', at: T('2026-08-01') });
    expect(await measured()).toEqual([5, 0, 0]);
    // On a new day, both budgets in the month of that day.
    expect(await measured(instant('2026-08-03T00:00:00Z'))).toEqual([2, 0, 0]);
  });

  it('is looked at each day: the fee of a new month reaches a threshold by itself', async () => {
    await test.apply({ ...AMOUNT, amount: '20.00' });
    expect(await evaluate(instant('2026-04-30T23:00:00Z'))).toEqual({ reached: 3, undone: 0 });
    expect(await evaluate(instant('2026-04-30T23:59:00Z'))).toEqual({ reached: 0, undone: 0 });
    expect(await evaluate(instant('2026-05-01T00:00:00Z'))).toEqual({ reached: 3, undone: 0 });
  });

  it('is looked at each day in the month in which a line starts, too: its minimum falls due in the next month', async () => {
    const price = { model: 'unit', unitAmount: '0.10' };
    await test.apply(
      plan('m', '0.00', [{ billingKind: 'requests', price, commitments: { minimum: '100.00' } }]),
      ...[tenant('c'), deployment('c1', 'c', { from: T('2026-01-01') })],
      subscription('s-c', 'c1', 'm', { from: T('2026-01-15'), anchor: T('2026-01-15') }),
      { ...AMOUNT, tenantId: 'c', thresholds: ['100'], effectiveFrom: T('2026-01-01') },
      // Observed ahead of its time.
      observe('c1', reading('2026-03-10', '1100')),
    );
    // 15 January to 15 February. 0 requests so far.
    expect(await evaluate(instant('2026-02-14T12:00:00Z'))).toEqual({ reached: 0, undone: 0 });
    expect(await budget('money', { tenantId: 'c', month: '2026-01', at: '2026-02-14T12:00:00Z' })).toMatchObject({
      value: '0.00',
    });
    // The minimum of 100.00.
    expect(await evaluate(instant('2026-02-15T00:00:00Z'))).toEqual({ reached: 1, undone: 0 });
    expect(await budget('money', { tenantId: 'c', month: '2026-01', at: '2026-02-15T00:00:00Z' })).toMatchObject({
      ...{ value: '100.00', thresholds: [{ percent: '100', isReached: true, recorded: { state: 'reached' } }] },
    });
    // 15 February to 15 March: nothing so far, then 1100 × 0.10 = 110.00 before the line ends.
    expect(await evaluate(instant('2026-03-10T00:00:00Z'))).toEqual({ reached: 0, undone: 0 });
    expect(await evaluate(instant('2026-03-11T00:00:00Z'))).toEqual({ reached: 1, undone: 0 });
    expect(await budget('money', { tenantId: 'c', month: '2026-02', at: '2026-03-11T00:00:00Z' })).toMatchObject({
      value: '110.00',
    });
    expect(await evaluate(instant('2026-03-16T00:00:00Z'))).toEqual({ reached: 0, undone: 0 });
  });
});

describe('a budget of a quantity', () => {
  it('counts what starts in the month of the tenant’s zone, while the deployment was its', async () => {
    await test.apply(
      tenant('y', { timeZone: 'America/New_York' }),
      deployment('y1', 'y', { from: T('2026-03-01') }),
      { ...QUANTITY, tenantId: 'y', quantity: '10', thresholds: ['100'] },
      // The 1st of April begins at 04:00 UTC there.
      observe('y1', hour('2026-04-01T03:00:00Z', '9'), hour('2026-04-01T04:00:00Z', '4')),
    );
    const of = async () => (await budgetsOf({ tenantId: 'y' }))[0];
    expect(await of()).toMatchObject({ currency: null, limit: '10', value: '4', percent: '40' });
    await test.apply({ command: 'correct-tenant', tenantId: 'y', timeZone: 'UTC', reason: 'as agreed' });
    // 9 + 4 = 13
    expect(await evaluate()).toEqual({ reached: 1, undone: 0 });
    expect(await of()).toMatchObject({ value: '13', percent: '130' });
    await test.apply({ command: 'assign-deployment', deploymentId: 'y1', tenantId: 'b', from: T('2026-04-01') });
    expect(await evaluate()).toEqual({ reached: 0, undone: 1 });
    expect((await of())?.value).toBe('0');
  });

  it('counts what starts before the moment, and the rest once its time has come', async () => {
    await test.apply(
      QUANTITY,
      // 500 to come on the 25th, and 1 in the last hour of the month.
      observe(
        'a1',
        reading('2026-04-02', '600'),
        hour('2026-04-25T10:00:00Z', '500'),
        hour('2026-04-30T23:00:00Z', '1'),
      ),
    );
    // 600 of 1000
    expect(await evaluate()).toEqual({ reached: 0, undone: 0 });
    const at = async (instantOf: string) => (await budget('requests', { at: instantOf }))?.value;
    expect(await at('2026-04-20T12:00:00Z')).toBe('600');
    expect(await at('2026-04-25T10:00:00Z')).toBe('600');
    expect(await at('2026-04-25T10:00:01Z')).toBe('1100');
    expect(await at('2026-04-30T23:59:59Z')).toBe('1101');
    expect(await at('2026-03-01T00:00:00Z')).toBe('0');
    expect(await evaluate(instant('2026-04-26T00:00:00Z'))).toEqual({ reached: 2, undone: 0 });
  });

  it('counts on the next day what started after its last evaluation, also where the month ended in between', async () => {
    await test.apply(
      tenant('y', { timeZone: 'America/New_York' }),
      deployment('y1', 'y', { from: T('2026-03-01') }),
      { ...QUANTITY, tenantId: 'y', quantity: '10', thresholds: ['100'] },
      // The last hour of April there.
      observe('y1', hour('2026-05-01T03:00:00Z', '10')),
    );
    expect(await evaluate(instant('2026-05-01T00:10:00Z'))).toEqual({ reached: 0, undone: 0 });
    // Usage of another tenant: only its budgets are measured.
    await test.apply(observe('b1', hour('2026-04-01T00:00:00Z', '1')));
    expect(await evaluate(instant('2026-05-01T12:00:00Z'))).toEqual({ reached: 0, undone: 0 });
    expect(await evaluate(instant('2026-05-02T00:00:00Z'))).toEqual({ reached: 1, undone: 0 });
  });

  it('can be corrected and withdrawn: what no longer holds is undone', async () => {
    await test.apply(QUANTITY, observe('a1', reading('2026-04-02', '900')));
    expect(await evaluate()).toEqual({ reached: 1, undone: 0 });
    const { command: _, ...stated } = QUANTITY;
    const change = { ...stated, command: 'correct-budget', reason: 'as agreed' };
    await test.apply({ ...change, quantity: '900', effectiveUntil: T('2026-05-01') });
    expect(await evaluate()).toEqual({ reached: 1, undone: 0 });
    await test.apply({ ...change, quantity: '2000', effectiveUntil: T('2026-05-01') });
    expect(await evaluate()).toEqual({ reached: 0, undone: 2 });
    expect(await budget('requests', { month: '2026-05' })).toMatchObject({ limit: '1000' });
    await test.apply({ ...change, quantity: '900', effectiveUntil: T('2026-05-01'), reason: 'as agreed again' });
    expect(await evaluate()).toEqual({ reached: 2, undone: 0 });

    await test.apply(
      { ...change, quantity: '900', effectiveUntil: T('2026-06-01') },
      {
        ...{ command: 'withdraw', what: 'set-budget', tenantId: 'a', budgetId: 'requests' },
        ...{ effectiveFrom: T('2026-04-01'), reason: 'meant for b' },
      },
    );
    // The corrections stay, over their periods.
    expect(await evaluate()).toEqual({ reached: 0, undone: 0 });
    expect(await budget('requests', { month: '2026-06' })).toBeUndefined();
    expect(await test.refused({ ...change, budgetId: 'other' })).toMatchObject({ code: 'unknown_budget' });
  });

  it('of a withdrawn budget is undone without a value, and nothing is decided from an earlier position', async () => {
    await test.apply(QUANTITY, observe('a1', reading('2026-04-02', '1000')));
    const before = evaluated;
    expect(await evaluate()).toEqual({ reached: 2, undone: 0 });
    await test.apply({
      ...{ command: 'withdraw', what: 'set-budget', tenantId: 'a', budgetId: 'requests' },
      ...{ effectiveFrom: T('2026-04-01'), reason: 'meant for b' },
    });
    evaluated = before;
    expect(await evaluate()).toEqual({ reached: 0, undone: 2 });
    expect(await budgetsOf({ tenantId: 'a' })).toEqual([]);
    const events = await test.ask<{ items: { type: string; data: object }[] }>('events', { stream: 'budget-a' });
    expect(events.items.at(-1)).toMatchObject({
      type: 'BudgetThresholdUndone',
      data: { limit: null, value: null, reached: { value: '1000' } },
    });
  });
});

describe('budgets', () => {
  it('are refused where they say nothing or too much', async () => {
    for (const [fields, field] of [
      [{ amount: undefined }, 'amount'],
      [{ quantity: '1' }, 'amount'],
      [{ amount: undefined, quantity: '1' }, 'billingKind'],
      [{ amount: undefined, billingKind: 'requests' }, 'quantity'],
      [{ amount: '0' }, 'amount'],
      [{ thresholds: [] }, 'thresholds'],
      [{ thresholds: ['50', '50.0'] }, 'thresholds[1]'],
      [{ thresholds: ['-1'] }, 'thresholds[0]'],
    ] as const)
      expect(await test.refused({ ...AMOUNT, ...fields })).toMatchObject({
        code: 'invalid_budget',
        errors: expect.arrayContaining([expect.objectContaining({ field })]),
      });
    expect(await test.refused({ ...AMOUNT, tenantId: 'nobody' })).toMatchObject({ code: 'unknown_tenant' });
    expect(await test.refused({ ...AMOUNT, effectiveUntil: T('2026-04-01') })).toMatchObject({ code: 'empty_period' });
  });

  it('of others are not for a tenant', async () => {
    await test.apply(AMOUNT, { ...AMOUNT, tenantId: 'b' });
    const own: Caller = { actor: 'a', role: 'tenant', tenantId: 'a', now: NOW };
    const { items } = (await test.ledger.ask('budgets', { month: APRIL }, own)) as { items: Budget[] };
    expect(items.map(({ tenantId }) => tenantId)).toEqual(['a']);
    await expect(test.ledger.ask('budgets', { tenantId: 'b' }, own)).rejects.toMatchObject({ code: 'unknown_tenant' });
    expect(await test.ledger.execute({ ...AMOUNT, budgetId: 'c' }, own)).toMatchObject({ status: 'refused' });
    const pages = await budgetsOf({ limit: 1 });
    expect(pages.map(({ tenantId }) => tenantId)).toEqual(['a']);
  });
});
