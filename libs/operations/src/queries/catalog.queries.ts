import { notFound } from '#domain/errors';
import { decimal, text } from '#domain/money/decimal';
import { contains } from '#domain/time/period';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import { defineQuery, pageOfAll, READERS, zOptionalId, zOptionalIds, zPage, zAt } from '#ledger/query';
import { unitAmountText } from '#billing/invoices/rated-lines';

const ratesQuery = defineQuery({
  name: 'rates',
  summary: 'The prices of rate keys, with the periods over which they are in force; as known at a position or instant',
  params: zPage.extend({
    resourceType: zOptionalId,
    resourceFamily: zOptionalId,
    location: zOptionalId,
    ...zAt,
  }),
  roles: READERS,
  async answer({ resourceType, resourceFamily, location, at, ...page }, { core, position }) {
    let query = core.db.selectFrom('rates').selectAll().where(inForceAt(position));
    if (resourceType !== undefined) query = query.where('resource_type', '=', resourceType);
    if (resourceFamily !== undefined) query = query.where('resource_family', '=', resourceFamily);
    if (location !== undefined) query = query.where('location', '=', location);
    const rows = await query.execute();
    const items = rows
      .map((row) => ({
        resourceType: row.resource_type,
        resourceFamily: row.resource_family,
        location: row.location,
        unit: row.unit,
        unitPrice: text(decimal(row.unit_price)),
        currency: row.currency,
        basis: row.basis,
        effectiveFrom: row.effective_from,
        effectiveUntil: row.effective_until,
        period: { start: row.effective_from, end: row.effective_until },
      }))
      .filter(({ period }) => at === undefined || contains(period, at));
    return pageOfAll(items, page, position, (item) =>
      JSON.stringify([item.resourceType, item.resourceFamily, item.location, item.effectiveFrom]),
    );
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

const plansQuery = defineQuery({
  name: 'plans',
  summary: 'Plans with the periods over which their terms are in force',
  params: zPage.extend({ planId: zOptionalId, planIds: zOptionalIds, ...zAt }),
  roles: READERS,
  async answer({ planId, planIds, at, ...page }, { core, position }) {
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

export const catalogQueries = [ratesQuery, plansQuery];
