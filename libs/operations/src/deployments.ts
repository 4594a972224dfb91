import { z } from 'zod';
import { conflict } from '#domain/errors';
import { zId, zInstant, zText } from '#domain/schema';
import { type Deployment, deploymentStream, tenantAt } from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { type Instant, isBefore, later } from '#domain/time/instant';
import { defineCommand } from '#ledger/define-command';
import { deploymentOf } from '#ledger/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import {
  assertVisibleDeployment,
  defineQuery,
  idSets,
  pageOfRows,
  type QueryContext,
  READERS,
  visibleTenant,
  zOptionalId,
  zOptionalIds,
  zPage,
} from '#ledger/query';
import { DEPLOYMENT_ORDER, readAssignments, readDeploymentPage } from '#projections/deployments/deployments.read';
import type { DeploymentRow } from '#projections/deployments/deployments.table';
import { listOf, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { assertPlan } from './plans.js';
import { APRIL } from './story.js';
import { assertTenant } from './tenants.js';

const registerDeployment = defineCommand({
  name: 'register-deployment',
  summary: 'Registers a deployment of a tenant',
  fields: z.strictObject({ deploymentId: zId, tenantId: zId, name: zText, from: zInstant }),
  key: ({ deploymentId }) => [deploymentId],
  example: { deploymentId: 'acme-prod', tenantId: 'acme', name: 'Production', from: APRIL.start },
  async handle(call, core) {
    const { deploymentId, tenantId } = call.fields;
    return core.book.decide(deploymentStream(deploymentId), call, async (events) => {
      if (events.length > 0)
        throw conflict('deployment_exists', `deployment ${deploymentId} is already registered with a different body`);
      assertTenant(await core.book.load(tenantStream(tenantId)), tenantId);
      return { events: [{ type: 'DeploymentRegistered', data: call.fields }] };
    });
  },
});

const assignDeployment = defineCommand({
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

/**
 * The subscriptions of the deployment continue for the new tenant. Each plan must be in the currency of that tenant
 * from when it is in force for it.
 */
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
    tenantId: z.string().nullable().describe('The current tenant'),
    assignments: z.array(z.object({ tenantId: z.string(), from: zTimestamp }).meta({ id: 'Assignment' })),
  })
  .meta({ id: 'Deployment' });

export const deployments = defineQuery({
  name: 'deployments',
  summary: 'Deployments, and the tenants that they were assigned to over time',
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
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    if (deploymentId !== undefined) await assertVisibleDeployment(context, deploymentId);
    const own = context.confinedTo;
    // Only assignments that the caller may see: the filter must not reveal earlier holders.
    const seen = own === null ? tenantIds : tenantIds?.filter((id) => id === own);
    return pageOfRows({
      order: DEPLOYMENT_ORDER,
      page,
      position,
      read: async (rows) =>
        readDeploymentPage(
          core.db,
          position,
          { ids: idSets(deploymentId, deploymentIds), holders: idSets(visible, seen) },
          rows,
        ),
      toItems: async (rows) => withAssignments(context, rows),
    });
  },
});

async function withAssignments({ core, position, caller, confinedTo }: QueryContext, rows: readonly DeploymentRow[]) {
  const deploymentIds = rows.map(({ deployment_id }) => deployment_id);
  const assignments = Map.groupBy(
    await readAssignments(core.db, position, { deploymentIds }),
    ({ deployment_id }) => deployment_id,
  );
  return rows.map(({ deployment_id: deploymentId, name }) => {
    const all = (assignments.get(deploymentId) ?? []).map(({ tenant_id: tenantId, effective_from: from }) => ({
      ...{ tenantId, from },
    }));
    const item = { deploymentId, name, tenantId: tenantAt(all, caller.now), assignments: all };
    return confinedTo === null ? item : ownView(item, confinedTo);
  });
}

/** A deployment as one of its tenants may see it: only the assignments to this tenant. */
const ownView = <Item extends { tenantId: string | null; assignments: readonly { tenantId: string; from: Instant }[] }>(
  item: Item,
  own: string,
): Item => ({
  ...item,
  tenantId: item.tenantId === own ? own : null,
  assignments: item.assignments.filter((each) => each.tenantId === own),
});

export const deploymentOperations: Operations = {
  commands: [registerDeployment, assignDeployment],
  queries: [deployments],
};
