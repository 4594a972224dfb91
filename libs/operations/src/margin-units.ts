import { z } from 'zod';
import { KIND_BASES, PER_UNIT_SCALE } from '#domain/margin/units';
import { MAPPING_SOURCES } from '#domain/margin/kind-mapping';
import { zCurrency } from '#domain/schema';
import { meteredIn } from '#billing/costs/metered-units';
import { unitsIn } from '#billing/costs/unit-economics';
import { zMonth } from '#ledger/month';
import { ADMIN, defineQuery, zAsOf } from '#ledger/query';
import { zMoney, zQuantity } from './answers.js';
import type { Operations } from './declared.js';
import { monthsFrom, zCogs, zIdle, zMarginFigures } from './margin.js';

const perUnit = (what: string, of: 'metered' | 'billed', orNull = '') =>
  zMoney
    .nullable()
    .describe(
      `${what} per ${of} unit, rounded to ${PER_UNIT_SCALE} decimals. null: ${of}Quantity is 0 or null${orNull}`,
    );
const IN_OTHER_CURRENCIES = ', or units are billed in another currency, too';

const zUnit = z.string().nullable().describe('The unit that rates name. null: none, or several');

const unitViews = {
  overall: zMarginFigures.describe('byKind + unmapped + idle + unattributed, exactly'),
  byKind: z.array(
    z
      .object({
        billingKind: z.string(),
        meteredQuantity: zQuantity
          .nullable()
          .describe('Usage that begins in the months, of all tenants. null: it is counted in several units'),
        meteredUnit: zUnit,
        billedQuantity: zQuantity
          .nullable()
          .describe('What invoices bill of it, after allowances and conversion. null: as above'),
        billedUnit: zUnit,
        ...zMarginFigures.shape,
        revenuePerMeteredUnit: perUnit('Revenue', 'metered', IN_OTHER_CURRENCIES),
        cogsPerMeteredUnit: perUnit('Cost', 'metered'),
        marginPerMeteredUnit: perUnit('Margin', 'metered', IN_OTHER_CURRENCIES),
        revenuePerBilledUnit: perUnit('Revenue', 'billed'),
      })
      .meta({ id: 'KindUnits' }),
  ),
  unmapped: zCogs.describe('Cost that tenants bear, of kinds of providers that are not mapped: use set-kind-mapping'),
  idle: zIdle.describe('Cost of resources while they were off or in no deployment, of tenants and of nobody'),
  unattributed: zCogs.describe('Other cost that no tenant bears'),
  costs: z
    .array(
      z
        .object({
          provider: z.string(),
          kind: z.string().describe('The provider’s kind'),
          source: z
            .enum(MAPPING_SOURCES)
            .describe('recorded: by set-kind-mapping. default: its name is a kind of the inventory. none: not mapped'),
          billingKind: z.string().nullable().describe('null: not mapped'),
          basis: z
            .enum(KIND_BASES)
            .nullable()
            .describe(
              'only: it is mapped to one billing kind. usage: by how long its resource was used.' +
                ' even: evenly, because the resource is not known or was not used. null: not mapped',
            ),
          ...zCogs.shape,
        })
        .meta({ id: 'KindCost' }),
    )
    .describe('The cost of the kinds of providers while their resources were not idle: byKind and unmapped'),
};

/** What is sold of each billing kind, and what it costs. */
export const zUnits = z.object(unitViews).meta({ id: 'Units' });

const zMarginUnits = z
  .object({
    from: z.string().describe('The first month: 2026-04'),
    to: z.string().describe('The last month'),
    currency: z.string(),
    ...unitViews,
    months: z
      .array(z.object({ month: z.string(), ...unitViews }).meta({ id: 'MonthUnits' }))
      .optional()
      .describe('With by=month'),
  })
  .meta({ id: 'MarginUnits' });

export const marginUnits = defineQuery({
  name: 'margin-units',
  summary: 'Revenue, cost and margin of each billing kind and per unit, of the months from one to another',
  path: 'dashboard/margin/units',
  params: zAsOf.extend({
    from: zMonth.describe('The first month: 2026-04'),
    to: zMonth.describe('The last month'),
    currency: zCurrency.default('USD'),
    by: z.enum(['month']).optional().describe('Also each month'),
  }),
  roles: ADMIN,
  answer: zMarginUnits,
  cost: 12,
  example: { from: '2026-04', to: '2026-04', currency: 'USD' },
  async handle({ from, to, currency, by }, context) {
    const months = monthsFrom('margin-units', from, to);
    const units = await unitsIn(context, months, currency, await meteredIn(context, months));
    return {
      ...{ from: monthText(from), to: monthText(to), currency },
      ...units.together,
      ...(by === undefined
        ? {}
        : { months: months.map((month, index) => ({ month: monthText(month), ...monthOf(units.months, index) })) }),
    };
  },
});

const monthText = ({ start }: { readonly start: string }): string => start.slice(0, 7);

function monthOf<Of>(months: readonly Of[], index: number): Of {
  const of = months[index];
  if (of === undefined) throw new Error('a month has no units');
  return of;
}

export const marginUnitsOperations: Operations = {
  queries: [marginUnits],
};
