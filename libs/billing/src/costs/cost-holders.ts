import { attributedShares, type AttributableCost, type AttributedShare } from '#domain/margin/attribution';
import type { ResourceTimeline } from '#domain/inventory/resource';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { readAssignments } from '#projections/deployments/deployments.read';
import type { QueryContext } from '#ledger/query';
import { timelinesOf } from '../inventory/timelines.js';

/** The resource that caused a cost: one that is known by its id, or a state that did not change. */
export type CostResource = { readonly provider: string; readonly resourceId: string } | ResourceTimeline | null;

/** Divides a cost within a month among its holders. `cuts`: instants at which it is divided too. */
export type Attribute = (
  cost: Omit<AttributableCost, 'resource'> & { readonly resource: CostResource },
  month: Period,
  cuts?: readonly Instant[],
) => readonly AttributedShare[];

const keyOf = (provider: string, resourceId: string): string => JSON.stringify([provider, resourceId]);

/** Reads what the attribution of costs of these resources needs, and of costs of these deployments. */
export async function attributionOf(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  {
    resourceIds,
    deploymentIds,
  }: { readonly resourceIds: ReadonlySet<string>; readonly deploymentIds: Iterable<string> },
): Promise<Attribute> {
  const known = resourceIds.size === 0 ? [] : await timelinesOf(core, position, { providerIds: [...resourceIds] });
  const timelines = new Map(known.map((each) => [keyOf(each.provider, each.providerId), each.timeline]));
  const held = known.flatMap(({ timeline: { sightings, corrections } }) => [
    ...sightings.map(({ state }) => state?.deploymentId),
    ...corrections.map(({ changes }) => changes.deploymentId),
  ]);
  const deployments = new Set([...deploymentIds, ...held.filter((id) => id !== undefined && id !== null)]);
  const assigned = await readAssignments(core.db, position, { deploymentIds: [...deployments] });
  const assignments = Map.groupBy(
    assigned.map((row) => ({ deploymentId: row.deployment_id, tenantId: row.tenant_id, from: row.effective_from })),
    ({ deploymentId }) => deploymentId,
  );
  return ({ resource, ...cost }, month, cuts = []) =>
    attributedShares(
      {
        ...cost,
        resource:
          resource !== null && 'resourceId' in resource
            ? (timelines.get(keyOf(resource.provider, resource.resourceId)) ?? null)
            : resource,
      },
      month,
      (id) => assignments.get(id) ?? [],
      cuts,
    );
}
