import { type Kysely, sql } from 'kysely';
import type { ResourceTimeline } from '#domain/inventory/resource';
import type { Instant } from '#domain/time/instant';
import { anyOf } from '#read-model/any-of';
import { type AsOf, at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { ResourceCorrectionRow, ResourceRow, SightingRow } from './inventory.table.js';

type Db = Kysely<ReadModels>;

/** A selection of resources. Omitted fields select nothing. */
export interface Resources {
  readonly provider?: string | undefined;
  readonly providerIds?: readonly string[] | undefined;
}

/** Resources as last seen. */
export async function readResources(
  db: Db,
  asOf: AsOf,
  { provider, providerIds }: Resources,
): Promise<History<ResourceRow>[]> {
  let query = db.selectFrom('resources').selectAll().where(at(asOf));
  if (provider !== undefined) query = query.where('provider', '=', provider);
  if (providerIds !== undefined) query = query.where('provider_id', '=', anyOf(providerIds));
  return query.execute();
}

export const RESOURCE_ORDER = keyset<ResourceRow>({ provider: 'text', provider_id: 'text' });

/** Resources as last seen, of one kind, deployment and tenant (undefined: any), in the order of their list. */
export async function readResourcePage(
  db: Db,
  position: number,
  of: Partial<Pick<ResourceRow, 'provider' | 'provider_id' | 'kind' | 'deployment_id' | 'tenant_id'>>,
  { after, limit }: Rows,
): Promise<History<ResourceRow>[]> {
  let query = db.selectFrom('resources').selectAll().where(at(position)).where(RESOURCE_ORDER.after(after));
  for (const column of ['provider', 'provider_id', 'kind', 'deployment_id', 'tenant_id'] as const) {
    const value = of[column];
    if (value !== undefined) query = query.where(column, '=', value);
  }
  return query.orderBy(RESOURCE_ORDER.order()).limit(limit).execute();
}

/**
 * The sightings of resources before an instant, those of each resource in order of time. `kinds`: of resources that
 * were ever seen as one of them.
 */
export async function readSightings(
  db: Db,
  asOf: AsOf,
  {
    provider,
    providerIds,
    before,
    kinds,
  }: Resources & { readonly before?: Instant | undefined; readonly kinds?: readonly string[] | undefined },
): Promise<History<SightingRow>[]> {
  let query = db.selectFrom('resource_sightings').selectAll().where(at(asOf));
  if (provider !== undefined) query = query.where('provider', '=', provider);
  if (providerIds !== undefined) query = query.where('provider_id', '=', anyOf(providerIds));
  if (before !== undefined) query = query.where('seen_at', '<', before);
  if (kinds !== undefined)
    query = query.where(
      sql<boolean>`(provider, provider_id) IN (
        SELECT provider, provider_id FROM resource_sightings WHERE kind = ${anyOf(kinds)})`,
    );
  return query.orderBy('provider').orderBy('provider_id').orderBy('seen_at').orderBy('position_from').execute();
}

/** Corrections of resources that take effect before an instant, in the order of recording. */
export async function readResourceCorrections(
  db: Db,
  asOf: AsOf,
  { provider, providerIds, before }: Resources & { readonly before?: Instant | undefined },
): Promise<History<ResourceCorrectionRow>[]> {
  let query = db.selectFrom('resource_corrections').selectAll().where(at(asOf));
  if (provider !== undefined) query = query.where('provider', '=', provider);
  if (providerIds !== undefined) query = query.where('provider_id', '=', anyOf(providerIds));
  if (before !== undefined) query = query.where('effective_from', '<', before);
  return query.orderBy('recorded_position').execute();
}

/** The timeline of one resource: its sightings in order of time, its corrections in order of recording. */
export const toTimeline = (
  sightings: readonly History<SightingRow>[],
  corrections: readonly History<ResourceCorrectionRow>[],
): ResourceTimeline => ({
  sightings: sightings.map((row) => ({
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
  corrections: corrections.map((row) => ({
    from: row.effective_from,
    until: row.effective_until,
    changes: row.changes,
    position: row.recorded_position,
  })),
});

/** When the first resource was seen. null: none was. */
export async function readFirstSighting(db: Db, position: number): Promise<Instant | null> {
  const found = await db
    .selectFrom('resources')
    .select(({ fn }) => fn.min('first_seen_at').as('first'))
    .where(at(position))
    .executeTakeFirst();
  return found?.first ?? null;
}

/** The resources that one of these deployments ever held, as known at a position. */
export async function readResourcesHeld(
  db: Db,
  position: number,
  deploymentIds: readonly string[],
): Promise<{ readonly provider: string; readonly provider_id: string }[]> {
  const { rows } = await sql<{ provider: string; provider_id: string }>`
    SELECT provider, provider_id FROM resource_sightings
    WHERE deployment_id = ANY(${deploymentIds}::text[]) AND ${at(position)}
    UNION
    SELECT provider, provider_id FROM resource_corrections
    WHERE changes ->> 'deploymentId' = ANY(${deploymentIds}::text[]) AND ${at(position)}`.execute(db);
  return rows;
}

/** A metered reading, and the log position at which it was recorded. */
export interface MeteredReading {
  readonly position: number;
  readonly provider: string;
  readonly providerId: string;
  readonly start: Instant;
  readonly end: Instant;
}

/**
 * The positions of the events from which each reading was metered: the last sighting of the resource at the start of
 * the reading (or its first sighting, if that was later), the last sighting that names a deployment, and the
 * corrections in effect. `index`: the number of the reading, from 0.
 */
export async function readMeteredFrom(
  db: Db,
  readings: readonly MeteredReading[],
): Promise<{ readonly index: number; readonly position: number }[]> {
  const { rows } = await sql<{ index: number; position: number }>`
    SELECT DISTINCT (m.n - 1)::int AS index, f.position
    FROM unnest(${readings.map(({ position }) => position)}::bigint[],
      ${readings.map(({ provider }) => provider)}::text[], ${readings.map(({ providerId }) => providerId)}::text[],
      ${readings.map(({ start }) => start)}::timestamptz[], ${readings.map(({ end }) => end)}::timestamptz[])
      WITH ORDINALITY AS m(position, provider, provider_id, start_at, end_at, n)
    CROSS JOIN LATERAL (
      WITH seen AS (
        SELECT * FROM resource_sightings s
        WHERE s.provider = m.provider AND s.provider_id = m.provider_id
          AND ${at(sql.ref<number>('m.position'), 's')}),
      by_then AS (SELECT * FROM seen WHERE seen_at <= greatest(m.start_at, (SELECT min(seen_at) FROM seen)))
      (SELECT position_from AS position FROM by_then ORDER BY seen_at DESC, position_from DESC LIMIT 1)
      UNION ALL
      (SELECT position_from FROM by_then WHERE deployment_id IS NOT NULL
        ORDER BY seen_at DESC, position_from DESC LIMIT 1)
      UNION ALL
      SELECT c.recorded_position FROM resource_corrections c
      WHERE c.provider = m.provider AND c.provider_id = m.provider_id AND c.recorded_position <= m.position
        AND c.effective_from < m.end_at AND (c.effective_until IS NULL OR c.effective_until > m.start_at)) f
    ORDER BY index, position`.execute(db);
  return rows;
}

/** Corrections of one resource that were recorded after a position. */
export const readCorrectionsSince = async (
  db: Db,
  since: number,
  { provider, providerId }: { readonly provider: string; readonly providerId: string },
): Promise<History<ResourceCorrectionRow>[]> =>
  db
    .selectFrom('resource_corrections')
    .selectAll()
    .where('provider', '=', provider)
    .where('provider_id', '=', providerId)
    .where('recorded_position', '>', since)
    .execute();
