import { bigint, jsonb, numeric, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Budgets of tenants, over the periods in which their terms do not change. */
export const budgets = defineTable({
  name: 'budgets',
  columns: {
    tenant_id: text,
    budget_id: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    /** Money of the tenant's currency. null: the budget is a quantity of the billing kind. */
    amount: numeric.nullable(),
    billing_kind: text.nullable(),
    quantity: numeric.nullable(),
    /** Percentages, in rising order. */
    thresholds: jsonb<readonly string[]>(),
  },
  key: ['tenant_id', 'budget_id', 'effective_from'],
  group: ['tenant_id', 'budget_id'],
});

export type BudgetRow = RowOf<typeof budgets>;

/** Thresholds of budgets that were reached in a month, and whether that was undone. */
export const budgetThresholds = defineTable({
  name: 'budget_thresholds',
  columns: {
    tenant_id: text,
    budget_id: text,
    /** The calendar month of the tenant: 2026-04. */
    month: text,
    /** A percentage. */
    threshold: numeric,
    state: oneOf<'reached' | 'undone'>(),
    period_start: timestamptz,
    period_end: timestamptz,
    /** The positions of the events that reached and undid it. */
    reached_at: bigint,
    undone_at: bigint.nullable(),
    /** What reached it, and what it came to when it was undone. */
    reached_value: numeric,
    undone_value: numeric.nullable(),
  },
  key: ['tenant_id', 'budget_id', 'month', 'threshold'],
});

export type BudgetThresholdRow = RowOf<typeof budgetThresholds>;

declare module '#read-model/read-models' {
  interface ReadModels {
    budgets: History<BudgetRow>;
    budget_thresholds: History<BudgetThresholdRow>;
  }
}
