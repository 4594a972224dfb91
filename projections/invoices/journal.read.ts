import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Series } from '#domain/invoices/invoice';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';

type Db = Kysely<ReadModels>;

/** An invoice that was issued, also if it is void now, or a credit note. */
export interface JournalDocument {
  readonly document_id: string;
  readonly series: Series;
  readonly ordinal: number;
  readonly issued_at: Instant;
  /** null: it is not void. */
  readonly voided_at: Instant | null;
  readonly tenant_id: string;
  /** The tenant that it is addressed to. null: the billed tenant itself. */
  readonly payer_id: string | null;
  /** The days of the document are days there. */
  readonly time_zone: string;
  readonly currency: string;
  readonly rows_attempt: string;
  /** What its issue adds to the receivables of the tenant. The rest of its total is the tenant's credit. */
  readonly receivable: string;
}

/** The document after which a page continues. */
export interface AfterDocument {
  readonly series: Series;
  readonly ordinal: number;
}

/**
 * Documents that are issued, voided or earned in a month, in the order of their numbers. Their days are those of the
 * tenant's time zone when the invoice was computed, as in the documents. Earned: a charge period of their rows is in
 * the month, in UTC.
 */
export async function readJournalDocuments(
  db: Db,
  position: number,
  month: Period,
  { after, limit }: { readonly after: AfterDocument; readonly limit: number },
): Promise<JournalDocument[]> {
  const utc = (instant: Instant): RawBuilder<unknown> => sql`${instant}::timestamptz AT TIME ZONE 'UTC'`;
  const within = (instant: string): RawBuilder<unknown> => {
    const local = sql`${sql.ref(instant)} AT TIME ZONE t.time_zone`;
    return sql`(${local} >= ${utc(month.start)} AND ${local} < ${utc(month.end)})`;
  };
  const name = month.start.slice(0, 7);
  // A void invoice has neither credit taken nor amount due: its version before has them. A credit note that leaves the
  // amount due as it is (of a paid invoice) makes no version of the invoice.
  const { rows } = await sql<JournalDocument>`
    SELECT d.document_id, d.series, d.ordinal, d.issued_at, d.voided_at, d.tenant_id, d.payer_id, t.time_zone,
      d.currency, d.rows_attempt, d.receivable
    FROM (
      SELECT i.invoice_id AS document_id, 'INV' AS series, i.ordinal, i.issued_at, i.voided_at, i.tenant_id, i.payer_id,
        i.currency, i.rows_attempt, i.computed_at,
        greatest(i.total, 0) - coalesce(i.credit_taken, v.credit_taken) AS receivable
      FROM invoices i
      LEFT JOIN invoices v ON v.invoice_id = i.invoice_id AND v.position_to = i.position_from AND i.status = 'void'
      WHERE ${at(position, 'i')} AND i.ordinal IS NOT NULL
      UNION ALL
      SELECT c.credit_note_id, 'CN', c.ordinal, c.issued_at, NULL, c.tenant_id, i.payer_id, c.currency, c.rows_attempt,
        i.computed_at, coalesce(noted.amount_due - due.amount_due, 0)
      FROM credit_notes c
      JOIN invoices i ON i.invoice_id = c.invoice_id AND ${at(position, 'i')}
      LEFT JOIN invoices due ON due.invoice_id = c.invoice_id AND due.position_to = c.position_from
      LEFT JOIN invoices noted ON noted.invoice_id = c.invoice_id AND noted.position_from = c.position_from
      WHERE ${at(position, 'c')}) d
    JOIN tenants t ON t.tenant_id = d.tenant_id AND ${at(sql.ref<number>('d.computed_at'), 't')}
    WHERE (${within('d.issued_at')} OR ${within('d.voided_at')}
        OR d.document_id IN (SELECT invoice_id FROM revenue WHERE month = ${name} AND position_from <= ${position}))
      AND (d.series, d.ordinal) > (${after.series}, ${after.ordinal})
    ORDER BY d.series, d.ordinal LIMIT ${limit}`.execute(db);
  return rows;
}

/** What an invoice that was issued, also if it is void now, took of a credit, less what it gave back. */
export interface BookedTakingRow {
  readonly tenant_id: string;
  readonly currency: string;
  readonly credit_id: string;
  readonly as_of: Instant;
  readonly issued_at: Instant;
  readonly voided_at: Instant | null;
  readonly amount: string;
}

/** What invoices took of credits, in the order of issue. */
export async function readBookedTakings(
  db: Db,
  position: number,
  credits: readonly Pick<BookedTakingRow, 'tenant_id' | 'currency' | 'credit_id'>[],
): Promise<BookedTakingRow[]> {
  if (credits.length === 0) return [];
  const { rows } = await sql<BookedTakingRow>`
    SELECT i.tenant_id, i.currency, k.credit_id, i.as_of, i.issued_at, i.voided_at,
      sum((c ->> 'amount')::numeric) AS amount
    FROM unnest(${credits.map((each) => each.tenant_id)}::text[], ${credits.map((each) => each.currency)}::text[],
      ${credits.map((each) => each.credit_id)}::text[]) AS k(tenant_id, currency, credit_id)
    JOIN invoices i ON i.tenant_id = k.tenant_id AND i.currency = k.currency AND i.ordinal IS NOT NULL
      AND ${at(position, 'i')}
    JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
    CROSS JOIN LATERAL jsonb_array_elements(r.row -> 'credits') c
    WHERE c ->> 'creditId' = k.credit_id
    GROUP BY i.tenant_id, i.currency, k.credit_id, i.ordinal, i.as_of, i.issued_at, i.voided_at
    ORDER BY i.ordinal`.execute(db);
  return rows;
}

/** An invoice that was paid, and the amount that no recorded payment pays. */
export interface PaidInvoice {
  readonly ordinal: number;
  readonly tenant_id: string;
  readonly payer_id: string | null;
  readonly currency: string;
  readonly paid_at: Instant;
  readonly amount: string;
}

/** Invoices that were paid in a month, in the order of their numbers. */
export async function readPaidInvoices(db: Db, position: number, { start, end }: Period): Promise<PaidInvoice[]> {
  const { rows } = await sql<PaidInvoice>`
    SELECT ordinal, tenant_id, payer_id, currency, paid_at, amount_due - coalesce(amount_applied, 0) AS amount
    FROM invoices
    WHERE status = 'paid' AND amount_due <> coalesce(amount_applied, 0) AND ${at(position)}
      AND paid_at >= ${start} AND paid_at < ${end}
    ORDER BY ordinal`.execute(db);
  return rows;
}

/** The first month in which a journal has anything. null: it never has. */
export async function readFirstBookedMonth(db: Db, position: number): Promise<string | null> {
  const monthOf = (instant: RawBuilder<unknown>): RawBuilder<unknown> =>
    sql`to_char(min(${instant}) AT TIME ZONE 'UTC', 'YYYY-MM')`;
  const { rows } = await sql<{ month: string | null }>`
    SELECT least(
      (SELECT min(month) FROM revenue WHERE position_from <= ${position}),
      -- West of Greenwich, the day of a document may be in the month before.
      (SELECT ${monthOf(sql`issued_at - interval '1 day'`)} FROM invoices WHERE ${at(position)}),
      (SELECT ${monthOf(sql`paid_at`)} FROM invoices WHERE ${at(position)}),
      (SELECT ${monthOf(sql`paid_at`)} FROM payments WHERE ${at(position)}),
      (SELECT ${monthOf(sql`applied_at`)} FROM payment_applications WHERE ${at(position)}),
      (SELECT ${monthOf(sql`refunded_at`)} FROM refunds WHERE ${at(position)}),
      (SELECT ${monthOf(sql`(payment ->> 'at')::timestamptz`)} FROM credits WHERE ${at(position)}),
      (SELECT ${monthOf(sql`charge_period_start`)} FROM cost_lines WHERE ${at(position)})) AS month`.execute(db);
  return rows[0]?.month ?? null;
}
