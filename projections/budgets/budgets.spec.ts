import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { budgetsProjection } from './budgets.projection.js';
import { budgets, budgetThresholds } from './budgets.table.js';

const { given, when, rows } = projected(budgetsProjection);

const APRIL = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';
const JUNE = '2026-06-01T00:00:00Z';
const of = { tenantId: 't', budgetId: 'b' };
const amount = (limit: string) => ({ amount: limit, thresholds: ['50', '100'] });
const quantity = { billingKind: 'cpu', quantity: '10', thresholds: ['80'] };
const set = (terms: object, effectiveFrom: string, effectiveUntil: string | null) => ({
  BudgetSet: { ...of, terms: terms as typeof quantity, effectiveFrom, effectiveUntil },
});
const row = (terms: object, effectiveFrom: string, until: string | null) => ({
  ...{ tenant_id: 't', budget_id: 'b', ...terms, effective_from: effectiveFrom },
  ...(until === null ? {} : { effective_until: until }),
});
const QUANTITY = { billing_kind: 'cpu', quantity: '10', thresholds: ['80'] };

it('keeps the terms of a budget over their periods, and those before and after them', async () => {
  await given(set(amount('5'), APRIL, null));
  await when(set(quantity, MAY, JUNE));
  expect(await rows(budgets)).toEqual([
    row(amount('5'), APRIL, MAY),
    row(QUANTITY, MAY, JUNE),
    row(amount('5'), JUNE, null),
  ]);
  expect(await rows(budgets, 1)).toEqual([row(amount('5'), APRIL, null)]);
});

it('has what a correction states, and nothing where it says so', async () => {
  await given(set(amount('5'), APRIL, null));
  await when({
    BudgetCorrected: {
      ...{ ...of, changedFrom: APRIL, reason: 'as agreed' },
      versions: [
        { from: APRIL, terms: quantity },
        { from: MAY, terms: null },
      ],
    },
  });
  expect(await rows(budgets)).toEqual([row(QUANTITY, APRIL, MAY)]);
});

it('has what was recorded last of a threshold', async () => {
  const crossing = {
    ...{ ...of, month: '2026-04', period: { start: APRIL, end: MAY }, threshold: '80' },
    ...{ currency: null, billingKind: 'cpu', at: MAY },
  };
  await given({ BudgetThresholdReached: { ...crossing, limit: '10', value: '8', computedAt: 0 } });
  const reached = {
    ...{ tenant_id: 't', budget_id: 'b', month: '2026-04', threshold: '80', state: 'reached' },
    ...{ period_start: APRIL, period_end: MAY, reached_at: 1, reached_value: '8' },
  };
  expect(await rows(budgetThresholds)).toEqual([reached]);
  await when({
    BudgetThresholdUndone: {
      ...{ ...crossing, limit: '10', value: '7.9', computedAt: 1 },
      reached: { position: 1, value: '8' },
    },
  });
  expect(await rows(budgetThresholds)).toEqual([{ ...reached, state: 'undone', undone_at: 2, undone_value: '7.9' }]);
  expect(await rows(budgetThresholds, 1)).toEqual([reached]);
});
