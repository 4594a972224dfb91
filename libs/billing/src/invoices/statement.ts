import { documentNumber } from '#domain/invoices/invoice';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import {
  type AccountEntry,
  type Application,
  type EntryType,
  readAccountEntries,
  readApplications,
  readEntryCurrencies,
  readStanding,
  type Standing,
} from '#projections/payments/payments.read';
import {
  type OwedByPayer,
  readOwedByPayers,
  readPayerCurrencies,
  readPayerDue,
  readPayerEntries,
} from '#projections/payments/payer-entries.read';
import { prepaidOf } from './prepaid-credit.js';

/** Of a tenant, in a currency, between two instants. */
export interface StatementOf {
  readonly tenantId: string;
  readonly currency: string;
  readonly period: Period;
}

export type Statement = Awaited<ReturnType<typeof statementFrom>>;

/**
 * A statement of account: what a tenant owed at the start, what was invoiced, credited, paid and refunded, and what it
 * owes at the end. A balance below zero is owed to the tenant. A payment has what it paid before the end. Of what is
 * owed, payers owe the part that is due of invoices that are addressed to them; the tenant owes the rest itself.
 */
export async function statementOf({ core, position }: QueryContext, of: StatementOf) {
  const { tenantId, currency, period } = of;
  const applications = (await readApplications(core.db, position, [tenantId])).filter(({ applied_at: at }) =>
    isBefore(at, period.end),
  );
  return statementFrom(core, of, {
    payerId: null,
    all: await readAccountEntries(core.db, position, { tenantId, currency, until: period.end }),
    currencies: await readEntryCurrencies(core.db, position, { tenantId, until: period.end }),
    owedByPayers: await readOwedByPayers(core.db, position, { tenantId, currency, until: period.end }),
    appliedOf: ({ type, id }) => (type === 'payment' ? applications.filter((each) => each.payment_id === id) : []),
    standing: await readStanding(core.db, position, { tenantId, currency }),
    prepaid: await prepaidOf({ core, position }, of),
  });
}

/**
 * A statement of what a tenant is to pay for others: of the invoices that are addressed to it, what was due at their
 * issue, and what voids, credit notes and payments take of it. Credit and payments as such are in the accounts of the
 * billed tenants.
 */
export async function payerStatementOf({ core, position }: QueryContext, of: StatementOf): Promise<Statement> {
  const { tenantId: payerId, currency, period } = of;
  const none = moneyText(ZERO, currency);
  return statementFrom(core, of, {
    payerId,
    all: await readPayerEntries(core.db, position, { payerId, currency, until: period.end }),
    currencies: await readPayerCurrencies(core.db, position, { payerId, until: period.end }),
    owedByPayers: [],
    appliedOf: () => [],
    standing: { due: await readPayerDue(core.db, position, { payerId, currency }), credit: '0', unapplied: '0' },
    prepaid: { opening: none, topUps: [], bought: none, used: none, expired: none, closing: none },
  });
}

interface Found {
  readonly payerId: string | null;
  /** All entries before the end. */
  readonly all: readonly AccountEntry[];
  /** Of all entries before the end, also in other currencies. */
  readonly currencies: readonly string[];
  readonly owedByPayers: readonly OwedByPayer[];
  readonly appliedOf: (entry: AccountEntry) => readonly Application[];
  readonly standing: Standing;
  readonly prepaid: Awaited<ReturnType<typeof prepaidOf>>;
}

async function statementFrom(
  core: LedgerCore,
  { tenantId, currency, period }: StatementOf,
  { payerId, all, currencies, owedByPayers, appliedOf, standing, prepaid }: Found,
) {
  const money = (amount: Decimal): string => moneyText(amount, currency);
  const isEarlier = ({ entry_at: at }: AccountEntry): boolean => isBefore(at, period.start);
  const opening = amountOf(all.filter(isEarlier));
  const shown = all.filter((entry) => !isEarlier(entry));
  const referenceOf = await core.texts.referencesOf(shown);
  const added = (...types: readonly EntryType[]): Decimal => amountOf(shown.filter(({ type }) => types.includes(type)));
  let balance = opening;
  const entries = shown.map((entry) => {
    balance = balance.plus(decimal(entry.amount));
    const own = appliedOf(entry).filter((each) => each.currency === currency);
    return { ...entryView(entry, own, referenceOf(entry)), balance: money(balance) };
  });
  const { due, credit, unapplied } = standing;
  const ofPayers = (which: 'closing' | 'due'): Decimal => sum(owedByPayers.map((each) => decimal(each[which])));
  const owed = decimal(due).minus(decimal(credit)).minus(decimal(unapplied));
  return {
    tenantId,
    payerId,
    currency,
    otherCurrencies: currencies.filter((each) => each !== currency),
    period,
    opening: money(opening),
    entries,
    invoiced: money(added('invoice')),
    voided: money(added('void').neg()),
    credited: money(added('credit_note').neg()),
    paid: money(added('payment', 'invoice_payment').neg()),
    refunded: money(added('refund')),
    closing: money(balance),
    owedByPayers: owedByPayers.map((each) => ({
      payerId: each.payer_id,
      closing: money(decimal(each.closing)),
      due: money(decimal(each.due)),
    })),
    ownClosing: money(balance.minus(ofPayers('closing'))),
    prepaid,
    standing: {
      due: money(decimal(due)),
      credit: money(decimal(credit)),
      unapplied: money(decimal(unapplied)),
      balance: money(owed),
      ownBalance: money(owed.minus(ofPayers('due'))),
    },
  };
}

const amountOf = (entries: readonly AccountEntry[]): Decimal => sum(entries.map(({ amount }) => decimal(amount)));

function entryView(entry: AccountEntry, own: readonly Application[], reference: string | null) {
  const { tenant_id: tenantId, type, entry_at: at, id, ordinal, currency, reason, amount, corrections } = entry;
  const money = (value: Decimal): string => moneyText(value, currency);
  const applied = [...Map.groupBy(own, ({ ordinal: invoice }) => invoice)].map(([invoice, of]) => ({
    number: documentNumber('INV', invoice),
    amount: money(sum(of.map((each) => decimal(each.amount)))),
  }));
  const isCorrecting = corrections !== null && !decimal(corrections).eq(ZERO);
  return {
    tenantId,
    at,
    type,
    id,
    number: ordinal === null ? null : documentNumber(type === 'credit_note' ? 'CN' : 'INV', ordinal),
    reference,
    reason,
    amount: money(decimal(amount)),
    corrections: isCorrecting ? money(decimal(corrections)) : null,
    applied,
    payerId: entry.payer_id,
  };
}
