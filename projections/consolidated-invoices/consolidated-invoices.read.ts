import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import { isUuid } from '#domain/uuid';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import { ordinalIn } from '../invoices/issued-invoices.read.js';
import type { InvoiceRow } from '../invoices/invoices.table.js';
import type { ConsolidatedInvoiceRow } from './consolidated-invoices.table.js';

type Db = Kysely<ReadModels>;

export const CONSOLIDATED_ORDER = keyset<ConsolidatedInvoiceRow>({ ordinal: 'int' });

/** Consolidated invoices of one payer (null: all) and one currency (undefined: any), in the order of issue. */
export async function readConsolidatedPage(
  db: Db,
  position: number,
  of: { readonly payerId: string | null; readonly currency: string | undefined },
  { after, limit }: Rows,
): Promise<History<ConsolidatedInvoiceRow>[]> {
  let query = db
    .selectFrom('consolidated_invoices')
    .selectAll()
    .where(at(position))
    .where(CONSOLIDATED_ORDER.after(after));
  if (of.payerId !== null) query = query.where('payer_id', '=', of.payerId);
  if (of.currency !== undefined) query = query.where('currency', '=', of.currency);
  return query.orderBy(CONSOLIDATED_ORDER.order()).limit(limit).execute();
}

/** A consolidated invoice by its number or its id. undefined: there is none. */
export async function readConsolidatedNamed(
  db: Db,
  position: number,
  idOrNumber: string,
): Promise<History<ConsolidatedInvoiceRow> | undefined> {
  const ordinal = ordinalIn('CI', idOrNumber);
  if (ordinal === null && !isUuid(idOrNumber)) return undefined;
  const query = db.selectFrom('consolidated_invoices').selectAll().where(at(position));
  return ordinal === null
    ? query.where('consolidated_invoice_id', '=', idOrNumber).executeTakeFirst()
    : query.where('ordinal', '=', ordinal).executeTakeFirst();
}

/** The position at which a consolidated invoice was issued. */
export async function readConsolidatedPosition(db: Db, id: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('consolidated_invoices')
    .select('position_from')
    .where('consolidated_invoice_id', '=', id)
    .orderBy('position_from')
    .limit(1)
    .executeTakeFirst();
  return row?.position_from;
}

/** An invoice, and the consolidated invoice that it is part of. */
export type MemberInvoice = InvoiceRow & { readonly consolidated_invoice_id: string };

/** SQL: the invoices of consolidated invoices, void ones included. */
const memberInvoices = (position: number): RawBuilder<unknown> => sql`
  consolidated_invoice_members m
  JOIN invoices i ON i.invoice_id = m.invoice_id AND ${at(position, 'i')} AND ${at(position, 'm')}`;

/** The invoices of consolidated invoices: by tenant, then in the order of their numbers. */
export async function readMembers(db: Db, position: number, ids: readonly string[]): Promise<MemberInvoice[]> {
  const { rows } = await sql<MemberInvoice>`
    SELECT m.consolidated_invoice_id, i.* FROM ${memberInvoices(position)}
    WHERE m.consolidated_invoice_id = ${anyOf(ids, 'uuid')}
    ORDER BY i.tenant_id COLLATE "C", i.ordinal`.execute(db);
  return rows;
}

/** The invoices of a consolidated invoice that have something left to pay, oldest first. */
export async function readUnpaidMembers(
  db: Db,
  position: number,
  id: string,
): Promise<Pick<InvoiceRow, 'invoice_id' | 'tenant_id'>[]> {
  const { rows } = await sql<Pick<InvoiceRow, 'invoice_id' | 'tenant_id'>>`
    SELECT i.invoice_id, i.tenant_id FROM ${memberInvoices(position)}
    WHERE m.consolidated_invoice_id = ${id}
      AND i.status = 'issued' AND i.amount_due > coalesce(i.amount_applied, 0)
    ORDER BY i.issued_at, i.ordinal`.execute(db);
  return rows;
}

/** SQL: consolidated invoices that are not void, with the ids of their invoices. */
const liveMembers = (position: number): RawBuilder<unknown> => sql`
  consolidated_invoice_members m
  JOIN consolidated_invoices c ON c.consolidated_invoice_id = m.consolidated_invoice_id AND c.voided_at IS NULL
    AND ${at(position, 'c')} AND ${at(position, 'm')}`;

/** The consolidated invoice that an invoice is part of. */
export interface PartOf {
  readonly id: string;
  readonly ordinal: number;
}

/** Of these invoices, those that are part of a consolidated invoice that is not void, by invoice. */
export async function readPartOf(
  db: Db,
  position: number,
  invoiceIds: readonly string[],
): Promise<ReadonlyMap<string, PartOf>> {
  const { rows } = await sql<PartOf & { readonly invoice_id: string }>`
    SELECT m.invoice_id, m.consolidated_invoice_id AS id, c.ordinal
    FROM ${liveMembers(position)}
    WHERE m.invoice_id = ${anyOf(invoiceIds, 'uuid')}`.execute(db);
  return new Map(rows.map(({ invoice_id, ...of }) => [invoice_id, of]));
}

/** A consolidated invoice that an invoice is part of, and what others need to refer to it. */
export interface Referred extends PartOf {
  readonly payer_id: string;
  readonly issued_at: Instant;
  /** Its issue: nothing but a void changes it. */
  readonly position: number;
}

/** Of the invoices with these ordinals, those that are part of a consolidated invoice that is not void, by ordinal. */
export async function readReferred(
  db: Db,
  position: number,
  ordinals: readonly number[],
): Promise<ReadonlyMap<number, Referred>> {
  const { rows } = await sql<Referred & { readonly invoice: number }>`
    SELECT i.ordinal AS invoice, c.consolidated_invoice_id AS id, c.ordinal, c.payer_id, c.issued_at,
      c.position_from AS position
    FROM ${liveMembers(position)}
    JOIN invoices i ON i.invoice_id = m.invoice_id AND ${at(position, 'i')}
    WHERE i.ordinal = ${anyOf(ordinals.map(String), 'int')}`.execute(db);
  return new Map(rows.map(({ invoice, ...of }) => [invoice, of]));
}

/**
 * The invoices that a payer is to pay for others and that were issued by an instant, without those below zero and
 * those that are part of a consolidated invoice.
 */
export async function readUnconsolidated(
  db: Db,
  position: number,
  of: { readonly payerId: string; readonly currency: string; readonly until: Instant },
): Promise<InvoiceRow[]> {
  const { rows } = await sql<InvoiceRow>`
    SELECT i.* FROM invoices i
    WHERE i.payer_id = ${of.payerId} AND i.currency = ${of.currency} AND i.status = 'issued' AND i.total >= 0
      AND i.issued_at <= ${of.until} AND ${at(position, 'i')}
      AND NOT EXISTS (SELECT FROM ${liveMembers(position)} WHERE m.invoice_id = i.invoice_id)`.execute(db);
  return rows;
}
