import { csvLine } from '../../rows/csv-line.js';
import type { Posting } from './journal.js';
import { aboutOf } from './xero.js';

/** The sample of QuickBooks Online for journal entries. */
const COLUMNS = [
  ...['*JournalNo', '*JournalDate', '*AccountName', '*Debits', '*Credits', 'Description', 'Name', 'Currency'],
  ...['Location', 'Class'],
];

/** Lines of one number are one entry. Its number has at most 21 characters: `2026-04-12` is the twelfth of April. */
export async function* quickBooksFile(
  transactions: AsyncIterable<readonly Posting[]>,
  month: string,
): AsyncGenerator<string> {
  yield `${csvLine(COLUMNS)}\r\n`;
  let n = 0;
  for await (const postings of transactions) {
    n += 1;
    for (const posting of postings) {
      const { transaction, date, account, amount, currency, tenantId, provider } = posting;
      const [year, monthOfYear, day] = date.split('-');
      const isCredit = amount.startsWith('-');
      const about = `${transaction}: ${aboutOf(posting)}`;
      yield `${csvLine([
        ...[`${month}-${n}`, `${monthOfYear}/${day}/${year}`, account],
        ...[isCredit ? null : amount, isCredit ? amount.slice(1) : null],
        ...[about, tenantId ?? provider, currency, null, null],
      ])}\r\n`;
    }
  }
}
