import { type Account, balanceOf, foldAccount } from '#domain/invoices/settlement';
import { type Decimal, decimal, text, ZERO } from '#domain/money/decimal';
import type { RecordedBillingEvent } from '#billing/invoices/invoice-events';
import { ofType } from '#event-store/codec';
import type { QueryContext } from '#ledger/query';
import { ifReadable } from '#read-model/readable';
import {
  readAllTenantCredits,
  readSettledInvoices,
  type SettledInvoice,
} from '#projections/invoices/issued-invoices.read';
import { readPayerBalances } from '#projections/payments/payer-entries.read';
import { readAllPayments, readBalances } from '#projections/payments/payments.read';
import type { PaymentRow } from '#projections/payments/payments.table';
import { type Check, type Finding, REBUILD } from './finding.js';
import { keyOfAccount, keyOfAccountRow } from '#projections/invoices/invoices.read';

const SETTLING = [
  'InvoiceIssued',
  'InvoiceVoided',
  'InvoicePaid',
  'InvoicePaymentWithdrawn',
  'CreditNoteIssued',
  'PaymentRecorded',
  'PaymentApplied',
  'PaymentApplicationWithdrawn',
  'PaymentWithdrawn',
  'RefundRecorded',
  'RefundWithdrawn',
] as const;

/** Amounts due, credit, payments and balances of each tenant, and of each payer, are as the log has them. */
const settlements: Check = async (context) => {
  const accounts = await settlingEvents(context);
  const { core, position } = context;
  const credits = await readAllTenantCredits(core.db, position);
  const invoices = await readSettledInvoices(core.db, position);
  const shown = new Map(invoices.map((row) => [row.invoice_id, row]));
  const payments = Map.groupBy(await readAllPayments(core.db, position), keyOfAccountRow);
  const balances = new Map((await readBalances(core.db, position, null)).map((row) => [keyOfAccountRow(row), row]));
  const creditOf = new Map(credits.map((row) => [keyOfAccountRow(row), row.credit]));
  const owedByPayers = new Map<string, Owed>();
  const found = [...accounts].flatMap(([key, { tenantId, currency, events }]): Finding[] => {
    const account = foldAccount(events);
    addOwed(owedByPayers, account, events);
    const credit = decimal(creditOf.get(key) ?? '0');
    const wrongCredit = credit.eq(account.credit)
      ? []
      : [
          differs(
            `tenant ${tenantId} has ${text(account.credit)} ${currency} in credit, but ${text(credit)} is shown`,
            {
              tenantId,
              currency,
            },
          ),
        ];
    const wrongInvoices = [...account.settlements].flatMap(([invoiceId, { creditTaken, amountDue, applied }]) => {
      const row = shown.get(invoiceId);
      if (
        row !== undefined &&
        decimal(row.credit_taken ?? '0').eq(creditTaken) &&
        decimal(row.amount_due ?? '0').eq(amountDue) &&
        decimal(row.amount_applied ?? '0').eq(applied)
      )
        return [];
      return [
        differs(
          `${text(amountDue)} ${currency} of invoice ${invoiceId} are due after ${text(creditTaken)} of credit,` +
            ` and ${text(applied)} of it is paid by payments, but ${row?.amount_due ?? 'nothing'} and` +
            ` ${row?.amount_applied ?? '0'} are shown`,
          { tenantId, invoiceId, currency },
        ),
      ];
    });
    const own = { tenantId, currency };
    return [
      ...wrongCredit,
      ...wrongInvoices,
      ...wrongPayersOf(account, shown, own),
      ...wrongPayments(account, payments.get(key) ?? [], own),
      ...wrongBalance(account, balances.get(key)?.balance ?? '0', own),
    ];
  });
  return [...found, ...wrongPayers(owedByPayers, await readPayerBalances(core.db, position))];
};

/** Invoices of an account that are shown as addressed to another tenant than they were at their issue. */
const wrongPayersOf = ({ settlements }: Account, shown: ReadonlyMap<string, SettledInvoice>, key: Key): Finding[] =>
  [...settlements].flatMap(([invoiceId, { payerId }]) => {
    const row = shown.get(invoiceId);
    const payer = row?.payer_id ?? key.tenantId;
    if (row === undefined || payer === payerId) return [];
    return [
      differs(`invoice ${invoiceId} is addressed to tenant ${payerId}, but tenant ${payer} is shown as its payer`, {
        ...key,
        invoiceId,
      }),
    ];
  });

interface Owed {
  readonly payerId: string;
  readonly currency: string;
  readonly amount: Decimal;
}

const keyOfPayer = ({ payerId: tenantId, currency }: Pick<Owed, 'payerId' | 'currency'>): string =>
  keyOfAccount({ tenantId, currency });

/** Adds what is left to pay of the invoices of an account that are addressed to payers. */
function addOwed(owed: Map<string, Owed>, { settlements }: Account, events: readonly RecordedBillingEvent[]): void {
  for (const { type, data } of events) {
    if (type !== 'InvoiceIssued' || data.payer === undefined) continue;
    const of = { payerId: data.payer.tenantId, currency: data.currency };
    const settlement = settlements.get(data.invoiceId);
    const open = settlement === undefined || settlement.isPaid ? ZERO : settlement.amountDue.minus(settlement.applied);
    const key = keyOfPayer(of);
    owed.set(key, { ...of, amount: open.plus(owed.get(key)?.amount ?? ZERO) });
  }
}

/** The entries of a payer's statement add up to what is left to pay of the invoices that are addressed to it. */
function wrongPayers(
  owed: ReadonlyMap<string, Owed>,
  rows: readonly { readonly payer_id: string; readonly currency: string; readonly balance: string }[],
): Finding[] {
  const shown = new Map(
    rows.map(({ payer_id: payerId, currency, balance }): [string, Owed] => [
      keyOfPayer({ payerId, currency }),
      { payerId, currency, amount: decimal(balance) },
    ]),
  );
  // Also a payer that the log does not know.
  return [...new Map([...shown, ...owed])].flatMap(([key, { payerId, currency }]) => {
    const [amount, balance] = [owed.get(key)?.amount ?? ZERO, shown.get(key)?.amount ?? ZERO];
    if (balance.eq(amount)) return [];
    return [
      differs(
        `payer ${payerId} is to pay ${text(amount)} ${currency} for others, but the entries of its statement come to` +
          ` ${text(balance)}`,
        { tenantId: payerId, currency },
      ),
    ];
  });
}

interface Key {
  readonly tenantId: string;
  readonly currency: string;
}

const wrongPayments = ({ payments }: Account, rows: readonly PaymentRow[], key: Key): Finding[] =>
  [...new Set([...payments.keys(), ...rows.map(({ payment_id }) => payment_id)])].flatMap((paymentId) => {
    const [own, row] = [payments.get(paymentId), rows.find((each) => each.payment_id === paymentId)];
    const [left, shown] = [own?.unapplied ?? ZERO, decimal(row?.unapplied ?? '0')];
    if (own !== undefined && row !== undefined && left.eq(shown)) return [];
    const ids = { ...key, paymentId };
    return [differs(`payment ${paymentId} has ${text(left)} ${key.currency} left, but ${text(shown)} is shown`, ids)];
  });

/** The entries of a statement add up to what is due, less credit and what is left of payments. */
function wrongBalance(account: Account, shown: string, key: Key): Finding[] {
  const owed = balanceOf(account);
  if (owed.eq(decimal(shown))) return [];
  return [
    differs(
      `tenant ${key.tenantId} owes ${text(owed)} ${key.currency}, but the entries of its account come to ${shown}`,
      { ...key },
    ),
  ];
}

const differs = (message: string, ids: Finding['ids']): Finding => ({
  code: 'settlement_differs',
  message,
  ids,
  remedy: REBUILD,
});

interface SettledAccount {
  readonly tenantId: string;
  readonly currency: string;
  readonly events: RecordedBillingEvent[];
}

async function settlingEvents({ core, position }: QueryContext): Promise<Map<string, SettledAccount>> {
  const accounts = new Map<string, SettledAccount>();
  for await (const stored of core.log.readAll(0, { types: SETTLING })) {
    if (stored.position > position) break;
    const readable = ifReadable(stored);
    if (readable === undefined) continue;
    const event = ofType(readable, ...SETTLING);
    const { tenantId, currency } = event.data;
    const key = keyOfAccount({ tenantId, currency });
    const own = accounts.get(key);
    if (own === undefined) accounts.set(key, { tenantId, currency, events: [event] });
    else own.events.push(event);
  }
  return accounts;
}

export const SETTLEMENTS: readonly Check[] = [settlements];
