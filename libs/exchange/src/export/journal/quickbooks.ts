import { hash } from 'node:crypto';
import { csvLine } from '../../rows/csv-line.js';
import type { Posting } from './journal.js';
import { aboutOf } from './xero.js';

/** The sample of QuickBooks Online for journal entries. */
const COLUMNS = [
  ...['*JournalNo', '*JournalDate', '*AccountName', '*Debits', '*Credits', 'Description', 'Name', 'Currency'],
  ...['Location', 'Class'],
];

/** Of a number of at most 21 characters. */
const DIGEST_CHARACTERS = 13;

/** The number of an entry. It names its transaction in all files, also of other currencies and of a later moment. */
const numberOf = (month: string, { currency, transaction }: Posting): string =>
  `${month}-${hash('sha256', `${currency} ${transaction}`, 'hex').slice(0, DIGEST_CHARACTERS)}`;

/** Lines of one number are one entry. */
export async function* quickBooksFile(
  transactions: AsyncIterable<readonly Posting[]>,
  month: string,
): AsyncGenerator<string> {
  yield `${csvLine(COLUMNS)}\r\n`;
  for await (const postings of transactions)
    for (const posting of postings) {
      const { transaction, date, account, amount, currency, tenantId, payerId, provider } = posting;
      const [year, monthOfYear, day] = date.split('-');
      const isCredit = amount.startsWith('-');
      const about = `${transaction}: ${aboutOf(posting)}`;
      yield `${csvLine([
        ...[numberOf(month, posting), `${monthOfYear}/${day}/${year}`, account],
        ...[isCredit ? null : amount, isCredit ? amount.slice(1) : null],
        ...[about, payerId ?? tenantId ?? provider, currency, null, null],
      ])}\r\n`;
    }
}
