import type { ResourceChanges } from '#domain/inventory/resource';
import { bigint, boolean, int, jsonb, numeric, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Resources as they were last seen. */
export const resources = defineTable({
  name: 'resources',
  columns: {
    provider: text,
    provider_id: text,
    kind: text,
    name: text,
    region: text.nullable(),
    project: text.nullable(),
    status: text,
    size_slug: text.nullable(),
    size_gb: numeric.nullable(),
    tenant_id: text.nullable(),
    deployment_id: text.nullable(),
    tags: jsonb<readonly string[]>(),
    attrs: jsonb<object>(),
    first_seen_at: timestamptz,
    last_seen_at: timestamptz,
    stale_strike_count: int,
    deleted_at: timestamptz.nullable(),
  },
  key: ['provider', 'provider_id'],
  // The first sighting of all is found without reading all.
  indexes: [['first_seen_at']],
  readByItsOwn: true,
});

export type ResourceRow = RowOf<typeof resources>;

/** What changed after a position is found by these. */
const CHANGES = {
  indexes: [['position_from']],
  partialIndexes: [{ name: 'ended', columns: ['position_to'], where: 'position_to IS NOT NULL' }],
} as const;

/** From `seen_at` the resource was in this state, or gone. `position_from` gives the order of recording. */
export const resourceSightings = defineTable({
  name: 'resource_sightings',
  columns: {
    provider: text,
    provider_id: text,
    seen_at: timestamptz,
    gone: boolean,
    kind: text.nullable(),
    status: text.nullable(),
    size_gb: numeric.nullable(),
    deployment_id: text.nullable(),
    tenant_id: text.nullable(),
  },
  key: ['provider', 'provider_id', 'seen_at', 'gone'],
  // Resources to be metered are found by their kind.
  indexes: [...CHANGES.indexes, ['kind']],
  partialIndexes: [
    ...CHANGES.partialIndexes,
    // What may be idle is found among all sightings.
    {
      name: 'idle',
      columns: ['provider_id'],
      where: "NOT gone AND (deployment_id IS NULL OR status <> 'active')",
    },
  ],
});

export type SightingRow = RowOf<typeof resourceSightings>;

export const resourceCorrections = defineTable({
  name: 'resource_corrections',
  columns: {
    provider: text,
    provider_id: text,
    recorded_position: bigint,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    changes: jsonb<ResourceChanges>(),
    reason: text,
  },
  key: ['provider', 'provider_id', 'recorded_position'],
  ...CHANGES,
});

export type ResourceCorrectionRow = RowOf<typeof resourceCorrections>;

declare module '#read-model/read-models' {
  interface ReadModels {
    resources: History<ResourceRow>;
    resource_sightings: History<SightingRow>;
    resource_corrections: History<ResourceCorrectionRow>;
  }
}
