import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import type { History, ReadModels } from '#read-model/read-models';
import { isIssued, quarantines } from '../invoices/invoices.read.js';
import type { InvoiceLineRow } from './invoice-lines.table.js';

type Db = Kysely<ReadModels>;

/** A valid part of a line, and the live invoice that claims it. */
export interface ClaimablePartRow {
  readonly tenant_id: string;
  readonly deployment_id: string;
  readonly root_line_id: string;
  readonly line_id: string;
  readonly period_start: Instant;
  readonly invoice_id: string | null;
  readonly issued: boolean | null;
  readonly claimed_until: Instant | null;
  readonly claimed_as_of: Instant | null;
}

/** A selection of lines: of tenants, of deployments, or these. */
export type LinesWanted =
  | { readonly tenantIds: readonly string[] }
  | { readonly deploymentIds: readonly string[] }
  | { readonly lineIds: readonly string[] };

function wantedLines(which: LinesWanted) {
  if ('tenantIds' in which) return sql`l.tenant_id = ${anyOf(which.tenantIds)}`;
  if ('deploymentIds' in which) return sql`l.deployment_id = ${anyOf(which.deploymentIds)}`;
  return sql`l.root_line_id = ${anyOf(which.lineIds, 'uuid')}`;
}

/**
 * The valid parts of lines, each with the invoice that claims it: the one of the latest instant, if what another
 * claims fell due later. An issued invoice does not claim a part of a line that it could not rate. OFFSET 0: Postgres
 * starts from the part, also while it has no statistics. From the invoices, it would read all of them for each part.
 */
export async function readRecordedParts(db: Db, position: number, which: LinesWanted): Promise<ClaimablePartRow[]> {
  const { rows } = await sql<ClaimablePartRow>`
    SELECT l.tenant_id, l.deployment_id, l.root_line_id, l.line_id, l.period_start,
      c.invoice_id, c.issued, c.claimed_until, c.claimed_as_of
    FROM invoice_lines l
    LEFT JOIN LATERAL (
      SELECT p.invoice_id, ${isIssued('i')} AS issued, p.period_end AS claimed_until, i.as_of AS claimed_as_of
      FROM (SELECT * FROM invoice_parts WHERE part_id = l.line_id OFFSET 0) p
      CROSS JOIN LATERAL (SELECT * FROM invoices WHERE invoice_id = p.invoice_id OFFSET 0) i
      WHERE i.parts_attempt = p.attempt AND i.status <> 'void' AND ${at(position, 'i')}
        AND (i.quarantined IS NULL OR NOT ${quarantines('i', 'p.line_id')})
      ORDER BY i.as_of DESC, i.invoice_id LIMIT 1) c ON true
    WHERE ${wantedLines(which)} AND l.status = 'valid' AND ${at(position, 'l')}`.execute(db);
  return rows;
}

export interface VoidedPart {
  readonly line_id: string;
  readonly part_id: string;
  readonly voided_at: Instant;
}

/** The parts of issued invoices that were voided after an instant. */
export async function readVoidedParts(db: Db, position: number, since: Instant): Promise<VoidedPart[]> {
  const { rows } = await sql<VoidedPart>`
    SELECT p.line_id, p.part_id, i.voided_at
    FROM invoices i JOIN invoice_parts p ON p.invoice_id = i.invoice_id AND p.attempt = i.parts_attempt
    WHERE i.status = 'void' AND i.ordinal IS NOT NULL AND i.voided_at > ${since} AND ${at(position, 'i')}`.execute(db);
  return rows;
}

/** Lines or parts by their ids, as recorded. */
export const readLinesById = async (
  db: Db,
  position: number,
  ids: readonly string[],
): Promise<History<InvoiceLineRow>[]> =>
  db.selectFrom('invoice_lines').selectAll().where('line_id', '=', anyOf(ids, 'uuid')).where(at(position)).execute();

/** The lines of a billing kind of some deployments, as recorded, without their parts. */
export const readLinesOfKind = async (
  db: Db,
  position: number,
  billingKind: string,
  deploymentIds: readonly string[],
): Promise<History<InvoiceLineRow>[]> =>
  db
    .selectFrom('invoice_lines')
    .selectAll()
    .where('deployment_id', '=', anyOf(deploymentIds))
    .where('billing_kind', '=', billingKind)
    .where('parent_line_id', 'is', null)
    .where(at(position))
    .execute();

/** The start of each line: the earliest start of the line and its parts. */
export async function readLineStarts(
  db: Db,
  position: number,
  lineIds: readonly string[],
): Promise<{ readonly root_line_id: string; readonly start: Instant }[]> {
  const { rows } = await sql<{ root_line_id: string; start: Instant }>`
    SELECT root_line_id, min(period_start) AS start
    FROM invoice_lines WHERE root_line_id = ${anyOf(lineIds, 'uuid')} AND ${at(position)}
    GROUP BY root_line_id`.execute(db);
  return rows;
}
