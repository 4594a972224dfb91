import { z } from 'zod';
import { isEventOf, type RecordedEvent } from '#domain/events';
import {
  costRateEvents,
  type CostRateKey,
  type CostRateTerms,
  costRateTerms,
  estimateStream,
} from '#domain/margin/cost-rate';
import { exactMoney } from '#domain/margin/margin';
import { text } from '#domain/money/decimal';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { assertEffective } from '#domain/time/period';
import { variancesIn } from '#billing/estimates/variance';
import { correctedTerms, statedTerms, type TermsSubject, withdrawnTerms } from '#ledger/dated-terms';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { zMonth } from '#ledger/month';
import { ADMIN, defineQuery, pageOfRows, zAsOf, zAt, zOptionalId, zPage } from '#ledger/query';
import { COST_RATE_ORDER, readCostRatePage, toCostRate } from '#projections/cost-rates/cost-rates.read';
import { inForce, listOf, zMoney, zQuantity } from './answers.js';
import type { Operations } from './declared.js';
import { monthsFrom } from './margin.js';
import { APRIL } from './story.js';

type RateFact = Extract<RecordedEvent, { readonly type: 'CostRateSet' | 'CostRateCorrected' }>;
const isRate = isEventOf(costRateEvents);

interface GivenKey {
  readonly billingKind: string;
  readonly provider?: string | undefined;
  readonly region?: string | undefined;
}
const keyOf = ({ billingKind, provider, region }: GivenKey): CostRateKey => ({
  ...{ billingKind, provider: provider ?? null, region: region ?? null },
});

function subjectOf(given: GivenKey): TermsSubject<CostRateTerms, RateFact> {
  const of = keyOf(given);
  const place = [of.provider ?? 'any provider', of.region ?? 'any region'].join(' in ');
  return {
    stream: estimateStream(of.billingKind),
    isOf: (event): event is RateFact =>
      isRate(event) && event.data.provider === of.provider && event.data.region === of.region,
    dataOf: ({ data }) => data,
    ...{ name: `the cost rate of ${of.billingKind} of ${place}`, unknown: 'unknown_cost_rate' },
    command: 'set-cost-rate',
    correctedBy: (correction) => ({ type: 'CostRateCorrected', data: { ...of, ...correction } }),
  };
}

const key = {
  billingKind: zId,
  provider: zId.describe('Default: of any provider').optional(),
  region: zId.describe('The location of readings. Default: in any region').optional(),
};
const fields = {
  ...key,
  unitCost: zDecimal.describe('What a unit is estimated to cost'),
  currency: zCurrency.default('USD'),
  effectiveFrom: zInstant,
  effectiveUntil: zInstant.optional(),
};

const setCostRate = defineCommand({
  name: 'set-cost-rate',
  summary: 'Sets what a unit of a billing kind is estimated to cost, for months whose bill has not come',
  fields: z.strictObject(fields),
  key: ({ billingKind, provider = null, region = null, effectiveFrom }) => [
    ...[billingKind, provider, region, effectiveFrom],
  ],
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-cost-rate', 'withdraw'] },
  stated: ({ effectiveFrom, ...given }, events) => statedTerms(subjectOf(given), effectiveFrom, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ ...key, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { effectiveFrom, ...given } = call.fields;
      return withdrawnTerms(core, call, subjectOf(given), { effectiveFrom, correction });
    },
  }),
  example: { billingKind: 'gateway', unitCost: '0.05', effectiveFrom: APRIL.start },
  async handle(call, core) {
    const { unitCost, currency, effectiveFrom, effectiveUntil = null, ...given } = call.fields;
    const terms = costRateTerms({ unitCost, currency });
    assertEffective(effectiveFrom, effectiveUntil);
    return core.book.decide(estimateStream(given.billingKind), call, () => ({
      events: [{ type: 'CostRateSet', data: { ...keyOf(given), terms, effectiveFrom, effectiveUntil } }],
    }));
  },
});

const correctCostRate = defineCommand({
  name: 'correct-cost-rate',
  summary: 'Corrects what a unit of a billing kind is estimated to cost, over a period',
  fields: z.strictObject({ ...fields, reason: zText.min(1) }),
  key: 'body',
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-cost-rate'] },
  example: {
    ...{ billingKind: 'gateway', unitCost: '0.06', effectiveFrom: APRIL.start, effectiveUntil: APRIL.end },
    reason: 'as the last bill says',
  },
  async handle(call, core) {
    const { unitCost, currency, effectiveFrom: from, effectiveUntil: until = null, reason, ...given } = call.fields;
    const stated = { terms: costRateTerms({ unitCost, currency }), from, until };
    assertEffective(from, until);
    return correctedTerms(core, call, subjectOf(given), { stated, reason });
  },
});

const zCostRate = z
  .object({
    billingKind: z.string(),
    provider: z.string().nullable().describe('null: of any provider'),
    region: z.string().nullable().describe('null: in any region'),
    unitCost: zMoney,
    currency: z.string(),
    ...inForce,
  })
  .meta({ id: 'CostRate' });

const costRates = defineQuery({
  name: 'cost-rates',
  summary: 'What units of billing kinds are estimated to cost, with the periods in which that is in force',
  path: 'cost-rates',
  params: zPage.extend({ billingKind: zOptionalId, ...zAt }),
  roles: ADMIN,
  answer: listOf(zCostRate),
  example: {},
  async handle({ billingKind, at, ...page }, { core, position }) {
    return pageOfRows({
      ...{ order: COST_RATE_ORDER, page, position },
      read: async (rows) => readCostRatePage(core.db, position, { billingKind, effectiveAt: at }, rows),
      toItems: (rows) =>
        rows.map((row) => {
          const { terms, period, ...of } = toCostRate(row);
          return { ...of, ...terms, effectiveFrom: period.start, effectiveUntil: period.end, period };
        }),
    });
  },
});

const zCostVariance = z
  .object({
    currency: z.string(),
    months: z.array(
      z
        .object({
          month: z.string().describe('2026-04'),
          byKind: z.array(
            z
              .object({
                billingKind: z.string(),
                quantity: zQuantity.describe('What was used'),
                estimate: zMoney.describe('What it was estimated to cost'),
                actual: zMoney.describe('What the lines cost that end the estimate, whoever bears them'),
                variance: zMoney.describe('estimate − actual'),
              })
              .meta({ id: 'KindVariance' }),
          ),
        })
        .meta({ id: 'MonthVariance' }),
    ),
  })
  .meta({ id: 'CostVariance' });

const costVariance = defineQuery({
  name: 'cost-variance',
  summary: 'Of months whose bill has come: what usage was estimated to cost and what it did cost, by billing kind',
  path: 'dashboard/margin/variance',
  params: zAsOf.extend({
    from: zMonth.describe('The first month: 2026-01'),
    to: zMonth.describe('The last month'),
    currency: zCurrency.default('USD'),
  }),
  roles: ADMIN,
  answer: zCostVariance,
  cost: 18,
  example: { from: '2026-04', to: '2026-04' },
  async handle({ from, to, currency }, context) {
    const months = monthsFrom('cost-variance', from, to);
    const variances = await variancesIn(context, months, currency);
    return {
      currency,
      months: months.map((month, index) => ({
        month: month.start.slice(0, 7),
        byKind: (variances[index] ?? []).map(({ billingKind, quantity, estimate, actual }) => ({
          ...{ billingKind, quantity: text(quantity) },
          ...{ estimate: exactMoney(estimate, currency), actual: exactMoney(actual, currency) },
          variance: exactMoney(estimate.minus(actual), currency),
        })),
      })),
    };
  },
});

export const costRateOperations: Operations = {
  commands: [setCostRate, correctCostRate],
  queries: [costRates, costVariance],
};
