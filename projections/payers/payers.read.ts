import { type Kysely, sql } from 'kysely';
import type { Payer } from '#domain/tenants/payer';
import type { Instant } from '#domain/time/instant';
import { anyOf } from '#read-model/any-of';
import { type AsOf, at, isEffectiveAt, type Positions } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { PayerRow } from './payers.table.js';

type Db = Kysely<ReadModels>;

export const toPayer = (row: PayerRow): Payer => ({
  tenantId: row.tenant_id,
  terms: { payerId: row.payer_id },
  period: { start: row.effective_from, end: row.effective_until },
});

export const PAYER_ORDER = keyset<PayerRow>({ tenant_id: 'text', effective_from: 'timestamptz' });

/** Of which payers: of one tenant, of what one pays for, in force at an instant, and that concern `confinedTo`. */
export interface PayersWanted {
  readonly tenantId: string | undefined;
  readonly payerId: string | undefined;
  readonly effectiveAt: Instant | undefined;
  /** The only tenant that the answer may be about, as the one that is billed or the one that pays. null: any. */
  readonly confinedTo: string | null;
}

/** Payers in the order of their list. */
export async function readPayerPage(
  db: Db,
  position: number,
  { tenantId, payerId, effectiveAt, confinedTo }: PayersWanted,
  { after, limit }: Rows,
): Promise<History<PayerRow>[]> {
  let query = db.selectFrom('payers').selectAll().where(at(position)).where(PAYER_ORDER.after(after));
  if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId);
  if (payerId !== undefined) query = query.where('payer_id', '=', payerId);
  if (effectiveAt !== undefined) query = query.where(isEffectiveAt(effectiveAt));
  if (confinedTo !== null)
    query = query.where((is) => is.or([is('tenant_id', '=', confinedTo), is('payer_id', '=', confinedTo)]));
  return query.orderBy(PAYER_ORDER.order()).limit(limit).execute();
}

/** Who pays for these tenants. */
export const readPayers = async (db: Db, asOf: AsOf, tenantIds: readonly string[]): Promise<History<PayerRow>[]> =>
  db
    .selectFrom('payers')
    .selectAll()
    .where('tenant_id', '=', anyOf(tenantIds))
    .where(at(asOf))
    .orderBy('effective_from')
    .execute();

/** Who pays for these tenants (null: for all), and for whom whoever pays for them, or they themselves, pay. */
export async function readPayersOfFamilies(
  db: Db,
  asOf: AsOf,
  tenantIds: readonly string[] | null,
): Promise<History<PayerRow>[]> {
  if (tenantIds === null) return db.selectFrom('payers').selectAll().where(at(asOf)).execute();
  const { rows } = await sql<History<PayerRow>>`
    WITH own AS (SELECT unnest(${[...tenantIds]}::text[]) AS tenant_id),
    payer AS (
      SELECT tenant_id FROM own
      UNION SELECT payer_id FROM payers JOIN own USING (tenant_id) WHERE ${at(asOf)} AND payer_id IS NOT NULL)
    SELECT * FROM payers
    WHERE ${at(asOf)}
      AND (tenant_id IN (SELECT tenant_id FROM own) OR payer_id IN (SELECT tenant_id FROM payer))`.execute(db);
  return rows;
}

/**
 * The payers of whoever pays, or ever paid, for a tenant, and of `payerId`; and the tenants that this tenant pays for.
 */
export async function readPayersAround(
  db: Db,
  position: number,
  { tenantId, payerId }: { readonly tenantId: string; readonly payerId: string | null },
): Promise<Payer[]> {
  const { rows } = await sql<PayerRow>`
    SELECT * FROM payers
    WHERE ${at(position)} AND (payer_id = ${tenantId} OR tenant_id = ${payerId}
      OR tenant_id IN (SELECT payer_id FROM payers WHERE tenant_id = ${tenantId}))
    ORDER BY tenant_id, effective_from`.execute(db);
  return rows.map(toPayer);
}

/** A tenant whose payer changed, the one that pays or paid, and where that was recorded. */
export interface PayerChange {
  readonly tenant_id: string;
  readonly payer_id: string | null;
  readonly position: number;
}

export async function readPayerChanges(db: Db, { first, last }: Positions): Promise<PayerChange[]> {
  const { rows } = await sql<PayerChange>`
    SELECT DISTINCT tenant_id, payer_id, p AS position
    FROM payers, unnest(ARRAY[position_from, position_to]) p
    WHERE p BETWEEN ${first} AND ${last}
    ORDER BY p, tenant_id, payer_id`.execute(db);
  return rows;
}
