import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { ProviderKind } from '#domain/margin/kind-mapping';
import type { Instant } from '#domain/time/instant';
import { anyOf } from '#read-model/any-of';
import type { ReadModels } from '#read-model/read-models';
import { type CostsOf, isOf, linesOf } from './charged.read.js';

/** Neighbouring UTC days for which a provider billed the use of one of its kinds. */
export interface BilledDays {
  readonly provider: string;
  readonly kind: string;
  readonly start_at: Instant;
  readonly end_at: Instant;
}

/** SQL: `partial`, the bills with deliveries of which none is whole and completed. */
const partialBills = (position: number): RawBuilder<unknown> => sql`
  partial AS MATERIALIZED (
    SELECT provider, delivery FROM cost_deliveries WHERE position_from <= ${position}
    GROUP BY provider, delivery HAVING bool_and(mode = 'partial' OR pending <> '[]'))`;

/** SQL: a row with `provider` and `invoice_ref` is of one of these. */
const isPartial = (row: string): RawBuilder<unknown> => sql`
  EXISTS (
    SELECT FROM partial p
    WHERE p.provider = ${sql.ref(`${row}.provider`)}
      AND (${sql.ref(`${row}.invoice_ref`)} = p.delivery
        OR starts_with(${sql.ref(`${row}.invoice_ref`)}, p.delivery || ' ')))`;

/** Neighbouring UTC days for which lines of usage of one bill charge the use of a provider's kind. */
export interface BillDays extends BilledDays {
  readonly invoice_ref: string;
}

/** SQL: the days that lines of usage charge, of the months, by bill. */
function daysByBill(position: number, of: CostsOf): RawBuilder<unknown> {
  const columns = sql`provider, kind, invoice_ref, category, charge_period_start, charge_period_end`;
  return sql`(
    SELECT DISTINCT provider, kind, invoice_ref, date_trunc('day', charge_period_start, 'UTC') AS start_at,
      date_trunc('day', charge_period_end - interval '1 microsecond', 'UTC') + interval '1 day' AS end_at
    FROM ${linesOf(position, of, columns)} l WHERE category = 'usage')`;
}

/** SQL: rows with neighbouring days joined, by some columns. */
const joinedDays = (days: RawBuilder<unknown>, by: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  SELECT ${by}, lower(r.span) AS start_at, upper(r.span) AS end_at
  FROM (SELECT ${by}, range_agg(tstzrange(start_at, end_at)) AS spans FROM ${days} d GROUP BY ${by}) b
  CROSS JOIN LATERAL unnest(b.spans) AS r(span)`;

/** The days that lines of usage charge, of the months, by bill. */
export async function readBillDays(db: Kysely<ReadModels>, position: number, of: CostsOf): Promise<BillDays[]> {
  const { rows } = await sql<BillDays>`
    ${joinedDays(daysByBill(position, of), sql`provider, kind, invoice_ref`)} ORDER BY 1, 2, 3, 4`.execute(db);
  return rows;
}

/**
 * The days that lines of usage charge, of the months, and those that are kept of other months. Lines of a bill with
 * deliveries of which none is whole and completed do not count: of such a bill it is not known what is missing.
 * null: a kept month was dropped meanwhile.
 */
export async function readBilledDays(
  db: Kysely<ReadModels>,
  position: number,
  of: CostsOf,
  keptIds: readonly string[],
): Promise<BilledDays[] | null> {
  const days = sql`(
    SELECT * FROM (
      SELECT * FROM ${daysByBill(position, of)} l
      UNION ALL
      SELECT provider, kind, invoice_ref, start_at, end_at FROM kept_billed_days
      WHERE kept_id = ${anyOf(keptIds, 'uuid')}) d
    WHERE NOT ${isPartial('d')})`;
  const { rows } = await sql<BilledDays & { kept: number | null }>`
    WITH ${partialBills(position)}
    SELECT b.*, NULL AS kept FROM (${joinedDays(days, sql`provider, kind`)}) b
    UNION ALL
    SELECT '', '', NULL, NULL, count(*)::int FROM kept_months WHERE kept_id = ${anyOf(keptIds, 'uuid')}
    ORDER BY 1, 2, 3`.execute(db);
  const counted = rows.find(({ kept }) => kept !== null);
  if (counted?.kept !== keptIds.length) return null;
  return rows.filter((row) => row !== counted).map(({ kept: _, ...row }) => row);
}

/** What lines of usage of one provider's kind charge: between two neighbouring instants, or over a charge period. */
export interface BilledUse {
  readonly provider: string;
  readonly kind: string;
  /** null: of no resource, or of a kind that was asked for in all. */
  readonly resource_id: string | null;
  readonly amount: string;
  /** The number of instants at or before the charge period. null: the charge period holds one of them. */
  readonly span: number | null;
  /** null: between two instants. */
  readonly charge_period_start: Instant | null;
  readonly charge_period_end: Instant | null;
}

/** The cost of the lines that make up the billed days. `byResource`: these kinds by resource. */
export async function readBilledUse(
  db: Kysely<ReadModels>,
  position: number,
  of: CostsOf,
  { instants, byResource }: { readonly instants: readonly Instant[]; readonly byResource: readonly ProviderKind[] },
): Promise<BilledUse[]> {
  const columns = sql`
    provider, kind, invoice_ref, resource_id, category, amount, charge_period_start, charge_period_end,
    width_bucket(charge_period_start, ${instants}::timestamptz[]) AS span,
    width_bucket(charge_period_end - interval '1 microsecond', ${instants}::timestamptz[]) AS last_span`;
  const { rows } = await sql<BilledUse>`
    WITH ${partialBills(position)},
    lines AS MATERIALIZED (SELECT * FROM ${linesOf(position, of, columns)} l WHERE category = 'usage'),
    left_out AS (
      SELECT provider, invoice_ref FROM (SELECT DISTINCT provider, invoice_ref FROM lines) b WHERE ${isPartial('b')})
    SELECT provider, kind, resource_id, sum(amount) AS amount, span, charge_period_start, charge_period_end
    FROM (
      SELECT l.provider, l.kind, l.amount,
        CASE WHEN ${isOf(byResource)} THEN l.resource_id END AS resource_id,
        CASE WHEN l.span = l.last_span THEN l.span END AS span,
        CASE WHEN l.span < l.last_span THEN l.charge_period_start END AS charge_period_start,
        CASE WHEN l.span < l.last_span THEN l.charge_period_end END AS charge_period_end
      FROM lines l
      WHERE (l.provider, l.invoice_ref) NOT IN (SELECT provider, invoice_ref FROM left_out)) x
    GROUP BY provider, kind, resource_id, span, charge_period_start, charge_period_end
    ORDER BY kind, provider, resource_id, span, charge_period_start, charge_period_end`.execute(db);
  return rows;
}
