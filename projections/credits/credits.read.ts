import type { Kysely } from 'kysely';
import { anyOf } from '#read-model/any-of';
import { type AsOf, at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { CreditRow } from './credits.table.js';

/** Coupons and credits, in the order of granting, also those that were withdrawn. `tenantIds`: null for all tenants. */
export async function readCredits(
  db: Kysely<ReadModels>,
  asOf: AsOf,
  tenantIds: readonly string[] | null,
): Promise<History<CreditRow>[]> {
  const query = db.selectFrom('credits').selectAll().where(at(asOf)).orderBy('granted_position');
  return (tenantIds === null ? query : query.where('tenant_id', '=', anyOf(tenantIds))).execute();
}

export const CREDIT_ORDER = keyset<CreditRow>({ tenant_id: 'text', currency: 'text', credit_id: 'text' });

/** Coupons and credits of one tenant (null: all), in the order of their list, without those that were withdrawn. */
export async function readCreditPage(
  db: Kysely<ReadModels>,
  position: number,
  tenantId: string | null,
  { after, limit }: Rows,
): Promise<History<CreditRow>[]> {
  const query = db
    .selectFrom('credits')
    .selectAll()
    .where(at(position))
    .where('is_withdrawn', '=', false)
    .where(CREDIT_ORDER.after(after));
  return (tenantId === null ? query : query.where('tenant_id', '=', tenantId))
    .orderBy(CREDIT_ORDER.order())
    .limit(limit)
    .execute();
}
