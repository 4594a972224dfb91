import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { ReadModels } from '#read-model/read-models';
import { linesOf } from './charged.read.js';
import type { CostLineRow } from './costs.table.js';

type Db = Kysely<ReadModels>;

/** A provider's invoice, as its lines name it. */
export type Bill = Pick<CostLineRow, 'provider' | 'invoice_ref'>;

/**
 * SQL, for FROM: the lines known at a position that meet `where`. Lines in force and superseded lines have an index
 * each.
 */
export const known = (
  position: number,
  columns: RawBuilder<unknown>,
  where: RawBuilder<unknown>,
): RawBuilder<unknown> => sql`(
  SELECT ${columns} FROM cost_lines WHERE position_to IS NULL AND position_from <= ${position} AND ${where}
  UNION ALL
  SELECT ${columns} FROM cost_lines WHERE position_to > ${position} AND position_from <= ${position} AND ${where})`;

/** The invoices with lines in a currency whose charge period begins within a month. */
export async function readBillsOfMonth(
  db: Db,
  position: number,
  { month, currency }: { readonly month: Period; readonly currency: string },
): Promise<Bill[]> {
  const { rows } = await sql<Bill>`
    SELECT DISTINCT provider, invoice_ref
    FROM ${known(
      position,
      sql`provider, invoice_ref`,
      sql`currency = ${currency} AND charge_period_start >= ${month.start} AND charge_period_start < ${month.end}`,
    )} l
    ORDER BY provider, invoice_ref`.execute(db);
  return rows;
}

/** All invoices that ever had a line. From invoice to invoice through the index: each may have millions of lines. */
export async function readBills(db: Db): Promise<Bill[]> {
  const next = (after: RawBuilder<unknown>): RawBuilder<unknown> => sql`(
    SELECT provider, invoice_ref FROM cost_lines WHERE position_to IS NULL AND ${after}
    ORDER BY provider, invoice_ref LIMIT 1)`;
  const { rows } = await sql<Bill>`
    WITH RECURSIVE bills AS (
      ${next(sql`true`)}
      UNION ALL
      SELECT n.provider, n.invoice_ref
      FROM bills b
      CROSS JOIN LATERAL ${next(sql`(provider, invoice_ref) > (b.provider, b.invoice_ref)`)} n)
    SELECT provider, invoice_ref FROM bills
    UNION
    SELECT provider, invoice_ref FROM cost_lines WHERE position_to IS NOT NULL`.execute(db);
  return rows;
}

/** What the lines of an invoice come to. */
export interface BillSum extends Bill {
  readonly lines: number;
  /** Without tax. */
  readonly net: string;
  readonly tax: string;
}

/** The sums of invoices in a currency, over all their lines. An invoice without lines has no row. */
export async function readBillSums(
  db: Db,
  position: number,
  { bills, currency }: { readonly bills: readonly Bill[]; readonly currency: string },
): Promise<BillSum[]> {
  const { rows } = await sql<BillSum>`
    SELECT b.provider, b.invoice_ref, count(*)::int AS lines,
      coalesce(sum(l.amount) FILTER (WHERE l.category <> 'tax'), 0) AS net,
      coalesce(sum(l.amount) FILTER (WHERE l.category = 'tax'), 0) AS tax
    FROM unnest(${bills.map(({ provider }) => provider)}::text[],
      ${bills.map(({ invoice_ref }) => invoice_ref)}::text[]) AS b(provider, invoice_ref)
    CROSS JOIN LATERAL ${known(
      position,
      sql`amount, category`,
      sql`provider = b.provider AND invoice_ref = b.invoice_ref AND currency = ${currency}`,
    )} l
    GROUP BY b.provider, b.invoice_ref`.execute(db);
  return rows;
}

/** The cost of a resource, summed; or lines that reach beyond the month, which must be divided. */
export interface ResourceCost {
  readonly provider: string;
  /** null: of no resource. */
  readonly resource_id: string | null;
  readonly kind: string;
  readonly lines: number;
  /** Of each of the lines, if they must be divided. */
  readonly amount: string;
  /** null: all of it is charged within the month. */
  readonly charge_period_start: Instant | null;
  readonly charge_period_end: Instant | null;
}

/** The cost of a month, without tax, by resource and kind. */
export async function readResourceCosts(
  db: Db,
  position: number,
  { month, currency }: { readonly month: Period; readonly currency: string },
): Promise<ResourceCost[]> {
  const columns = sql`provider, resource_id, kind, amount, charge_period_start, charge_period_end`;
  const isWithin = sql`(charge_period_start >= ${month.start} AND charge_period_end <= ${month.end})`;
  const ifBeyond = (column: string): RawBuilder<unknown> =>
    sql`CASE WHEN ${isWithin} THEN NULL ELSE ${sql.ref(column)} END AS ${sql.ref(column)}`;
  const { rows } = await sql<ResourceCost>`
    SELECT provider, resource_id, kind, count(*)::int AS lines, coalesce(divided, sum(amount)) AS amount,
      charge_period_start, charge_period_end
    FROM (
      SELECT provider, resource_id, kind, amount, CASE WHEN ${isWithin} THEN NULL ELSE amount END AS divided,
        ${ifBeyond('charge_period_start')}, ${ifBeyond('charge_period_end')}
      FROM ${linesOf(position, { months: [month], currency }, columns)} l) x
    GROUP BY provider, resource_id, kind, divided, charge_period_start, charge_period_end
    ORDER BY provider, resource_id, kind`.execute(db);
  return rows;
}

/** Which lines are wanted. Several with one `index` are wanted together. */
export interface WantedLines extends Pick<CostLineRow, 'provider' | 'kind'>, Period {
  readonly index: number;
  /** null: with or without a resource. */
  readonly resource_id: string | null;
}

/** A cost line, as commands name it, and for which wanted lines it is. */
export type FoundLine = Pick<CostLineRow, 'invoice_ref' | 'line_key'> & Pick<WantedLines, 'index'>;

/** The first lines of a month that are charged within wanted periods, without tax, at most `limit` of each index. */
export async function readFirstLines(
  db: Db,
  position: number,
  {
    month,
    currency,
    of,
    limit,
  }: {
    readonly month: Period;
    readonly currency: string;
    readonly of: readonly WantedLines[];
    readonly limit: number;
  },
): Promise<FoundLine[]> {
  const columns = sql.raw(
    'provider, resource_id, kind, invoice_ref, line_key, amount, charge_period_start, charge_period_end',
  );
  const { rows } = await sql<FoundLine>`
    WITH wanted AS (
      SELECT * FROM unnest(${of.map(({ index }) => index)}::int[], ${of.map(({ provider }) => provider)}::text[],
        ${of.map(({ resource_id }) => resource_id)}::text[], ${of.map(({ kind }) => kind)}::text[],
        ${of.map(({ start }) => start)}::timestamptz[], ${of.map(({ end }) => end)}::timestamptz[])
        AS w(index, provider, resource_id, kind, start_at, end_at)),
    lines AS (SELECT * FROM ${linesOf(position, { months: [month], currency }, columns)} l WHERE amount <> 0)
    SELECT index, invoice_ref, line_key
    FROM (
      SELECT index, invoice_ref, line_key,
        row_number() OVER (PARTITION BY index ORDER BY invoice_ref, line_key) AS n
      FROM (
        SELECT DISTINCT w.index, l.invoice_ref, l.line_key
        FROM wanted w
        JOIN lines l ON l.provider = w.provider AND l.kind = w.kind
          AND (w.resource_id IS NULL OR l.resource_id = w.resource_id)
          AND l.charge_period_start < w.end_at AND l.charge_period_end > w.start_at) x) x
    WHERE n <= ${limit}
    ORDER BY index, n`.execute(db);
  return rows;
}
