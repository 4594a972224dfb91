import { unbilledUsage } from '#billing/retention/unbilled';
import { defineQuery, pageOfAll, STAFF, zPage } from '#ledger/query';

/** Usage that no line covers is on no invoice: it is listed, with the reason, until a command covers it or waives it. */
const unbilledQuery = defineQuery({
  name: 'unbilled',
  summary:
    'Usage that no line covers: its deployment had no subscription then, or the plan no item for its billing kind',
  params: zPage,
  roles: STAFF,
  async answer(page, context) {
    return pageOfAll(await unbilledUsage(context), page, context.position, (item) =>
      JSON.stringify([item.deploymentId, item.billingKind, item.reason]),
    );
  },
});

export const unbilledQueries = [unbilledQuery];
