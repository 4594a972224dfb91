import { type Kysely, sql } from 'kysely';
import type { FrozenRow, InvoiceStatus, NumberSeries } from '#domain/invoices/invoice';
import type { Instant } from '#domain/time/instant';
import { isUuid } from '#domain/uuid';
import { at, changedAt, type Positions } from '#read-model/at';
import type { History, ReadModels } from '#read-model/read-models';
import { isBooked, readCreditNotes, readInvoices } from './invoices.read.js';
import type { CreditNoteRow, InvoiceRow, TenantCreditRow } from './invoices.table.js';

type Db = Kysely<ReadModels>;

/** The ordinal in a number such as `INV-000001`. null: not a number of this series. */
export function ordinalIn(series: NumberSeries, number: string): number | null {
  const digits = /^(?:INV|CN|CI)-(\d{6,9})$/.exec(number)?.[1];
  return digits !== undefined && number.startsWith(`${series}-`) ? Number(digits) : null;
}

/** An invoice by its number or its id. undefined: there is none. */
export async function readInvoiceNamed(
  db: Db,
  position: number,
  idOrNumber: string,
): Promise<History<InvoiceRow> | undefined> {
  const ordinal = ordinalIn('INV', idOrNumber);
  if (ordinal === null) return isUuid(idOrNumber) ? (await readInvoices(db, position, [idOrNumber]))[0] : undefined;
  return db.selectFrom('invoices').selectAll().where('ordinal', '=', ordinal).where(at(position)).executeTakeFirst();
}

/** The tenants with issued invoices in a currency that are not paid and are addressed to a payer. */
export async function readTenantsOwedBy(
  db: Db,
  position: number,
  { payerId, currency }: { readonly payerId: string; readonly currency: string },
): Promise<string[]> {
  const { rows } = await sql<{ tenant_id: string }>`
    SELECT DISTINCT tenant_id FROM invoices
    WHERE payer_id = ${payerId} AND currency = ${currency} AND status = 'issued' AND ${at(position)}
    ORDER BY tenant_id`.execute(db);
  return rows.map(({ tenant_id }) => tenant_id);
}

/** How many invoices there are of each status that has any. */
export async function countInvoices(db: Db, position: number): Promise<ReadonlyMap<InvoiceStatus, number>> {
  const { rows } = await sql<{ status: InvoiceStatus; count: number }>`
    SELECT i.status, count(*)::int AS count FROM invoices i WHERE ${at(position, 'i')} GROUP BY i.status`.execute(db);
  return new Map(rows.map(({ status, count }) => [status, count]));
}

/** A credit note by its number or its id. undefined: there is none. */
export async function readCreditNoteNamed(
  db: Db,
  position: number,
  idOrNumber: string,
): Promise<History<CreditNoteRow> | undefined> {
  const ordinal = ordinalIn('CN', idOrNumber);
  if (ordinal === null) return isUuid(idOrNumber) ? (await readCreditNotes(db, position, [idOrNumber]))[0] : undefined;
  return db
    .selectFrom('credit_notes')
    .selectAll()
    .where('ordinal', '=', ordinal)
    .where(at(position))
    .executeTakeFirst();
}

/** An account with issued invoices, and the last instant up to which one of them bills. */
export interface InvoicedAccount {
  readonly tenant_id: string;
  readonly currency: string;
  readonly until: Instant;
}

export async function readInvoicedAccounts(db: Db, position: number): Promise<InvoicedAccount[]> {
  const { rows } = await sql<InvoicedAccount>`
    SELECT i.tenant_id, i.currency, max(i.as_of) AS until
    FROM invoices i WHERE ${isBooked(position, 'i')}
    GROUP BY i.tenant_id, i.currency ORDER BY i.tenant_id, i.currency`.execute(db);
  return rows;
}

export type ComputedInvoice = InvoiceRow & { readonly computed_at: number; readonly rows: readonly FrozenRow[] };

/** Every invoice that was ever issued, with its rows, in the order of the numbers. */
export async function readComputedInvoices(db: Db, position: number): Promise<ComputedInvoice[]> {
  const { rows } = await sql<ComputedInvoice>`
    SELECT i.*, coalesce((
      SELECT jsonb_agg(r.row ORDER BY r.n)
      FROM invoice_rows r WHERE r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt), '[]') AS rows
    FROM invoices i
    WHERE i.rows_attempt IS NOT NULL AND i.computed_at IS NOT NULL AND ${at(position, 'i')}
    ORDER BY i.ordinal`.execute(db);
  return rows;
}

export type SettledInvoice = Pick<
  InvoiceRow,
  'invoice_id' | 'credit_taken' | 'amount_due' | 'amount_applied' | 'payer_id'
>;

/** The credit that issued, non-void invoices use, their amounts due, and who is to pay them. */
export const readSettledInvoices = async (db: Db, position: number): Promise<SettledInvoice[]> =>
  db
    .selectFrom('invoices as i')
    .select(['i.invoice_id', 'i.credit_taken', 'i.amount_due', 'i.amount_applied', 'i.payer_id'])
    .where(isBooked(position, 'i'))
    .execute();

/** The credit of every tenant, by currency. */
export const readAllTenantCredits = async (db: Db, position: number): Promise<History<TenantCreditRow>[]> =>
  db.selectFrom('tenant_credits').selectAll().where(at(position)).execute();

/** An invoice before and after some log positions. null: it did not exist then. */
export interface InvoiceChange {
  readonly invoice_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly ordinal: number | null;
  /** The position of the change. */
  readonly positions: readonly number[];
  readonly before_status: InvoiceStatus | null;
  readonly before_total: string | null;
  readonly before_due: string | null;
  readonly after_status: InvoiceStatus | null;
  readonly after_total: string | null;
  readonly after_due: string | null;
}

/** Invoices that changed at one of these positions, by tenant and number. */
export async function readInvoiceChanges(db: Db, changed: Positions): Promise<InvoiceChange[]> {
  const { rows } = await sql<InvoiceChange>`
    SELECT k.invoice_id, k.tenant_id, k.currency, a.ordinal, k.positions,
      b.status AS before_status, b.total AS before_total, b.amount_due AS before_due,
      a.status AS after_status, a.total AS after_total, a.amount_due AS after_due
    FROM (
      SELECT invoice_id, tenant_id, currency, array_agg(DISTINCT p) AS positions
      FROM invoices, unnest(ARRAY[position_from, position_to]) p
      WHERE ${changedAt(changed)} AND p IS NOT NULL
      GROUP BY invoice_id, tenant_id, currency) k
    LEFT JOIN invoices b ON b.invoice_id = k.invoice_id AND ${at(changed.first - 1, 'b')}
    LEFT JOIN invoices a ON a.invoice_id = k.invoice_id AND ${at(changed.last, 'a')}
    ORDER BY k.tenant_id, a.ordinal, k.invoice_id`.execute(db);
  return rows;
}

/** Issued, non-void invoices that correct rows of this one. */
export async function readCorrectingInvoices(db: Db, position: number, invoiceId: string): Promise<string[]> {
  const { rows } = await sql<{ invoice_id: string }>`
    SELECT DISTINCT i.invoice_id
    FROM invoices own
    JOIN invoice_rows mine ON mine.invoice_id = own.invoice_id AND mine.attempt = own.rows_attempt
    JOIN invoice_rows r ON r.part_id = mine.part_id AND r.row -> 'corrects' ? mine.row_id::text
    JOIN invoices i ON i.invoice_id = r.invoice_id AND i.rows_attempt = r.attempt AND ${isBooked(position, 'i')}
    WHERE own.invoice_id = ${invoiceId} AND own.position_to IS NULL AND i.invoice_id <> own.invoice_id`.execute(db);
  return rows.map(({ invoice_id }) => invoice_id);
}
