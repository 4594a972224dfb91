import type { Statement } from '#billing/invoices/statement';
import { owingPayers } from './owing-payers.js';
import { isZero, negated } from './rows.js';
import { csvLine } from '../rows/csv-line.js';

/** A prepaid row: its day, type, id, amount and balance. */
type PrepaidRow = readonly [at: string, type: string, id: string | null, amount: string | null, of: string | null];

/** Credit that the tenant bought, if it ever did. It is no part of the balance of the account. */
function prepaidRows({ period: { start, end }, currency, prepaid }: Statement): PrepaidRow[] {
  const { opening, topUps, used, expired, closing } = prepaid;
  const isNone = [opening, ...topUps.map(({ amount }) => amount), used, expired, closing].every(isZero);
  if (isNone) return [];
  return [
    [start, 'prepaid_opening', null, null, opening],
    ...topUps.map(({ creditId, at, amount }): PrepaidRow => [at, 'prepaid_bought', creditId, amount, null]),
    [end, 'prepaid_used', null, negated(used, currency), null],
    [end, 'prepaid_expired', null, negated(expired, currency), null],
    [end, 'prepaid_closing', null, null, closing],
  ];
}

const ENTRY = [
  ...['at', 'type', 'id', 'number', 'reference', 'reason', 'amount', 'corrections', 'applied', 'balance', 'payerId'],
];

/**
 * A statement as CSV, each row with its tenant: the opening balance, the entries with theirs, the closing balance,
 * where others pay, what each of them and the tenant itself owes of it, and what became of credit that it bought.
 */
export function statementCsv(statement: Statement): string {
  const { tenantId, currency, period, opening, entries, closing, ownClosing } = statement;
  const payers = owingPayers(statement);
  const balance = (at: string, type: string, of: string, payerId: string | null = null) => [
    ...[tenantId, currency, at, type],
    ...ENTRY.slice(4).map(() => null),
    ...[of, payerId],
  ];
  const rows = entries.map(({ at, type, id, number, reference, reason, amount, corrections, applied, ...entry }) => [
    ...[entry.tenantId, currency, at, type, id, number, reference, reason, amount, corrections],
    ...[applied.map((each) => `${each.amount} for ${each.number}`).join('; '), entry.balance],
    entry.payerId,
  ]);
  const all = [
    balance(period.start, 'opening', opening),
    ...rows,
    balance(period.end, 'closing', closing),
    ...payers.map((each) => balance(period.end, 'closing_of_payer', each.closing, each.payerId)),
    ...(payers.length === 0 ? [] : [balance(period.end, 'closing_of_tenant', ownClosing)]),
    ...prepaidRows(statement).map(([at, type, id, amount, of]) => [
      ...[tenantId, currency, at, type, id, null, null, null, amount, null, null, of, null],
    ]),
  ];
  return [['tenantId', 'currency', ...ENTRY], ...all].map((row) => `${csvLine(row)}\n`).join('');
}
