import { type Kysely, sql } from 'kysely';
import type { BudgetTerms } from '#domain/budgets/budget';
import { decimal, text } from '#domain/money/decimal';
import type { TermsPeriod } from '#domain/terms/terms';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { BudgetRow, BudgetThresholdRow } from './budgets.table.js';

type Db = Kysely<ReadModels>;

const canonical = (value: string | null): string | undefined => (value === null ? undefined : text(decimal(value)));

/** The terms of a row, in the order of fields that they have in events. */
export function toBudget(row: BudgetRow): TermsPeriod<BudgetTerms> {
  const [amount, quantity] = [canonical(row.amount), canonical(row.quantity)];
  return {
    terms: {
      ...(amount === undefined ? {} : { amount }),
      ...(row.billing_kind === null ? {} : { billingKind: row.billing_kind }),
      ...(quantity === undefined ? {} : { quantity }),
      thresholds: row.thresholds,
    },
    period: { start: row.effective_from, end: row.effective_until },
  };
}

type BudgetKey = Pick<BudgetRow, 'tenant_id' | 'budget_id'>;
export const BUDGET_ORDER = keyset<BudgetKey>({ tenant_id: 'text', budget_id: 'text' });

/** Budgets in the order of their list. null: of any tenant, or with any id. */
export async function readBudgetPage(
  db: Db,
  position: number,
  { tenantId, budgetId }: { readonly tenantId: string | null; readonly budgetId: string | null },
  { after, limit }: Rows,
): Promise<BudgetKey[]> {
  const { rows } = await sql<BudgetKey>`
    SELECT tenant_id, budget_id FROM budgets
    WHERE ${at(position)} AND ${BUDGET_ORDER.after(after)}
      AND (${tenantId}::text IS NULL OR tenant_id = ${tenantId})
      AND (${budgetId}::text IS NULL OR budget_id = ${budgetId})
    GROUP BY tenant_id, budget_id
    ORDER BY ${BUDGET_ORDER.order()} LIMIT ${limit}`.execute(db);
  return rows;
}

/** The budgets of tenants (null: of all), in order of time. */
export async function readBudgets(
  db: Db,
  position: number,
  tenantIds: readonly string[] | null,
): Promise<History<BudgetRow>[]> {
  const query = db.selectFrom('budgets').selectAll().where(at(position)).orderBy('effective_from');
  return (tenantIds === null ? query : query.where('tenant_id', '=', anyOf(tenantIds))).execute();
}

/** The thresholds of tenants (null: of all) that were ever reached. */
export async function readBudgetThresholds(
  db: Db,
  position: number,
  tenantIds: readonly string[] | null,
): Promise<History<BudgetThresholdRow>[]> {
  const query = db.selectFrom('budget_thresholds').selectAll().where(at(position)).orderBy('month');
  return (tenantIds === null ? query : query.where('tenant_id', '=', anyOf(tenantIds))).execute();
}
