import { z } from 'zod';
import { notFound } from '#domain/errors';
import { zId, zPeriod, zText } from '#domain/schema';
import { deploymentStream } from '#domain/tenants/deployment';
import { FROM_EVER } from '#domain/time/instant';
import { DUE_REASONS } from '#billing/metering/days-to-meter';
import { periodText } from '#domain/time/period';
import { unbilledPage } from '#billing/retention/unbilled';
import { recordedUnder } from '#ledger/appending/withdrawals';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { deploymentOf } from '#ledger/deployment';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';
import {
  assertVisibleDeployment,
  defineQuery,
  type QueryContext,
  STAFF,
  visibleTenant,
  zOptionalId,
  zPage,
} from '#ledger/query';
import type { VisibleUsage } from '#projections/usage-records/usage-records.read';
import { listOf, zQuantity, zSpan } from './answers.js';
import type { Operations } from './declared.js';
import { ownUsage } from './usage.js';

const waiveUsage = defineCommand({
  name: 'waive-usage',
  summary: 'Waives usage without a line: it is no longer listed as unbilled',
  fields: z.strictObject({ deploymentId: zId, billingKind: zId, period: zPeriod, reason: zText.min(1) }),
  key: ({ deploymentId, billingKind, period }) => [deploymentId, billingKind, period.start, period.end],
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['withdraw'] },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ deploymentId: zId, billingKind: zId, period: zPeriod }),
    async handle(call, core, { reason, withdrawn }) {
      const { deploymentId, billingKind, period } = call.fields;
      const basis = await basisOf(core, call);
      return core.book.decide(deploymentStream(deploymentId), call, (events) => {
        deploymentOf(events, deploymentId);
        const waived = recordedUnder(events, withdrawn);
        if (waived.length === 0)
          throw notFound(
            'unknown_waiver',
            `${billingKind} of deployment ${deploymentId} was not waived over ${periodText(period)}`,
          );
        assertNotOvertaken(call, basis, waived, () => 'the usage was waived again');
        return {
          events: [
            {
              type: 'UsageWaiverWithdrawn',
              data: { ...call.fields, reason, ...(withdrawn === undefined ? {} : { withdrawn }) },
            },
          ],
        };
      });
    },
  }),
  example: {
    deploymentId: 'acme-prod',
    billingKind: 'zones',
    period: { start: '2026-05-01T00:00:00Z', end: '2026-06-01T00:00:00Z' },
    reason: 'a trial',
  },
  /** A later line that covers the usage still bills it. */
  async handle(call, core) {
    const { deploymentId } = call.fields;
    return core.book.decide(deploymentStream(deploymentId), call, (events) => {
      deploymentOf(events, deploymentId);
      return { events: [{ type: 'UsageWaived', data: call.fields }] };
    });
  },
});

const zUnbilled = z
  .object({
    deploymentId: z.string(),
    billingKind: z.string(),
    reason: z
      .enum(['no_subscription', 'no_plan_item', ...DUE_REASONS])
      .describe('not_metered, changed_since: the days must be metered, or metered again (days-to-meter)'),
    readings: z.int(),
    quantity: zQuantity.describe('Of days to meter: by how much the recorded usage would change'),
    period: zSpan,
  })
  .meta({ id: 'UnbilledUsage' });

/** Usage without a line is on no invoice. It is listed with the reason until a command covers or waives it. */
const unbilled = defineQuery({
  name: 'unbilled',
  summary:
    'Usage without a line: the deployment had no subscription, or its plan has no item for the billing kind.' +
    ' Also usage of days that must be metered first',
  path: 'unbilled',
  params: zPage.extend({
    tenantId: zOptionalId.describe(
      'Usage of deployments while they were assigned to this tenant. ' +
        'Includes usage before the first assignment, if that was to this tenant',
    ),
    deploymentId: zOptionalId,
  }),
  roles: STAFF,
  answer: listOf(zUnbilled),
  cost: 6,
  example: { tenantId: 'acme' },
  async handle({ tenantId, deploymentId, ...page }, context) {
    return unbilledPage(context, await usageOf(context, tenantId, deploymentId), page);
  },
});

/** The usage of a tenant, a deployment or both. null: all usage. Errors: `unknown_tenant`, `unknown_deployment`. */
async function usageOf(
  context: QueryContext,
  tenantId: string | undefined,
  deploymentId: string | undefined,
): Promise<VisibleUsage[] | null> {
  if (deploymentId !== undefined) await assertVisibleDeployment(context, deploymentId);
  if (tenantId !== undefined) {
    await visibleTenant(context, tenantId);
    const own = await ownUsage(context, tenantId, FROM_EVER);
    return deploymentId === undefined ? own : own.filter((each) => each.deploymentId === deploymentId);
  }
  return deploymentId === undefined ? null : [{ deploymentId, period: { start: FROM_EVER, end: null } }];
}

export const unbilledOperations: Operations = {
  commands: [waiveUsage],
  queries: [unbilled],
};
