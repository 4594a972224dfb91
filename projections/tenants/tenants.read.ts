import { type Kysely, sql } from 'kysely';
import { anyOf } from '#read-model/any-of';
import { contains } from '#read-model/contains';
import { type AsOf, at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { TenantGracePeriodRow, TenantRow, TenantTaxRow } from './tenants.table.js';

type Db = Kysely<ReadModels>;

/** Tenants as registered by then. `tenantIds`: null for all. */
export async function readTenants(
  db: Db,
  asOf: AsOf,
  tenantIds: readonly string[] | null,
): Promise<History<TenantRow>[]> {
  const query = db.selectFrom('tenants').selectAll().where(at(asOf)).orderBy('tenant_id');
  return (tenantIds === null ? query : query.where('tenant_id', '=', anyOf(tenantIds))).execute();
}

export const TENANT_ORDER = keyset<TenantRow>({ tenant_id: 'text' });

/** Tenants with one of these details, or with a text in their id. */
export interface TenantsFound {
  readonly details: readonly string[];
  readonly inId?: string;
}

/** Tenants that are in each of the sets of ids, and found by all that is given, in the order of their list. */
export async function readTenantPage(
  db: Db,
  position: number,
  among: readonly (readonly string[])[],
  { after, limit }: Rows,
  found: readonly TenantsFound[],
): Promise<History<TenantRow>[]> {
  let query = db.selectFrom('tenants').selectAll().where(at(position)).where(TENANT_ORDER.after(after));
  for (const ids of among) query = query.where('tenant_id', '=', anyOf(ids));
  for (const { details, inId } of found) {
    const isNamed = sql<boolean>`details_ref = ${anyOf(details, 'uuid')}`;
    query = query.where(inId === undefined ? isNamed : sql<boolean>`(${isNamed} OR ${contains('tenant_id', inId)})`);
  }
  return query.orderBy(TENANT_ORDER.order()).limit(limit).execute();
}

/** In the order of their start. */
export const readTenantTaxes = async (
  db: Db,
  asOf: AsOf,
  tenantIds: readonly string[],
): Promise<History<TenantTaxRow>[]> =>
  db
    .selectFrom('tenant_taxes')
    .selectAll()
    .where('tenant_id', '=', anyOf(tenantIds))
    .where(at(asOf))
    .orderBy('effective_from')
    .execute();

export const readGracePeriods = async (
  db: Db,
  asOf: AsOf,
  tenantIds: readonly string[],
): Promise<History<TenantGracePeriodRow>[]> =>
  db
    .selectFrom('tenant_grace_periods')
    .selectAll()
    .where('tenant_id', '=', anyOf(tenantIds))
    .where(at(asOf))
    .orderBy('effective_from')
    .execute();

/** Whether a tenant was ever registered, at any position. */
export async function isEverRegistered(db: Db, tenantId: string): Promise<boolean> {
  const query = db.selectFrom('tenants').select('tenant_id').where('tenant_id', '=', tenantId).limit(1);
  return (await query.executeTakeFirst()) !== undefined;
}
