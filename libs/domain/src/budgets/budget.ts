import { z } from 'zod';
import { type FieldError, invalid } from '../errors.js';
import { type Decimal, decimal, integer, ZERO } from '../money/decimal.js';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zPeriod } from '../schema.js';
import { streamName } from '../stream-name.js';
import { billingPeriodAt, clockAt, midnight } from '../time/calendar.js';
import type { Instant } from '../time/instant.js';
import type { Period } from '../time/period.js';
import { correctedFields, setFields } from '../terms/terms.js';

/** The budgets of a tenant, and which of their thresholds were reached. */
export const budgetStream = (tenantId: string): string => streamName('budget', [tenantId]);

const zThresholds = z.array(zDecimal);
export const DEFAULT_THRESHOLDS = ['50', '80', '100'];

const termsWith = (zId: IdSchema) => ({
  /** Money of the tenant's currency. Absent: the budget is a quantity of a billing kind. */
  amount: zDecimal.optional(),
  billingKind: zId.optional(),
  quantity: zDecimal.optional(),
  /** Percentages of the amount or quantity, in rising order. */
  thresholds: zThresholds,
});

const crossingWith = (zId: IdSchema) => ({
  tenantId: zId,
  budgetId: zId,
  /** The calendar month of the tenant: 2026-04. */
  month: z.string(),
  period: zPeriod,
  /** A percentage of the limit. */
  threshold: zDecimal,
  /** The currency of limit and value. null: they are quantities of the billing kind. */
  currency: zCurrency.nullable(),
  billingKind: zId.nullable(),
  /** The log position that the value was computed from. */
  computedAt: z.number().int().nonnegative(),
  /** The instant up to which usage was rated. */
  at: zInstant,
});

// Stored permanently.
export const budgetEventsWith = (zId: IdSchema) => ({
  BudgetSet: z.object({ tenantId: zId, budgetId: zId, ...setFields(z.strictObject(termsWith(zId))) }),
  /** The budget as it is true now. */
  BudgetCorrected: z.object({ tenantId: zId, budgetId: zId, ...correctedFields(z.strictObject(termsWith(zId))) }),
  BudgetThresholdReached: z.object({ ...crossingWith(zId), limit: zDecimal, value: zDecimal }),
  /** The threshold is not reached any more, or is no threshold any more. */
  BudgetThresholdUndone: z.object({
    ...crossingWith(zId),
    /** null: the tenant has no such budget in this month any more. */
    limit: zDecimal.nullable(),
    value: zDecimal.nullable(),
    /** What is undone: the position of its event, and the value that had reached the threshold. */
    reached: z.object({ position: z.number().int().positive(), value: zDecimal }),
  }),
});
export const budgetEvents = budgetEventsWith(zId);
export type BudgetEvent = EventOf<typeof budgetEventsWith>;

/** What a tenant may use or owe in a calendar month: an amount, or a quantity of a billing kind. */
export interface BudgetTerms {
  readonly amount?: string | undefined;
  readonly billingKind?: string | undefined;
  readonly quantity?: string | undefined;
  readonly thresholds: readonly string[];
}

/** What is stated, with its thresholds in rising order. Errors: `invalid_budget`. */
export function budgetTerms({ amount, billingKind, quantity, thresholds }: BudgetTerms) {
  const isQuantity = billingKind !== undefined || quantity !== undefined;
  const errors: FieldError[] = [
    ...(amount === undefined && !isQuantity
      ? [fault('amount', 'is missing. Give it, or billingKind and quantity')]
      : []),
    ...(amount !== undefined && isQuantity
      ? [fault('amount', 'is given with billingKind or quantity. Set two budgets instead')]
      : []),
    ...(isQuantity && quantity === undefined ? [fault('quantity', 'is missing')] : []),
    ...(isQuantity && billingKind === undefined ? [fault('billingKind', 'is missing')] : []),
    ...[...above0('amount', amount), ...above0('quantity', quantity)],
    ...(thresholds.length === 0 ? [fault('thresholds', 'must have at least one percentage')] : []),
    ...thresholds.flatMap((each, index) => above0(`thresholds[${index}]`, each)),
    ...thresholds.flatMap((each, index) =>
      thresholds.indexOf(each) < index ? [fault(`thresholds[${index}]`, 'is a duplicate')] : [],
    ),
  ];
  const [first] = errors;
  if (first !== undefined) throw invalid('invalid_budget', `${first.field}: ${first.message}`, errors);
  return {
    ...(amount === undefined ? {} : { amount }),
    ...(billingKind === undefined ? {} : { billingKind }),
    ...(quantity === undefined ? {} : { quantity }),
    thresholds: [...thresholds].sort((a, b) => decimal(a).cmp(decimal(b))),
  };
}

const fault = (field: string, message: string): FieldError => ({ field, message });
const above0 = (field: string, value: string | undefined): FieldError[] =>
  value !== undefined && decimal(value).lte(ZERO) ? [fault(field, 'must be above 0')] : [];

/** The amount or the quantity. */
export const limitOf = ({ amount, quantity }: BudgetTerms): string => amount ?? quantity ?? '0';

/** Whether a value reaches a percentage of the limit. */
export const reaches = (value: Decimal, limit: string, threshold: string): boolean =>
  value.times(HUNDRED).gte(decimal(limit).times(decimal(threshold)));
const HUNDRED = integer(100);

/** A calendar month of a tenant, and its name there: 2026-04. */
export interface BudgetMonth {
  readonly month: string;
  readonly period: Period;
}

export function budgetMonthAt(at: Instant, timeZone: string): BudgetMonth {
  const period = billingPeriodAt(at, 'month', timeZone, null);
  return { month: clockAt(period.start, timeZone).date.slice(0, 7), period };
}

export const budgetMonthNamed = (month: string, timeZone: string): BudgetMonth =>
  budgetMonthAt(midnight(`${month}-01`, timeZone), timeZone);
