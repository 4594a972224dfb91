import type { BudgetTerms } from '#domain/budgets/budget';
import type { RecordedEvent } from '#domain/events';
import { evolveTerms, periodsOfTerms, versionsOfTerms } from '#domain/terms/terms';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { toBudget } from './budgets.read.js';
import { type BudgetRow, budgets, type BudgetThresholdRow, budgetThresholds } from './budgets.table.js';

type BudgetEvents = 'BudgetSet' | 'BudgetCorrected';
type Crossings = 'BudgetThresholdReached' | 'BudgetThresholdUndone';

const ofBudget = ({ data }: RecordedEvent<BudgetEvents>): readonly string[] => [data.tenantId, data.budgetId];

function next({ data }: RecordedEvent<BudgetEvents>, rows: readonly BudgetRow[]): BudgetRow[] {
  const versions = versionsOfTerms(rows.map(toBudget));
  return periodsOfTerms(evolveTerms<BudgetTerms>(versions, data)).map(({ terms, period }) => ({
    ...{ tenant_id: data.tenantId, budget_id: data.budgetId },
    ...{ effective_from: period.start, effective_until: period.end },
    ...{ amount: terms.amount ?? null, billing_kind: terms.billingKind ?? null, quantity: terms.quantity ?? null },
    thresholds: terms.thresholds,
  }));
}

const ofThreshold = ({ data }: RecordedEvent<Crossings>): readonly string[] => [
  ...[data.tenantId, data.budgetId, data.month, data.threshold],
];

function crossing({ type, data, position }: RecordedEvent<Crossings>): BudgetThresholdRow {
  const identity = {
    ...{ tenant_id: data.tenantId, budget_id: data.budgetId, month: data.month, threshold: data.threshold },
    ...{ period_start: data.period.start, period_end: data.period.end },
  };
  return type === 'BudgetThresholdReached'
    ? {
        ...{ ...identity, state: 'reached', reached_at: position, reached_value: data.value },
        ...{ undone_at: null, undone_value: null },
      }
    : {
        ...{ ...identity, state: 'undone', undone_at: position, undone_value: data.value },
        ...{ reached_at: data.reached.position, reached_value: data.reached.value },
      };
}

export const budgetsProjection = versionedProjection('budgets', {
  version: 1,
  tables: [budgets, budgetThresholds],
  on: {
    BudgetSet: changing(budgets, ofBudget, next),
    BudgetCorrected: changing(budgets, ofBudget, next),
    BudgetThresholdReached: changing(budgetThresholds, ofThreshold, (event) => [crossing(event)]),
    BudgetThresholdUndone: changing(budgetThresholds, ofThreshold, (event) => [crossing(event)]),
  },
});
