import { invalid } from '#domain/errors';
import { type Decimal, decimal, decimals, ZERO } from '#domain/money/decimal';
import { moneyText, roundTogether, scaleOf } from '#domain/money/money';
import type { Instant } from '#domain/time/instant';
import {
  type AccountMapping,
  type DatevOptions,
  IMPORT_FORMATS,
  type ImportFormat,
  type JournalFormat,
} from './accounts.js';
import { datevFile } from './datev.js';
import type { Posting } from './journal.js';
import { transactionsIn } from './plain-text.js';
import { quickBooksFile } from './quickbooks.js';
import { xeroFile } from './xero.js';

export const isImportFormat = (format: JournalFormat): format is ImportFormat =>
  IMPORT_FORMATS.some((each) => each === format);

interface Of {
  readonly format: ImportFormat;
  readonly currency: string;
  /** `2026-04` */
  readonly month: string;
  /** When what the journal is as of was recorded. */
  readonly at: Instant;
}

/** A file for a bookkeeping program. Errors: `invalid_parameter`. */
export function importFile(
  postings: AsyncIterable<Posting>,
  { format, ...of }: Of,
  { xero = {}, datev = {} }: AccountMapping,
): AsyncIterable<string | Buffer> {
  const transactions = atScale(transactionsIn(postings), of.currency);
  switch (format) {
    case 'xero':
      return xeroFile(transactions, xero);
    case 'quickbooks':
      return quickBooksFile(transactions, of.month);
    case 'datev':
      assertDatev(of.currency, datev);
      return datevFile(transactions, { ...of, ...datev });
  }
}

/**
 * Transactions at the decimals of the currency, as these programs take them: a provider's cost may have 18. Debits and
 * credits are rounded together, by largest remainder, so that each transaction still adds up to 0.
 */
async function* atScale(
  transactions: AsyncIterable<readonly Posting[]>,
  currency: string,
): AsyncGenerator<readonly Posting[]> {
  const scale = scaleOf(currency);
  for await (const postings of transactions) {
    if (postings.every(({ amount }) => decimals(decimal(amount)) <= scale)) {
      yield postings;
      continue;
    }
    const [debits, credits] = [postings.filter(isDebit), postings.filter((posting) => !isDebit(posting))];
    const rounded = new Map([...roundedTogether(debits, currency), ...roundedTogether(credits, currency)]);
    yield postings.flatMap((posting) => {
      const amount = rounded.get(posting) ?? ZERO;
      return amount.eq(ZERO) ? [] : [{ ...posting, amount: moneyText(amount, currency) }];
    });
  }
}

const isDebit = ({ amount }: Posting): boolean => !amount.startsWith('-');

/** Each posting with its rounded amount. */
function roundedTogether(postings: readonly Posting[], currency: string): (readonly [Posting, Decimal])[] {
  const amounts = roundTogether(
    postings.map(({ amount }) => decimal(amount)),
    scaleOf(currency),
  );
  return postings.map((posting, index) => [posting, amounts[index] ?? ZERO]);
}

function assertDatev(currency: string, { consultant, client }: DatevOptions): void {
  const wrong = (field: string, message: string) =>
    invalid('invalid_parameter', `export journal: ${field} ${message}`, [{ field, message }]);
  if (consultant === undefined || client === undefined)
    throw wrong('accounts.datev', 'must name the consultant and the client. Add both to the file of --accounts.');
  if (scaleOf(currency) > 2) throw wrong('currency', `${currency} has more than 2 decimals, which DATEV does not take`);
}
