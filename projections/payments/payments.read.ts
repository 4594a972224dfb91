import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { PaymentRow, RefundRow, TransferRow } from './payments.table.js';

type Db = Kysely<ReadModels>;

export const PAYMENT_ORDER = keyset<PaymentRow>({ tenant_id: 'text', currency: 'text', payment_id: 'text' });

/** Payments of one tenant (null: all), in the order of their list. */
export async function readPaymentPage(
  db: Db,
  position: number,
  tenantId: string | null,
  { after, limit }: Rows,
): Promise<History<PaymentRow>[]> {
  const query = db.selectFrom('payments').selectAll().where(at(position)).where(PAYMENT_ORDER.after(after));
  return (tenantId === null ? query : query.where('tenant_id', '=', tenantId))
    .orderBy(PAYMENT_ORDER.order())
    .limit(limit)
    .execute();
}

/** All payments. */
export const readAllPayments = async (db: Db, position: number): Promise<History<PaymentRow>[]> =>
  db.selectFrom('payments').selectAll().where(at(position)).execute();

export const TRANSFER_ORDER = keyset<TransferRow>({ payer_id: 'text', currency: 'text', transfer_id: 'text' });

/** Transfers of one payer (null: all), in the order of their list. */
export async function readTransferPage(
  db: Db,
  position: number,
  payerId: string | null,
  { after, limit }: Rows,
): Promise<History<TransferRow>[]> {
  const query = db.selectFrom('transfers').selectAll().where(at(position)).where(TRANSFER_ORDER.after(after));
  return (payerId === null ? query : query.where('payer_id', '=', payerId))
    .orderBy(TRANSFER_ORDER.order())
    .limit(limit)
    .execute();
}

/** The payments with these ids that are shares of transfers, of these tenants. */
export const readSharePayments = async (
  db: Db,
  position: number,
  { tenantIds, paymentIds }: { readonly tenantIds: readonly string[]; readonly paymentIds: readonly string[] },
): Promise<History<PaymentRow>[]> =>
  db
    .selectFrom('payments')
    .selectAll()
    .where(at(position))
    .where('tenant_id', '=', anyOf(tenantIds))
    .where('payment_id', '=', anyOf(paymentIds))
    .where('transfer_id', 'is not', null)
    .execute();

/** A share of a transfer, and the payment of it, that do not agree. */
export interface WrongShare {
  readonly payer_id: string;
  readonly currency: string;
  readonly transfer_id: string;
  readonly tenant_id: string;
  readonly payment_id: string;
  /** null: the transfer does not stand, or has no such share. */
  readonly share: string | null;
  /** null: there is no payment. */
  readonly recorded: string | null;
}

/** The shares of transfers whose payments are missing or different, and payments of transfers that do not stand. */
export async function readWrongShares(db: Db, position: number): Promise<WrongShare[]> {
  const { rows } = await sql<WrongShare>`
    WITH s AS (
      SELECT t.payer_id, t.currency, t.transfer_id, of."tenantId" AS tenant_id, of."paymentId" AS payment_id, of.amount
      FROM transfers t
      CROSS JOIN LATERAL jsonb_to_recordset(t.shares) AS of("tenantId" text, "paymentId" text, amount numeric)
      WHERE ${at(position, 't')}
    ), p AS (SELECT * FROM payments WHERE transfer_id IS NOT NULL AND ${at(position)})
    SELECT payer_id, currency, transfer_id, tenant_id, payment_id, s.amount AS share, p.amount AS recorded
    FROM s FULL JOIN p USING (payer_id, currency, transfer_id, tenant_id, payment_id)
    WHERE s.amount IS DISTINCT FROM p.amount
    ORDER BY payer_id, currency, transfer_id, tenant_id`.execute(db);
  return rows;
}

/** What a payment pays of an invoice. */
export interface Application {
  readonly tenant_id: string;
  readonly currency: string;
  readonly payment_id: string;
  readonly invoice_id: string;
  readonly ordinal: number;
  /** The tenant that the invoice is addressed to. null: the billed tenant itself. */
  readonly payer_id: string | null;
  readonly applied_at: Instant;
  readonly applied_position: number;
  /** null: applied when the payment was recorded. */
  readonly application_id: string | null;
  readonly amount: string;
}

/** The applications `a` for which a condition holds, in the order of the log. */
async function applicationsWhere(db: Db, position: number, condition: RawBuilder<unknown>): Promise<Application[]> {
  const { rows } = await sql<Application>`
    SELECT a.tenant_id, a.currency, a.payment_id, a.invoice_id, i.ordinal, i.payer_id, a.applied_at, a.applied_position,
      a.application_id, a.amount
    FROM payment_applications a
    JOIN invoices i ON i.invoice_id = a.invoice_id AND ${at(position, 'i')}
    WHERE ${condition} AND ${at(position, 'a')}
    ORDER BY a.applied_position, i.ordinal`.execute(db);
  return rows;
}

/** What the payments of these tenants pay. */
export const readApplications = async (
  db: Db,
  position: number,
  tenantIds: readonly string[],
): Promise<Application[]> => applicationsWhere(db, position, sql`a.tenant_id = ${anyOf(tenantIds)}`);

/** What payments with these ids pay, of these tenants. */
export const readApplicationsOf = async (
  db: Db,
  position: number,
  { tenantIds, paymentIds }: { readonly tenantIds: readonly string[]; readonly paymentIds: readonly string[] },
): Promise<Application[]> =>
  applicationsWhere(db, position, sql`a.tenant_id = ${anyOf(tenantIds)} AND a.payment_id = ${anyOf(paymentIds)}`);

/** Applications in a month. */
export const readApplicationsIn = async (db: Db, position: number, month: Period): Promise<Application[]> =>
  applicationsWhere(db, position, sql`a.applied_at >= ${month.start} AND a.applied_at < ${month.end}`);

/** Payments in a month, by tenant. */
export const readPaymentsIn = async (db: Db, position: number, month: Period): Promise<History<PaymentRow>[]> =>
  db
    .selectFrom('payments')
    .selectAll()
    .where(at(position))
    .where('paid_at', '>=', month.start)
    .where('paid_at', '<', month.end)
    .orderBy(PAYMENT_ORDER.order())
    .execute();

/** Refunds in a month, by tenant. */
export const readRefundsIn = async (db: Db, position: number, month: Period): Promise<History<RefundRow>[]> =>
  db
    .selectFrom('refunds')
    .selectAll()
    .where(at(position))
    .where('refunded_at', '>=', month.start)
    .where('refunded_at', '<', month.end)
    .orderBy('tenant_id')
    .orderBy('currency')
    .orderBy('refund_id')
    .execute();

export const ENTRY_TYPES = ['invoice', 'credit_note', 'void', 'payment', 'invoice_payment', 'refund'] as const;
export type EntryType = (typeof ENTRY_TYPES)[number];

/** An entry of an account. Its amount is what it adds to the balance that the tenant owes. */
export interface AccountEntry {
  readonly tenant_id: string;
  readonly currency: string;
  readonly type: EntryType;
  readonly entry_at: Instant;
  /** Of the invoice, the credit note, the payment or the refund. */
  readonly id: string;
  /** null: it has no number. */
  readonly ordinal: number | null;
  /** In the event itself, or in the private texts (`reference_ref`). */
  readonly reference: string | null;
  readonly reference_ref: string | null;
  readonly reason: string | null;
  readonly amount: string;
  /** Of an invoice: what its corrections of earlier invoices come to, with tax. null: it has none. */
  readonly corrections: string | null;
  /** Whom its invoice is addressed to, or who sent the payment. null: the tenant itself, or not stated. */
  readonly payer_id: string | null;
}

/** `invoice_id`: of an invoice, whose rows may have corrections. */
const entries = (position: number) => sql`
  SELECT tenant_id, currency, 'invoice' AS type, issued_at AS entry_at, invoice_id::text AS id, ordinal,
    NULL AS reference, NULL::uuid AS reference_ref, NULL AS reason, total AS amount, invoice_id, rows_attempt,
    payer_id
  FROM invoices WHERE ${at(position)} AND ordinal IS NOT NULL
  UNION ALL
  SELECT tenant_id, currency, 'void', voided_at, invoice_id::text, ordinal, NULL, NULL, NULL, -total, NULL, NULL,
    payer_id
  FROM invoices WHERE ${at(position)} AND ordinal IS NOT NULL AND status = 'void'
  UNION ALL
  SELECT tenant_id, currency, 'invoice_payment', paid_at, invoice_id::text, ordinal, NULL, NULL, NULL,
    coalesce(amount_applied, 0) - amount_due, NULL, NULL, payer_id
  FROM invoices WHERE ${at(position)} AND status = 'paid' AND amount_due <> coalesce(amount_applied, 0)
  UNION ALL
  SELECT c.tenant_id, c.currency, 'credit_note', c.issued_at, c.credit_note_id::text, c.ordinal, NULL, NULL, c.reason,
    -c.total, NULL, NULL, i.payer_id
  FROM credit_notes c
  LEFT JOIN invoices i ON i.invoice_id = c.invoice_id AND ${at(position, 'i')}
  WHERE ${at(position, 'c')}
  UNION ALL
  SELECT tenant_id, currency, 'payment', paid_at, payment_id, NULL, reference, reference_ref, NULL, -amount, NULL, NULL,
    nullif(payer_id, tenant_id)
  FROM payments WHERE ${at(position)}
  UNION ALL
  SELECT tenant_id, currency, 'refund', refunded_at, refund_id, NULL, reference, reference_ref, reason, amount, NULL,
    NULL, NULL
  FROM refunds WHERE ${at(position)}`;

/** SQL: what the corrections of an invoice `e` come to, with tax. */
const correctionsOf = sql`
  (SELECT sum((r.row ->> 'net')::numeric + (r.row ->> 'tax')::numeric)
   FROM invoice_rows r
   WHERE r.invoice_id = e.invoice_id AND r.attempt = e.rows_attempt AND r.row ->> 'kind' <> 'charge')`;

/** The entries of a tenant in a currency before an instant, in the order of their time. */
export async function readAccountEntries(
  db: Db,
  position: number,
  of: { readonly tenantId: string; readonly currency: string; readonly until: Instant },
): Promise<AccountEntry[]> {
  return listedEntries(db, entries(position), { ...of, isOf: sql`e.tenant_id = ${of.tenantId}` });
}

/** Those of SQL with the columns of an entry and of `correctionsOf`, in the order of their time. */
export async function listedEntries(
  db: Db,
  all: RawBuilder<unknown>,
  of: { readonly isOf: RawBuilder<unknown>; readonly currency: string; readonly until: Instant },
): Promise<AccountEntry[]> {
  const { rows } = await sql<AccountEntry>`
    SELECT e.tenant_id, e.currency, e.type, e.entry_at, e.id, e.ordinal, e.reference, e.reference_ref, e.reason,
      e.amount, ${correctionsOf} AS corrections, e.payer_id
    FROM (${all}) e
    WHERE ${of.isOf} AND e.currency = ${of.currency} AND e.entry_at < ${of.until}
    ORDER BY e.entry_at, array_position(${[...ENTRY_TYPES]}::text[], e.type), e.ordinal, e.id`.execute(db);
  return rows;
}

/** The currencies of the entries of a tenant before an instant. */
export const readEntryCurrencies = async (
  db: Db,
  position: number,
  { tenantId, until }: { readonly tenantId: string; readonly until: Instant },
): Promise<string[]> => currenciesOfEntries(db, entries(position), { isOf: sql`e.tenant_id = ${tenantId}`, until });

/** The currencies of some of SQL with the columns of an entry, in their order. */
export async function currenciesOfEntries(
  db: Db,
  all: RawBuilder<unknown>,
  of: { readonly isOf: RawBuilder<unknown>; readonly until: Instant },
): Promise<string[]> {
  const { rows } = await sql<{ currency: string }>`
    SELECT DISTINCT e.currency FROM (${all}) e WHERE ${of.isOf} AND e.entry_at < ${of.until} ORDER BY 1`.execute(db);
  return rows.map(({ currency }) => currency);
}

/** What each tenant owes by all its entries, in each currency. */
export async function readBalances(
  db: Db,
  position: number,
  tenantIds: readonly string[] | null,
): Promise<{ readonly tenant_id: string; readonly currency: string; readonly balance: string }[]> {
  const { rows } = await sql<{ tenant_id: string; currency: string; balance: string }>`
    SELECT tenant_id, currency, sum(amount) AS balance
    FROM (${entries(position)}) e
    WHERE ${tenantIds === null ? sql`true` : sql`tenant_id = ${anyOf(tenantIds)}`}
    GROUP BY tenant_id, currency ORDER BY tenant_id, currency`.execute(db);
  return rows;
}

/** How a balance is made up: what is due of unpaid invoices, less credit and what is left of payments. */
export interface Standing {
  readonly due: string;
  readonly credit: string;
  readonly unapplied: string;
}

export async function readStanding(
  db: Db,
  position: number,
  { tenantId, currency }: { readonly tenantId: string; readonly currency: string },
): Promise<Standing> {
  const { rows } = await sql<Standing>`
    SELECT
      (SELECT coalesce(sum(amount_due - coalesce(amount_applied, 0)), 0) FROM invoices
       WHERE tenant_id = ${tenantId} AND currency = ${currency} AND status = 'issued' AND ${at(position)}) AS due,
      (SELECT coalesce(sum(credit), 0) FROM tenant_credits
       WHERE tenant_id = ${tenantId} AND currency = ${currency} AND ${at(position)}) AS credit,
      (SELECT coalesce(sum(unapplied), 0) FROM payments
       WHERE tenant_id = ${tenantId} AND currency = ${currency} AND ${at(position)}) AS unapplied`.execute(db);
  const [standing] = rows;
  if (standing === undefined) throw new Error(`there is no standing of tenant ${tenantId}`);
  return standing;
}
