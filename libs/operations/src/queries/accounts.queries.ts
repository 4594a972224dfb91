import { notFound } from '#domain/errors';
import { stateAt } from '#domain/inventory/resource';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import type { Instant } from '#domain/time/instant';
import { subscriptionSpans, tenantAt } from '#domain/tenants/deployment';
import type { ResourceRow } from '#projections/inventory/inventory.table';
import { contractsOf } from '#billing/invoices/billing';
import { timelinesOf } from '#billing/inventory/timelines';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import {
  assertVisibleDeployment,
  defineQuery,
  pageOfAll,
  READERS,
  STAFF,
  visibleTenant,
  zAt,
  zOptionalId,
  zOptionalIds,
  zPage,
} from '#ledger/query';

const tenantsQuery = defineQuery({
  name: 'tenants',
  summary: 'Who is billed',
  params: zPage.extend({ tenantId: zOptionalId, tenantIds: zOptionalIds }),
  roles: READERS,
  async answer({ tenantId, tenantIds, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    let query = core.db.selectFrom('tenants').selectAll().where(inForceAt(position));
    if (visible !== null) query = query.where('tenant_id', '=', visible);
    if (tenantIds !== undefined) query = query.where('tenant_id', 'in', tenantIds);
    const rows = await query.execute();
    const names = await core.details.names(rows.map(({ details_ref }) => details_ref));
    const taxes = await core.db
      .selectFrom('tenant_taxes')
      .selectAll()
      .where(inForceAt(position))
      .orderBy('effective_from')
      .execute();
    const taxesOf = Map.groupBy(taxes, ({ tenant_id }) => tenant_id);
    const credits = await core.db
      .selectFrom('tenant_credits')
      .selectAll()
      .where(inForceAt(position))
      .orderBy('currency')
      .execute();
    const creditsOf = Map.groupBy(credits, ({ tenant_id }) => tenant_id);
    const items = rows.map((row) => ({
      tenantId: row.tenant_id,
      // null: the tenant's details were erased.
      name: names.get(row.details_ref) ?? null,
      currency: row.currency,
      timeZone: row.time_zone,
      taxes: (taxesOf.get(row.tenant_id) ?? []).map((tax) => ({
        name: tax.name,
        ratePercent: tax.rate_percent,
        from: tax.effective_from,
      })),
      credits: (creditsOf.get(row.tenant_id) ?? []).map(({ currency, credit }) => ({
        currency,
        amount: moneyText(decimal(credit), currency),
      })),
    }));
    return pageOfAll(items, page, position, (item) => item.tenantId);
  },
});

const deploymentsQuery = defineQuery({
  name: 'deployments',
  summary: 'What tenants run, and whose each was when',
  params: zPage.extend({
    deploymentId: zOptionalId,
    deploymentIds: zOptionalIds,
    tenantId: zOptionalId,
    tenantIds: zOptionalIds,
  }),
  roles: READERS,
  async answer({ deploymentId, deploymentIds, tenantId, tenantIds, ...page }, context) {
    const { core, position, caller } = context;
    const visible = await visibleTenant(context, tenantId);
    if (deploymentId !== undefined) await assertVisibleDeployment(context, deploymentId);
    let query = core.db.selectFrom('deployments').selectAll().where(inForceAt(position));
    if (deploymentId !== undefined) query = query.where('deployment_id', '=', deploymentId);
    if (deploymentIds !== undefined) query = query.where('deployment_id', 'in', deploymentIds);
    const rows = await query.execute();
    const assignments = await core.db
      .selectFrom('deployment_assignments')
      .selectAll()
      .where(inForceAt(position))
      .orderBy('effective_from')
      .execute();
    const assignmentsOf = Map.groupBy(
      assignments.map((row) => ({
        deploymentId: row.deployment_id,
        tenantId: row.tenant_id,
        from: row.effective_from,
      })),
      (each) => each.deploymentId,
    );
    const items = rows
      .map((row) => {
        const all = assignmentsOf.get(row.deployment_id) ?? [];
        return {
          deploymentId: row.deployment_id,
          name: row.name,
          tenantId: tenantAt(all, caller.now),
          assignments: all.map(({ tenantId: holder, from }) => ({ tenantId: holder, from })),
        };
      })
      .filter(({ assignments: all }) => visible === null || all.some((each) => each.tenantId === visible))
      .map((item) => (context.confinedTo === null ? item : ownView(item, context.confinedTo)))
      // Of what they may see only: whose it was before is not to be found out by asking for it.
      .filter(
        ({ assignments: seen }) => tenantIds === undefined || seen.some((each) => tenantIds.includes(each.tenantId)),
      );
    return pageOfAll(items, page, position, (item) => item.deploymentId);
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

/** A deployment as one of its tenants may see it: when it was theirs, and of others nothing. */
const ownView = <Item extends { tenantId: string | null; assignments: readonly { tenantId: string; from: Instant }[] }>(
  item: Item,
  own: string,
): Item => ({
  ...item,
  tenantId: item.tenantId === own ? own : null,
  assignments: item.assignments.filter((each) => each.tenantId === own),
});

const subscriptionsQuery = defineQuery({
  name: 'subscriptions',
  summary: 'Which deployment is on which plan, from when to when, and for whom',
  params: zPage.extend({
    subscriptionId: zOptionalId,
    subscriptionIds: zOptionalIds,
    deploymentId: zOptionalId,
    deploymentIds: zOptionalIds,
    tenantId: zOptionalId,
    tenantIds: zOptionalIds,
  }),
  roles: READERS,
  async answer(
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

/** Those that there were at an instant, as they were then; what has no history, as its name, is as last seen. */
async function rowsAt(
  core: LedgerCore,
  position: number,
  rows: readonly ResourceRow[],
  at: Instant,
): Promise<ResourceRow[]> {
  const keyOf = (provider: string, providerId: string): string => JSON.stringify([provider, providerId]);
  const timelines = new Map(
    (await timelinesOf(core, position)).map((each) => [keyOf(each.provider, each.providerId), each.timeline]),
  );
  return rows.flatMap((row) => {
    const timeline = timelines.get(keyOf(row.provider, row.provider_id));
    const state = timeline === undefined ? undefined : stateAt(timeline, at);
    if (state === undefined || state === null) return [];
    return [
      {
        ...row,
        kind: state.kind,
        status: state.status,
        size_gb: state.sizeGb,
        deployment_id: state.deploymentId,
        tenant_id: state.tenantId,
      },
    ];
  });
}

const resourcesQuery = defineQuery({
  name: 'resources',
  summary:
    'The inventory: what providers run for us, as last seen; or with its kind, status, size and holder at an instant, and what there was then',
  params: zPage.extend({
    provider: zOptionalId,
    providerId: zOptionalId,
    kind: zOptionalId,
    deploymentId: zOptionalId,
    tenantId: zOptionalId,
    ...zAt,
  }),
  roles: STAFF,
  async answer({ provider, providerId, kind, deploymentId, tenantId, at, ...page }, { core, position }) {
    let query = core.db.selectFrom('resources').selectAll().where(inForceAt(position));
    if (provider !== undefined) query = query.where('provider', '=', provider);
    if (providerId !== undefined) query = query.where('provider_id', '=', providerId);
    const last = await query.execute();
    const rows = at === undefined ? last : await rowsAt(core, position, last, at);
    const asked = rows
      .filter((row) => kind === undefined || row.kind === kind)
      .filter((row) => deploymentId === undefined || row.deployment_id === deploymentId)
      .filter((row) => tenantId === undefined || row.tenant_id === tenantId);
    const items = asked.map((row) => ({
      provider: row.provider,
      providerId: row.provider_id,
      kind: row.kind,
      name: row.name,
      region: row.region,
      project: row.project,
      status: row.status,
      sizeSlug: row.size_slug,
      sizeGb: row.size_gb,
      tenantId: row.tenant_id,
      deploymentId: row.deployment_id,
      tags: row.tags,
      attrs: row.attrs,
      firstSeenAt: row.first_seen_at,
      lastSeenAt: row.last_seen_at,
      staleStrikeCount: row.stale_strike_count,
      deletedAt: row.deleted_at,
    }));
    return pageOfAll(items, page, position, (item) => JSON.stringify([item.provider, item.providerId]));
  },
});

export const accountQueries = [tenantsQuery, deploymentsQuery, subscriptionsQuery, resourcesQuery];
