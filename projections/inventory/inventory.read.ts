import type { Kysely } from 'kysely';
import type { Instant } from '#domain/time/instant';
import { anyOf } from '#read-model/any-of';
import { type AsOf, at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '../database.js';
import type { ResourceCorrectionRow, ResourceRow, SightingRow } from './inventory.table.js';

type Db = Kysely<ReadModels>;

/** Some resources; what is not given does not count. */
export interface Resources {
  readonly provider?: string | undefined;
  readonly providerIds?: readonly string[] | undefined;
}

/** Resources as they were last seen. */
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

/** Resources as they were last seen, of one kind, deployment and tenant (undefined: of any), in the order of their list. */
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

/** What was seen of resources before an instant, each one's in order of time. */
export async function readSightings(
  db: Db,
  asOf: AsOf,
  { provider, providerIds, before }: Resources & { readonly before?: Instant | undefined },
): Promise<History<SightingRow>[]> {
  let query = db.selectFrom('resource_sightings').selectAll().where(at(asOf));
  if (provider !== undefined) query = query.where('provider', '=', provider);
  if (providerIds !== undefined) query = query.where('provider_id', '=', anyOf(providerIds));
  if (before !== undefined) query = query.where('seen_at', '<', before);
  return query.orderBy('provider').orderBy('provider_id').orderBy('seen_at').orderBy('position_from').execute();
}

/** Corrections of resources that take effect before an instant, in the order in which they were recorded. */
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
