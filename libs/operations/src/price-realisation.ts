import { z } from 'zod';
import type { RealisationCause } from '#domain/margin/realisation';
import { invalid } from '#domain/errors';
import { zCurrency } from '#domain/schema';
import { realisationsIn } from '#billing/invoices/price-realisation';
import { zMonth } from '#ledger/month';
import { ADMIN, defineQuery, zAsOf } from '#ledger/query';
import { zMoney, zQuantity } from './answers.js';
import type { Operations } from './declared.js';
import { monthsFrom } from './margin.js';

/** They come to difference, exactly. Below 0: less is billed because of it. */
const causes: Readonly<Record<RealisationCause, typeof zMoney>> = {
  allowance: zMoney.describe('Included units and usage discount'),
  discount: zMoney.describe('The percentage discount of the plan'),
  maximum: zMoney.describe('The maximum of the plan'),
  minimum: zMoney.describe('The minimum commitment of the plan. Above 0'),
  coupon: zMoney.describe('Coupons'),
  credit: zMoney.describe('Credits that paid for it'),
  creditNotes: zMoney.describe('Credit notes'),
  other: zMoney.describe('Corrections that no invoice has yet, lines that can’t be rated, and rounding'),
};

const realisation = {
  list: zMoney.describe('The metered quantity that is billed, at the list price of the plan'),
  ...causes,
  billed: zMoney.describe('The revenue: list and all that comes after it'),
  realisationPct: z.string().nullable().describe('billed in percent of list. null: list is 0'),
  difference: zMoney.describe('billed − list'),
};

const views = {
  overall: z.object(realisation).meta({ id: 'Realisation' }),
  byKind: z.array(
    z
      .object({
        billingKind: z.string(),
        quantity: zQuantity.describe('Metered units that are billed, included ones too, before any conversion'),
        ...realisation,
      })
      .meta({ id: 'KindRealisation' }),
  ),
};

const zRealisation = z
  .object({
    from: z.string().describe('The first month: 2026-04'),
    to: z.string().describe('The last month'),
    currency: z.string(),
    ...views,
    months: z
      .array(z.object({ month: z.string(), ...views }).meta({ id: 'MonthRealisation' }))
      .optional()
      .describe('With by=month'),
  })
  .meta({ id: 'PriceRealisation' });

/** A year: all that is billed is rated again. */
const MOST = 12;

export const priceRealisation = defineQuery({
  name: 'price-realisation',
  summary: 'What is billed of each billing kind against its list value, and why it is less or more',
  path: 'dashboard/margin/realisation',
  params: zAsOf.extend({
    from: zMonth.describe('The first month: 2026-04'),
    to: zMonth.describe(`The last month. At most ${MOST} months`),
    currency: zCurrency.default('USD'),
    by: z.enum(['month']).optional().describe('Also each month'),
  }),
  roles: ADMIN,
  answer: zRealisation,
  cost: 18,
  example: { from: '2026-04', to: '2026-04', currency: 'USD' },
  async handle({ from, to, currency, by }, context) {
    const months = monthsFrom('price-realisation', from, to);
    if (months.length > MOST)
      throw invalid('invalid_parameter', `price-realisation: ${months.length} months. Ask for at most ${MOST}.`, [
        { field: 'to', message: `must be at most ${MOST - 1} months after from` },
      ]);
    const { together, months: each } = await realisationsIn(context, months, currency);
    const named = months.flatMap((month, index) => {
      const of = each[index];
      return of === undefined ? [] : [{ month: month.start.slice(0, 7), ...of }];
    });
    return {
      ...{ from: from.start.slice(0, 7), to: to.start.slice(0, 7), currency, ...together },
      ...(by === undefined ? {} : { months: named }),
    };
  },
});

export const priceRealisationOperations: Operations = {
  queries: [priceRealisation],
};
