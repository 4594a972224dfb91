import type { RecordedEvent } from '#domain/events';
import type { ObservedResource } from '#domain/inventory/resource';
import { earlier, type Instant, isBefore, later } from '#domain/time/instant';
import { changing, type Rows, type Touch } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { type ResourceRow, resourceCorrections, resources, resourceSightings } from './inventory.table.js';

const touchesOf = (provider: string, providerId: string, at: Instant, gone: boolean): Touch[] => [
  { table: resources, group: [provider, providerId] },
  { table: resourceSightings, group: [provider, providerId, at, gone] },
];

/** The columns of a resource as it was seen. */
const columnsOf = (provider: string, resource: ObservedResource) => ({
  provider,
  provider_id: resource.providerId,
  kind: resource.kind,
  name: resource.name,
  region: resource.region ?? null,
  project: resource.project ?? null,
  status: resource.status,
  size_slug: resource.sizeSlug ?? null,
  size_gb: resource.sizeGb ?? null,
  tenant_id: resource.tenantId ?? null,
  deployment_id: resource.deploymentId ?? null,
  tags: resource.tags ?? [],
  attrs: resource.attrs ?? {},
});

const seen = (
  provider: string,
  resource: ObservedResource,
  seenAt: Instant,
  known: ResourceRow | undefined,
): ResourceRow => {
  const isLatest = known === undefined || !isBefore(seenAt, known.last_seen_at);
  const fields = columnsOf(provider, resource);
  if (known === undefined)
    return { ...fields, first_seen_at: seenAt, last_seen_at: seenAt, stale_strike_count: 0, deleted_at: null };
  const dates = {
    first_seen_at: earlier(known.first_seen_at, seenAt),
    last_seen_at: later(known.last_seen_at, seenAt),
  };
  // A resource that is seen again has 0 strikes and is no longer deleted. An older sighting that arrives late only
  // changes `first_seen_at`.
  if (!isLatest) return { ...known, ...dates };
  const goneSince = known.deleted_at !== null && isBefore(seenAt, known.deleted_at) ? known.deleted_at : null;
  return { ...fields, ...dates, stale_strike_count: 0, deleted_at: goneSince };
};

function markGone(rows: Rows, provider: string, providerId: string, at: Instant): void {
  const known = rows.get(resources, provider, providerId);
  rows.set(
    resources,
    [provider, providerId],
    known.map((row) => (isBefore(at, row.last_seen_at) ? row : { ...row, deleted_at: at })),
  );
  rows.set(
    resourceSightings,
    [provider, providerId, at, true],
    [
      {
        provider,
        provider_id: providerId,
        seen_at: at,
        gone: true,
      },
    ],
  );
}

function observe({ data }: RecordedEvent<'ResourcesObserved'>, rows: Rows): void {
  const { provider, seenAt } = data;
  for (const resource of data.resources) {
    const { providerId, kind, status, sizeGb, deploymentId, tenantId } = resource;
    rows.set(
      resources,
      [provider, providerId],
      [seen(provider, resource, seenAt, rows.get(resources, provider, providerId)[0])],
    );
    rows.set(
      resourceSightings,
      [provider, providerId, seenAt, false],
      [
        {
          provider,
          provider_id: providerId,
          seen_at: seenAt,
          gone: false,
          kind,
          status,
          size_gb: sizeGb ?? null,
          deployment_id: deploymentId ?? null,
          tenant_id: tenantId ?? null,
        },
      ],
    );
  }
  for (const providerId of data.missed ?? []) {
    const known = rows.get(resources, provider, providerId);
    rows.set(
      resources,
      [provider, providerId],
      known.map((row) => ({ ...row, stale_strike_count: row.stale_strike_count + 1 })),
    );
  }
  for (const providerId of data.removed ?? []) {
    const known = rows.get(resources, provider, providerId);
    rows.set(
      resources,
      [provider, providerId],
      known.map((row) => ({ ...row, stale_strike_count: row.stale_strike_count + 1 })),
    );
    markGone(rows, provider, providerId, seenAt);
  }
}

export const inventoryProjection = versionedProjection('inventory', {
  version: 3,
  tables: [resources, resourceSightings, resourceCorrections],
  on: {
    ResourcesObserved: {
      touches: ({ data }) => [
        ...data.resources.flatMap(({ providerId }) => touchesOf(data.provider, providerId, data.seenAt, false)),
        ...(data.missed ?? []).map((providerId) => ({ table: resources, group: [data.provider, providerId] })),
        ...(data.removed ?? []).flatMap((providerId) => touchesOf(data.provider, providerId, data.seenAt, true)),
      ],
      apply: observe,
    },
    ResourceRemoved: {
      touches: ({ data }) => touchesOf(data.provider, data.providerId, data.at, true),
      apply: ({ data }, rows) => {
        markGone(rows, data.provider, data.providerId, data.at);
      },
    },
    ResourceSightingWithdrawn: {
      touches: ({ data }) => touchesOf(data.provider, data.providerId, data.at, data.gone),
      apply: ({ data }, rows) => {
        const { provider, providerId, at, gone, lastSeen } = data;
        const strikes = gone ? 0 : (rows.get(resources, provider, providerId)[0]?.stale_strike_count ?? 0);
        rows.set(resourceSightings, [provider, providerId, at, gone], []);
        rows.set(
          resources,
          [provider, providerId],
          lastSeen === null
            ? []
            : [
                {
                  ...columnsOf(provider, lastSeen.resource),
                  first_seen_at: lastSeen.firstSeenAt,
                  last_seen_at: lastSeen.seenAt,
                  stale_strike_count: strikes,
                  deleted_at: lastSeen.deletedAt,
                },
              ],
        );
      },
    },
    ResourceCorrected: changing(
      resourceCorrections,
      ({ data, position }) => [data.provider, data.providerId, position],
      ({ data, position }) => [
        {
          provider: data.provider,
          provider_id: data.providerId,
          recorded_position: position,
          effective_from: data.from,
          effective_until: data.until,
          changes: data.changes,
          reason: data.reason,
        },
      ],
    ),
  },
});
