import { z } from 'zod';
import {
  budgetEvents,
  budgetMonthAt,
  budgetMonthNamed,
  budgetStream,
  budgetTerms,
  type BudgetTerms,
  DEFAULT_THRESHOLDS,
  limitOf,
  reaches,
} from '#domain/budgets/budget';
import { isEventOf, type RecordedEvent } from '#domain/events';
import { type Decimal, decimal, divide, integer, text } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zDecimal, zId, zInstant, zText } from '#domain/schema';
import { tenantStream } from '#domain/tenants/tenant';
import { assertEffective } from '#domain/time/period';
import { lastTermsIn, type TermsPeriod } from '#domain/terms/terms';
import { type BudgetToMeasure, type Measure, measuredBudgets } from '#billing/budgets/measured-budgets';
import { correctedTerms, statedTerms, type TermsSubject, withdrawnTerms } from '#ledger/dated-terms';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import {
  defineQuery,
  momentOf,
  pageOfRows,
  type QueryContext,
  READERS,
  visibleTenant,
  zAt,
  zOptionalId,
  zPage,
} from '#ledger/query';
import { tenantOf } from '#ledger/tenant';
import {
  BUDGET_ORDER,
  readBudgetPage,
  readBudgets,
  readBudgetThresholds,
  toBudget,
} from '#projections/budgets/budgets.read';
import type { BudgetThresholdRow } from '#projections/budgets/budgets.table';
import { readTenants } from '#projections/tenants/tenants.read';
import { listOf, zMoney, zPosition, zQuantity, zSpan, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL, MID_APRIL } from './story.js';

type BudgetFact = Extract<RecordedEvent, { readonly type: 'BudgetSet' | 'BudgetCorrected' }>;
const isBudget = isEventOf({ BudgetSet: budgetEvents.BudgetSet, BudgetCorrected: budgetEvents.BudgetCorrected });

const subjectOf = (tenantId: string, budgetId: string): TermsSubject<BudgetTerms, BudgetFact> => ({
  stream: budgetStream(tenantId),
  isOf: (event): event is BudgetFact => isBudget(event) && event.data.budgetId === budgetId,
  dataOf: ({ data }) => data,
  ...{ name: `budget ${budgetId} of tenant ${tenantId}`, unknown: 'unknown_budget', command: 'set-budget' },
  correctedBy: ({ versions, stated, ...correction }) => ({
    type: 'BudgetCorrected',
    data: {
      ...{ tenantId, budgetId, ...correction },
      versions: versions.map(({ from, terms }) => ({ from, terms: terms === null ? null : budgetTerms(terms) })),
      ...(stated === undefined ? {} : { stated: { ...stated, terms: budgetTerms(stated.terms) } }),
    },
  }),
});

const fields = {
  tenantId: zId,
  budgetId: zId.describe('The name of the budget'),
  amount: zDecimal.describe('An amount a month, in the currency of the tenant').optional(),
  billingKind: zId.describe('For a quantity instead of an amount: its billing kind').optional(),
  quantity: zDecimal.describe('The quantity a month').optional(),
  thresholds: z.array(zDecimal).default(DEFAULT_THRESHOLDS).describe('Percentages. It is recorded when one is reached'),
  effectiveFrom: zInstant.describe('A month has the terms that are in force last in it'),
  effectiveUntil: zInstant.optional(),
};

const setBudget = defineCommand({
  name: 'set-budget',
  summary: 'Sets what a tenant may owe, or use of a billing kind, each calendar month from an instant on',
  fields: z.strictObject(fields),
  key: ({ tenantId, budgetId, effectiveFrom }) => [tenantId, budgetId, effectiveFrom],
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-budget', 'withdraw'] },
  stated: ({ tenantId, budgetId, effectiveFrom }, events) =>
    statedTerms(subjectOf(tenantId, budgetId), effectiveFrom, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ tenantId: zId, budgetId: zId, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { tenantId, budgetId, effectiveFrom } = call.fields;
      await assertTenant(core, tenantId);
      return withdrawnTerms(core, call, subjectOf(tenantId, budgetId), { effectiveFrom, correction });
    },
  }),
  example: { tenantId: 'acme', budgetId: 'monthly', amount: '100.00', effectiveFrom: APRIL.start },
  async handle(call, core) {
    const { tenantId, budgetId, effectiveFrom, effectiveUntil = null, ...given } = call.fields;
    const terms = budgetTerms(given);
    assertEffective(effectiveFrom, effectiveUntil);
    await assertTenant(core, tenantId);
    return core.book.decide(budgetStream(tenantId), call, () => ({
      events: [{ type: 'BudgetSet', data: { tenantId, budgetId, terms, effectiveFrom, effectiveUntil } }],
    }));
  },
});

const correctBudget = defineCommand({
  name: 'correct-budget',
  summary: 'Corrects a budget over a period. The fields state the budget as a whole',
  fields: z.strictObject({ ...fields, reason: zText.min(1) }),
  key: 'body',
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-budget'] },
  example: {
    ...{ tenantId: 'acme', budgetId: 'monthly', amount: '120.00' },
    ...{ effectiveFrom: APRIL.start, effectiveUntil: APRIL.end, reason: 'as agreed' },
  },
  async handle(call, core) {
    const { tenantId, budgetId, effectiveFrom: from, effectiveUntil: until = null, reason, ...given } = call.fields;
    const stated = { terms: budgetTerms(given), from, until };
    assertEffective(from, until);
    await assertTenant(core, tenantId);
    return correctedTerms(core, call, subjectOf(tenantId, budgetId), { stated, reason });
  },
});

/** Errors: `unknown_tenant`. */
async function assertTenant(core: LedgerCore, tenantId: string): Promise<void> {
  tenantOf(await core.book.load(tenantStream(tenantId)), tenantId);
}

const zBudgetThreshold = z
  .object({
    percent: zQuantity,
    isReached: z.boolean().describe('Whether the value reaches it now'),
    recorded: z
      .object({
        state: z.enum(['reached', 'undone']),
        reachedAt: zPosition.describe('The position of the event that reached it'),
        reachedValue: zQuantity,
        undoneAt: zPosition.nullable().describe('The position of the event that undid it. null: it is reached'),
        undoneValue: zQuantity.nullable().describe('null: it is reached, or the budget is no more'),
      })
      .meta({ id: 'BudgetCrossing' })
      .nullable()
      .describe('What the worker recorded of it last. null: nothing'),
  })
  .meta({ id: 'BudgetThreshold' });

const zBudget = z
  .object({
    tenantId: z.string(),
    budgetId: z.string(),
    month: z.string().describe('The calendar month of the tenant: 2026-04'),
    period: zSpan,
    currency: z.string().nullable().describe('null: a quantity'),
    billingKind: z.string().nullable().describe('null: an amount'),
    limit: zMoney.describe('The amount or the quantity of the month'),
    value: zMoney.describe('An amount before tax and credits, or the quantity used'),
    percent: zQuantity.describe('Of the limit, to one decimal'),
    thresholds: z.array(zBudgetThreshold),
    quarantinedLines: z.int().describe('Lines that can not be rated. The amount has only what is issued of them'),
    effectiveFrom: zTimestamp,
    effectiveUntil: zTimestamp.nullable(),
  })
  .meta({ id: 'Budget' });

const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;

const budgets = defineQuery({
  name: 'budgets',
  summary: 'The budgets of tenants in a calendar month: what they come to, and which thresholds were reached or undone',
  path: 'budgets',
  params: zPage.extend({
    tenantId: zOptionalId,
    budgetId: zOptionalId,
    month: z
      .string()
      .regex(MONTH, 'is not a month such as "2026-04"')
      .optional()
      .describe('A calendar month of the tenant: 2026-04. Default: the one that holds `at`'),
    ...zAt,
  }),
  roles: READERS,
  answer: listOf(zBudget),
  cost: 6,
  example: { tenantId: 'acme', at: MID_APRIL },
  async handle({ tenantId, budgetId = null, month, at: asked, asOf, knownAt, ...page }, context) {
    const visible = await visibleTenant(context, tenantId);
    const at = asked ?? (await momentOf(context, { asOf, knownAt }));
    return pageOfRows({
      ...{ order: BUDGET_ORDER, page, position: context.position },
      read: async (rows) => readBudgetPage(context.core.db, context.position, { tenantId: visible, budgetId }, rows),
      async toItems(rows) {
        const ids = new Set(rows.map((row) => keyOf(row.tenant_id, row.budget_id)));
        const tenantIds = [...new Set(rows.map(({ tenant_id }) => tenant_id))];
        const found = (await budgetsOf(context, tenantIds, { month, at })).filter((budget) =>
          ids.has(keyOf(budget.tenantId, budget.budgetId)),
        );
        const measures = await measuredBudgets(context.core, context.position, found, at);
        const crossings = Map.groupBy(
          await readBudgetThresholds(context.core.db, context.position, tenantIds),
          (row) => `${keyOf(row.tenant_id, row.budget_id)} ${row.month}`,
        );
        const shown = new Map(
          found.map((budget, index) => {
            const key = keyOf(budget.tenantId, budget.budgetId);
            return [key, shownBudget(budget, measures[index] ?? null, crossings.get(`${key} ${budget.month}`) ?? [])];
          }),
        );
        return rows.flatMap((row) => shown.get(keyOf(row.tenant_id, row.budget_id)) ?? []);
      },
    });
  },
});

const keyOf = (tenantId: string, budgetId: string): string => JSON.stringify([tenantId, budgetId]);

type BudgetInMonth = BudgetToMeasure & { readonly budgetId: string; readonly inForce: TermsPeriod<BudgetTerms> };

/** The budgets of tenants that hold in a month of each. */
async function budgetsOf(
  { core, position }: QueryContext,
  tenantIds: readonly string[],
  { month, at }: { readonly month: string | undefined; readonly at: Parameters<typeof budgetMonthAt>[0] },
): Promise<BudgetInMonth[]> {
  if (tenantIds.length === 0) return [];
  const tenants = await readTenants(core.db, position, tenantIds);
  const rows = Map.groupBy(await readBudgets(core.db, position, tenantIds), ({ tenant_id }) => tenant_id);
  return tenants.flatMap(({ tenant_id: tenantId, time_zone: timeZone, currency }) => {
    const named = month === undefined ? budgetMonthAt(at, timeZone) : budgetMonthNamed(month, timeZone);
    const own = Map.groupBy(rows.get(tenantId) ?? [], ({ budget_id }) => budget_id);
    return [...own].flatMap(([budgetId, versions]) => {
      const inForce = lastTermsIn(versions.map(toBudget), named.period);
      return inForce === null ? [] : [{ ...named, tenantId, budgetId, currency, inForce, terms: inForce.terms }];
    });
  });
}

const HUNDRED = integer(100);

function shownBudget(budget: BudgetInMonth, measure: Measure | null, crossings: readonly BudgetThresholdRow[]) {
  if (measure === null) throw new Error('a budget was not measured');
  const { tenantId, budgetId, month, period, terms, inForce } = budget;
  const { value, quarantined } = measure;
  const currency = terms.billingKind === undefined ? budget.currency : null;
  const shown = (of: Decimal): string => (currency === null ? text(of) : moneyText(of, currency));
  const limit = decimal(limitOf(terms));
  const recorded = new Map(crossings.map((row) => [text(decimal(row.threshold)), row]));
  return {
    ...{ tenantId, budgetId, month, period, currency, billingKind: terms.billingKind ?? null },
    ...{ limit: shown(limit), value: shown(value) },
    percent: text(divide(value.times(HUNDRED), limit, 1)),
    thresholds: [...new Set([...terms.thresholds, ...recorded.keys()])]
      .sort((a, b) => decimal(a).cmp(decimal(b)))
      .map((percent) => {
        const row = recorded.get(percent);
        return {
          percent,
          isReached: terms.thresholds.includes(percent) && reaches(value, limitOf(terms), percent),
          recorded: row === undefined ? null : shownCrossing(row, shown),
        };
      }),
    ...{ quarantinedLines: quarantined, effectiveFrom: inForce.period.start, effectiveUntil: inForce.period.end },
  };
}

const shownCrossing = (row: BudgetThresholdRow, shown: (of: Decimal) => string) => ({
  ...{ state: row.state, reachedAt: row.reached_at, reachedValue: shown(decimal(row.reached_value)) },
  ...{ undoneAt: row.undone_at, undoneValue: row.undone_value === null ? null : shown(decimal(row.undone_value)) },
});

export const budgetOperations: Operations = {
  commands: [setBudget, correctBudget],
  queries: [budgets],
};
