import { z } from 'zod';
import { unbilledUsage } from '#billing/retention/unbilled';
import { defineQuery, pageOfAll, STAFF, zPage } from '#ledger/query';
import { listOf, zQuantity, zSpan } from './answers.js';

const zUnbilled = z
  .object({
    deploymentId: z.string(),
    billingKind: z.string(),
    reason: z.enum(['no_subscription', 'no_plan_item']),
    readings: z.int(),
    quantity: zQuantity,
    period: zSpan,
  })
  .meta({ id: 'UnbilledUsage' });

/** Usage that no line covers is on no invoice: it is listed, with the reason, until a command covers it or waives it. */
export const unbilled = defineQuery({
  name: 'unbilled',
  summary:
    'Usage that no line covers: its deployment had no subscription then, or the plan no item for its billing kind',
  path: 'unbilled',
  params: zPage,
  roles: STAFF,
  answer: listOf(zUnbilled),
  example: { limit: 10 },
  async handle(page, context) {
    return pageOfAll(await unbilledUsage(context), page, context.position, (item) =>
      JSON.stringify([item.deploymentId, item.billingKind, item.reason]),
    );
  },
});
