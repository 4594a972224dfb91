import { budgetEvents, budgetStream } from '#domain/budgets/budget';
import { decideThresholds, type MeasuredBudget } from '#domain/budgets/thresholds';
import { type EventType, isEventOf } from '#domain/events';
import { type Instant, isBefore, plusHours } from '#domain/time/instant';
import { dayOf, monthNamed, overlaps, type Period } from '#domain/time/period';
import { ifReadable } from '#read-model/readable';
import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { readAssignments } from '#projections/deployments/deployments.read';
import { readChargedFrom } from '#projections/invoices/issued-months.read';
import { type KnownBudget, knownBudgets, type MonthOfBudget, monthsOfBudget, type Span } from './budget-months.js';
import { decisionOf, type Evaluated, isSameDay, type Watched } from '../watching/watch.js';
import { linesOfTenants, measuredBudgets } from './measured-budgets.js';

/** What an evaluation did. */
export interface BudgetEvaluation extends Evaluated {
  /** How many budgets were measured, each in how many months. */
  readonly measured: number;
  readonly reached: number;
  readonly undone: number;
}

/**
 * Measures the budgets whose value may have changed since an earlier evaluation (null: all of them), as of the
 * projected position, and records the thresholds that are reached now or are not reached any more. Repeated, or done by
 * two workers at once, it records each of them once.
 */
export async function evaluateBudgets(
  core: LedgerCore,
  caller: Caller,
  since: Evaluated | null,
): Promise<BudgetEvaluation> {
  const position = await core.projector.position();
  const at = caller.now;
  const due = await dueSince(core, { position, at }, since !== null && since.position <= position ? since : null);
  const toMeasure = due.flatMap((month) => (month.terms === null ? [] : [{ ...month, terms: month.terms }]));
  const measures = await measuredBudgets(core, position, toMeasure, at);
  const values = new Map(toMeasure.map((month, index) => [keyOf(month), measures[index]?.value ?? null]));
  const measured = due.map((month): MeasuredBudget => {
    return { ...month, value: values.get(keyOf(month)) ?? null, computedAt: position, at };
  });
  let [reached, undone] = [0, 0];
  for (const [tenantId, own] of Map.groupBy(measured, (budget) => budget.tenantId)) {
    await core.book.decide(
      budgetStream(tenantId),
      decisionOf(caller, 'evaluate-budgets', { tenantId, position }),
      (events) => {
        const decided = decideThresholds(events.filter(isBudgetEvent), own);
        reached += decided.filter(({ type }) => type === 'BudgetThresholdReached').length;
        undone += decided.filter(({ type }) => type === 'BudgetThresholdUndone').length;
        return { events: decided };
      },
    );
  }
  return { position, at, measured: measured.length, reached, undone };
}

const isBudgetEvent = isEventOf(budgetEvents);

const keyOf = ({ tenantId, budgetId, month }: MonthOfBudget): string => JSON.stringify([tenantId, budgetId, month]);

const USAGE = ['UsageObserved', 'UsageCorrected'] as const;
/** What changes the months, the terms or the lines of a tenant. */
const OF_TENANT = [
  ...['BudgetSet', 'BudgetCorrected', 'TenantCorrected'],
  ...['CouponGranted', 'CreditRevoked', 'GrantWithdrawn', 'RevocationWithdrawn'],
] as const;
/** What books the lines of a tenant. */
const OF_INVOICES = ['InvoiceIssued', 'InvoiceVoided'] as const;
const OF_DEPLOYMENT = [
  ...['DeploymentRegistered', 'DeploymentAssigned', 'DeploymentCorrected'],
  ...['SubscriptionStarted', 'SubscriptionPlanChanged', 'SubscriptionCancelled'],
  ...['OverridesSet', 'OverridesCorrected'],
] as const;
const OF_PRICES = [
  ...['RateSet', 'RateCorrected', 'RateWithdrawn', 'RateKeyCorrected'],
  ...['PlanPublished', 'PlanPriceCorrected', 'PlanCorrected'],
] as const;
const RELEVANT = [...USAGE, ...OF_TENANT, ...OF_INVOICES, ...OF_DEPLOYMENT, ...OF_PRICES] as readonly EventType[];

/** What happened that may change the value of a budget. */
interface Changes {
  readonly tenantIds: ReadonlySet<string>;
  readonly deploymentIds: ReadonlySet<string>;
  readonly arePricesChanged: boolean;
  /** The UTC months of usage, by deployment. */
  readonly usage: ReadonlyMap<string, ReadonlySet<string>>;
  /** The tenant of each invoice that was issued or voided, by its id. */
  readonly invoices: ReadonlyMap<string, string>;
}

async function changesOf(core: LedgerCore, first: number, last: number): Promise<Changes> {
  const [tenantIds, deploymentIds, usage] = [new Set<string>(), new Set<string>(), new Map<string, Set<string>>()];
  const invoices = new Map<string, string>();
  let arePricesChanged = false;
  for await (const stored of core.log.readAll(first, { types: RELEVANT })) {
    if (stored.position > last) break;
    const event = ifReadable(stored);
    // One that can't be read is not projected either.
    if (event === undefined) continue;
    const { type, data } = event;
    if (type === 'UsageObserved' || type === 'UsageCorrected') {
      const months = usage.get(data.deploymentId) ?? new Set();
      usage.set(data.deploymentId, months.add(data.month));
    } else if (type === 'InvoiceIssued' || type === 'InvoiceVoided') invoices.set(data.invoiceId, data.tenantId);
    else if ('tenantId' in data && typeof data.tenantId === 'string' && !('deploymentId' in data))
      tenantIds.add(data.tenantId);
    else if ('deploymentId' in data && data.deploymentId !== undefined) deploymentIds.add(data.deploymentId);
    else arePricesChanged = true;
  }
  return { tenantIds, deploymentIds, arePricesChanged, usage, invoices };
}

/**
 * The budgets whose value may have changed since an evaluation, each in the months that may have changed: those of
 * usage and invoices, and those that began or went on since, or in which lines start that went on since. What changes
 * terms, contracts or prices counts for all.
 */
async function dueSince(
  core: LedgerCore,
  { position, at }: Evaluated,
  since: Evaluated | null,
): Promise<MonthOfBudget[]> {
  const budgets = await knownBudgets(core, position);
  if (since === null || budgets.length === 0) return budgets.flatMap((budget) => monthsOfBudget(budget, null, at));
  const changes = await changesOf(core, since.position, position);
  const holders = await holdersOf(core, { first: since.position + 1, last: position }, changes);
  const issued = await issuedSince(core, position, changes.invoices);
  // From the start of the day: time alone was counted at most once in it.
  const passed: readonly Span[] =
    isBefore(since.at, at) && !isSameDay(since.at, at) ? [{ start: dayOf(since.at).start, end: null }] : [];
  const tenantIds = new Set([...changes.tenantIds, ...holders.changed]);
  // Time touches lines of all tenants: a minimum falls due at the end of a line, which may be in a later month.
  const touched = [holders.usage, issued, new Map(budgets.map(({ tenantId }) => [tenantId, passed]))].reduce(merged);
  const starts = await startsOf(core, position, { budgets, touched }, at);
  const isWhole = ({ tenantId }: KnownBudget): boolean => tenantIds.has(tenantId) || changes.arePricesChanged;
  const spansOf = (of: ReadonlyMap<string, readonly Span[]>, tenantId: string): readonly Span[] => [
    ...passed,
    ...(of.get(tenantId) ?? []),
  ];
  return budgets
    .flatMap((budget) => {
      const spans = [...spansOf(holders.usage, budget.tenantId), ...(starts.get(budget.tenantId) ?? [])];
      return monthsOfBudget(budget, isWhole(budget) ? null : spans, at);
    })
    .filter(
      (month) =>
        tenantIds.has(month.tenantId) ||
        (changes.arePricesChanged && isAmount(month)) ||
        spansOf(isAmount(month) ? starts : holders.usage, month.tenantId).some((span) => overlaps(month.period, span)),
    );
}

/** By tenant: from where on invoices that were issued or voided bill its lines. Coupons that they take count later. */
async function issuedSince(
  core: LedgerCore,
  position: number,
  invoices: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, readonly Span[]>> {
  const rows = invoices.size === 0 ? [] : await readChargedFrom(core.db, position, [...invoices.keys()]);
  return new Map(
    [...Map.groupBy(rows, (row) => invoices.get(row.invoice_id) ?? '')].map(([tenantId, of]) => [
      tenantId,
      of.map(({ charged_from: start }) => ({ start, end: null })),
    ]),
  );
}

const merged = (
  a: ReadonlyMap<string, readonly Span[]>,
  b: ReadonlyMap<string, readonly Span[]>,
): ReadonlyMap<string, readonly Span[]> =>
  new Map([...new Set([...a.keys(), ...b.keys()])].map((key) => [key, [...(a.get(key) ?? []), ...(b.get(key) ?? [])]]));

const isAmount = ({ terms }: Pick<MonthOfBudget, 'terms'>): boolean => terms === null || terms.amount !== undefined;

/** The tenants that held, at one of the positions, the deployments that changed; and the months of usage of each. */
async function holdersOf(
  core: LedgerCore,
  positions: { readonly first: number; readonly last: number },
  { deploymentIds, usage }: Changes,
) {
  const wanted = [...new Set([...deploymentIds, ...usage.keys()])];
  const rows = wanted.length === 0 ? [] : await readAssignments(core.db, positions, { deploymentIds: wanted });
  const changed = rows
    .filter(({ deployment_id }) => deploymentIds.has(deployment_id))
    .map(({ tenant_id }) => tenant_id);
  const months = new Map<string, Period[]>();
  for (const { tenant_id, deployment_id } of rows) {
    const own = [...(usage.get(deployment_id) ?? [])].map((month) => monthNamed(month));
    if (own.length > 0) months.set(tenant_id, [...(months.get(tenant_id) ?? []), ...own]);
  }
  return { changed, usage: months };
}

/** When the lines start that overlap what was touched. The line of a yearly plan may have started long before. */
async function startsOf(
  core: LedgerCore,
  position: number,
  {
    budgets,
    touched,
  }: { readonly budgets: readonly KnownBudget[]; readonly touched: ReadonlyMap<string, readonly Span[]> },
  at: Instant,
): Promise<ReadonlyMap<string, readonly Span[]>> {
  const amounts = budgets
    .filter(({ tenantId }) => (touched.get(tenantId) ?? []).length > 0)
    .filter(({ periods, crossed }) => crossed.length > 0 || periods.some(isAmount));
  if (amounts.length === 0) return new Map();
  const starts = new Map<string, Span[]>();
  for (const { tenantId, period } of await linesOfTenants(core, position, amounts, at))
    if (touched.get(tenantId)?.some((span) => overlaps(period, span)) === true) {
      const start = { start: period.start, end: plusHours(period.start, 1) };
      starts.set(tenantId, [...(starts.get(tenantId) ?? []), start]);
    }
  return starts;
}

export const BUDGETS: Watched = {
  name: 'budgets',
  async evaluate(core, caller, since) {
    const { reached, undone, position, at } = await evaluateBudgets(core, caller, since);
    const said = reached + undone === 0 ? null : `budgets: ${reached} thresholds reached, ${undone} undone`;
    return { position, at, said };
  },
};
