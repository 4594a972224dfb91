import { documentNumber } from '#domain/invoices/invoice';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import {
  type AccountEntry,
  type Application,
  type EntryType,
  readAccountEntries,
  readApplications,
  readStanding,
} from '#projections/payments/payments.read';
import { prepaidOf } from './prepaid-credit.js';

/** Of a tenant, in a currency, between two instants. */
export interface StatementOf {
  readonly tenantId: string;
  readonly currency: string;
  readonly period: Period;
}

export type Statement = Awaited<ReturnType<typeof statementOf>>;

/**
 * A statement of account: what a tenant owed at the start, what was invoiced, credited, paid and refunded, and what it
 * owes at the end. A balance below zero is owed to the tenant. A payment has what it paid before the end.
 */
export async function statementOf(context: QueryContext, of: StatementOf) {
  const { core, position } = context;
  const { tenantId, currency, period } = of;
  const all = await readAccountEntries(core.db, position, { tenantId, currency, until: period.end });
  const applications = (await readApplications(core.db, position, [tenantId])).filter(({ applied_at: at }) =>
    isBefore(at, period.end),
  );
  const standing = await readStanding(core.db, position, { tenantId, currency });
  const money = (amount: Decimal): string => moneyText(amount, currency);
  const isEarlier = ({ entry_at: at }: AccountEntry): boolean => isBefore(at, period.start);
  const opening = amountOf(all.filter(isEarlier));
  const shown = all.filter((entry) => !isEarlier(entry));
  const referenceOf = await core.texts.referencesOf(shown);
  const added = (...types: readonly EntryType[]): Decimal => amountOf(shown.filter(({ type }) => types.includes(type)));
  let balance = opening;
  const entries = shown.map((entry) => {
    balance = balance.plus(decimal(entry.amount));
    return { ...entryView(entry, applications, referenceOf(entry)), balance: money(balance) };
  });
  const { due, credit, unapplied } = standing;
  return {
    tenantId,
    currency,
    period,
    opening: money(opening),
    entries,
    invoiced: money(added('invoice')),
    voided: money(added('void').neg()),
    credited: money(added('credit_note').neg()),
    paid: money(added('payment', 'invoice_payment').neg()),
    refunded: money(added('refund')),
    closing: money(balance),
    prepaid: await prepaidOf(context, of),
    standing: {
      due: money(decimal(due)),
      credit: money(decimal(credit)),
      unapplied: money(decimal(unapplied)),
      balance: money(decimal(due).minus(decimal(credit)).minus(decimal(unapplied))),
    },
  };
}

const amountOf = (entries: readonly AccountEntry[]): Decimal => sum(entries.map(({ amount }) => decimal(amount)));

function entryView(entry: AccountEntry, applications: readonly Application[], reference: string | null) {
  const { type, entry_at: at, id, ordinal, currency, reason, amount, corrections } = entry;
  const own =
    type === 'payment' ? applications.filter((each) => each.payment_id === id && each.currency === currency) : [];
  const money = (value: Decimal): string => moneyText(value, currency);
  const applied = [...Map.groupBy(own, ({ ordinal: invoice }) => invoice)].map(([invoice, of]) => ({
    number: documentNumber('INV', invoice),
    amount: money(sum(of.map((each) => decimal(each.amount)))),
  }));
  const isCorrecting = corrections !== null && !decimal(corrections).eq(ZERO);
  return {
    at,
    type,
    id,
    number: ordinal === null ? null : documentNumber(type === 'credit_note' ? 'CN' : 'INV', ordinal),
    reference,
    reason,
    amount: money(decimal(amount)),
    corrections: isCorrecting ? money(decimal(corrections)) : null,
    applied,
  };
}
