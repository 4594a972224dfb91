import type { Posting } from './journal.js';

/** Formats that are not tables. */
export type PlainTextFormat = 'hledger' | 'ledger' | 'beancount';

/** The transactions of a journal as text, one by one. */
export async function* plainText(postings: AsyncIterable<Posting>, format: PlainTextFormat): AsyncGenerator<string> {
  // Accounts need not be opened, so files of several months can be read together.
  if (format === 'beancount') yield 'plugin "beancount.plugins.auto_accounts"\n';
  const written = format === 'beancount' ? inBeancount : inLedger;
  for await (const transaction of transactionsIn(postings)) yield written(transaction);
}

/** The postings of each transaction, which follow each other. */
export async function* transactionsIn(postings: AsyncIterable<Posting>): AsyncGenerator<readonly Posting[]> {
  let transaction: Posting[] = [];
  for await (const posting of postings) {
    if (transaction.length > 0 && transaction[0]?.transaction !== posting.transaction) {
      yield transaction;
      transaction = [];
    }
    transaction.push(posting);
  }
  if (transaction.length > 0) yield transaction;
}

const TAGS_OF_TRANSACTION = ['type', 'document', 'tenantId', 'provider', 'bookedMonth'] as const;
const TAGS_OF_POSTING = ['kind', 'chargeMonth', 'correction', 'taxRatePercent', 'originalMonth', 'payerId'] as const;

function tagsOf<Key extends keyof Posting>(posting: Posting, keys: readonly Key[]): [Key, string][] {
  return keys.flatMap((key) => {
    const value = posting[key];
    return value === null ? [] : [[key, escaped(value)]];
  });
}

/**
 * A text of letters, digits and `-_./` stays. Any other character is written as in a URL: ids may contain line breaks,
 * quotes and semicolons.
 */
export const escaped = (value: string): string =>
  encodeURIComponent(value)
    .replace(/[!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');

function inLedger(postings: readonly Posting[]): string {
  const [first] = postings;
  if (first === undefined) return '';
  return [
    '',
    `${first.date} * ${escaped(first.transaction)}`,
    ...tagsOf(first, TAGS_OF_TRANSACTION).map(([key, value]) => `    ; ${key}: ${value}`),
    ...postings.flatMap((posting) => [
      `    ${posting.account}  ${posting.amount} ${posting.currency}`,
      ...tagsOf(posting, TAGS_OF_POSTING).map(([key, value]) => `        ; ${key}: ${value}`),
    ]),
    '',
  ].join('\n');
}

function inBeancount(postings: readonly Posting[]): string {
  const [first] = postings;
  if (first === undefined) return '';
  return [
    '',
    `${first.date} * "${escaped(first.transaction)}"`,
    ...tagsOf(first, TAGS_OF_TRANSACTION).map(([key, value]) => `  ${key}: "${value}"`),
    ...postings.flatMap((posting) => [
      `  ${posting.account}  ${posting.amount} ${posting.currency}`,
      ...tagsOf(posting, TAGS_OF_POSTING).map(([key, value]) => `    ${key}: "${value}"`),
    ]),
    '',
  ].join('\n');
}
