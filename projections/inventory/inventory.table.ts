import type { ResourceChanges } from '#domain/inventory/resource';
import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

/** A resource as it was last seen. */
export interface ResourceRow {
  readonly provider: string;
  readonly provider_id: string;
  readonly kind: string;
  readonly name: string;
  readonly region: string | null;
  readonly project: string | null;
  readonly status: string;
  readonly size_slug: string | null;
  readonly size_gb: string | null;
  readonly tenant_id: string | null;
  readonly deployment_id: string | null;
  readonly tags: readonly string[];
  readonly attrs: object;
  readonly first_seen_at: Instant;
  readonly last_seen_at: Instant;
  readonly stale_strike_count: number;
  readonly deleted_at: Instant | null;
}

export const resources = defineTable<ResourceRow>({
  name: 'resources',
  columns: {
    provider: 'text',
    provider_id: 'text',
    kind: 'text',
    name: 'text',
    region: 'text',
    project: 'text',
    status: 'text',
    size_slug: 'text',
    size_gb: 'numeric',
    tenant_id: 'text',
    deployment_id: 'text',
    tags: 'jsonb',
    attrs: 'jsonb',
    first_seen_at: 'timestamptz',
    last_seen_at: 'timestamptz',
    stale_strike_count: 'int',
    deleted_at: 'timestamptz',
  },
  key: ['provider', 'provider_id'],
  group: ['provider', 'provider_id'],
  readByItsOwn: true,
});

/** From seen_at on the resource was in this state, or gone. position_from orders what was recorded. */
export interface SightingRow {
  readonly provider: string;
  readonly provider_id: string;
  readonly seen_at: Instant;
  readonly gone: boolean;
  readonly kind: string | null;
  readonly status: string | null;
  readonly size_gb: string | null;
  readonly deployment_id: string | null;
  readonly tenant_id: string | null;
}

export const resourceSightings = defineTable<SightingRow>({
  name: 'resource_sightings',
  columns: {
    provider: 'text',
    provider_id: 'text',
    seen_at: 'timestamptz',
    gone: 'boolean',
    kind: 'text',
    status: 'text',
    size_gb: 'numeric',
    deployment_id: 'text',
    tenant_id: 'text',
  },
  key: ['provider', 'provider_id', 'seen_at', 'gone'],
  group: ['provider', 'provider_id', 'seen_at', 'gone'],
  readByItsOwn: true,
});

export interface ResourceCorrectionRow {
  readonly provider: string;
  readonly provider_id: string;
  readonly recorded_position: number;
  readonly effective_from: Instant;
  readonly effective_until: Instant | null;
  readonly changes: ResourceChanges;
  readonly reason: string;
}

export const resourceCorrections = defineTable<ResourceCorrectionRow>({
  name: 'resource_corrections',
  columns: {
    provider: 'text',
    provider_id: 'text',
    recorded_position: 'bigint',
    effective_from: 'timestamptz',
    effective_until: 'timestamptz',
    changes: 'jsonb',
    reason: 'text',
  },
  key: ['provider', 'provider_id', 'recorded_position'],
  group: ['provider', 'provider_id', 'recorded_position'],
});
