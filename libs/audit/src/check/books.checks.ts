import { sql } from 'kysely';
import type { NumberSeries } from '#domain/invoices/invoice';
import type { Instant } from '#domain/time/instant';
import { quarantines } from '#projections/invoices/invoices.read';
import { at } from '#read-model/at';
import { type Check, REBUILD, sqlCheck } from './finding.js';

/** Parts tile their line, rows and invoices add up, numbers have no gaps, revenue equals what was issued. */

const amountOf = (field: 'gross' | 'discount' | 'credit' | 'net' | 'tax') =>
  sql`(r.row ->> ${sql.lit(field)})::numeric`;

/**
 * SQL, for FROM: issued invoices and credit notes as `d`, with their stated sums. A credit note's rows are negative.
 */
const documents = (position: number) => sql`(
  SELECT i.invoice_id AS document_id, i.rows_attempt, i.status, i.subtotal, i.tax, i.total, 1 AS sign
  FROM invoices i WHERE i.rows_attempt IS NOT NULL AND ${at(position, 'i')}
  UNION ALL
  SELECT c.credit_note_id, c.rows_attempt, 'issued', c.subtotal, c.tax, c.total, -1
  FROM credit_notes c WHERE ${at(position, 'c')}) d`;
const ROW_OF_DOCUMENT = sql`r.invoice_id = d.document_id AND r.attempt = d.rows_attempt`;

interface LineRow {
  readonly line_id: string;
  readonly tenant_id: string;
  readonly billing_kind: string;
  readonly period_start: Instant;
  readonly period_end: Instant;
}

const parts = sqlCheck<LineRow>({
  code: 'parts_do_not_tile',
  find: (position) => sql`
    WITH parts AS (
      SELECT root_line_id, period_start, period_end,
        lead(period_start) OVER (PARTITION BY root_line_id ORDER BY period_start) AS next_start
      FROM invoice_lines WHERE parent_line_id IS NOT NULL AND ${at(position)}),
    tiled AS (
      SELECT root_line_id, min(period_start) AS first_start, max(period_end) AS last_end,
        bool_or(next_start <> period_end) AS is_broken
      FROM parts GROUP BY root_line_id)
    SELECT l.line_id, l.tenant_id, l.billing_kind, l.period_start, l.period_end
    FROM invoice_lines l LEFT JOIN tiled t ON t.root_line_id = l.line_id
    WHERE l.parent_line_id IS NULL AND ${at(position, 'l')}
      AND ((l.status = 'split') <> (t.root_line_id IS NOT NULL)
        OR t.first_start <> l.period_start OR t.last_end <> l.period_end OR coalesce(t.is_broken, false))
    UNION ALL
    SELECT p.line_id, p.tenant_id, p.billing_kind, p.period_start, p.period_end
    FROM invoice_lines p
    WHERE p.parent_line_id IS NOT NULL AND ${at(position, 'p')} AND NOT EXISTS (
      SELECT FROM invoice_lines l
      WHERE l.line_id = p.parent_line_id AND l.parent_line_id IS NULL AND ${at(position, 'l')})
    ORDER BY line_id`,
  message: ({ line_id, billing_kind, period_start, period_end }) =>
    `the parts of line ${line_id} (${billing_kind}) do not tile [${period_start}, ${period_end})`,
  remedy: REBUILD,
});

/**
 * A part is claimed again only by an invoice of its end or later, if what an invoice before then claimed turned out to
 * fall due later.
 */
const claims = sqlCheck<{ part_id: string; line_id: string; invoice_ids: readonly string[] }>({
  code: 'part_claimed_twice',
  find: (position) => sql`
    WITH claims AS (
      SELECT p.part_id, p.line_id, p.period_end, i.invoice_id, i.ordinal, i.as_of, lag(i.as_of) OVER w AS before
      FROM invoices i JOIN invoice_parts p ON p.invoice_id = i.invoice_id AND p.attempt = i.parts_attempt
      WHERE i.status <> 'void' AND ${at(position, 'i')}
        AND (i.quarantined IS NULL OR NOT ${quarantines('i', 'p.line_id')})
      WINDOW w AS (PARTITION BY p.part_id ORDER BY i.as_of, i.invoice_id))
    SELECT part_id, line_id, array_agg(invoice_id::text ORDER BY ordinal) AS invoice_ids
    FROM claims
    GROUP BY part_id, line_id
    HAVING bool_or(before IS NOT NULL AND NOT (before < period_end AND period_end <= as_of))
    ORDER BY part_id`,
  message: ({ part_id, invoice_ids }) => `part ${part_id} is on several invoices: ${invoice_ids.join(', ')}`,
  remedy: 'Void all of them but one, then issue again what was on the others.',
});

const rows = sqlCheck<{ row_id: string; invoice_id: string; line_id: string }>({
  code: 'row_does_not_add_up',
  find: (position) => sql`
    SELECT r.row_id, d.document_id AS invoice_id, r.line_id
    FROM ${documents(position)} JOIN invoice_rows r ON ${ROW_OF_DOCUMENT}
    WHERE ${amountOf('gross')} - ${amountOf('discount')} - ${amountOf('credit')} <> ${amountOf('net')}
    ORDER BY r.row_id`,
  message: ({ row_id, invoice_id }) => `row ${row_id} of ${invoice_id}: gross − discount − credit is not its net`,
  remedy: REBUILD,
});

interface Totals {
  readonly invoice_id: string;
  readonly subtotal: string;
  readonly tax: string;
  readonly total: string;
  readonly rows_net: string;
  readonly rows_tax: string;
}

const totals = sqlCheck<Totals>({
  code: 'invoice_does_not_add_up',
  find: (position) => sql`
    SELECT d.document_id AS invoice_id, d.subtotal::text, d.tax::text, d.total::text,
      coalesce(s.net, 0)::text AS rows_net, coalesce(s.tax, 0)::text AS rows_tax
    FROM ${documents(position)}
    CROSS JOIN LATERAL (
      SELECT d.sign * sum(${amountOf('net')}) AS net, d.sign * sum(${amountOf('tax')}) AS tax
      FROM invoice_rows r WHERE ${ROW_OF_DOCUMENT}) s
    WHERE coalesce(s.net, 0) <> d.subtotal OR coalesce(s.tax, 0) <> d.tax OR d.subtotal + d.tax <> d.total
    ORDER BY d.document_id`,
  message: ({ invoice_id, subtotal, tax, total, rows_net, rows_tax }) =>
    `${invoice_id} states ${subtotal} + ${tax} = ${total}; its rows come to ${rows_net} and ${rows_tax} of tax`,
  remedy: REBUILD,
});

const numbers = (table: 'invoices' | 'credit_notes' | 'consolidated_invoices', series: NumberSeries): Check =>
  sqlCheck<{ series: NumberSeries; ordinal: number; due: number }>({
    code: 'numbers_have_gaps',
    find: (position) => sql`
      SELECT ${sql.lit(series)} AS series, ordinal, due
      FROM (
        SELECT ordinal, row_number() OVER (ORDER BY ordinal) AS due
        FROM ${sql.table(table)} WHERE ordinal IS NOT NULL AND ${at(position)}) n
      WHERE ordinal <> due
      ORDER BY due LIMIT 1`,
    message: ({ ordinal, due }) => `the series ${series} continues with ${ordinal}, and ${due} is due`,
    remedy: REBUILD,
  });

const credited = sqlCheck<{ invoice_id: string; total: string; credited: string; credit_note_ids: readonly string[] }>({
  code: 'credit_notes_exceed_invoice',
  find: (position) => sql`
    SELECT i.invoice_id, i.total::text, sum(c.total)::text AS credited,
      array_agg(c.credit_note_id::text ORDER BY c.ordinal) AS credit_note_ids
    FROM credit_notes c JOIN invoices i ON i.invoice_id = c.invoice_id
    WHERE ${at(position, 'c')} AND ${at(position, 'i')}
    GROUP BY i.invoice_id, i.total HAVING sum(c.total) > i.total
    ORDER BY i.invoice_id`,
  message: ({ invoice_id, total, credited: sum }) => `the credit notes of ${invoice_id} credit ${sum} of ${total}`,
  remedy: REBUILD,
});

const revenue = sqlCheck<{ invoice_id: string; issued: string; revenue: string }>({
  code: 'revenue_differs',
  find: (position) => sql`
    SELECT d.document_id AS invoice_id, e.net::text AS issued, coalesce(v.amount, 0)::text AS revenue
    FROM ${documents(position)}
    CROSS JOIN LATERAL (
      SELECT CASE WHEN d.status = 'void' THEN 0 ELSE coalesce(sum(${amountOf('net')}), 0) END AS net
      FROM invoice_rows r WHERE ${ROW_OF_DOCUMENT}) e
    LEFT JOIN (
      SELECT invoice_id, sum(amount) AS amount FROM revenue WHERE position_from <= ${position} GROUP BY invoice_id) v
      ON v.invoice_id = d.document_id
    WHERE coalesce(v.amount, 0) <> e.net
    UNION ALL
    SELECT v.invoice_id, '0', sum(v.amount)::text
    FROM revenue v
    WHERE v.position_from <= ${position}
      AND NOT EXISTS (SELECT FROM ${documents(position)} WHERE d.document_id = v.invoice_id)
    GROUP BY v.invoice_id
    ORDER BY invoice_id`,
  message: ({ invoice_id, issued, revenue: booked }) =>
    `the revenue of ${invoice_id} is ${booked}, but it bills ${issued} without tax`,
  remedy: REBUILD,
});

export const BOOKS: readonly Check[] = [
  parts,
  claims,
  rows,
  totals,
  numbers('invoices', 'INV'),
  numbers('credit_notes', 'CN'),
  numbers('consolidated_invoices', 'CI'),
  credited,
  revenue,
];
