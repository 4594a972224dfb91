import { sql } from 'kysely';
import type { ResourceTimeline } from '#domain/inventory/resource';
import type { MeteredResource } from '#domain/metering/metering';
import type { Instant } from '#domain/time/instant';
import type { ResourceCorrectionRow, ResourceRow, SightingRow } from '#projections/inventory/inventory.table';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';

export interface Known {
  readonly row: ResourceRow;
  readonly timeline: ResourceTimeline;
}

/** Which resources' timelines, and up to when. */
export interface TimelineFilter {
  readonly provider?: string;
  readonly providerIds?: readonly string[];
  /** Only what was seen before this. */
  readonly before?: Instant;
}

/** The timelines of resources, as the log knew them at a position. */
export async function timelinesOf(
  core: LedgerCore,
  position: number,
  filter: TimelineFilter = {},
): Promise<MeteredResource[]> {
  const values = [position, filter.provider ?? null, filter.providerIds ?? null, filter.before ?? null];
  const chosen =
    'position_from <= $1::bigint AND (position_to IS NULL OR position_to > $1::bigint) AND ($2::text IS NULL OR provider = $2::text)' +
    ' AND ($3::text[] IS NULL OR provider_id = ANY($3::text[]))';
  const sightings = await core.pool.query<SightingRow & { position_from: number }>(
    `SELECT * FROM resource_sightings WHERE ${chosen} AND ($4::timestamptz IS NULL OR seen_at < $4::timestamptz) ORDER BY provider, provider_id, seen_at, position_from`,
    values,
  );
  const corrections = await core.pool.query<ResourceCorrectionRow>(
    `SELECT * FROM resource_corrections WHERE ${chosen} AND ($4::timestamptz IS NULL OR effective_from < $4::timestamptz) ORDER BY recorded_position`,
    values,
  );
  const correctionsOf = Map.groupBy(corrections.rows, ({ provider, provider_id }) =>
    JSON.stringify([provider, provider_id]),
  );
  return [...Map.groupBy(sightings.rows, ({ provider, provider_id }) => JSON.stringify([provider, provider_id]))].map(
    ([key, rows]) => {
      const [provider, providerId] = JSON.parse(key) as [string, string];
      return {
        provider,
        providerId,
        timeline: {
          sightings: rows.map((row) => ({
            seenAt: row.seen_at,
            position: row.position_from,
            state: row.gone
              ? null
              : {
                  kind: row.kind ?? '',
                  status: row.status ?? '',
                  sizeGb: row.size_gb,
                  deploymentId: row.deployment_id,
                  tenantId: row.tenant_id,
                },
          })),
          corrections: (correctionsOf.get(key) ?? []).map((row) => ({
            from: row.effective_from,
            until: row.effective_until,
            changes: row.changes,
            position: row.recorded_position,
          })),
        },
      };
    },
  );
}

/** Resources as they are known, and their timelines, by provider id. */
export async function knownResources(
  core: LedgerCore,
  position: number,
  provider: string,
  providerIds: readonly string[],
): Promise<Map<string, Known>> {
  if (providerIds.length === 0) return new Map();
  const rows = await core.db
    .selectFrom('resources')
    .selectAll()
    .where('provider', '=', provider)
    .where('provider_id', '=', sql<string>`ANY(${providerIds}::text[])`)
    .where(inForceAt(position))
    .execute();
  const timelines = new Map(
    (await timelinesOf(core, position, { provider, providerIds })).map((each) => [each.providerId, each.timeline]),
  );
  return new Map(
    rows.map((row) => [
      row.provider_id,
      { row, timeline: timelines.get(row.provider_id) ?? { sightings: [], corrections: [] } },
    ]),
  );
}
