import { type Kysely, sql } from 'kysely';
import type { Period } from '#domain/time/period';
import { at } from '#read-model/at';
import type { ReadModels } from '../database.js';
import type { RevenueRow } from './margins.table.js';

type Db = Kysely<ReadModels>;

export type RevenueSum = Pick<RevenueRow, 'tenant_id' | 'deployment_id' | 'billing_kind' | 'amount'>;

/** A month's revenue in one currency. Rows are deltas that stay: as of a position, it is the sum of those up to there. */
export async function readRevenue(
  db: Db,
  position: number,
  { month, currency }: { readonly month: string; readonly currency: string },
): Promise<RevenueSum[]> {
  const { rows } = await sql<RevenueSum>`
    SELECT tenant_id, deployment_id, billing_kind, sum(amount) AS amount
    FROM revenue
    WHERE month = ${month} AND currency = ${currency} AND position_from <= ${position}
    GROUP BY tenant_id, deployment_id, billing_kind
    ORDER BY billing_kind`.execute(db);
  return rows;
}

export interface MarginMonth {
  readonly month: string;
  readonly currency: string;
  /** Its figures may have changed after the position `since`. */
  readonly changed: boolean;
}

/** Every month and currency that has revenue or cost. */
export async function readMarginMonths(db: Db, position: number, since: number): Promise<MarginMonth[]> {
  const isNew = (table: string) => sql`EXISTS (
    SELECT FROM ${sql.table(table)} WHERE position_from > ${since} AND position_from <= ${position})`;
  const { rows } = await sql<MarginMonth>`
    WITH moved AS (
      SELECT ${isNew('deployment_assignments')} OR ${isNew('resource_sightings')}
        OR ${isNew('resource_corrections')} AS holder)
    SELECT month, currency, bool_or(changed) OR (SELECT holder FROM moved) AS changed
    FROM (
      SELECT month, currency, position_from > ${since} AS changed FROM revenue WHERE position_from <= ${position}
      UNION ALL
      SELECT to_char(m AT TIME ZONE 'UTC', 'YYYY-MM'), currency, position_from > ${since} OR position_to IS NOT NULL
      FROM cost_lines c, generate_series(date_trunc('month', charge_period_start, 'UTC'),
        charge_period_end - interval '1 microsecond', interval '1 month') m
      WHERE category <> 'tax' AND position_from <= ${position}) f
    GROUP BY month, currency
    ORDER BY month, currency`.execute(db);
  return rows;
}

/** The currencies that a UTC month has revenue or cost in, tax included. */
export async function readMarginCurrencies(db: Db, position: number, { start, end }: Period): Promise<string[]> {
  const { rows } = await sql<{ currency: string }>`
    SELECT currency FROM revenue WHERE month = ${start.slice(0, 7)} AND position_from <= ${position}
    UNION
    SELECT currency FROM cost_lines
    WHERE charge_period_start < ${end} AND charge_period_end > ${start} AND ${at(position)}
    ORDER BY currency`.execute(db);
  return rows.map(({ currency }) => currency);
}
