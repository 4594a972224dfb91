import { type Check, now, REBUILD, sqlCheck } from './finding.js';

/** What was billed: parts tile their line, rows and invoices add up, numbers have no gaps, revenue is what was issued. */

const ROW = (field: string): string => `(r.row ->> '${field}')::numeric`;
/** Issued invoices and credit notes, with what they say they come to. */
const DOCUMENTS = `(SELECT invoice_id AS document_id, rows_attempt, ordinal, status, subtotal, tax, total, 1 AS sign FROM ${now('invoices')} i WHERE rows_attempt IS NOT NULL
  UNION ALL SELECT credit_note_id, rows_attempt, ordinal, 'issued', subtotal, tax, total, -1 FROM ${now('credit_notes')} c)`;
const ROWS_OF = 'r.invoice_id = d.document_id AND r.attempt = d.rows_attempt';

const parts = sqlCheck(
  'parts_do_not_tile',
  `WITH parts AS (
     SELECT root_line_id, line_id, period_start, period_end, lead(period_start) OVER (PARTITION BY root_line_id ORDER BY period_start) AS next_start
     FROM ${now('invoice_lines')} l WHERE parent_line_id IS NOT NULL),
   tiled AS (
     SELECT root_line_id, min(period_start) AS first_start, max(period_end) AS last_end, bool_or(next_start <> period_end) AS is_broken FROM parts GROUP BY root_line_id)
   SELECT l.line_id, l.tenant_id, l.billing_kind, l.period_start, l.period_end FROM ${now('invoice_lines')} l LEFT JOIN tiled t ON t.root_line_id = l.line_id
   WHERE l.parent_line_id IS NULL AND ((l.status = 'split') <> (t.root_line_id IS NOT NULL)
     OR t.first_start <> l.period_start OR t.last_end <> l.period_end OR coalesce(t.is_broken, false))
   UNION ALL SELECT p.line_id, p.tenant_id, p.billing_kind, p.period_start, p.period_end FROM ${now('invoice_lines')} p
   WHERE p.parent_line_id IS NOT NULL AND NOT EXISTS (SELECT FROM ${now('invoice_lines')} l WHERE l.line_id = p.parent_line_id AND l.parent_line_id IS NULL)
   ORDER BY 1`,
  ({ lineId, billingKind, periodStart, periodEnd }) =>
    `the parts of line ${String(lineId)} (${String(billingKind)}) do not tile [${String(periodStart)}, ${String(periodEnd)})`,
  REBUILD,
);

const claims = sqlCheck(
  'part_claimed_twice',
  `SELECT p.part_id, p.line_id, array_agg(i.invoice_id::text ORDER BY i.ordinal) AS invoice_ids FROM ${now('invoices')} i
   JOIN invoice_parts p ON p.invoice_id = i.invoice_id AND p.attempt = i.parts_attempt
   WHERE i.status <> 'void' AND (i.quarantined IS NULL OR NOT i.quarantined @> jsonb_build_array(jsonb_build_object('lineId', p.line_id)))
   GROUP BY p.part_id, p.line_id HAVING count(*) > 1 ORDER BY 1`,
  ({ partId, invoiceIds }) =>
    `part ${String(partId)} stands on several invoices: ${(invoiceIds as string[]).join(', ')}`,
  'Void all of them but one, and issue again what was on the others.',
);

const rows = sqlCheck(
  'row_does_not_add_up',
  `SELECT r.row_id, d.document_id AS invoice_id, r.line_id FROM ${DOCUMENTS} d JOIN invoice_rows r ON ${ROWS_OF}
   WHERE ${ROW('gross')} - ${ROW('discount')} - ${ROW('credit')} <> ${ROW('net')} ORDER BY 1`,
  ({ rowId, invoiceId }) => `row ${String(rowId)} of ${String(invoiceId)}: gross − discount − credit is not its net`,
  REBUILD,
);

const totals = sqlCheck(
  'invoice_does_not_add_up',
  `SELECT d.document_id AS invoice_id, d.subtotal::text, d.tax::text, d.total::text, coalesce(s.net, 0)::text AS rows_net, coalesce(s.tax, 0)::text AS rows_tax
   FROM ${DOCUMENTS} d LEFT JOIN LATERAL (SELECT d.sign * sum(${ROW('net')}) AS net, d.sign * sum(${ROW('tax')}) AS tax FROM invoice_rows r WHERE ${ROWS_OF}) s ON true
   WHERE coalesce(s.net, 0) <> d.subtotal OR coalesce(s.tax, 0) <> d.tax OR d.subtotal + d.tax <> d.total ORDER BY 1`,
  ({ invoiceId, subtotal, tax, total, rowsNet, rowsTax }) =>
    `${String(invoiceId)} says ${String(subtotal)} + ${String(tax)} = ${String(total)}; its rows come to ${String(rowsNet)} and ${String(rowsTax)} of tax`,
  REBUILD,
);

const numbers = (table: string, series: string): Check =>
  sqlCheck(
    'numbers_have_gaps',
    `SELECT '${series}' AS series, ordinal, due FROM (SELECT ordinal, row_number() OVER (ORDER BY ordinal) AS due FROM ${now(table)} t WHERE ordinal IS NOT NULL) n
     WHERE ordinal <> due ORDER BY due LIMIT 1`,
    ({ ordinal, due }) => `the series ${series} goes on with ${String(ordinal)} where ${String(due)} is due`,
    REBUILD,
  );

const credited = sqlCheck(
  'credit_notes_exceed_invoice',
  `SELECT i.invoice_id, i.total::text, sum(c.total)::text AS credited, array_agg(c.credit_note_id::text ORDER BY c.ordinal) AS credit_note_ids
   FROM ${now('credit_notes')} c JOIN ${now('invoices')} i ON i.invoice_id = c.invoice_id GROUP BY i.invoice_id, i.total HAVING sum(c.total) > i.total ORDER BY 1`,
  ({ invoiceId, total, credited: sum }) =>
    `the credit notes of ${String(invoiceId)} give back ${String(sum)} of ${String(total)}`,
  REBUILD,
);

const revenue = sqlCheck(
  'revenue_differs',
  `SELECT d.document_id AS invoice_id, e.net::text AS issued, coalesce(v.amount, 0)::text AS revenue FROM ${DOCUMENTS} d
   CROSS JOIN LATERAL (SELECT CASE WHEN d.status = 'void' THEN 0 ELSE coalesce(sum(${ROW('net')}), 0) END AS net FROM invoice_rows r WHERE ${ROWS_OF}) e
   LEFT JOIN (SELECT invoice_id, sum(amount) AS amount FROM revenue WHERE position_from <= $1 GROUP BY invoice_id) v ON v.invoice_id = d.document_id
   WHERE coalesce(v.amount, 0) <> e.net
   UNION ALL SELECT v.invoice_id, '0', sum(v.amount)::text FROM revenue v WHERE v.position_from <= $1 AND NOT EXISTS (SELECT FROM ${DOCUMENTS} d WHERE d.document_id = v.invoice_id)
   GROUP BY v.invoice_id ORDER BY 1`,
  ({ invoiceId, issued, revenue: booked }) =>
    `revenue has ${String(booked)} of ${String(invoiceId)}, which bills ${String(issued)} without tax`,
  REBUILD,
);

export const BOOKS: readonly Check[] = [
  parts,
  claims,
  rows,
  totals,
  numbers('invoices', 'INV'),
  numbers('credit_notes', 'CN'),
  credited,
  revenue,
];
