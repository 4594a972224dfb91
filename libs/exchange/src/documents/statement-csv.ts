import type { Statement } from '#billing/invoices/statement';
import { csvLine } from '../rows/csv-line.js';

const ENTRY = ['at', 'type', 'id', 'number', 'reference', 'reason', 'amount', 'corrections', 'applied', 'balance'];

/** A statement as CSV: the opening balance, the entries with the balance after each, and the closing balance. */
export function statementCsv({ tenantId, currency, period, opening, entries, closing }: Statement): string {
  const balance = (at: string, type: string, of: string) => [at, type, ...ENTRY.slice(3).map(() => null), of];
  const rows = entries.map(({ at, type, id, number, reference, reason, amount, corrections, applied, ...entry }) => [
    ...[at, type, id, number, reference, reason, amount, corrections],
    ...[applied.map((each) => `${each.amount} for ${each.number}`).join('; '), entry.balance],
  ]);
  const all = [balance(period.start, 'opening', opening), ...rows, balance(period.end, 'closing', closing)];
  return [['tenantId', 'currency', ...ENTRY], ...all.map((row) => [tenantId, currency, ...row])]
    .map((row) => `${csvLine(row)}\n`)
    .join('');
}
