import { csvLine } from '../../rows/csv-line.js';
import type { XeroOptions } from './accounts.js';
import type { Posting } from './journal.js';

/** The template of Xero for manual journals. An amount above zero is a debit, below zero a credit. */
const COLUMNS = [
  ...['*Narration', '*Date', 'Description', '*AccountCode', '*TaxRate', '*Amount'],
  ...['TrackingName1', 'TrackingOption1', 'TrackingName2', 'TrackingOption2'],
];
/** `30 Apr 2026`: Xero reads it in all countries. */
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The name that organisations in most countries have for lines without tax: tax has an account of its own here. */
const NO_TAX = 'Tax Exempt';

/** Lines of one narration and date are one journal. */
export async function* xeroFile(
  transactions: AsyncIterable<readonly Posting[]>,
  { taxRate = NO_TAX }: XeroOptions,
): AsyncGenerator<string> {
  yield `${csvLine(COLUMNS)}\r\n`;
  for await (const postings of transactions)
    for (const posting of postings) {
      const { transaction, date, account, amount } = posting;
      const [year, month, day] = date.split('-');
      const cells = [
        transaction,
        `${day} ${MONTHS[Number(month) - 1] ?? ''} ${year}`,
        aboutOf(posting),
        account,
        taxRate,
        amount,
      ];
      yield `${csvLine([...cells, ...COLUMNS.slice(cells.length).map(() => null)])}\r\n`;
    }
}

/** What a line is of, in words that a person finds in the journal. */
export const aboutOf = ({ payerId, tenantId, provider, document, kind, chargeMonth }: Posting): string =>
  [document, payerId ?? tenantId ?? provider, kind, chargeMonth].filter((each) => each !== null).join(' ');
