import { type BudgetMonth, budgetMonthAt, budgetMonthNamed, type BudgetTerms } from '#domain/budgets/budget';
import { compareInstants, type Instant, isBefore, later } from '#domain/time/instant';
import { overlaps } from '#domain/time/period';
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

/** A budget of a tenant, as known at a position. */
export interface KnownBudget {
  readonly tenantId: string;
  readonly budgetId: string;
  readonly currency: string;
  readonly timeZone: string;
  readonly periods: readonly TermsPeriod<BudgetTerms>[];
  /** The months in which a threshold is reached. */
  readonly crossed: readonly BudgetMonth[];
}

/** A period that may have no end. */
export type Span = TermsPeriod<BudgetTerms>['period'];

/** All budgets that are in force at some time, or have a threshold that is reached. */
export async function knownBudgets(core: LedgerCore, position: number): Promise<KnownBudget[]> {
  const budgets = Map.groupBy(await readBudgets(core.db, position, null), (row) => keyOf(row));
  const open = Map.groupBy(
    (await readBudgetThresholds(core.db, position, null)).filter(({ state }) => state === 'reached'),
    (row) => keyOf(row),
  );
  if (budgets.size + open.size === 0) return [];
  const tenants = new Map(
    (await readTenants(core.db, position, null)).map((row) => [
      row.tenant_id,
      { currency: row.currency, timeZone: row.time_zone },
    ]),
  );
  return [...new Set([...budgets.keys(), ...open.keys()])].map((key) => {
    const [tenantId = '', budgetId = ''] = JSON.parse(key) as string[];
    const tenant = tenants.get(tenantId);
    if (tenant === undefined) throw new Error(`budget ${budgetId} is of tenant ${tenantId}, which is not registered`);
    return {
      ...{ tenantId, budgetId, ...tenant },
      periods: (budgets.get(key) ?? []).map(toBudget),
      // The zone of the tenant may have been corrected since: a name means the month as it is now.
      crossed: (open.get(key) ?? []).map(({ month }) => budgetMonthNamed(month, tenant.timeZone)),
    };
  });
}

/** The months of a budget that overlap one of the spans (null: all), up to the one that holds an instant. */
export function monthsOfBudget(
  { tenantId, budgetId, currency, timeZone, periods, crossed }: KnownBudget,
  spans: readonly Span[] | null,
  until: Instant,
): MonthOfBudget[] {
  const inForce = periods.flatMap(({ period }) =>
    (spans ?? [period]).flatMap((span) => monthsIn(period, span, { timeZone, until })),
  );
  const wanted = crossed.filter(({ period }) => spans === null || spans.some((span) => overlaps(period, span)));
  const months = new Map([...inForce, ...wanted].map((each) => [each.month, each]));
  return [...months.values()]
    .sort((a, b) => compareInstants(a.period.start, b.period.start))
    .map((month) => ({
      ...{ ...month, tenantId, budgetId, currency },
      terms: lastTermsIn(periods, month.period)?.terms ?? null,
    }));
}

const keyOf = ({ tenant_id, budget_id }: { readonly tenant_id: string; readonly budget_id: string }): string =>
  JSON.stringify([tenant_id, budget_id]);

/** The months of a period, as far as they overlap a span, up to the one that holds an instant. */
function monthsIn(
  period: Span,
  span: Span,
  { timeZone, until }: { readonly timeZone: string; readonly until: Instant },
): BudgetMonth[] {
  const months: BudgetMonth[] = [];
  const isWithin = (at: Instant): boolean =>
    !isBefore(until, at) && [period, span].every(({ end }) => end === null || isBefore(at, end));
  for (let at = later(period.start, span.start); isWithin(at);) {
    const month = budgetMonthAt(at, timeZone);
    months.push(month);
    at = month.period.end;
  }
  return months;
}
