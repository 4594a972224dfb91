import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { RateKey } from '#domain/usage/usage';
import { type AsOf, at, changedAt, isEffectiveAt, type Positions } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { RateRow } from './rates.table.js';

/** The prices of rate keys, in the order of their start. */
export async function readRatesOfKeys(
  db: Kysely<ReadModels>,
  asOf: AsOf,
  keys: readonly RateKey[],
): Promise<History<RateRow>[]> {
  const { rows } = await sql<History<RateRow>>`
    SELECT * FROM rates WHERE ${isOneOf(keys)} AND ${at(asOf)} ORDER BY effective_from`.execute(db);
  return rows;
}

const isOneOf = (keys: readonly RateKey[]): RawBuilder<boolean> => sql<boolean>`
  (resource_type, resource_family, location) IN (
    SELECT * FROM unnest(${keys.map(({ resourceType }) => resourceType)}::text[],
      ${keys.map(({ resourceFamily }) => resourceFamily)}::text[], ${keys.map(({ location }) => location)}::text[]))`;

export const RATE_ORDER = keyset<RateRow>({
  resource_type: 'text',
  resource_family: 'text',
  location: 'text',
  effective_from: 'timestamptz',
});

/**
 * Prices of some keys (undefined: any), in force at an instant (undefined: at any time), in the order of their list.
 */
export async function readRatePage(
  db: Kysely<ReadModels>,
  position: number,
  of: { readonly [Part in keyof RateKey]: string | undefined } & {
    readonly at: Instant | undefined;
    /** Public prices, and all prices of these keys. null: all prices of all keys. */
    readonly visible: readonly RateKey[] | null;
  },
  { after, limit }: Rows,
): Promise<History<RateRow>[]> {
  let query = db.selectFrom('rates').selectAll().where(at(position)).where(RATE_ORDER.after(after));
  if (of.resourceType !== undefined) query = query.where('resource_type', '=', of.resourceType);
  if (of.resourceFamily !== undefined) query = query.where('resource_family', '=', of.resourceFamily);
  if (of.location !== undefined) query = query.where('location', '=', of.location);
  if (of.at !== undefined) query = query.where(isEffectiveAt(of.at));
  if (of.visible !== null) query = query.where(sql<boolean>`(${isPublicStill} OR ${isOneOf(of.visible)})`);
  return query.orderBy(RATE_ORDER.order()).limit(limit).execute();
}

/** Public then, and now: what was public by mistake is shown no more, also as of an earlier position. */
const isPublicStill = sql<boolean>`(
  is_public AND EXISTS (
    SELECT FROM rates n
    WHERE n.resource_type = rates.resource_type AND n.resource_family = rates.resource_family
      AND n.location = rates.location AND n.effective_from = rates.effective_from
      AND n.position_to IS NULL AND n.is_public))`;

/** A rate before and after some log positions. null: it did not exist then. */
export interface RateChange extends Pick<RateRow, 'resource_type' | 'resource_family' | 'location' | 'effective_from'> {
  /** The position of the change. */
  readonly positions: readonly number[];
  readonly before_price: string | null;
  readonly before_currency: string | null;
  readonly before_unit: string | null;
  readonly before_basis: RateRow['basis'] | null;
  readonly before_until: Instant | null;
  readonly after_price: string | null;
  readonly after_currency: string | null;
  readonly after_unit: string | null;
  readonly after_basis: RateRow['basis'] | null;
  readonly after_until: Instant | null;
}

/** Rates that differ before and after these positions, by key and date. */
export async function readRateChanges(db: Kysely<ReadModels>, changed: Positions): Promise<RateChange[]> {
  const key = sql`resource_type, resource_family, location, effective_from`;
  const { rows } = await sql<RateChange>`
    SELECT ${key}, k.positions,
      b.unit_price AS before_price, b.currency AS before_currency, b.unit AS before_unit, b.basis AS before_basis,
      b.effective_until AS before_until,
      a.unit_price AS after_price, a.currency AS after_currency, a.unit AS after_unit, a.basis AS after_basis,
      a.effective_until AS after_until
    FROM (
      SELECT ${key}, array_agg(DISTINCT p) AS positions
      FROM rates, unnest(ARRAY[position_from, position_to]) p
      WHERE ${changedAt(changed)} AND p IS NOT NULL
      GROUP BY ${key}) k
    LEFT JOIN (SELECT * FROM rates WHERE ${at(changed.first - 1)}) b USING (${key})
    LEFT JOIN (SELECT * FROM rates WHERE ${at(changed.last)}) a USING (${key})
    WHERE (b.unit_price, b.currency, b.unit, b.basis, b.effective_until)
      IS DISTINCT FROM (a.unit_price, a.currency, a.unit, a.basis, a.effective_until)
    ORDER BY ${key}`.execute(db);
  return rows;
}

/** The units of all rates that are known, over the periods of the rates. */
export const readRateUnits = async (db: Kysely<ReadModels>, position: number) =>
  db
    .selectFrom('rates')
    .select(['resource_type', 'resource_family', 'location', 'unit', 'effective_from', 'effective_until'])
    .where(at(position))
    .execute();
