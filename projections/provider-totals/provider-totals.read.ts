import type { Kysely } from 'kysely';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { ProviderTotalRow } from './provider-totals.table.js';

type Db = Kysely<ReadModels>;

export const PROVIDER_TOTAL_ORDER = keyset<ProviderTotalRow>({
  provider: 'text',
  invoice_ref: 'text',
  currency: 'text',
});

/** Totals in the order of their list. */
export async function readProviderTotalsPage(
  db: Db,
  position: number,
  { month, provider }: { readonly month?: string | undefined; readonly provider?: string | undefined },
  { after, limit }: Rows,
): Promise<History<ProviderTotalRow>[]> {
  let query = db.selectFrom('provider_totals').selectAll().where(at(position)).where(PROVIDER_TOTAL_ORDER.after(after));
  if (month !== undefined) query = query.where('month', '=', month);
  if (provider !== undefined) query = query.where('provider', '=', provider);
  return query.orderBy(PROVIDER_TOTAL_ORDER.order()).limit(limit).execute();
}

/** All totals in a currency. */
export const readProviderTotals = async (
  db: Db,
  position: number,
  currency: string,
): Promise<History<ProviderTotalRow>[]> =>
  db
    .selectFrom('provider_totals')
    .selectAll()
    .where(at(position))
    .where('currency', '=', currency)
    .orderBy(PROVIDER_TOTAL_ORDER.order())
    .execute();

/** The currencies that a total is recorded in. */
export async function readProviderTotalCurrencies(db: Db, position: number): Promise<string[]> {
  const rows = await db
    .selectFrom('provider_totals')
    .select('currency')
    .distinct()
    .where(at(position))
    .orderBy('currency')
    .execute();
  return rows.map(({ currency }) => currency);
}
