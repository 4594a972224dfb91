import type { ResourceTimeline } from '#domain/inventory/resource';
import type { MeteredResource } from '#domain/metering/metering';
import type { Instant } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import {
  readResourceCorrections,
  readResources,
  readSightings,
  toTimeline,
} from '#projections/inventory/inventory.read';
import type { ResourceRow } from '#projections/inventory/inventory.table';

export interface Known {
  readonly row: ResourceRow;
  readonly timeline: ResourceTimeline;
}

/** Which timelines to read, and up to when. */
export interface TimelineFilter {
  readonly provider?: string | undefined;
  readonly providerIds?: readonly string[] | undefined;
  /** Only resources that were ever seen as one of these kinds. */
  readonly kinds?: readonly string[];
  /** Only what was seen before this. */
  readonly before?: Instant;
}

/** The timelines of resources, as the log knew them at a position. */
export async function timelinesOf(
  core: LedgerCore,
  position: number,
  filter: TimelineFilter = {},
): Promise<MeteredResource[]> {
  const sightings = await readSightings(core.db, position, filter);
  const corrections = await readResourceCorrections(core.db, position, filter);
  const correctionsOf = Map.groupBy(corrections, ({ provider, provider_id }) =>
    JSON.stringify([provider, provider_id]),
  );
  return [...Map.groupBy(sightings, ({ provider, provider_id }) => JSON.stringify([provider, provider_id]))].map(
    ([key, rows]) => {
      const [provider, providerId] = JSON.parse(key) as [string, string];
      return {
        provider,
        providerId,
        timeline: toTimeline(rows, correctionsOf.get(key) ?? []),
      };
    },
  );
}

/** Known resources with their timelines, by provider id. */
export async function knownResources(
  core: LedgerCore,
  position: number,
  provider: string,
  providerIds: readonly string[],
): Promise<Map<string, Known>> {
  if (providerIds.length === 0) return new Map();
  const rows = await readResources(core.db, position, { provider, providerIds });
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
