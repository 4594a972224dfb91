import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { FrozenRow, InvoiceStatus, Series } from '#domain/invoices/invoice';
import { BASE_FEE, COMMITMENT } from '#domain/plans/plan';
import { POOLED } from '#domain/prices/refs';
import type { RateKey } from '#domain/usage/usage';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import { holdersOf, relativesOf } from '../payers/payers.table.js';
import { LONGEST_PERIOD } from '../plans/plans.table.js';
import { type AccountKey, isBooked, unnestedAccounts } from './invoices.read.js';

type Db = Kysely<ReadModels>;

/** A row of an issued invoice or credit note, and the state that it was computed from. */
export interface IssuedRow {
  /** The id of the invoice or credit note. */
  readonly document_id: string;
  readonly series: Series;
  readonly ordinal: number | null;
  /** The log position of the invoice, also for a row of a credit note. */
  readonly computed_at: number;
  readonly tenant_id: string;
  /** Whom the invoice is addressed to. null: the tenant itself. */
  readonly payer_id: string | null;
  readonly currency: string;
  /** The invoice that a credit note credits. null: the document is an invoice. */
  readonly credited_invoice_id: string | null;
  readonly row: FrozenRow;
}

const OF_INVOICE = sql`i.invoice_id AS document_id, 'INV' AS series, i.ordinal, i.computed_at, i.tenant_id, i.payer_id,
  i.currency, NULL::uuid AS credited_invoice_id, r.row`;

/** SQL: rows `r` of the documents or lines with these ids, or the rows themselves. Each is found by its own index. */
function isNamed(ids: readonly string[]): RawBuilder<unknown> {
  const named = anyOf(ids, 'uuid');
  return sql`(r.invoice_id = ${named} OR r.line_id = ${named} OR r.part_id = ${named} OR r.row_id = ${named})`;
}

/**
 * The issued rows of the invoices, credit notes, lines or parts with these ids, or the rows themselves. Invoices come
 * first, in their order.
 */
export async function readIssuedRows(db: Db, position: number, ids: readonly string[]): Promise<IssuedRow[]> {
  const { rows } = await sql<IssuedRow>`
    SELECT ${OF_INVOICE}, r.n
    FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
    WHERE ${at(position, 'i')} AND ${isNamed(ids)}
    UNION ALL
    SELECT c.credit_note_id, 'CN', c.ordinal, i.computed_at, c.tenant_id, i.payer_id, c.currency, c.invoice_id, r.row,
      r.n
    FROM credit_notes c
    JOIN invoices i ON i.invoice_id = c.invoice_id AND ${at(position, 'i')}
    JOIN invoice_rows r ON r.invoice_id = c.credit_note_id AND r.attempt = c.rows_attempt
    WHERE ${at(position, 'c')} AND ${isNamed(ids)}
    ORDER BY series DESC, ordinal, n`.execute(db);
  return rows;
}

/** What a live invoice took of a coupon or a credit, less what it gave back. */
export interface CreditTaking {
  readonly tenant_id: string;
  readonly currency: string;
  readonly credit_id: string;
  readonly invoice_id: string;
  readonly ordinal: number;
  readonly as_of: Instant;
  readonly amount: string;
}

/** What live invoices of accounts took of coupons and credits, in the order of issue. */
export async function readCreditTakings(
  db: Db,
  position: number,
  accounts: readonly AccountKey[],
): Promise<CreditTaking[]> {
  const { rows } = await sql<CreditTaking>`
    SELECT i.tenant_id, i.currency, c ->> 'creditId' AS credit_id, i.invoice_id, i.ordinal, i.as_of,
      sum((c ->> 'amount')::numeric) AS amount
    FROM ${unnestedAccounts(accounts)}
    JOIN invoices i ON i.tenant_id = a.tenant_id AND i.currency = a.currency AND ${isBooked(position, 'i')}
    JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
    CROSS JOIN LATERAL jsonb_array_elements(r.row -> 'credits') c
    GROUP BY i.tenant_id, i.currency, credit_id, i.invoice_id, i.ordinal, i.as_of
    HAVING sum((c ->> 'amount')::numeric) <> 0 ORDER BY i.ordinal`.execute(db);
  return rows;
}

/** The start of a reading. */
export interface ReadingStart {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly start: Instant;
}

/** The input or owner of invoice rows. */
export type RowsOf =
  | { readonly tenantId: string }
  | { readonly deploymentId: string }
  | { readonly subscriptionId: string }
  | { readonly invoiceId: string }
  | { readonly lineId: string }
  /** The terms of a plan from an instant. */
  | { readonly planId: string; readonly from: Instant }
  /** A rate over a period. `ref` is the prefix of a row's reference. null: no end. */
  | { readonly ref: string; readonly key: RateKey; readonly from: Instant; readonly until: Instant | null }
  /**
   * A reading counts in the rows whose charge period contains its start: those billed first, their corrections, and the
   * true-up of a commitment.
   */
  | { readonly readings: readonly ReadingStart[] };

const CHARGED_FROM = sql`(r.row -> 'chargePeriod' ->> 'start')::timestamptz`;
const CHARGED_UNTIL = sql`(r.row -> 'chargePeriod' ->> 'end')::timestamptz`;

const IS_TRUE_UP = sql`r.row ->> 'billingKind' = ${COMMITMENT}`;
const COMPUTED_AT = sql<number>`i.computed_at`;

/** SQL: whether the commitment of a true-up's row counts charges of a billing kind, as known when it was computed. */
const isCounted = (billingKind: RawBuilder<unknown>): RawBuilder<unknown> => sql`EXISTS (
  SELECT FROM subscription_commitments c JOIN invoice_lines o ON o.line_id = r.line_id
    AND o.item_key = ${`${COMMITMENT}:`} || c.commitment_id AND ${at(COMPUTED_AT, 'c')}
  WHERE c.subscription_id = r.row ->> 'subscriptionId'
    AND coalesce(c.billing_kinds ? ${billingKind}, ${billingKind} <> ${BASE_FEE}))`;

function conditionOf(of: RowsOf): RawBuilder<unknown> {
  if ('tenantId' in of) return sql`i.tenant_id = ${of.tenantId}`;
  if ('deploymentId' in of) return sql`r.row ->> 'deploymentId' = ${of.deploymentId}`;
  if ('subscriptionId' in of) return sql`r.row ->> 'subscriptionId' = ${of.subscriptionId}`;
  if ('invoiceId' in of) return sql`i.invoice_id = ${of.invoiceId}`;
  if ('lineId' in of) return sql`r.line_id = ${of.lineId}`;
  if ('planId' in of)
    return sql`${CHARGED_UNTIL} > ${of.from} AND (r.row ->> 'planId' = ${of.planId} OR ${IS_TRUE_UP} AND EXISTS (
      SELECT FROM subscription_plans p WHERE p.subscription_id = r.row ->> 'subscriptionId'
        AND p.plan_id = ${of.planId} AND p.effective_from < ${CHARGED_UNTIL} AND ${at(COMPUTED_AT, 'p')}
        AND NOT EXISTS (
          SELECT FROM subscription_plans n WHERE n.subscription_id = p.subscription_id
            AND n.effective_from > p.effective_from AND n.effective_from <= ${CHARGED_FROM}
            AND ${at(COMPUTED_AT, 'n')})))`;
  if ('ref' in of) {
    const { resourceType, resourceFamily, location } = of.key;
    return sql`${CHARGED_UNTIL} > ${of.from} AND (${of.until}::timestamptz IS NULL OR ${CHARGED_FROM} < ${of.until})
      AND (starts_with(r.row ->> 'ref', ${of.ref}) OR ${IS_TRUE_UP} AND EXISTS (
        SELECT FROM rate_key_usage u WHERE u.deployment_id = r.row ->> 'deploymentId'
          AND u.resource_type = ${resourceType} AND u.resource_family = ${resourceFamily}
          AND u.location = ${location} AND u.position_from <= i.computed_at AND u.first_month < ${CHARGED_UNTIL}
          AND u.last_month + interval '1 month' > ${CHARGED_FROM} AND ${isCounted(sql`u.billing_kind`)}))`;
  }
  const { readings } = of;
  return sql`(${isCountedIn(readings)} OR ${isShareOfPoolOf(readings)})`;
}

function isCountedIn(readings: readonly ReadingStart[]): RawBuilder<unknown> {
  return sql`r.line_id IN (
    SELECT l.line_id
    FROM unnest(${readings.map(({ deploymentId }) => deploymentId)}::text[],
      ${readings.map(({ billingKind }) => billingKind)}::text[],
      ${readings.map(({ start }) => start)}::timestamptz[]) AS u(deployment_id, billing_kind, start_at)
    JOIN invoice_lines l ON l.deployment_id = u.deployment_id
      AND (l.billing_kind = u.billing_kind OR l.billing_kind = ${COMMITMENT} AND ${isCounted(sql`u.billing_kind`)})
      AND l.parent_line_id IS NULL AND u.start_at >= l.period_start
    WHERE u.start_at >= ${CHARGED_FROM} AND u.start_at < ${CHARGED_UNTIL})`;
}

/** SQL: the row is what a line got of a pool in which readings may count, those of others too. */
const isShareOfPoolOf = (readings: readonly ReadingStart[]): RawBuilder<unknown> => sql`
  (starts_with(r.row ->> 'ref', ${POOLED}) AND EXISTS (
    SELECT FROM unnest(${readings.map(({ deploymentId }) => deploymentId)}::text[],
      ${readings.map(({ billingKind }) => billingKind)}::text[],
      ${readings.map(({ start }) => start)}::timestamptz[]) AS u(deployment_id, billing_kind, start_at)
    JOIN invoice_lines l ON l.line_id = r.line_id AND l.parent_line_id IS NULL AND ${at(COMPUTED_AT, 'l')}
    JOIN subscription_plans own ON own.subscription_id = l.subscription_id AND ${at(COMPUTED_AT, 'own')}
    JOIN plan_versions v ON v.plan_id = own.plan_id AND v.items @> '[{"pooled": true}]' AND ${at(COMPUTED_AT, 'v')}
    JOIN subscription_plans p ON p.plan_id = v.plan_id AND ${at(COMPUTED_AT, 'p')}
    JOIN subscriptions s ON s.subscription_id = p.subscription_id AND s.deployment_id = u.deployment_id
      AND ${at(COMPUTED_AT, 's')}
    WHERE u.billing_kind = l.billing_kind AND u.start_at < l.period_end
      AND u.start_at + ${sql.raw(LONGEST_PERIOD)} >= l.period_end
      AND i.tenant_id IN (${sql.raw(relativesOf(holdersOf('= u.deployment_id', 'i.computed_at'), 'i.computed_at'))})))`;

/** Rows of invoices that were computed at or after the position `since`, in order. */
export async function readRowsOf(
  db: Db,
  position: number,
  { since, ...of }: RowsOf & { readonly since: number },
): Promise<IssuedRow[]> {
  const { rows } = await sql<IssuedRow>`
    SELECT ${OF_INVOICE}
    FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
    WHERE ${at(position, 'i')} AND i.computed_at >= ${since} AND ${conditionOf(of)}
    ORDER BY i.ordinal, r.n`.execute(db);
  return rows;
}

/** A row of an invoice or a credit note, and the rows that it corrects. */
export interface RowOfLine {
  readonly row_id: string;
  readonly series: Series;
  readonly ordinal: number | null;
  /** For a credit note: the position at which it was recorded. */
  readonly computed_at: number;
  readonly tenant_id: string;
  /** Whom the invoice is addressed to. null: the tenant itself. */
  readonly payer_id: string | null;
  readonly kind: FrozenRow['kind'];
  readonly corrects: readonly string[] | null;
}

/** All issued rows of lines, in the order of computation. */
export async function readRowsOfLines(db: Db, position: number, lineIds: readonly string[]): Promise<RowOfLine[]> {
  const shown = sql`r.row_id, r.row ->> 'kind' AS kind, r.row -> 'corrects' AS corrects`;
  const { rows } = await sql<RowOfLine>`
    SELECT 'INV' AS series, i.ordinal, i.computed_at, i.tenant_id, i.payer_id, ${shown}
    FROM invoice_rows r
    JOIN invoices i ON i.invoice_id = r.invoice_id AND i.rows_attempt = r.attempt AND ${at(position, 'i')}
    WHERE r.line_id = ${anyOf(lineIds, 'uuid')}
    UNION ALL
    SELECT 'CN', c.ordinal, c.position_from, c.tenant_id, i.payer_id, ${shown}
    FROM invoice_rows r
    JOIN credit_notes c ON c.credit_note_id = r.invoice_id AND c.rows_attempt = r.attempt AND ${at(position, 'c')}
    JOIN invoices i ON i.invoice_id = c.invoice_id AND ${at(position, 'i')}
    WHERE r.line_id = ${anyOf(lineIds, 'uuid')}
    ORDER BY computed_at, row_id`.execute(db);
  return rows;
}

/** A complete invoice or credit note. */
export interface DocumentRow {
  readonly document_id: string;
  /** For a credit note: the invoice that it credits. */
  readonly invoice_id: string;
  readonly status: InvoiceStatus;
  readonly invoice_ordinal: number | null;
  /** For a credit note only. */
  readonly reason: string | null;
  /** The sums of its rows. null: it has none. */
  readonly subtotal: string | null;
  readonly tax: string | null;
}

export async function readDocuments(db: Db, position: number, ids: readonly string[]): Promise<DocumentRow[]> {
  const { rows } = await sql<DocumentRow>`
    SELECT d.document_id, d.invoice_id, d.status, d.invoice_ordinal, d.reason, s.subtotal, s.tax
    FROM (
      SELECT i.invoice_id AS document_id, i.invoice_id, i.status, i.ordinal AS invoice_ordinal, NULL AS reason,
        i.rows_attempt
      FROM invoices i WHERE i.invoice_id = ${anyOf(ids, 'uuid')} AND ${at(position, 'i')}
      UNION ALL
      SELECT c.credit_note_id, c.invoice_id, 'issued', i.ordinal, c.reason, c.rows_attempt
      FROM credit_notes c JOIN invoices i ON i.invoice_id = c.invoice_id AND ${at(position, 'i')}
      WHERE c.credit_note_id = ${anyOf(ids, 'uuid')} AND ${at(position, 'c')}) d
    CROSS JOIN LATERAL (
      SELECT sum((r.row ->> 'net')::numeric) AS subtotal, sum((r.row ->> 'tax')::numeric) AS tax
      FROM invoice_rows r WHERE r.invoice_id = d.document_id AND r.attempt = d.rows_attempt) s`.execute(db);
  return rows;
}

/** A row of an issued, non-void document, with the names of the document and its tenant. */
export interface ExportedRow {
  readonly document_id: string;
  readonly series: Series;
  readonly ordinal: number;
  readonly issued_at: Instant;
  readonly tenant_id: string;
  readonly currency: string;
  readonly details_ref: string;
  readonly row_id: string;
  readonly row: FrozenRow;
}

/** The row after which a page of issued rows continues. */
export interface AfterRow {
  readonly documentId: string;
  readonly rowId: string;
}

/**
 * Rows charged within a month or issued within it. The row shows which of the two applies. In the order of document and
 * row.
 */
export async function readExportedRows(
  db: Db,
  position: number,
  month: Period,
  { after, limit }: { readonly after: AfterRow; readonly limit: number },
): Promise<ExportedRow[]> {
  const { start, end } = month;
  const { rows } = await sql<ExportedRow>`
    SELECT d.document_id, d.series, d.ordinal, d.issued_at, d.tenant_id, d.currency, t.details_ref, r.row_id, r.row
    FROM (
      SELECT i.invoice_id AS document_id, 'INV' AS series, i.ordinal, i.issued_at, i.tenant_id, i.currency,
        i.rows_attempt
      FROM invoices i WHERE ${isBooked(position, 'i')}
      UNION ALL
      SELECT c.credit_note_id, 'CN', c.ordinal, c.issued_at, c.tenant_id, c.currency, c.rows_attempt
      FROM credit_notes c WHERE ${at(position, 'c')}) d
    JOIN invoice_rows r ON r.invoice_id = d.document_id AND r.attempt = d.rows_attempt
    JOIN tenants t ON t.tenant_id = d.tenant_id AND ${at(position, 't')}
    WHERE (${CHARGED_FROM} >= ${start} AND ${CHARGED_FROM} < ${end} OR d.issued_at >= ${start} AND d.issued_at < ${end})
      AND (d.document_id, r.row_id) > (${after.documentId}::uuid, ${after.rowId}::uuid)
    ORDER BY d.document_id, r.row_id LIMIT ${limit}`.execute(db);
  return rows;
}
