import type { Statement } from '#billing/invoices/statement';
import { owingPayers } from './owing-payers.js';
import { csvLine } from '../rows/csv-line.js';

const ENTRY = [
  ...['at', 'type', 'id', 'number', 'reference', 'reason', 'amount', 'corrections', 'applied', 'balance', 'payerId'],
];

/**
 * A statement as CSV, each row with its tenant: the opening balance, the entries with theirs, the closing balance, and
 * where others pay, what each of them and the tenant itself owes of it.
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
  ];
  return [['tenantId', 'currency', ...ENTRY], ...all].map((row) => `${csvLine(row)}\n`).join('');
}
