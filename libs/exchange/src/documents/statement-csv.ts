import type { Statement } from '#billing/invoices/statement';
import { csvLine } from '../rows/csv-line.js';

const ENTRY = ['at', 'type', 'id', 'number', 'reference', 'reason', 'amount', 'corrections', 'applied', 'balance'];

/** A statement as CSV, each row with its tenant: the opening balance, the entries with theirs, the closing balance. */
export function statementCsv({ tenantId, currency, period, opening, entries, closing }: Statement): string {
  const balance = (at: string, type: string, of: string) => [
    tenantId,
    currency,
    at,
    type,
    ...ENTRY.slice(3).map(() => null),
    of,
  ];
  const rows = entries.map(({ at, type, id, number, reference, reason, amount, corrections, applied, ...entry }) => [
    ...[entry.tenantId, currency, at, type, id, number, reference, reason, amount, corrections],
    ...[applied.map((each) => `${each.amount} for ${each.number}`).join('; '), entry.balance],
  ]);
  const all = [balance(period.start, 'opening', opening), ...rows, balance(period.end, 'closing', closing)];
  return [['tenantId', 'currency', ...ENTRY], ...all].map((row) => `${csvLine(row)}\n`).join('');
}
