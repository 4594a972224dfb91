import { type BudgetMonth, type BudgetTerms } from '#domain/budgets/budget';
import { isCommitment, type LineDefinition } from '#domain/lines/line';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import { tenancies } from '#domain/tenants/deployment';
import { type Instant, later } from '#domain/time/instant';
import { contains, intersection, type Period } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { readAssignments } from '#projections/deployments/deployments.read';
import { asJsonb } from '#projections/usage-records/usage-records.read';
import { readUsageTotals, type SharedReadings } from '#projections/usage-records/usage-totals.read';
import { accruedLines, isLastInstant } from '../invoices/accrued-lines.js';
import { allLines } from '../invoices/contracts.js';
import { within, withPruned } from '../usage/pruned-usage.js';

/** A budget of a tenant in a month: what is to be measured. */
export interface BudgetToMeasure extends BudgetMonth {
  readonly tenantId: string;
  readonly terms: BudgetTerms;
  /** The currency of the tenant. */
  readonly currency: string;
}

/** What a budget comes to. */
export interface Measure {
  readonly value: Decimal;
  /** Lines of an amount that can't be rated. They count what is issued of them. */
  readonly quarantined: number;
}

/**
 * What each budget comes to, as known at a position, in the order of `budgets`. An amount: what the tenant's lines come
 * to whose charge period starts in the month, rated up to an instant, after coupons, without credits and tax. A
 * quantity: the usage that starts in the month and before the instant, of deployments while they were assigned to the
 * tenant. However many budgets, it takes the same number of statements.
 */
export async function measuredBudgets(
  core: LedgerCore,
  position: number,
  budgets: readonly BudgetToMeasure[],
  at: Instant,
): Promise<Measure[]> {
  const amounts = await amountsOf(
    core,
    position,
    budgets.filter(({ terms }) => terms.billingKind === undefined),
    at,
  );
  const quantities = await quantitiesOf(
    core,
    position,
    budgets.filter(({ terms }) => terms.billingKind !== undefined),
    at,
  );
  return budgets.map((budget) => amounts.get(budget) ?? { value: quantities.get(budget) ?? ZERO, quarantined: 0 });
}

async function amountsOf(
  core: LedgerCore,
  position: number,
  budgets: readonly BudgetToMeasure[],
  at: Instant,
): Promise<ReadonlyMap<BudgetToMeasure, Measure>> {
  if (budgets.length === 0) return new Map();
  const lines = Map.groupBy(await linesOfTenants(core, position, budgets, at), ({ tenantId }) => tenantId);
  const counted = new Map(
    budgets.map((budget) => [
      budget,
      (lines.get(budget.tenantId) ?? []).filter(
        ({ period, currency }) => currency === budget.currency && contains(budget.period, period.start),
      ),
    ]),
  );
  const wanted = new Map([...counted.values()].flat().map((line) => [line.lineId, line]));
  const rated = new Map(
    (await accruedLines(core, position, [...wanted.values()], at)).map((each) => [each.line.lineId, each]),
  );
  return new Map(
    [...counted].map(([budget, own]) => {
      const accrued = own.flatMap(({ lineId }) => rated.get(lineId) ?? []);
      return [
        budget,
        {
          value: sum(accrued.map((each) => each.accrued)),
          quarantined: accrued.filter(({ quarantined }) => quarantined !== null).length,
        },
      ];
    }),
  );
}

/**
 * The lines of the tenants of budgets whose charge period starts at or before an instant. A true-up is of many months,
 * and no budget counts it.
 */
export const linesOfTenants = async (
  core: LedgerCore,
  position: number,
  budgets: readonly { readonly tenantId: string }[],
  at: Instant,
): Promise<LineDefinition[]> =>
  (await allLines(core, position, at, { tenantIds: [...new Set(budgets.map(({ tenantId }) => tenantId))] })).filter(
    (line) => !isCommitment(line),
  );

async function quantitiesOf(
  core: LedgerCore,
  position: number,
  budgets: readonly BudgetToMeasure[],
  at: Instant,
): Promise<ReadonlyMap<BudgetToMeasure, Decimal>> {
  if (budgets.length === 0) return new Map();
  const tenantIds = [...new Set(budgets.map(({ tenantId }) => tenantId))];
  const held = heldBy(await readAssignments(core.db, position, { tenantIds }));
  const spans = budgets.flatMap((budget) =>
    (held.get(budget.tenantId) ?? []).flatMap(({ deploymentId, period }) => {
      const span = intersection(soFar(budget.period, at), period);
      return span === null
        ? []
        : [{ budget, deploymentId, billingKind: budget.terms.billingKind ?? '', start: span.start, end: span.end }];
    }),
  );
  const totals = await withPruned(core, spans, async (pruned) =>
    readUsageTotals(
      core.db,
      spans.map(({ budget: _, ...span }): SharedReadings => {
        const logged = within(pruned, span);
        return {
          ...{ ...span, filter: null, logged: logged.length === 0 ? null : asJsonb(logged) },
          ...{ positions: [position], instants: [span.start] },
        };
      }),
    ),
  );
  const quantities = new Map<BudgetToMeasure, Decimal>();
  for (const { index, quantity } of totals) {
    const budget = spans[index]?.budget;
    if (budget !== undefined) quantities.set(budget, (quantities.get(budget) ?? ZERO).plus(decimal(quantity)));
  }
  return quantities;
}

/** A period up to an instant, as lines are rated up to it: an instant in its last second stands for its end. */
const soFar = (period: Period, at: Instant): Period =>
  isLastInstant(period, at) ? period : { start: period.start, end: later(period.start, at) };

/** The periods in which each tenant held deployments. */
function heldBy(rows: Awaited<ReturnType<typeof readAssignments>>) {
  const held = [...Map.groupBy(rows, ({ deployment_id }) => deployment_id)].flatMap(([deploymentId, assigned]) =>
    tenancies(assigned.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from }))).map(
      ({ tenantId, period }) => ({ tenantId, deploymentId, period }),
    ),
  );
  return Map.groupBy(held, ({ tenantId }) => tenantId);
}
