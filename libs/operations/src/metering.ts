import { z } from 'zod';
import { inForceAt } from '#ledger/ledger-core';
import { defineQuery, STAFF, zAsOf } from '#ledger/query';
import { listOf } from './answers.js';

/** What could not be metered, and why. It may say more. */
const zSkipped: z.ZodType<unknown, { readonly reason: string }> = z.looseObject({ reason: z.string() });

const zMeteredDay = z
  .object({ date: z.string(), recordCount: z.int(), skipped: z.array(zSkipped) })
  .meta({ id: 'MeteredDay' });

export const meteredDays = defineQuery({
  name: 'metered-days',
  summary: 'Which days were metered, with the number of records and what was skipped',
  path: 'metered-days',
  params: zAsOf,
  roles: STAFF,
  answer: listOf(zMeteredDay),
  example: {},
  async handle(_params, { core, position }) {
    const rows = await core.db
      .selectFrom('metered_days')
      .selectAll()
      .where(inForceAt(position))
      .orderBy('date')
      .execute();
    return {
      items: rows.map((row) => ({ date: row.date, recordCount: row.record_count, skipped: row.skipped })),
      nextCursor: null,
    };
  },
});
