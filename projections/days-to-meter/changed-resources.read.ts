import type pg from 'pg';
import type { Change } from '#domain/metering/changed-days';
import type { Instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import { isAt } from '#read-model/at';
import type { History } from '#read-model/read-models';
import type { ResourceCorrectionRow, SightingRow } from '../inventory/inventory.table.js';
import { toTimeline } from '../inventory/inventory.read.js';

/** A resource whose timeline an event changes from an instant on. */
export interface ChangedResource {
  readonly provider: string;
  readonly providerId: string;
  readonly from: Instant;
  /** When a correction ends. null: it does not. undefined: the next sighting ends it. */
  readonly until?: Instant | null;
  /** Of the event. */
  readonly position: number;
}

/** The timeline before and after the event, as far as the event reaches. `until`: after this day nothing changes. */
export interface ReachedResource extends Change {
  readonly until: Instant | null;
}

type Numbered<Row> = History<Row> & { readonly n: number; readonly until: Instant | null };

/** SQL: the rows that are known at the event, and those that it ended. */
const known = (alias: string): string =>
  `${alias}.provider = r.provider AND ${alias}.provider_id = r.provider_id AND ${alias}.position_from <= $7::bigint` +
  ` AND (${alias}.position_to IS NULL OR ${alias}.position_to >= $7::bigint)`;

/**
 * SQL: the resources as `r`, with `start_at` the start of the first day that changes, and `u.until` where the change
 * ends. Each is looked up by itself: a resource may have very many sightings, and an event very many resources.
 */
const RESOURCES =
  'unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::boolean[])' +
  ' WITH ORDINALITY AS r(provider, provider_id, from_at, start_at, given_until, is_given, n)' +
  ' CROSS JOIN LATERAL (SELECT CASE WHEN r.is_given THEN r.given_until ELSE (' +
  `SELECT s.seen_at FROM resource_sightings s WHERE ${known('s')} AND s.seen_at > r.from_at` +
  ' ORDER BY s.seen_at LIMIT 1) END AS until OFFSET 0) u';

/** The last sighting before the first day, and all sightings until the end of the last day. */
const SIGHTINGS =
  `SELECT (r.n - 1)::int AS n, u.until, f.* FROM ${RESOURCES} CROSS JOIN LATERAL (` +
  `(SELECT * FROM resource_sightings s WHERE ${known('s')} AND s.seen_at < r.start_at` +
  ' ORDER BY s.seen_at DESC, s.position_from DESC LIMIT 1) UNION ALL' +
  ` (SELECT * FROM resource_sightings s WHERE ${known('s')} AND s.seen_at >= r.start_at` +
  " AND (u.until IS NULL OR s.seen_at < u.until + interval '1 day'))) f" +
  ' ORDER BY n, f.seen_at, f.position_from';

const CORRECTIONS =
  `SELECT (r.n - 1)::int AS n, c.* FROM ${RESOURCES} CROSS JOIN LATERAL` +
  ` (SELECT * FROM resource_corrections c WHERE ${known('c')} OFFSET 0) c ORDER BY n, c.recorded_position`;

/** The timelines of resources before and after one event. */
export async function changesOf(
  client: pg.ClientBase,
  resources: readonly ChangedResource[],
): Promise<ReachedResource[]> {
  const [first] = resources;
  if (first === undefined) return [];
  const { position } = first;
  const values = [
    resources.map(({ provider }) => provider),
    resources.map(({ providerId }) => providerId),
    resources.map(({ from }) => from),
    resources.map(({ from }) => dayOf(from).start),
    resources.map(({ until }) => until ?? null),
    resources.map(({ until }) => until !== undefined),
    position,
  ];
  const { rows: seen } = await client.query<Numbered<SightingRow>>(SIGHTINGS, values);
  const { rows: corrected } = await client.query<Numbered<ResourceCorrectionRow>>(CORRECTIONS, values);
  const sightings = Map.groupBy(seen, ({ n }) => n);
  const corrections = Map.groupBy(corrected, ({ n }) => n);
  return resources.map(({ provider, providerId }, n) => {
    const [ofSightings, ofCorrections] = [sightings.get(n) ?? [], corrections.get(n) ?? []];
    const timelineAt = (at: number) =>
      toTimeline(
        ofSightings.filter((row) => isAt(row, at)),
        ofCorrections.filter((row) => isAt(row, at)),
      );
    return {
      provider,
      providerId,
      before: timelineAt(position - 1),
      after: timelineAt(position),
      until: ofSightings[0]?.until ?? null,
    };
  });
}
