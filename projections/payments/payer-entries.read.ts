import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import { type AccountEntry, currenciesOfEntries, listedEntries } from './payments.read.js';

type Db = Kysely<ReadModels>;

/**
 * What a payer is to pay of the invoices of others: what is due of them at their issue, and what voids, credit notes
 * and payments take of it. The rest of an invoice is credit of its tenant. A payment has the number of the invoice that
 * it pays. The entries of a transfer have its id and its reference, so that they add up to the line of the bank, with
 * the payer's own share in its own account.
 */
const entries = (position: number) => sql`
  SELECT i.payer_id, i.tenant_id, i.currency, e.type, e.entry_at, i.invoice_id::text AS id, i.ordinal,
    NULL AS reference, NULL::uuid AS reference_ref, NULL AS reason,
    e.sign * (greatest(i.total, 0) - coalesce(i.credit_taken, v.credit_taken)) AS amount,
    e.counted AS invoice_id, i.rows_attempt
  FROM invoices i
  LEFT JOIN invoices v ON v.invoice_id = i.invoice_id AND v.position_to = i.position_from AND i.status = 'void'
  CROSS JOIN LATERAL (VALUES ('invoice', i.issued_at, 1, i.invoice_id), ('void', i.voided_at, -1, NULL))
    AS e(type, entry_at, sign, counted)
  WHERE ${at(position, 'i')} AND i.payer_id IS NOT NULL AND e.entry_at IS NOT NULL
  UNION ALL
  SELECT i.payer_id, i.tenant_id, i.currency, 'credit_note', c.issued_at, c.credit_note_id::text, c.ordinal,
    NULL, NULL, c.reason, coalesce(noted.amount_due - due.amount_due, 0), NULL, NULL
  FROM credit_notes c
  JOIN invoices i ON i.invoice_id = c.invoice_id AND ${at(position, 'i')}
  LEFT JOIN invoices due ON due.invoice_id = c.invoice_id AND due.position_to = c.position_from
  LEFT JOIN invoices noted ON noted.invoice_id = c.invoice_id AND noted.position_from = c.position_from
  WHERE ${at(position, 'c')} AND i.payer_id IS NOT NULL
  UNION ALL
  SELECT i.payer_id, i.tenant_id, i.currency, 'invoice_payment', i.paid_at, i.invoice_id::text, i.ordinal,
    NULL, NULL, NULL, coalesce(i.amount_applied, 0) - i.amount_due, NULL, NULL
  FROM invoices i
  WHERE ${at(position, 'i')} AND i.payer_id IS NOT NULL AND i.status = 'paid'
    AND i.amount_due <> coalesce(i.amount_applied, 0)
  UNION ALL
  SELECT i.payer_id, i.tenant_id, i.currency, 'payment', a.applied_at, a.payment_id, i.ordinal,
    p.reference, coalesce(p.reference_ref, t.reference_ref), NULL, -a.amount, NULL, NULL
  FROM payment_applications a
  JOIN invoices i ON i.invoice_id = a.invoice_id AND ${at(position, 'i')}
  JOIN payments p ON p.tenant_id = a.tenant_id AND p.currency = a.currency AND p.payment_id = a.payment_id
    AND ${at(position, 'p')}
  LEFT JOIN transfers t ON t.payer_id = p.payer_id AND t.currency = p.currency AND t.transfer_id = p.transfer_id
    AND ${at(position, 't')}
  WHERE ${at(position, 'a')} AND i.payer_id IS NOT NULL`;

/** The entries of a payer in a currency before an instant, in the order of their time. */
export async function readPayerEntries(
  db: Db,
  position: number,
  of: { readonly payerId: string; readonly currency: string; readonly until: Instant },
): Promise<AccountEntry[]> {
  return listedEntries(db, entries(position), { ...of, isOf: sql`e.payer_id = ${of.payerId}` });
}

/** The currencies of the entries of a payer before an instant. */
export const readPayerCurrencies = async (
  db: Db,
  position: number,
  { payerId, until }: { readonly payerId: string; readonly until: Instant },
): Promise<string[]> => currenciesOfEntries(db, entries(position), { isOf: sql`e.payer_id = ${payerId}`, until });

/** What a payer owes of the invoices of a tenant: by its entries before an instant, and by all of them. */
export interface OwedByPayer {
  readonly payer_id: string;
  readonly closing: string;
  readonly due: string;
}

/** What payers owe, or owed, of the invoices of a tenant. */
export async function readOwedByPayers(
  db: Db,
  position: number,
  { tenantId, currency, until }: { readonly tenantId: string; readonly currency: string; readonly until: Instant },
): Promise<OwedByPayer[]> {
  const { rows } = await sql<OwedByPayer>`
    SELECT payer_id, coalesce(sum(amount) FILTER (WHERE entry_at < ${until}), 0) AS closing, sum(amount) AS due
    FROM (${entries(position)}) e WHERE tenant_id = ${tenantId} AND currency = ${currency}
    GROUP BY payer_id ORDER BY payer_id`.execute(db);
  return rows;
}

/** What each payer is to pay by all its entries, in each currency. */
export async function readPayerBalances(
  db: Db,
  position: number,
): Promise<{ readonly payer_id: string; readonly currency: string; readonly balance: string }[]> {
  const { rows } = await sql<{ payer_id: string; currency: string; balance: string }>`
    SELECT payer_id, currency, sum(amount) AS balance
    FROM (${entries(position)}) e GROUP BY payer_id, currency ORDER BY payer_id, currency`.execute(db);
  return rows;
}

/** What is due now of the invoices that are addressed to a payer. */
export async function readPayerDue(
  db: Db,
  position: number,
  { payerId, currency }: { readonly payerId: string; readonly currency: string },
): Promise<string> {
  const { rows } = await sql<{ due: string }>`
    SELECT coalesce(sum(amount_due - coalesce(amount_applied, 0)), 0) AS due FROM invoices
    WHERE payer_id = ${payerId} AND currency = ${currency} AND status = 'issued' AND ${at(position)}`.execute(db);
  return rows[0]?.due ?? '0';
}
