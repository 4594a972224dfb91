import { type Expression, type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import { documentNumber, type FrozenRow, type InvoiceStatus } from '#domain/invoices/invoice';
import { isUuid } from '#domain/uuid';
import { anyOf } from '#read-model/any-of';
import { type AsOf, at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { CreditNoteRow, InvoicePartRow, InvoiceRow, TenantCreditRow } from './invoices.table.js';

type Db = Kysely<ReadModels>;

/** The account of a tenant in one currency. */
export interface AccountKey {
  readonly tenantId: string;
  readonly currency: string;
}

/** An account as a key of maps. */
export const keyOfAccount = ({ tenantId, currency }: AccountKey): string => JSON.stringify([tenantId, currency]);
/** The same of a row that belongs to an account. */
export const keyOfAccountRow = (row: { readonly tenant_id: string; readonly currency: string }): string =>
  keyOfAccount({ tenantId: row.tenant_id, currency: row.currency });

/** SQL: accounts as `a(tenant_id, currency)`, without duplicates. */
export const unnestedAccounts = (accounts: readonly AccountKey[]): RawBuilder<unknown> => sql`
  unnest(${accounts.map(({ tenantId }) => tenantId)}::text[], ${accounts.map(({ currency }) => currency)}::text[])
    AS a(tenant_id, currency)`;

/** SQL: the invoice is issued and not void, so that its rows count. */
export const isBooked = (position: number | Expression<number>, invoice: string): RawBuilder<boolean> =>
  sql<boolean>`(${isIssued(invoice)} AND ${at(position, invoice)})`;

/** SQL: the same for a version of the invoice that is known to be in force. */
export const isIssued = (invoice: string): RawBuilder<boolean> =>
  sql<boolean>`${sql.ref(`${invoice}.status`)} IN ('issued', 'paid')`;

/** SQL: the issued invoice did not bill a line, because it could not be rated. */
export const quarantines = (invoice: string, lineId: string): RawBuilder<boolean> =>
  sql<boolean>`(${sql.ref(`${invoice}.quarantined`)}
    @> jsonb_build_array(jsonb_build_object('lineId', ${sql.ref(lineId)})))`;

export const readInvoices = async (
  db: Db,
  position: number,
  invoiceIds: readonly string[],
): Promise<History<InvoiceRow>[]> =>
  db
    .selectFrom('invoices')
    .selectAll()
    .where('invoice_id', '=', anyOf(invoiceIds, 'uuid'))
    .where(at(position))
    .execute();

/** The numbers of issued invoices, by id. */
export const readInvoiceNumbers = async (
  db: Db,
  position: number,
  invoiceIds: readonly string[],
): Promise<ReadonlyMap<string, string>> =>
  new Map(
    (await readInvoices(db, position, invoiceIds)).flatMap(({ invoice_id, ordinal }) =>
      ordinal === null ? [] : [[invoice_id, documentNumber('INV', ordinal)]],
    ),
  );

export const INVOICE_ORDER = keyset<InvoiceRow>({ tenant_id: 'text', as_of: 'timestamptz', invoice_id: 'uuid' });

/** Invoices of one tenant (null: all), one status and these ids (undefined: any), in the order of their list. */
export async function readInvoicePage(
  db: Db,
  position: number,
  of: {
    readonly tenantId: string | null;
    /** Since their issue, addressed to this payer. undefined: to anybody. */
    readonly payerId: string | undefined;
    readonly status: InvoiceStatus | undefined;
    readonly invoiceIds: readonly string[] | undefined;
  },
  { after, limit }: Rows,
): Promise<History<InvoiceRow>[]> {
  let query = db.selectFrom('invoices').selectAll().where(at(position)).where(INVOICE_ORDER.after(after));
  if (of.tenantId !== null) query = query.where('tenant_id', '=', of.tenantId);
  if (of.payerId !== undefined) query = query.where('payer_id', '=', of.payerId);
  if (of.invoiceIds !== undefined) query = query.where('invoice_id', '=', anyOf(of.invoiceIds.filter(isUuid), 'uuid'));
  if (of.status !== undefined) query = query.where('status', '=', of.status);
  return query.orderBy(INVOICE_ORDER.order()).limit(limit).execute();
}

export type ClaimedPartRow = Pick<InvoicePartRow, 'invoice_id' | 'line_id' | 'part_id' | 'period_start' | 'period_end'>;

/** The parts that invoices claim, in order of time. */
export const readClaimedParts = async (
  db: Db,
  position: number,
  invoiceIds: readonly string[],
): Promise<ClaimedPartRow[]> =>
  db
    .selectFrom('invoices as i')
    .innerJoin('invoice_parts as p', (join) =>
      join.onRef('p.invoice_id', '=', 'i.invoice_id').onRef('p.attempt', '=', 'i.parts_attempt'),
    )
    .select(['i.invoice_id', 'p.line_id', 'p.part_id', 'p.period_start', 'p.period_end'])
    .where('i.invoice_id', '=', anyOf(invoiceIds, 'uuid'))
    .where(at(position, 'i'))
    .orderBy('p.period_start')
    .orderBy('p.part_id')
    .execute();

/**
 * Parts that drafts of these accounts claim up to an instant within their line, if no other part of the line starts
 * there yet.
 */
export async function readUncutClaims(
  db: Db,
  position: number,
  accounts: readonly AccountKey[],
): Promise<(ClaimedPartRow & { readonly tenant_id: string; readonly currency: string })[]> {
  // Step by step, each by its index: as one join, the planner would read all lines while they have no statistics.
  const { rows } = await sql<ClaimedPartRow & { tenant_id: string; currency: string }>`
    SELECT i.tenant_id, i.currency, i.invoice_id, p.line_id, p.part_id, p.period_start, p.period_end
    FROM ${unnestedAccounts(accounts)}
    CROSS JOIN LATERAL (
      SELECT * FROM invoices i
      WHERE i.tenant_id = a.tenant_id AND i.currency = a.currency AND i.status = 'draft' AND ${at(position, 'i')}
      OFFSET 0) i
    CROSS JOIN LATERAL (
      SELECT * FROM invoice_parts p WHERE p.invoice_id = i.invoice_id AND p.attempt = i.parts_attempt OFFSET 0) p
    CROSS JOIN LATERAL (
      SELECT max(l.period_end) FILTER (WHERE l.parent_line_id IS NULL) AS ends_at,
        bool_or(l.period_start = p.period_start) AS is_cut_at_start,
        bool_or(l.period_start = p.period_end) AS is_cut_at_end
      FROM invoice_lines l WHERE l.root_line_id = p.line_id AND ${at(position, 'l')}) l
    WHERE NOT l.is_cut_at_start OR l.ends_at > p.period_end AND NOT l.is_cut_at_end`.execute(db);
  return rows;
}

/** The rows of an invoice or credit note, as frozen by an attempt. */
export interface FrozenRows {
  readonly documentId: string;
  readonly attempt: string;
}

/** Frozen rows, in their order within each document. */
export async function readFrozenRows(
  db: Db,
  wanted: readonly FrozenRows[],
): Promise<{ readonly invoice_id: string; readonly row: FrozenRow }[]> {
  const { rows } = await sql<{ invoice_id: string; row: FrozenRow }>`
    SELECT r.invoice_id, r.row
    FROM unnest(${wanted.map(({ documentId }) => documentId)}::uuid[],
      ${wanted.map(({ attempt }) => attempt)}::uuid[]) AS w(invoice_id, attempt)
    CROSS JOIN LATERAL (
      SELECT * FROM invoice_rows r WHERE r.invoice_id = w.invoice_id AND r.attempt = w.attempt
      OFFSET 0) r
    ORDER BY r.n`.execute(db);
  return rows;
}

/** The rows of an invoice, and with `noted` those of its credit notes. */
export async function readCreditableRows(
  db: Db,
  position: number,
  invoiceId: string,
): Promise<{ readonly row: FrozenRow; readonly noted: boolean }[]> {
  const { rows } = await sql<{ row: FrozenRow; noted: boolean }>`
    SELECT r.row, false AS noted
    FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
    WHERE i.invoice_id = ${invoiceId} AND ${at(position, 'i')}
    UNION ALL
    SELECT r.row, true
    FROM credit_notes c JOIN invoice_rows r ON r.invoice_id = c.credit_note_id AND r.attempt = c.rows_attempt
    WHERE c.invoice_id = ${invoiceId} AND ${at(position, 'c')}`.execute(db);
  return rows;
}

/** A correction row, as known at a position. It corrects a row, or, if it names none, the issued rows of its part. */
export interface CorrectingRow {
  readonly rowId: string;
  readonly position: number;
  readonly corrects: readonly string[] | undefined;
  readonly partId: string;
}

/** An invoice that a row corrects, and the position that it was computed at. */
export interface CorrectedInvoice {
  readonly row_id: string;
  readonly ordinal: number;
  readonly computed_at: number;
}

/** The invoices that rows correct, in order. */
export async function readCorrectedInvoices(db: Db, correcting: readonly CorrectingRow[]): Promise<CorrectedInvoice[]> {
  const named = correcting.flatMap(({ rowId, position, corrects = [] }) =>
    corrects.map((corrected) => ({ rowId, position, corrected })),
  );
  const unnamed = correcting.filter(({ corrects }) => corrects === undefined);
  const { rows } = await sql<CorrectedInvoice>`
    SELECT c.row_id, i.ordinal, i.computed_at
    FROM unnest(${named.map(({ rowId }) => rowId)}::uuid[], ${named.map(({ position }) => position)}::bigint[],
      ${named.map(({ corrected }) => corrected)}::uuid[]) AS c(row_id, position, corrected)
    JOIN invoice_rows r ON r.row_id = c.corrected
    JOIN invoices i ON i.invoice_id = r.invoice_id AND i.rows_attempt = r.attempt
    WHERE ${at(sql.ref<number>('c.position'), 'i')}
    UNION
    SELECT c.row_id, i.ordinal, i.computed_at
    FROM unnest(${unnamed.map(({ rowId }) => rowId)}::uuid[], ${unnamed.map(({ position }) => position)}::bigint[],
      ${unnamed.map(({ partId }) => partId)}::uuid[]) AS c(row_id, position, part_id)
    JOIN invoice_parts p ON p.part_id = c.part_id
    JOIN invoices i ON i.invoice_id = p.invoice_id AND i.parts_attempt = p.attempt
    WHERE ${isBooked(sql.ref<number>('c.position'), 'i')}
    ORDER BY ordinal`.execute(db);
  return rows;
}

/** The credit of tenants, by currency. */
export const readTenantCredits = async (
  db: Db,
  position: number,
  tenantIds: readonly string[],
): Promise<History<TenantCreditRow>[]> =>
  db
    .selectFrom('tenant_credits')
    .selectAll()
    .where('tenant_id', '=', anyOf(tenantIds))
    .where(at(position))
    .orderBy('currency')
    .execute();

export const CREDIT_NOTE_ORDER = keyset<CreditNoteRow>({ ordinal: 'int' });

/** Credit notes of one tenant (null: all) and one invoice (undefined: any), in the order of issue. */
export async function readCreditNotePage(
  db: Db,
  position: number,
  of: {
    readonly tenantId: string | null;
    /** Of invoices that are addressed to this payer. undefined: to anybody. */
    readonly payerId: string | undefined;
    readonly invoiceId: string | undefined;
  },
  { after, limit }: Rows,
): Promise<History<CreditNoteRow>[]> {
  let query = db.selectFrom('credit_notes').selectAll().where(at(position)).where(CREDIT_NOTE_ORDER.after(after));
  if (of.tenantId !== null) query = query.where('tenant_id', '=', of.tenantId);
  if (of.invoiceId !== undefined) query = query.where('invoice_id', '=', of.invoiceId);
  if (of.payerId !== undefined) {
    const paid = db.selectFrom('invoices').select('invoice_id').where(at(position)).where('payer_id', '=', of.payerId);
    query = query.where('invoice_id', 'in', paid);
  }
  return query.orderBy(CREDIT_NOTE_ORDER.order()).limit(limit).execute();
}

export const readCreditNotes = async (
  db: Db,
  position: number,
  ids: readonly string[],
): Promise<History<CreditNoteRow>[]> =>
  db
    .selectFrom('credit_notes')
    .selectAll()
    .where('credit_note_id', '=', anyOf(ids, 'uuid'))
    .where(at(position))
    .execute();

/** The credit notes of invoices, in the order of issue. */
export const readCreditNotesOf = async (
  db: Db,
  asOf: AsOf,
  invoiceIds: readonly string[],
): Promise<History<CreditNoteRow>[]> =>
  db
    .selectFrom('credit_notes')
    .selectAll()
    .where('invoice_id', '=', anyOf(invoiceIds, 'uuid'))
    .where(at(asOf))
    .orderBy('ordinal')
    .execute();

/** The position at which an invoice was issued and got its number. undefined: it was not issued. */
export async function readIssuedPosition(db: Db, invoiceId: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('invoices')
    .select('position_from')
    .where('invoice_id', '=', invoiceId)
    .where('ordinal', 'is not', null)
    .orderBy('position_from')
    .limit(1)
    .executeTakeFirst();
  return row?.position_from;
}

export interface BookedRow {
  readonly tenant_id: string;
  readonly currency: string;
  /** The instant that its invoice is as of. */
  readonly as_of: Instant;
  /** The number of its invoice. */
  readonly ordinal: number;
  readonly row: FrozenRow;
}

/** Rows on issued, non-void invoices, in the order of issue. */
export async function readBookedRows(db: Db, position: number, accounts: readonly AccountKey[]): Promise<BookedRow[]> {
  // Account by account and invoice by invoice, each with an index look-up: a join would read a grown table completely.
  const { rows } = await sql<BookedRow>`
    SELECT i.tenant_id, i.currency, i.as_of, i.ordinal, r.row
    FROM ${unnestedAccounts(accounts)}
    CROSS JOIN LATERAL (
      SELECT * FROM invoices i
      WHERE i.tenant_id = a.tenant_id AND i.currency = a.currency AND ${isBooked(position, 'i')}
      OFFSET 0) i
    CROSS JOIN LATERAL (
      SELECT * FROM invoice_rows r WHERE r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
      OFFSET 0) r
    ORDER BY i.ordinal, r.n`.execute(db);
  return rows;
}

/** Rows on void invoices that took coupons or credits, in the order of issue. */
export async function readVoidedCredits(
  db: Db,
  position: number,
  accounts: readonly AccountKey[],
): Promise<BookedRow[]> {
  if (accounts.length === 0) return [];
  const { rows } = await sql<BookedRow>`
    SELECT i.tenant_id, i.currency, i.as_of, i.ordinal, r.row
    FROM ${unnestedAccounts(accounts)}
    CROSS JOIN LATERAL (
      SELECT * FROM invoices i
      WHERE i.tenant_id = a.tenant_id AND i.currency = a.currency AND i.status = 'void'
        AND i.rows_attempt IS NOT NULL AND ${at(position, 'i')}
      OFFSET 0) i
    CROSS JOIN LATERAL (
      SELECT * FROM invoice_rows r WHERE r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
      OFFSET 0) r
    WHERE r.row -> 'credits' IS NOT NULL
    ORDER BY i.ordinal, r.n`.execute(db);
  return rows;
}

/** A part that an issued, non-void invoice claims, or one of its rows. Rows are in the order of issue. */
export interface IssuedPart {
  readonly part_id: string;
  /** Of the invoice. A line that was in another currency when it was billed has parts in both. */
  readonly currency: string;
  /** null: it is claimed. */
  readonly row: FrozenRow | null;
}

/** A part billed at zero has no rows. Its claim shows that it is billed. */
export async function readIssuedParts(db: Db, position: number, partIds: readonly string[]): Promise<IssuedPart[]> {
  const { rows } = await sql<IssuedPart>`
    SELECT b.part_id, b.currency, b.row
    FROM unnest(${partIds}::uuid[]) AS w(part_id)
    CROSS JOIN LATERAL (
      SELECT p.part_id, i.currency, NULL::jsonb AS row, i.ordinal, -1 AS n
      FROM invoice_parts p JOIN invoices i ON i.invoice_id = p.invoice_id AND i.parts_attempt = p.attempt
      WHERE p.part_id = w.part_id AND ${isBooked(position, 'i')}
      UNION ALL
      SELECT r.part_id, i.currency, r.row, i.ordinal, r.n
      FROM invoice_rows r JOIN invoices i ON i.invoice_id = r.invoice_id AND i.rows_attempt = r.attempt
      WHERE r.part_id = w.part_id AND ${isBooked(position, 'i')}
      OFFSET 0) b
    ORDER BY b.ordinal, b.n`.execute(db);
  return rows;
}

/** The log position that the last issued, non-void invoice of each tenant was computed at. */
export async function readLastComputed(
  db: Db,
  position: number,
  tenantIds: readonly string[],
): Promise<{ readonly tenant_id: string; readonly computed_at: number }[]> {
  const { rows } = await sql<{ tenant_id: string; computed_at: number }>`
    SELECT i.tenant_id, max(i.computed_at) AS computed_at
    FROM invoices i WHERE i.tenant_id = ${anyOf(tenantIds)} AND i.computed_at IS NOT NULL AND ${isBooked(position, 'i')}
    GROUP BY i.tenant_id`.execute(db);
  return rows;
}
