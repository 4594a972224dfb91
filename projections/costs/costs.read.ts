import type { Kysely } from 'kysely';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import type { History, ReadModels } from '../database.js';
import type { CostLineRow } from './costs.table.js';

type Db = Kysely<ReadModels>;

/** Every version of lines of one provider's invoice, in the order in which they were recorded. */
export const readCostLineVersions = async (
  db: Db,
  { provider, invoiceRef }: { readonly provider: string; readonly invoiceRef: string },
  lineKeys: readonly string[],
): Promise<History<CostLineRow>[]> =>
  db
    .selectFrom('cost_lines')
    .selectAll()
    .where('provider', '=', provider)
    .where('invoice_ref', '=', invoiceRef)
    .where('line_key', '=', anyOf(lineKeys))
    .orderBy('position_from')
    .execute();

/** What was charged for a period, without tax, in one currency. */
export const readCostLines = async (
  db: Db,
  position: number,
  { period, currency }: { readonly period: Period; readonly currency: string },
): Promise<History<CostLineRow>[]> =>
  db
    .selectFrom('cost_lines')
    .selectAll()
    .where('currency', '=', currency)
    .where('category', '<>', 'tax')
    .where('charge_period_start', '<', period.end)
    .where('charge_period_end', '>', period.start)
    .where(at(position))
    .orderBy('kind')
    .orderBy('provider')
    .orderBy('invoice_ref')
    .orderBy('line_key')
    .execute();
