import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { FrozenRow } from '#domain/invoices/invoice';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import { isBooked } from './invoices.read.js';

type Db = Kysely<ReadModels>;

/** SQL, for FROM: issued invoices, which are not void, and credit notes, as `d`. */
const documents = (position: number): RawBuilder<unknown> => sql`(
  SELECT i.invoice_id AS document_id, i.tenant_id, i.currency, i.rows_attempt
  FROM invoices i WHERE ${isBooked(position, 'i')}
  UNION ALL
  SELECT c.credit_note_id, c.tenant_id, c.currency, c.rows_attempt
  FROM credit_notes c WHERE ${at(position, 'c')}) d`;

/** What documents bill without tax: the sum of a month, or rows that cross a month. */
export interface IssuedNet {
  readonly tenant_id: string;
  readonly currency: string;
  /** The UTC month that all of it is charged in, `2026-04`. null: it must be divided. */
  readonly month: string | null;
  /** How many rows. */
  readonly rows: number;
  /** Of each of the rows, if they must be divided. */
  readonly net: string;
  readonly charge_period_start: Instant | null;
  readonly charge_period_end: Instant | null;
}

/**
 * What issued invoices, which are not void, and credit notes bill, by tenant and month of the charge period.
 * `within`: only rows that are charged within it.
 */
export async function readIssuedNet(
  db: Db,
  position: number,
  within: { readonly month: Period; readonly currency: string } | null,
): Promise<IssuedNet[]> {
  const isWanted =
    within === null
      ? sql`true`
      : sql`d.currency = ${within.currency} AND p.start_at < ${within.month.end} AND p.end_at > ${within.month.start}`;
  const { rows } = await sql<IssuedNet>`
    SELECT tenant_id, currency, month, count(*)::int AS rows, coalesce(divided, sum(net)) AS net,
      charge_period_start, charge_period_end
    FROM (
      SELECT d.tenant_id, d.currency, n.net,
        CASE WHEN p.is_whole THEN to_char(p.start_at AT TIME ZONE 'UTC', 'YYYY-MM') END AS month,
        CASE WHEN p.is_whole THEN NULL ELSE n.net END AS divided,
        CASE WHEN p.is_whole THEN NULL ELSE p.start_at END AS charge_period_start,
        CASE WHEN p.is_whole THEN NULL ELSE p.end_at END AS charge_period_end
      FROM ${documents(position)}
      JOIN invoice_rows r ON r.invoice_id = d.document_id AND r.attempt = d.rows_attempt
      CROSS JOIN LATERAL (SELECT (r.row ->> 'net')::numeric AS net) n
      CROSS JOIN LATERAL (
        SELECT start_at, end_at,
          end_at <= (date_trunc('month', start_at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
            AS is_whole
        FROM (
          SELECT (r.row -> 'chargePeriod' ->> 'start')::timestamptz AS start_at,
            (r.row -> 'chargePeriod' ->> 'end')::timestamptz AS end_at) c) p
      WHERE ${isWanted}) x
    GROUP BY tenant_id, currency, month, divided, charge_period_start, charge_period_end`.execute(db);
  return rows;
}

/** A row of an issued document, as far as the bridge of margins needs it. */
export interface ChargedRow {
  /** The id of the invoice or credit note. */
  readonly document_id: string;
  readonly tenant_id: string;
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly ref: string;
  readonly kind: FrozenRow['kind'];
  readonly net: string;
  readonly quantity: string;
  readonly charge_period_start: Instant;
  readonly charge_period_end: Instant;
}

/** The rows of issued invoices, which are not void, and credit notes that are charged within a month. */
export async function readChargedRows(
  db: Db,
  position: number,
  { month, currency }: { readonly month: Period; readonly currency: string },
): Promise<ChargedRow[]> {
  const { rows } = await sql<ChargedRow>`
    SELECT d.document_id, d.tenant_id, r.row ->> 'deploymentId' AS deployment_id,
      r.row ->> 'billingKind' AS billing_kind, r.row ->> 'ref' AS ref, r.row ->> 'kind' AS kind, r.row ->> 'net' AS net,
      r.row ->> 'quantity' AS quantity, c.charge_period_start, c.charge_period_end
    FROM ${documents(position)}
    JOIN invoice_rows r ON r.invoice_id = d.document_id AND r.attempt = d.rows_attempt
    CROSS JOIN LATERAL (
      SELECT (r.row -> 'chargePeriod' ->> 'start')::timestamptz AS charge_period_start,
        (r.row -> 'chargePeriod' ->> 'end')::timestamptz AS charge_period_end) c
    WHERE d.currency = ${currency} AND c.charge_period_start < ${month.end} AND c.charge_period_end > ${month.start}
    ORDER BY d.tenant_id, d.document_id, r.n`.execute(db);
  return rows;
}

/** When the first charge period of each invoice begins, also of void ones. An invoice without rows has no row. */
export async function readChargedFrom(
  db: Db,
  position: number,
  invoiceIds: readonly string[],
): Promise<{ readonly invoice_id: string; readonly charged_from: Instant }[]> {
  const { rows } = await sql<{ invoice_id: string; charged_from: Instant }>`
    SELECT i.invoice_id, min((r.row -> 'chargePeriod' ->> 'start')::timestamptz) AS charged_from
    FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
    WHERE i.invoice_id = ${anyOf(invoiceIds, 'uuid')} AND ${at(position, 'i')}
    GROUP BY i.invoice_id`.execute(db);
  return rows;
}
