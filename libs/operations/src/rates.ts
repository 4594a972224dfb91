import { z } from 'zod';
import { RATE_BASES } from '#domain/rates/rate';
import { decimal, text } from '#domain/money/decimal';
import { contains } from '#domain/time/period';
import { inForceAt } from '#ledger/ledger-core';
import { defineQuery, pageOfAll, READERS, zAt, zOptionalId, zPage } from '#ledger/query';
import { inForce, listOf, zMoney } from './answers.js';
import { MID_APRIL } from './story.js';

const zRate = z
  .object({
    resourceType: z.string(),
    resourceFamily: z.string(),
    location: z.string(),
    unit: z.string().nullable(),
    unitPrice: zMoney,
    currency: z.string(),
    basis: z.enum(RATE_BASES),
    ...inForce,
  })
  .meta({ id: 'Rate' });

export const rates = defineQuery({
  name: 'rates',
  summary: 'The prices of rate keys, with the periods over which they are in force; as known at a position or instant',
  path: 'rates',
  params: zPage.extend({
    resourceType: zOptionalId,
    resourceFamily: zOptionalId,
    location: zOptionalId,
    ...zAt,
  }),
  roles: READERS,
  answer: listOf(zRate),
  example: { resourceType: 'VmVCpu', at: MID_APRIL },
  async handle({ resourceType, resourceFamily, location, at, ...page }, { core, position }) {
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
