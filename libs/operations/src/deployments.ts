import { z } from 'zod';
import { conflict } from '#domain/errors';
import { zId, zInstant, zText } from '#domain/schema';
import { type Deployment, deploymentStream, tenantAt } from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { type Instant, isBefore, later } from '#domain/time/instant';
import { defineCommand } from '#ledger/define-command';
import { deploymentOf } from '#ledger/deployment';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
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
import { listOf, zTimestamp } from './answers.js';
import { assertPlan } from './plans.js';
import { APRIL } from './story.js';
import { assertTenant } from './tenants.js';

export const registerDeployment = defineCommand({
  name: 'register-deployment',
  summary: 'Registers a deployment of a tenant',
  fields: z.strictObject({ deploymentId: zId, tenantId: zId, name: zText, from: zInstant }),
  key: ({ deploymentId }) => [deploymentId],
  example: { deploymentId: 'acme-prod', tenantId: 'acme', name: 'Production', from: APRIL.start },
  async handle(call, core) {
    const { deploymentId, tenantId } = call.fields;
    return core.book.decide(deploymentStream(deploymentId), call, async (events) => {
      if (events.length > 0)
        throw conflict('deployment_exists', `deployment ${deploymentId} is registered already, with another body`);
      assertTenant(await core.book.load(tenantStream(tenantId)), tenantId);
      return { events: [{ type: 'DeploymentRegistered', data: call.fields }] };
    });
  },
});

export const assignDeployment = defineCommand({
  name: 'assign-deployment',
  summary: 'Assigns a deployment to another tenant from an instant on',
  fields: z.strictObject({ deploymentId: zId, tenantId: zId, from: zInstant }),
  key: ({ deploymentId, from }) => [deploymentId, from],
  example: { deploymentId: 'trial', tenantId: 'globex', from: APRIL.end },
  async handle(call, core) {
    const { deploymentId, tenantId, from } = call.fields;
    return core.book.decide(deploymentStream(deploymentId), call, async (events) => {
      const deployment = deploymentOf(events, deploymentId);
      const tenant = await core.book.load(tenantStream(tenantId));
      assertTenant(tenant, tenantId);
      if (tenantAt(deployment.assignments, from) === tenantId) return { events: [] };
      await assertCurrencyOf(core, deployment, tenantId, from);
      return { events: [{ type: 'DeploymentAssigned', data: { deploymentId, tenantId, from } }] };
    });
  },
});

/** Its subscriptions go on for the new tenant. Each plan, from when it is in force for them, must be in that tenant's currency. */
async function assertCurrencyOf(
  core: LedgerCore,
  deployment: Deployment,
  tenantId: string,
  from: Instant,
): Promise<void> {
  const running = deployment.subscriptions.filter(
    ({ cancelledAt }) => cancelledAt === null || isBefore(from, cancelledAt),
  );
  for (const { plans } of running) {
    for (const [index, plan] of plans.entries()) {
      const until = plans[index + 1]?.from;
      if (until === undefined || isBefore(from, until))
        await assertPlan(core, plan.planId, later(from, plan.from), [{ tenantId, from }]);
    }
  }
}

const zDeployment = z
  .object({
    deploymentId: z.string(),
    name: z.string(),
    tenantId: z.string().nullable().describe('Whose it is now'),
    assignments: z.array(z.object({ tenantId: z.string(), from: zTimestamp }).meta({ id: 'Assignment' })),
  })
  .meta({ id: 'Deployment' });

export const deployments = defineQuery({
  name: 'deployments',
  summary: 'What tenants run, and whose each was when',
  path: 'deployments',
  params: zPage.extend({
    deploymentId: zOptionalId,
    deploymentIds: zOptionalIds,
    tenantId: zOptionalId,
    tenantIds: zOptionalIds,
  }),
  roles: READERS,
  answer: listOf(zDeployment),
  example: { tenantId: 'acme' },
  async handle({ deploymentId, deploymentIds, tenantId, tenantIds, ...page }, context) {
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

/** A deployment as one of its tenants may see it: when it was theirs, and of others nothing. */
const ownView = <Item extends { tenantId: string | null; assignments: readonly { tenantId: string; from: Instant }[] }>(
  item: Item,
  own: string,
): Item => ({
  ...item,
  tenantId: item.tenantId === own ? own : null,
  assignments: item.assignments.filter((each) => each.tenantId === own),
});
