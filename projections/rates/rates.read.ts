import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { RateKey } from '#domain/usage/usage';
import { type AsOf, at, isEffectiveAt } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '../database.js';
import type { RateRow } from './rates.table.js';

/** The prices of rate keys, in the order in which they take effect. */
export async function readRatesOfKeys(
  db: Kysely<ReadModels>,
  asOf: AsOf,
  keys: readonly RateKey[],
): Promise<History<RateRow>[]> {
  const { rows } = await sql<History<RateRow>>`
    SELECT r.* FROM rates r
    WHERE (r.resource_type, r.resource_family, r.location) IN (
      SELECT * FROM unnest(${keys.map(({ resourceType }) => resourceType)}::text[],
        ${keys.map(({ resourceFamily }) => resourceFamily)}::text[], ${keys.map(({ location }) => location)}::text[]))
      AND ${at(asOf, 'r')}
    ORDER BY r.effective_from`.execute(db);
  return rows;
}

export const RATE_ORDER = keyset<RateRow>({
  resource_type: 'text',
  resource_family: 'text',
  location: 'text',
  effective_from: 'timestamptz',
});

/** Prices of some keys (undefined: of any), in force at an instant (undefined: whenever), in the order of their list. */
export async function readRatePage(
  db: Kysely<ReadModels>,
  position: number,
  of: { readonly [Part in keyof RateKey]: string | undefined } & { readonly at: Instant | undefined },
  { after, limit }: Rows,
): Promise<History<RateRow>[]> {
  let query = db.selectFrom('rates').selectAll().where(at(position)).where(RATE_ORDER.after(after));
  if (of.resourceType !== undefined) query = query.where('resource_type', '=', of.resourceType);
  if (of.resourceFamily !== undefined) query = query.where('resource_family', '=', of.resourceFamily);
  if (of.location !== undefined) query = query.where('location', '=', of.location);
  if (of.at !== undefined) query = query.where(isEffectiveAt(of.at));
  return query.orderBy(RATE_ORDER.order()).limit(limit).execute();
}
