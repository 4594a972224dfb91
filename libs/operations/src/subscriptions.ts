import { z } from 'zod';
import { notFound } from '#domain/errors';
import { subscriptionSpans, tenantAt } from '#domain/tenants/deployment';
import { contractsOf } from '#billing/invoices/billing';
import {
  assertVisibleDeployment,
  defineQuery,
  pageOfAll,
  READERS,
  visibleTenant,
  zOptionalId,
  zOptionalIds,
  zPage,
} from '#ledger/query';
import { listOf, zOpenSpan, zTimestamp } from './answers.js';

const zSubscription = z
  .object({
    subscriptionId: z.string(),
    deploymentId: z.string(),
    tenantId: z.string().nullable(),
    planId: z.string().nullable(),
    period: zOpenSpan,
    anchor: zTimestamp.nullable(),
    plans: z.array(z.object({ planId: z.string(), from: zTimestamp }).meta({ id: 'SubscribedPlan' })),
    tenancies: z.array(z.object({ tenantId: z.string(), period: zOpenSpan }).meta({ id: 'Tenancy' })),
  })
  .meta({ id: 'PlanSubscription' });

export const subscriptions = defineQuery({
  name: 'subscriptions',
  summary: 'Which deployment is on which plan, from when to when, and for whom',
  path: 'subscriptions',
  params: zPage.extend({
    subscriptionId: zOptionalId,
    subscriptionIds: zOptionalIds,
    deploymentId: zOptionalId,
    deploymentIds: zOptionalIds,
    tenantId: zOptionalId,
    tenantIds: zOptionalIds,
  }),
  roles: READERS,
  answer: listOf(zSubscription),
  example: { deploymentId: 'acme-prod' },
  async handle(
    { subscriptionId, subscriptionIds, deploymentId, deploymentIds, tenantId, tenantIds, ...page },
    context,
  ) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    if (deploymentId !== undefined) await assertVisibleDeployment(context, deploymentId);
    const items = (await contractsOf(core, position, visible === null ? null : { tenantId: visible }))
      .map(({ subscription, assignments }) => ({
        subscriptionId: subscription.subscriptionId,
        deploymentId: subscription.deploymentId,
        tenantId:
          tenantAt(assignments, subscription.cancelledAt ?? context.caller.now) ??
          tenantAt(assignments, subscription.from),
        planId: subscription.plans.at(-1)?.planId ?? null,
        period: { start: subscription.from, end: subscription.cancelledAt },
        anchor: subscription.anchor,
        plans: subscription.plans,
        tenancies: subscriptionSpans(subscription, assignments),
      }))
      .filter((item) => subscriptionId === undefined || item.subscriptionId === subscriptionId)
      .filter((item) => deploymentId === undefined || item.deploymentId === deploymentId)
      .filter((item) => subscriptionIds === undefined || subscriptionIds.includes(item.subscriptionId))
      .filter((item) => deploymentIds === undefined || deploymentIds.includes(item.deploymentId))
      .filter((item) => visible === null || item.tenancies.some((each) => each.tenantId === visible))
      .map((item) => (context.confinedTo === null ? item : ownSubscription(item, context.confinedTo)))
      .filter((item) => tenantIds === undefined || item.tenancies.some((each) => tenantIds.includes(each.tenantId)));
    if (subscriptionId !== undefined && items.length === 0)
      throw notFound('unknown_subscription', `there is no subscription ${subscriptionId}`);
    return pageOfAll(items, page, position, (item) => item.subscriptionId);
  },
});

const ownSubscription = <Item extends { tenantId: string | null; tenancies: readonly { tenantId: string }[] }>(
  item: Item,
  own: string,
): Item => ({
  ...item,
  tenantId: own,
  tenancies: item.tenancies.filter((each) => each.tenantId === own),
});
