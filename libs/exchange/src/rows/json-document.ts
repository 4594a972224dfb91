import { text as wholeOf } from 'node:stream/consumers';
import { invalid } from '#domain/errors';
import { jsonFault, parseJson } from '#domain/json-text';
import { AnswerNotes } from './answer-notes.js';
import { isObject, itemsOf, isWindow, LISTS_OF_ANSWERS, listsOf } from './answers.js';
import type { SourceRows } from './csv-rows.js';
import { type JsonItem, JsonItems } from './json-items.js';
import { type Found, itemsIn, type List, listIn, PAGE_ROWS, withTexts } from './json-rows.js';
import { verbatim } from './raw-numbers.js';
import type { RowNote, SourceRow } from './row.js';
import { contentOf, type Source } from './source.js';

/** A larger document is read item by item. */
const LONGEST_WHOLE = 4 * 1024 * 1024;
/** The maximum size of a document that has no list from which items could be read one by one. */
const LONGEST_DOCUMENT = 64 * 1024 * 1024;

/** One JSON document: a list of objects, or a provider's API response. Errors: `unreadable_file`. */
export async function jsonDocument(
  source: Source,
  onRead: (bytes: number) => void,
  list: List,
  longestWhole = LONGEST_WHOLE,
): Promise<SourceRows> {
  const answers = new AnswerNotes();
  const noted = (): readonly RowNote[] => answers.noted();
  if (source.size > longestWhole) {
    const rows = await rowsByItem(source, onRead, list, answers);
    if (rows !== null) return { columns: null, pages: pagesOf(rows), noted };
  }
  return { columns: null, pages: pagesOf(await rowsOfWhole(source, onRead, list, answers)), noted };
}

async function* pagesOf(rows: Iterable<Found> | AsyncIterable<Found>): AsyncGenerator<SourceRow[]> {
  let page: SourceRow[] = [];
  let row = 0;
  for await (const found of rows) {
    row += 1;
    page.push({ row, line: null, ...found });
    if (page.length < PAGE_ROWS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

const notJson = (source: Source, error: unknown): Error =>
  invalid('unreadable_file', `${source.name} ${jsonFault(error)}. Nothing was imported.`);

async function rowsOfWhole(
  source: Source,
  onRead: (bytes: number) => void,
  list: List,
  answers: AnswerNotes,
): Promise<Found[]> {
  if (source.size > LONGEST_DOCUMENT)
    throw invalid(
      'unreadable_file',
      `${source.name} is one JSON document of ${source.size} bytes without a list of rows that is known.` +
        ` The maximum is ${LONGEST_DOCUMENT}. Convert it to JSON lines, for example with jq -c '.[]'.`,
    );
  const text = (await wholeOf(contentOf(source, onRead))).replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw notJson(source, error);
  }
  const written = verbatim(text);
  answers.see(value);
  if (list !== undefined) {
    const records = recordsOf(written);
    return recordsOf(value).flatMap((each, index) => itemsIn(each, records[index], list));
  }
  const items = rowsOfDocument(value);
  if (items === null)
    throw invalid(
      'unreadable_file',
      `${source.name} is neither a list of objects nor an API response that is known (DigitalOcean, OpenCost,` +
        ' Prometheus, Stripe).' +
        ' In a mapping file (--map), name the path of its list, {"list": "data.items"}. Nothing was imported.',
    );
  return withTexts(items, rowsOfDocument(written) ?? []);
}

const rowsOfDocument = (value: unknown): readonly unknown[] | null => (Array.isArray(value) ? value : itemsOf(value));

const recordsOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** A list of the document, and the rows of one of its items, parsed or verbatim. */
interface RowsOfList {
  readonly path: readonly string[];
  readonly rowsOf: (text: string) => readonly Found[];
}

/**
 * The rows of a large document, item by item. The document is read once to check all of it before a row is imported,
 * and then for each of its lists. null: it has no list that is known.
 */
async function rowsByItem(
  source: Source,
  onRead: (bytes: number) => void,
  list: List,
  answers: AnswerNotes,
): Promise<AsyncIterable<Found> | null> {
  const lists = await listsIn(source, list, answers);
  return lists === null ? null : rowsOfLists(source, onRead, lists);
}

async function* rowsOfLists(
  source: Source,
  onRead: (bytes: number) => void,
  lists: readonly RowsOfList[],
): AsyncGenerator<Found> {
  for (const [n, { path, rowsOf }] of lists.entries())
    for await (const { text } of itemsOfLists(source, new JsonItems([path]), n === 0 ? onRead : () => undefined))
      yield* rowsOf(text);
}

async function* itemsOfLists(
  source: Source,
  items: JsonItems,
  onRead: (bytes: number) => void = () => undefined,
): AsyncGenerator<JsonItem> {
  const content = contentOf(source, onRead).setEncoding('utf8');
  let isFirst = true;
  try {
    for await (const chunk of content as AsyncIterable<string>) {
      yield* items.take(isFirst ? chunk.replace(/^\uFEFF/, '') : chunk);
      isFirst = false;
    }
  } finally {
    content.destroy();
  }
}

/** Errors: `unreadable_file`, if the document is not JSON. */
async function listsIn(source: Source, list: List, answers: AnswerNotes): Promise<readonly RowsOfList[] | null> {
  const paths = [[], ...(list === undefined ? LISTS_OF_ANSWERS : [list.split('.')])];
  const items = new JsonItems(paths);
  const windows = new Set<boolean | undefined>();
  let rest: unknown;
  let written: unknown;
  try {
    for await (const { list: path, text } of itemsOfLists(source, items)) {
      const item = parseJson(text);
      if (paths[path]?.[0] === 'data') windows.add(isWindow(item));
    }
    rest = parseJson(items.end());
    written = verbatim(items.end());
  } catch (error) {
    throw error instanceof SyntaxError ? notJson(source, error) : error;
  }
  answers.see(rest);
  const ofRecord = (record: unknown, text: unknown): readonly Found[] =>
    list === undefined ? withTexts([record], [text]) : itemsIn(record, text, list);
  if (Array.isArray(rest)) return [{ path: [], rowsOf: (text) => ofRecord(JSON.parse(text), verbatim(text)) }];
  if (list === undefined)
    return (
      listsOf(rest, windows.has(true) && !windows.has(false))?.map(({ path, rows }) => ({
        path,
        rowsOf: (text) => withTexts(rows(JSON.parse(text)), rows(verbatim(text))),
      })) ?? null
    );
  if (!isObject(rest) || !isObject(written) || listIn(rest, list) === undefined) return null;
  const path = list.split('.');
  const [around, writtenAround] = [rest, written];
  return [
    {
      path,
      rowsOf: (text) =>
        itemsIn(withItem(around, path, JSON.parse(text)), withItem(writtenAround, path, verbatim(text)), list),
    },
  ];
}

type Fields = Readonly<Record<string, unknown>>;

/** The record with one item in its list. */
function withItem(record: Fields, [step = '', ...rest]: readonly string[], item: unknown): Fields {
  const within = record[step];
  return { ...record, [step]: rest.length === 0 || !isObject(within) ? [item] : withItem(within, rest, item) };
}
