import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import { type AccountKey, isBooked, isIssued, quarantines, unnestedAccounts } from '../invoices/invoices.read.js';

export interface PendingMarkRow {
  readonly tenant_id: string;
  readonly currency: string;
  readonly line_id: string;
  /** In the order of recording. */
  readonly reasons: readonly string[];
}

/** Lines with marks that no issued invoice for all lines of the account has settled yet. */
export async function readPendingMarks(
  db: Kysely<ReadModels>,
  position: number,
  accounts: readonly AccountKey[],
): Promise<PendingMarkRow[]> {
  const { rows } = await sql<PendingMarkRow>`
    SELECT m.tenant_id, m.currency, m.line_id, array_agg(m.reason ORDER BY m.first_at) AS reasons
    FROM (
      SELECT a.tenant_id, a.currency, r.line_id, r.reason, min(r.marked_at) AS first_at
      FROM ${unnestedAccounts(accounts)}
      JOIN restatements r ON r.tenant_id = a.tenant_id AND r.position_from <= ${position}
      WHERE NOT EXISTS (
        SELECT FROM invoices i
        WHERE i.tenant_id = a.tenant_id AND i.currency = a.currency AND ${isBooked(position, 'i')}
          AND i.computed_at >= r.marked_at AND i.selection IS NULL AND NOT ${quarantines('i', 'r.line_id')})
      GROUP BY a.tenant_id, a.currency, r.line_id, r.reason) m
    GROUP BY m.tenant_id, m.currency, m.line_id`.execute(db);
  return rows;
}

/**
 * Tenants after another one, in the order of their bytes, with marks that may wait for an invoice: later than the last
 * booked invoice that billed all lines of some account, or on a tenant whose last ones left lines out.
 */
export async function readMarkedTenants(
  db: Kysely<ReadModels>,
  position: number,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<string[]> {
  const { rows } = await sql<{ tenant_id: string }>`
    SELECT DISTINCT r.tenant_id COLLATE "C" AS tenant_id
    FROM (
      SELECT i.tenant_id, i.currency, max(i.computed_at) FILTER (
        WHERE ${isBooked(position, 'i')} AND i.selection IS NULL
          AND coalesce(jsonb_array_length(i.quarantined), 0) = 0) AS settled
      FROM invoices i GROUP BY i.tenant_id, i.currency) s
    JOIN restatements r ON r.tenant_id = s.tenant_id AND r.marked_at > coalesce(s.settled, 0)
      AND r.position_from <= ${position}
    WHERE ${after}::text IS NULL OR r.tenant_id COLLATE "C" > ${after}
    ORDER BY 1 LIMIT ${limit}`.execute(db);
  return rows.map(({ tenant_id: tenantId }) => tenantId);
}

export interface MarkedLineRow {
  readonly line_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly deployment_id: string;
  readonly billing_kind: string;
}

/** Lines of deployments that overlap a period and were ever marked, in each currency in which they are invoiced. */
export async function readMarkedLines(
  db: Kysely<ReadModels>,
  position: number,
  { deploymentIds, period }: { readonly deploymentIds: readonly string[]; readonly period: Period },
): Promise<MarkedLineRow[]> {
  const { rows } = await sql<MarkedLineRow>`
    SELECT DISTINCT l.line_id, l.tenant_id, i.currency, l.deployment_id, l.billing_kind
    FROM invoice_lines l
    JOIN restatements r ON r.line_id = l.line_id AND r.position_from <= ${position}
    JOIN invoice_parts p ON p.line_id = l.line_id
    JOIN invoices i ON i.invoice_id = p.invoice_id
    WHERE l.deployment_id = ${anyOf(deploymentIds)} AND l.parent_line_id IS NULL AND ${at(position, 'l')}
      AND l.period_start < ${period.end}::timestamptz AND l.period_end > ${period.start}::timestamptz
    ORDER BY 1`.execute(db);
  return rows;
}

/** In each of so many equal intervals of the log, where the books first changed, and how often. */
export interface ChangeMark {
  readonly kind: 'issued' | 'corrected';
  readonly position: number;
  readonly count: number;
}

/** Issued invoices, and events that changed an input of a claimed line: corrections of all kinds, and late facts. */
export async function readChangeMarks(
  db: Kysely<ReadModels>,
  position: number,
  intervals: number,
): Promise<ChangeMark[]> {
  const { rows } = await sql<ChangeMark>`
    WITH changes AS (
      SELECT 'issued' AS kind, min(position_from) AS p FROM invoices
      WHERE status = 'issued' AND position_from <= ${position} GROUP BY invoice_id
      UNION ALL
      SELECT DISTINCT 'corrected', marked_at FROM restatements WHERE position_from <= ${position})
    SELECT kind, min(p) AS position, count(*)::int AS count FROM changes
    GROUP BY kind, width_bucket(p::float8, 1, ${position}::float8 + 1, ${intervals}::int)
    ORDER BY kind, position`.execute(db);
  return rows;
}

/** Marked billed lines of a tenant, and the invoices of their parts. */
export interface MarkedTenantRow {
  readonly tenant_id: string;
  readonly invoices: readonly string[];
  readonly lines: number;
}

/** Lines on issued invoices that were marked after a position and whose parts overlap a period. null: no end. */
export async function readMarkedSince(
  db: Kysely<ReadModels>,
  since: number,
  { from, until }: { readonly from: Instant | null; readonly until: Instant | null },
): Promise<MarkedTenantRow[]> {
  const { rows } = await sql<MarkedTenantRow>`
    SELECT m.tenant_id, array_agg(DISTINCT i.invoice_id::text ORDER BY i.invoice_id::text) AS invoices,
      count(DISTINCT m.line_id)::int AS lines
    FROM restatements m
    JOIN invoice_parts p ON p.line_id = m.line_id AND p.position_to IS NULL
    JOIN invoices i ON i.invoice_id = p.invoice_id AND i.position_to IS NULL AND ${isIssued('i')}
    WHERE m.marked_at > ${since} AND (${from}::timestamptz IS NULL OR p.period_end > ${from})
      AND (${until}::timestamptz IS NULL OR p.period_start < ${until})
    GROUP BY m.tenant_id ORDER BY m.tenant_id`.execute(db);
  return rows;
}

/** Lines of a tenant that one event marked. */
export interface MarksOfEventRow {
  /** The position of the event. */
  readonly marked_at: number;
  readonly tenant_id: string;
  readonly lines: number;
  /** The first of them. */
  readonly line_ids: readonly string[];
}

/** The positions of the first events after one position, up to another, that marked lines. */
export async function readMarkingEvents(
  db: Kysely<ReadModels>,
  { after, upTo, count }: { readonly after: number; readonly upTo: number; readonly count: number },
): Promise<number[]> {
  // Each step finds the next event by the index: one event may have marked all lines.
  const { rows } = await sql<{ position: number }>`
    WITH RECURSIVE marking(position, n) AS (
      SELECT (SELECT min(marked_at) FROM restatements WHERE marked_at > ${after}), 1
      UNION ALL
      SELECT (SELECT min(marked_at) FROM restatements WHERE marked_at > m.position), n + 1
      FROM marking m WHERE m.position <= ${upTo} AND n < ${count})
    SELECT position FROM marking WHERE position <= ${upTo} ORDER BY position`.execute(db);
  return rows.map(({ position }) => position);
}

/** The marks that events after one position, up to another, made; by event and tenant. `tenantId` null: of all. */
export async function readMarksOfEvents(
  db: Kysely<ReadModels>,
  of: {
    readonly after: number;
    readonly upTo: number;
    readonly tenantId: string | null;
    readonly mostIds: number;
  },
): Promise<MarksOfEventRow[]> {
  const { after, upTo, tenantId, mostIds } = of;
  const { rows } = await sql<MarksOfEventRow>`
    SELECT marked_at, tenant_id, count(*)::int AS lines, (array_agg(line_id ORDER BY line_id))[:${mostIds}] AS line_ids
    FROM restatements
    WHERE marked_at > ${after} AND marked_at <= ${upTo} AND (${tenantId}::text IS NULL OR tenant_id = ${tenantId})
    GROUP BY marked_at, tenant_id ORDER BY marked_at, tenant_id COLLATE "C"`.execute(db);
  return rows;
}
