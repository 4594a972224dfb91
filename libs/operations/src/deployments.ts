import { z } from 'zod';
import { tenantAt } from '#domain/tenants/deployment';
import type { Instant } from '#domain/time/instant';
import { inForceAt } from '#ledger/ledger-core';
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
