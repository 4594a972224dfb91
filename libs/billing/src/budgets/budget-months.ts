import { type BudgetMonth, budgetMonthAt, budgetMonthNamed, type BudgetTerms } from '#domain/budgets/budget';
import { compareInstants, type Instant, isBefore } from '#domain/time/instant';
import { lastTermsIn, type TermsPeriod } from '#domain/terms/terms';
import type { LedgerCore } from '#ledger/ledger-core';
import { readBudgets, readBudgetThresholds, toBudget } from '#projections/budgets/budgets.read';
import { readTenants } from '#projections/tenants/tenants.read';

/** A budget of a tenant in a month in which it is in force, or has a threshold that is reached. */
export interface MonthOfBudget extends BudgetMonth {
  readonly tenantId: string;
  readonly budgetId: string;
  readonly currency: string;
  readonly terms: BudgetTerms | null;
}

/** The months of budgets of tenants (null: of all), as known at a position, up to the one that holds an instant. */
export async function monthsOfBudgets(
  core: LedgerCore,
  position: number,
  tenantIds: readonly string[] | null,
  until: Instant,
): Promise<MonthOfBudget[]> {
  const budgets = Map.groupBy(await readBudgets(core.db, position, tenantIds), (row) => keyOf(row));
  const open = Map.groupBy(
    (await readBudgetThresholds(core.db, position, tenantIds)).filter(({ state }) => state === 'reached'),
    (row) => keyOf(row),
  );
  if (budgets.size + open.size === 0) return [];
  const tenants = new Map(
    (await readTenants(core.db, position, tenantIds)).map((row) => [
      row.tenant_id,
      { currency: row.currency, timeZone: row.time_zone },
    ]),
  );
  return [...new Set([...budgets.keys(), ...open.keys()])].flatMap((key) => {
    const [tenantId = '', budgetId = ''] = JSON.parse(key) as string[];
    const tenant = tenants.get(tenantId);
    if (tenant === undefined) throw new Error(`budget ${budgetId} is of tenant ${tenantId}, which is not registered`);
    const periods = (budgets.get(key) ?? []).map(toBudget);
    const inForce = periods.flatMap((each) => monthsIn(each, tenant.timeZone, until));
    // The zone of the tenant may have been corrected since: a name means the month as it is now.
    const crossed = (open.get(key) ?? []).map(({ month }) => budgetMonthNamed(month, tenant.timeZone));
    const months = new Map([...inForce, ...crossed].map((each) => [each.month, each]));
    return [...months.values()]
      .sort((a, b) => compareInstants(a.period.start, b.period.start))
      .map((month) => ({
        ...{ ...month, tenantId, budgetId, currency: tenant.currency },
        terms: lastTermsIn(periods, month.period)?.terms ?? null,
      }));
  });
}

const keyOf = ({ tenant_id, budget_id }: { readonly tenant_id: string; readonly budget_id: string }): string =>
  JSON.stringify([tenant_id, budget_id]);

/** The months in which terms are in force, up to the one that holds an instant. */
function monthsIn({ period: { start, end } }: TermsPeriod<BudgetTerms>, timeZone: string, until: Instant) {
  const months: BudgetMonth[] = [];
  for (let at = start; !isBefore(until, at) && (end === null || isBefore(at, end));) {
    const month = budgetMonthAt(at, timeZone);
    months.push(month);
    at = month.period.end;
  }
  return months;
}
