import { isBought, keyOfCredit, withTakings } from '#billing/invoices/prepaid-credit';
import { expiriesOf } from '#domain/invoices/credit-expiry';
import { documentNumber } from '#domain/invoices/invoice';
import { byMonth } from '#domain/margin/months';
import { type Decimal, decimal, integer, sum, text, ZERO } from '#domain/money/decimal';
import { unitAmountText } from '#domain/money/money';
import { clockAt } from '#domain/time/calendar';
import { type Instant, isBefore } from '#domain/time/instant';
import { contains, type Period } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { type JournalCost, readJournalCosts } from '#projections/costs/journal-costs.read';
import { readCredits } from '#projections/credits/credits.read';
import type { CreditRow } from '#projections/credits/credits.table';
import { readFrozenRows } from '#projections/invoices/invoices.read';
import {
  type AfterDocument,
  type JournalDocument,
  readJournalDocuments,
  readPaidInvoices,
} from '#projections/invoices/journal.read';
import { readApplicationsIn, readPaymentsIn, readRefundsIn } from '#projections/payments/payments.read';
import { readMarginCurrencies } from '#projections/margins/margins.read';
import type { Accounts } from './accounts.js';
import { lastDayOf, monthText } from './dates.js';
import {
  type BookedDocument,
  documentTransactions,
  type Entry,
  merged,
  plainEntry,
  receivable,
  type Transaction,
} from './transactions.js';

export const POSTING_COLUMNS = [
  'date',
  'transaction',
  'type',
  'document',
  'tenantId',
  'provider',
  'account',
  'amount',
  'currency',
  'kind',
  'chargeMonth',
  'bookedMonth',
  'correction',
  'taxRatePercent',
  'originalMonth',
  'payerId',
] as const;

type Optional =
  | ('tenantId' | 'provider' | 'kind' | 'chargeMonth' | 'correction' | 'taxRatePercent' | 'originalMonth')
  | 'payerId';

/**
 * A posting of a transaction: a row of the journal. Its amount is a debit above zero, a credit below. `chargeMonth`:
 * the month that it is for; `bookedMonth`: the month that its document is booked in. `correction` is `yes` if it
 * corrects what was billed or charged before. `originalMonth`: the closed month that a late posting belongs to.
 * `payerId`: of a receivable, the payer that its invoice is addressed to.
 */
export type Posting = Readonly<
  Record<Exclude<(typeof POSTING_COLUMNS)[number], Optional>, string> & Record<Optional, string | null>
>;

/** The postings of a month, as known at a position. Those of a transaction follow each other, and add up to 0. */
export async function* postingsOf(
  core: LedgerCore,
  position: number,
  month: Period,
  accounts: Accounts,
): AsyncGenerator<Posting> {
  for await (const transaction of transactionsOf(core, position, month)) {
    const { id, date, type, document, tenantId, provider, currency, bookedMonth, entries } = transaction;
    const left = sum(entries.map(({ amount }) => amount));
    if (!left.eq(ZERO)) throw new Error(`transaction ${id} of the journal does not balance: ${text(left)} is left`);
    for (const { account, amount, kind, chargeMonth, isCorrection, taxRatePercent, payerId = null } of entries)
      yield {
        ...{ date, transaction: id, type, document, tenantId, provider },
        account: accounts(account, {
          ...(kind === null ? {} : { kind }),
          ...(tenantId === null ? {} : { tenant: payerId ?? tenantId }),
          ...(provider === null ? {} : { provider }),
        }),
        amount: unitAmountText(amount, currency),
        ...{ currency, kind, chargeMonth, bookedMonth, correction: isCorrection ? 'yes' : null, taxRatePercent },
        ...{ originalMonth: null, payerId },
      };
  }
}

async function* transactionsOf(core: LedgerCore, position: number, month: Period): AsyncGenerator<Transaction> {
  const { db } = core;
  const bought = (await readCredits(db, position, null)).filter(isBought);
  yield* documentsOf(core, position, month, bought);
  for (const row of await readPaidInvoices(db, position, month)) {
    const { tenant_id: tenantId, payer_id: payerId, currency, paid_at: at, amount } = row;
    const document = documentNumber('INV', row.ordinal);
    yield {
      ...{ id: `${document}/payment`, type: 'payment', date: at.slice(0, 10), bookedMonth: monthText(at) },
      ...{ document, tenantId, provider: null, currency },
      entries: paid('bank', [{ amount, payer_id: payerId }]),
    };
  }
  yield* paymentsOf(core, position, month);
  yield* prepaymentsOf(core, position, month, bought);
  for (const currency of await readMarginCurrencies(db, position, month)) {
    const costs = await readJournalCosts(db, position, { month, currency });
    const bills = Map.groupBy(costs, ({ provider, invoice_ref }) => JSON.stringify([provider, invoice_ref]));
    for (const lines of bills.values()) yield* billOf(lines, month, currency);
  }
}

/** Payments of bought credits, and what expires of these. */
async function* prepaymentsOf(
  { db }: LedgerCore,
  position: number,
  month: Period,
  bought: readonly CreditRow[],
): AsyncGenerator<Transaction> {
  const of = ({ credit_id: document, tenant_id: tenantId, currency }: CreditRow, date: string) => ({
    ...{ document, tenantId, provider: null, currency, date, bookedMonth: date.slice(0, 7) },
  });
  const idOf = (row: CreditRow): string => `${row.tenant_id}/${row.currency}/${row.credit_id}`;
  for (const row of bought)
    if (row.amount !== null && row.payment !== null && contains(month, row.payment.at))
      yield {
        ...{ ...of(row, row.payment.at.slice(0, 10)), id: `credit/${idOf(row)}`, type: 'prepayment' },
        entries: transfer('bank', 'prepaidCredit', decimal(row.amount)),
      };
  const ended = bought.filter(({ effective_until: until }) => until !== null && isBefore(until, month.end));
  for (const { row, credit, takings } of await withTakings(db, position, ended))
    for (const { date, amount } of expiriesOf(credit, takings, row.currency))
      if (date.startsWith(monthText(month.start)))
        yield {
          ...{ ...of(row, date), id: `expiry/${idOf(row)}/${date}`, type: 'expiry' },
          entries: transfer('prepaidCredit', 'prepaidCreditExpired', amount),
        };
}

/** Recorded payments, with what they pay at once; what they pay later; and refunds. */
async function* paymentsOf({ db }: LedgerCore, position: number, month: Period): AsyncGenerator<Transaction> {
  const keyOf = (row: { tenant_id: string; currency: string; payment_id: string }): string =>
    `${row.tenant_id}/${row.currency}/${row.payment_id}`;
  const of = ({ tenant_id: tenantId, currency }: { tenant_id: string; currency: string }, at: Instant) => ({
    ...{ tenantId, provider: null, currency, date: at.slice(0, 10), bookedMonth: monthText(at) },
  });
  for (const row of await readPaymentsIn(db, position, month))
    yield {
      ...{ ...of(row, row.paid_at), id: `payment/${keyOf(row)}`, type: 'payment', document: row.payment_id },
      entries: transfer('bank', 'unappliedPayments', decimal(row.amount)),
    };
  const applications = await readApplicationsIn(db, position, month);
  for (const [id, each] of Map.groupBy(applications, (row) => `application/${keyOf(row)}/${row.applied_position}`)) {
    const [first] = each;
    if (first === undefined) continue;
    yield {
      ...{ ...of(first, first.applied_at), id, type: 'application', document: first.payment_id },
      entries: paid('unappliedPayments', each),
    };
  }
  for (const row of await readRefundsIn(db, position, month))
    yield {
      ...{ ...of(row, row.refunded_at), id: `refund/${row.tenant_id}/${row.currency}/${row.refund_id}` },
      ...{ type: 'refund', document: row.refund_id },
      entries: transfer(row.payment_id === null ? 'tenantCredit' : 'unappliedPayments', 'bank', decimal(row.amount)),
    };
}

const transfer = (debit: Entry['account'], credit: Entry['account'], amount: Decimal): Entry[] =>
  merged([plainEntry(debit, amount), plainEntry(credit, amount.neg())]);

/** What pays invoices: each is owed by whom it is addressed to. */
const paid = (
  from: Entry['account'],
  invoices: readonly { readonly amount: string; readonly payer_id: string | null }[],
): Entry[] =>
  merged(
    invoices.flatMap(({ amount, payer_id: payerId }) => [
      plainEntry(from, decimal(amount)),
      receivable(decimal(amount).neg(), payerId),
    ]),
  );

const PAGE_DOCUMENTS = 2000;
/** Of so many documents the rows are in memory at once: an invoice may have 20,000. */
const DOCUMENTS_AT_ONCE = 50;

async function* documentsOf(
  { db }: LedgerCore,
  position: number,
  month: Period,
  bought: readonly CreditRow[],
): AsyncGenerator<Transaction> {
  const prepaid = new Set(bought.map(keyOfCredit));
  for (let after: AfterDocument = { series: 'CN', ordinal: 0 }; ;) {
    const page: JournalDocument[] = await readJournalDocuments(db, position, month, { after, limit: PAGE_DOCUMENTS });
    for (let start = 0; start < page.length; start += DOCUMENTS_AT_ONCE)
      for (const document of await withRows(db, page.slice(start, start + DOCUMENTS_AT_ONCE)))
        yield* documentTransactions(document, monthText(month.start), (creditId) =>
          prepaid.has(keyOfCredit({ tenant_id: document.tenantId, currency: document.currency, credit_id: creditId })),
        ).filter(({ entries }) => entries.length > 0);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_DOCUMENTS) return;
    after = { series: last.series, ordinal: last.ordinal };
  }
}

async function withRows(db: LedgerCore['db'], documents: readonly JournalDocument[]): Promise<BookedDocument[]> {
  const frozen = documents.map(({ document_id: documentId, rows_attempt: attempt }) => ({ documentId, attempt }));
  const rows = Map.groupBy(await readFrozenRows(db, frozen), ({ invoice_id }) => invoice_id);
  return documents.map((of) => ({
    ...{ number: documentNumber(of.series, of.ordinal), isCreditNote: of.series === 'CN' },
    issuedOn: clockAt(of.issued_at, of.time_zone).date,
    voidedOn: of.voided_at === null ? null : clockAt(of.voided_at, of.time_zone).date,
    ...{ tenantId: of.tenant_id, payerId: of.payer_id, currency: of.currency },
    due: decimal(of.receivable),
    rows: (rows.get(of.document_id) ?? []).map(({ row }) => row),
  }));
}

/** What a provider's invoice charges for a month: a line that crosses months is divided by time, as in the margin. */
function* billOf(lines: readonly JournalCost[], month: Period, currency: string): Generator<Transaction> {
  const [first] = lines;
  if (first === undefined) return;
  const name = monthText(month.start);
  const entries = lines.map((line): Entry => ({
    account: line.is_tax ? 'inputTax' : 'cost',
    amount: chargedIn(line, name, currency),
    kind: line.kind,
    chargeMonth: name,
    isCorrection: line.is_correction,
    taxRatePercent: null,
  }));
  const payable = plainEntry('payable', sum(entries.map(({ amount }) => amount)).neg());
  const balanced = merged([...entries, payable]);
  if (balanced.length === 0) return;
  const { provider, invoice_ref: document } = first;
  yield {
    ...{ id: `cost/${provider}/${document}/${currency}/${name}`, type: 'cost', date: lastDayOf(name), document },
    ...{ bookedMonth: name, tenantId: null, provider, currency, entries: balanced },
  };
}

function chargedIn(line: JournalCost, month: string, currency: string): Decimal {
  const { amount, lines, charge_period_start: start, charge_period_end: end } = line;
  if (start === null || end === null) return decimal(amount);
  const share = byMonth(decimal(amount), { start, end }, currency).find((each) => each.month === month);
  if (share === undefined) throw new Error(`a cost line of [${start}, ${end}) has no share of ${month}`);
  return share.amount.times(integer(lines));
}
