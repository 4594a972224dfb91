/** A FROM clause with the lines as `l`. `$1` is the event's position and `$2` the reason; its own values follow. */
export interface Query {
  readonly from: string;
  readonly values: readonly unknown[];
}

export const INSERT = 'INSERT INTO restatements (line_id, marked_at, tenant_id, reason, position_from)';
/** Lines, cut or not, as of the event's position. */
export const LINES =
  '(SELECT * FROM invoice_lines WHERE parent_line_id IS NULL AND position_from < $1::bigint' +
  ' AND (position_to IS NULL OR position_to >= $1::bigint)) l';

const claimed = (position: string, condition: string): string =>
  'EXISTS (SELECT FROM invoice_parts p JOIN invoices i ON i.invoice_id = p.invoice_id AND i.parts_attempt = p.attempt' +
  ` WHERE p.line_id = l.line_id AND i.status <> 'void' AND i.position_from < ${position}` +
  ` AND (i.position_to IS NULL OR i.position_to >= ${position})${condition})`;

/**
 * Some part of the line is on an invoice, as of a position. A draft counts too: an event during its issue is late for
 * it.
 */
export const claimedAt = (position: string): string => claimed(position, '');
export const CLAIMED = claimedAt('$1::bigint');

/** The last part of the line is on an invoice: what is due when the period ends was billed. */
export const endClaimedAt = (position: string): string =>
  claimed(
    position,
    ' AND NOT EXISTS (SELECT FROM invoice_lines t WHERE t.root_line_id = l.line_id' +
      ` AND t.period_start > p.period_start AND t.position_from < ${position}` +
      ` AND (t.position_to IS NULL OR t.position_to >= ${position}))`,
  );
