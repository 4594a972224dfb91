import { invalid } from '#domain/errors';
import { scaleOf } from '#domain/money/money';
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
  const transactions = transactionsIn(postings);
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

function assertDatev(currency: string, { consultant, client }: DatevOptions): void {
  const wrong = (field: string, message: string) =>
    invalid('invalid_parameter', `export journal: ${field} ${message}`, [{ field, message }]);
  if (consultant === undefined || client === undefined)
    throw wrong('accounts.datev', 'must name the consultant and the client. Add both to the file of --accounts.');
  if (scaleOf(currency) > 2) throw wrong('currency', `${currency} has more than 2 decimals, which DATEV does not take`);
}
