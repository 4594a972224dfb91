import { type Decimal, text } from '../money/decimal.js';
import type { Instant } from '../time/instant.js';
import { foldTerms, lastTermsIn, periodsOfTerms } from '../terms/terms.js';
import { type BudgetEvent, type BudgetMonth, type BudgetTerms, limitOf, reaches } from './budget.js';

/** An event as the log has it. */
export type RecordedBudgetEvent = BudgetEvent & { readonly position: number };
type ReachedEvent = Extract<RecordedBudgetEvent, { readonly type: 'BudgetThresholdReached' }>;

/** What a budget comes to in a month, as computed from a log position. */
export interface MeasuredBudget extends BudgetMonth {
  readonly tenantId: string;
  readonly budgetId: string;
  /** The terms that hold in the month. null: none do. */
  readonly terms: BudgetTerms | null;
  /** null: there are no terms. */
  readonly value: Decimal | null;
  /** The currency of the tenant. */
  readonly currency: string;
  readonly computedAt: number;
  readonly at: Instant;
}

/**
 * What measured values change in the thresholds that the stream has as reached. A value that was computed from an
 * earlier position than the last recorded one, or from other terms than the stream has, changes nothing: it is
 * measured again.
 */
export function decideThresholds(
  events: readonly RecordedBudgetEvent[],
  measured: readonly MeasuredBudget[],
): BudgetEvent[] {
  const crossings = foldCrossings(events);
  return measured.flatMap((budget): BudgetEvent[] => {
    const { terms, value } = budget;
    const known = crossings.get(keyOf(budget)) ?? NONE;
    if (known.computedAt > budget.computedAt || !isSame(terms, termsIn(events, budget))) return [];
    const limit = terms === null ? null : limitOf(terms);
    const wanted =
      terms === null || value === null || limit === null
        ? []
        : terms.thresholds.filter((threshold) => reaches(value, limit, threshold));
    return [
      ...[...known.reached]
        .filter(([threshold]) => !wanted.includes(threshold))
        .map(([, event]) => undone(budget, limit, event)),
      ...wanted
        .filter((threshold) => !known.reached.has(threshold))
        .map((threshold) => reached(budget, { terms, value, limit, threshold })),
    ];
  });
}

/** The thresholds of a budget and month that are reached, and the position that the last of them was computed from. */
interface Crossings {
  readonly reached: ReadonlyMap<string, ReachedEvent>;
  readonly computedAt: number;
}
const NONE: Crossings = { reached: new Map(), computedAt: 0 };

const keyOf = ({ budgetId, month }: { readonly budgetId: string; readonly month: string }): string =>
  JSON.stringify([budgetId, month]);

function foldCrossings(events: readonly RecordedBudgetEvent[]): ReadonlyMap<string, Crossings> {
  const crossings = new Map<string, Crossings>();
  for (const event of events) {
    if (event.type === 'BudgetSet' || event.type === 'BudgetCorrected') continue;
    const { computedAt, threshold } = event.data;
    const reached = new Map((crossings.get(keyOf(event.data)) ?? NONE).reached);
    if (event.type === 'BudgetThresholdReached') reached.set(threshold, event);
    else reached.delete(threshold);
    crossings.set(keyOf(event.data), { reached, computedAt });
  }
  return crossings;
}

/** The terms that the stream has for a budget in a month. */
function termsIn(events: readonly RecordedBudgetEvent[], { budgetId, period }: MeasuredBudget): BudgetTerms | null {
  const own = events.flatMap(({ type, data }) =>
    (type === 'BudgetSet' || type === 'BudgetCorrected') && data.budgetId === budgetId ? [data] : [],
  );
  return lastTermsIn(periodsOfTerms(foldTerms<BudgetTerms>(own)), period)?.terms ?? null;
}

const isSame = (a: BudgetTerms | null, b: BudgetTerms | null): boolean => JSON.stringify(a) === JSON.stringify(b);

const crossingOf = ({ tenantId, budgetId, month, period, computedAt, at }: MeasuredBudget, threshold: string) => ({
  ...{ tenantId, budgetId, month, period, threshold },
  ...{ computedAt, at },
});

function reached(
  budget: MeasuredBudget,
  {
    terms,
    value,
    limit,
    threshold,
  }: {
    readonly terms: BudgetTerms | null;
    readonly value: Decimal | null;
    readonly limit: string | null;
    readonly threshold: string;
  },
): BudgetEvent {
  if (terms === null || value === null || limit === null) throw new Error('a threshold without a budget is reached');
  const billingKind = terms.billingKind ?? null;
  return {
    type: 'BudgetThresholdReached',
    data: {
      ...crossingOf(budget, threshold),
      ...{ currency: billingKind === null ? budget.currency : null, billingKind },
      ...{ limit, value: text(value) },
    },
  };
}

const undone = (budget: MeasuredBudget, limit: string | null, { position, data }: ReachedEvent): BudgetEvent => ({
  type: 'BudgetThresholdUndone',
  data: {
    ...crossingOf(budget, data.threshold),
    ...{ currency: data.currency, billingKind: data.billingKind },
    ...{ limit, value: budget.value === null ? null : text(budget.value) },
    reached: { position, value: data.value },
  },
});
