import { z } from 'zod';
import { notFound } from '#domain/errors';
import { decimal } from '#domain/money/decimal';
import { contains } from '#domain/time/period';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import { defineQuery, pageOfAll, READERS, zAt, zOptionalId, zOptionalIds, zPage } from '#ledger/query';
import { unitAmountText } from '#billing/invoices/rated-lines';
import { inForce, listOf, zAny, zMoney, zQuantity } from './answers.js';
import { MID_APRIL } from './story.js';

const zPlanItem = z
  .object({
    billingKind: z.string(),
    price: zAny.describe('A price model with its figures: { model, … }'),
    aggregation: z.string(),
    included: zQuantity.optional(),
    unitConversion: zAny.optional(),
    discounts: zAny.optional(),
    commitments: zAny.optional(),
    filter: zAny.optional(),
    uniqueBy: z.string().optional(),
  })
  .meta({ id: 'PlanItem' });

const zPlan = z
  .object({
    planId: z.string(),
    name: z.string(),
    currency: z.string(),
    baseFee: zMoney,
    paymentTerm: z.enum(['in_advance', 'in_arrears']),
    interval: z.enum(['month', 'year']),
    ...inForce,
    items: z.array(zPlanItem),
  })
  .meta({ id: 'Plan' });

export const plans = defineQuery({
  name: 'plans',
  summary: 'Plans with the periods over which their terms are in force',
  path: 'plans',
  params: zPage.extend({ planId: zOptionalId, planIds: zOptionalIds, ...zAt }),
  roles: READERS,
  answer: listOf(zPlan),
  example: { planId: 'standard', at: MID_APRIL },
  async handle({ planId, planIds, at, ...page }, { core, position }) {
    let query = core.db.selectFrom('plan_versions').selectAll().where(inForceAt(position));
    if (planId !== undefined) query = query.where('plan_id', '=', planId);
    if (planIds !== undefined) query = query.where('plan_id', 'in', planIds);
    const rows = await query.execute();
    if (planId !== undefined && rows.length === 0) await assertPublished(core, planId);
    const items = rows
      .map((row) => ({
        planId: row.plan_id,
        name: row.name,
        currency: row.currency,
        baseFee: unitAmountText(decimal(row.base_fee), row.currency),
        paymentTerm: row.payment_term,
        interval: row.interval,
        effectiveFrom: row.effective_from,
        effectiveUntil: row.effective_until,
        period: { start: row.effective_from, end: row.effective_until },
        items: row.items,
      }))
      .filter(({ period }) => at === undefined || contains(period, at));
    return pageOfAll(items, page, position, (item) => JSON.stringify([item.planId, item.effectiveFrom]));
  },
});

/** As of before it was published there is nothing; a plan that never was is a mistake of who asks. */
async function assertPublished({ db }: LedgerCore, planId: string): Promise<void> {
  const version = await db
    .selectFrom('plan_versions')
    .select('plan_id')
    .where('plan_id', '=', planId)
    .executeTakeFirst();
  if (version === undefined) throw notFound('unknown_plan', `plan ${planId} is not published`);
}
