import type { Kysely } from 'kysely';
import type { CostRate } from '#domain/margin/cost-rate';
import { decimal, text } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import { at, isEffectiveAt } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { CostRateRow } from './cost-rates.table.js';

type Db = Kysely<ReadModels>;

export const toCostRate = (row: CostRateRow): CostRate => ({
  billingKind: row.billing_kind,
  provider: row.provider === '' ? null : row.provider,
  region: row.region === '' ? null : row.region,
  terms: { unitCost: text(decimal(row.unit_cost)), currency: row.currency },
  period: { start: row.effective_from, end: row.effective_until },
});

export const COST_RATE_ORDER = keyset<CostRateRow>({
  ...{ billing_kind: 'text', provider: 'text', region: 'text', effective_from: 'timestamptz' },
});

/** Rates in the order of their list. `effectiveAt`: in force at this instant. */
export async function readCostRatePage(
  db: Db,
  position: number,
  {
    billingKind,
    effectiveAt,
  }: { readonly billingKind?: string | undefined; readonly effectiveAt?: Instant | undefined },
  { after, limit }: Rows,
): Promise<History<CostRateRow>[]> {
  let query = db.selectFrom('cost_rates').selectAll().where(at(position)).where(COST_RATE_ORDER.after(after));
  if (billingKind !== undefined) query = query.where('billing_kind', '=', billingKind);
  if (effectiveAt !== undefined) query = query.where(isEffectiveAt(effectiveAt));
  return query.orderBy(COST_RATE_ORDER.order()).limit(limit).execute();
}

export const readCostRates = async (db: Db, position: number): Promise<CostRate[]> =>
  (await db.selectFrom('cost_rates').selectAll().where(at(position)).orderBy('effective_from').execute()).map(
    toCostRate,
  );
