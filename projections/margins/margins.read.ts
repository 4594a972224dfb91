import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Series } from '#domain/invoices/invoice';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at, type Positions } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import type { CostGrain } from './kept-costs.read.js';
import type { RevenueRow } from './margins.table.js';

type Db = Kysely<ReadModels>;

export type RevenueSum = Pick<RevenueRow, 'tenant_id' | 'deployment_id' | 'billing_kind' | 'month' | 'amount'>;

/**
 * The revenue of months in one currency. Rows are permanent deltas: the revenue as of a position is their sum up to
 * it. `grain`: what the sums are grouped by; their other fields are empty.
 */
export async function readRevenue(
  db: Db,
  position: number,
  {
    months,
    currency,
    grain,
  }: { readonly months: readonly string[]; readonly currency: string; readonly grain?: CostGrain | undefined },
): Promise<RevenueSum[]> {
  const by = (of: readonly CostGrain[], column: string): RawBuilder<unknown> =>
    grain === undefined || of.includes(grain) ? sql.ref(column) : sql`''::text`;
  const { rows } = await sql<RevenueSum>`
    SELECT tenant_id, deployment_id, billing_kind, month, sum(amount) AS amount
    FROM (
      SELECT month, amount, ${by(['tenant', 'deployment', 'tenant_kind'], 'tenant_id')} AS tenant_id,
        ${by(['deployment'], 'deployment_id')} AS deployment_id,
        ${by(['kind', 'tenant_kind'], 'billing_kind')} AS billing_kind
      FROM revenue
      WHERE month = ${anyOf(months)} AND currency = ${currency} AND position_from <= ${position}) v
    GROUP BY tenant_id, deployment_id, billing_kind, month
    ORDER BY billing_kind`.execute(db);
  return rows;
}

/** The same, in all of each month. A month without revenue has no row. */
export async function readRevenueTotals(
  db: Db,
  position: number,
  { months, currency }: { readonly months: readonly string[]; readonly currency: string },
): Promise<Pick<RevenueRow, 'month' | 'amount'>[]> {
  const { rows } = await sql<Pick<RevenueRow, 'month' | 'amount'>>`
    SELECT month, sum(amount) AS amount FROM revenue
    WHERE month = ${anyOf(months)} AND currency = ${currency} AND position_from <= ${position}
    GROUP BY month`.execute(db);
  return rows;
}

/** The months that have revenue in other currencies. */
export async function readMonthsEarningOtherwise(
  db: Db,
  position: number,
  { months, currency }: { readonly months: readonly string[]; readonly currency: string },
): Promise<string[]> {
  const { rows } = await sql<Pick<RevenueRow, 'month'>>`
    SELECT DISTINCT month FROM revenue
    WHERE month = ${anyOf(months)} AND currency <> ${currency} AND position_from <= ${position}
    GROUP BY month, currency HAVING sum(amount) <> 0`.execute(db);
  return rows.map(({ month }) => month);
}

export interface RevenueByCause extends Pick<RevenueRow, 'month' | 'billing_kind' | 'amount'> {
  /** What credit notes book of `amount`. */
  readonly credited: string;
}

/** The revenue of months by billing kind, in one currency, and what credit notes book of it. */
export async function readRevenueByCause(
  db: Db,
  position: number,
  { months, currency }: { readonly months: readonly string[]; readonly currency: string },
): Promise<RevenueByCause[]> {
  const { rows } = await sql<RevenueByCause>`
    SELECT month, billing_kind, sum(amount) AS amount,
      coalesce(sum(amount) FILTER (WHERE cause = 'credited'), 0) AS credited
    FROM revenue
    WHERE month = ${anyOf(months)} AND currency = ${currency} AND position_from <= ${position}
    GROUP BY month, billing_kind
    ORDER BY billing_kind`.execute(db);
  return rows;
}

export interface SoldSum {
  readonly month: string;
  readonly currency: string;
  readonly billing_kind: string;
  readonly unit: string;
  readonly quantity: string;
}

/** The units that issued invoices bill of months, in each currency. */
export async function readSoldUnits(db: Db, position: number, months: readonly string[]): Promise<SoldSum[]> {
  const { rows } = await sql<SoldSum>`
    SELECT month, currency, billing_kind, unit, sum(quantity) AS quantity FROM sold_units
    WHERE month = ${anyOf(months)} AND position_from <= ${position}
    GROUP BY month, currency, billing_kind, unit
    ORDER BY billing_kind, currency, unit`.execute(db);
  return rows;
}

/** The revenue of each tenant and month. `of`: null for all months and currencies. */
export async function readRevenueByTenant(
  db: Db,
  position: number,
  of: { readonly month: string; readonly currency: string } | null,
): Promise<Pick<RevenueRow, 'tenant_id' | 'currency' | 'month' | 'amount'>[]> {
  const isWanted = of === null ? sql`true` : sql`month = ${of.month} AND currency = ${of.currency}`;
  const { rows } = await sql<Pick<RevenueRow, 'tenant_id' | 'currency' | 'month' | 'amount'>>`
    SELECT tenant_id, currency, month, sum(amount) AS amount
    FROM revenue WHERE ${isWanted} AND position_from <= ${position}
    GROUP BY tenant_id, currency, month`.execute(db);
  return rows;
}

export interface MarginMonth {
  readonly month: string;
  readonly currency: string;
  /** Months whose figures may have changed after the position `since`. */
  readonly changed: boolean;
}

/** Every month and currency with revenue or cost. */
export async function readMarginMonths(db: Db, position: number, since: number): Promise<MarginMonth[]> {
  const isNew = (at: RawBuilder<unknown>) => sql`(${at} > ${since} AND ${at} <= ${position})`;
  const isMoved = (table: string) => sql`
    EXISTS (SELECT FROM ${sql.table(table)} WHERE ${isNew(sql`position_from`)})
    OR EXISTS (SELECT FROM ${sql.table(table)} WHERE position_to IS NOT NULL AND ${isNew(sql`position_to`)})`;
  const { rows } = await sql<MarginMonth>`
    WITH moved AS (
      SELECT ${isMoved('deployment_assignments')} OR ${isMoved('resource_sightings')}
        OR ${isMoved('resource_corrections')} AS holder)
    SELECT month, currency, max(changed_at) > ${since} OR (SELECT holder FROM moved) AS changed
    FROM (
      SELECT month, currency, max(position_from) AS changed_at FROM revenue WHERE position_from <= ${position}
      GROUP BY month, currency
      UNION ALL
      SELECT to_char(m, 'YYYY-MM'), currency, changed_at
      FROM (
        SELECT currency, first_month, last_month, max(position_from) AS changed_at FROM cost_months
        WHERE NOT is_tax AND position_from <= ${position}
        GROUP BY currency, first_month, last_month) c,
        generate_series((first_month || '-01')::timestamp, (last_month || '-01')::timestamp, interval '1 month') m) f
    GROUP BY month, currency
    ORDER BY month, currency`.execute(db);
  return rows;
}

/** The currencies of a UTC month with revenue or cost, including tax. */
export async function readMarginCurrencies(db: Db, position: number, { start, end }: Period): Promise<string[]> {
  const month = start.slice(0, 7);
  // A line of each currency is enough. The last one that starts before the month ends is most likely in it.
  const { rows } = await sql<{ currency: string }>`
    SELECT currency FROM (
      SELECT DISTINCT currency FROM revenue WHERE month = ${month} AND position_from <= ${position}) r
    UNION
    SELECT currency FROM (
      SELECT DISTINCT currency FROM cost_months
      WHERE first_month <= ${month} AND last_month >= ${month} AND position_from <= ${position}) c
    CROSS JOIN LATERAL (
      SELECT FROM cost_lines l
      WHERE l.currency = c.currency AND charge_period_start < ${end} AND charge_period_end > ${start}
        AND ${at(position)}
      ORDER BY charge_period_start DESC LIMIT 1) one
    ORDER BY currency`.execute(db);
  return rows.map(({ currency }) => currency);
}

/** Booked revenue, and the number of the invoice or credit note that books it. */
export interface BookedRevenue extends RevenueRow {
  readonly series: Series;
  readonly ordinal: number | null;
  readonly position_from: number;
}

/** The revenue of a month in one currency, row by row, in the order of booking. `tenantId`: null for all tenants. */
export async function readBookedRevenue(
  db: Db,
  position: number,
  {
    month,
    currency,
    tenantId,
  }: { readonly month: string; readonly currency: string; readonly tenantId: string | null },
): Promise<BookedRevenue[]> {
  const { rows } = await sql<BookedRevenue>`
    SELECT v.*, CASE WHEN v.cause = 'credited' THEN 'CN' ELSE 'INV' END AS series,
      coalesce(i.ordinal, (
        SELECT c.ordinal FROM credit_notes c
        WHERE c.credit_note_id = v.invoice_id AND c.position_from <= ${position})) AS ordinal
    FROM revenue v LEFT JOIN invoices i ON i.invoice_id = v.invoice_id AND ${at(position, 'i')}
    WHERE v.month = ${month} AND v.currency = ${currency} AND v.position_from <= ${position}
      AND (${tenantId}::text IS NULL OR v.tenant_id = ${tenantId})
    ORDER BY v.position_from, v.billing_kind, v.deployment_id`.execute(db);
  return rows;
}

/** The positions at which the revenue of a month changed, by tenant. */
export async function readRevenueChanges(
  db: Db,
  { first, last }: Positions,
  { month, currency }: { readonly month: string; readonly currency: string },
): Promise<{ readonly tenant_id: string; readonly position: number }[]> {
  const { rows } = await sql<{ tenant_id: string; position: number }>`
    SELECT DISTINCT v.tenant_id, p AS position
    FROM revenue v, unnest(ARRAY[v.position_from, v.position_to]) p
    WHERE v.month = ${month} AND v.currency = ${currency} AND p BETWEEN ${first} AND ${last}`.execute(db);
  return rows;
}
