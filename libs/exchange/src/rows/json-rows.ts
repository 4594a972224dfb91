import { jsonFault, parseJson } from '#domain/json-text';
import { AnswerNotes } from './answer-notes.js';
import { isObject, itemsOf, mayBeAnswer } from './answers.js';
import type { SourceRows } from './csv-rows.js';
import { verbatim } from './raw-numbers.js';
import type { SourceRow } from './row.js';
import { contentOf, type Source } from './source.js';

export const PAGE_ROWS = 1000;

type Fields = Readonly<Record<string, unknown>>;
/** The path of the list in each object whose items are the rows, by the mapping. undefined: each object is a row. */
export type List = string | undefined;

/** JSON lines: each is an object, or a page of a provider's API. */
export function jsonLines(source: Source, onRead: (bytes: number) => void, list: List): SourceRows {
  const answers = new AnswerNotes();
  return { columns: null, pages: linePages(source, onRead, list, answers), noted: () => answers.noted() };
}

async function* linePages(
  source: Source,
  onRead: (bytes: number) => void,
  list: List,
  answers: AnswerNotes,
): AsyncGenerator<SourceRow[]> {
  const content = contentOf(source, onRead);
  let [row, line] = [0, 0];
  let page: SourceRow[] = [];
  try {
    for await (const read of linesOf(content.setEncoding('utf8'))) {
      line += 1;
      const text = line === 1 ? read.replace(/^\uFEFF/, '') : read;
      if (text.trim() === '') continue;
      for (const found of rowsOfLine(text, list, answers)) {
        row += 1;
        page.push({ row, line, ...found });
      }
      if (page.length < PAGE_ROWS) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  } finally {
    content.destroy();
  }
}

const ENDS_OF_LINES = /\r\n|\n|\r/;

/** Lines end with LF, CR LF or CR alone. A text in JSON may have all other ends of lines, such as U+2028. */
async function* linesOf(content: AsyncIterable<string>): AsyncGenerator<string> {
  // A line may be as long as the file: what was searched is not searched again.
  let begun: string[] = [];
  let isAfterCr = false;
  for await (const chunk of content) {
    const text = isAfterCr && chunk.startsWith('\n') ? chunk.slice(1) : chunk;
    isAfterCr = chunk.endsWith('\r');
    const [first = '', ...others] = text.split(ENDS_OF_LINES);
    begun.push(first);
    const last = others.pop();
    if (last === undefined) continue;
    yield begun.join('');
    yield* others;
    begun = [last];
  }
  yield begun.join('');
}

function rowsOfLine(text: string, list: List, answers: AnswerNotes): Found[] {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    return [
      {
        fields: { '': text.slice(0, 2000) },
        fault: `${jsonFault(error)}. Repair or remove the line.`,
      },
    ];
  }
  if (!isObject(value))
    return [
      {
        fields: { '': text.slice(0, 2000) },
        fault: 'is not a JSON object such as {"deploymentId": "…", …}',
      },
    ];
  if (list !== undefined) {
    const of = isReject(value) ? value.record : value;
    const isWhole = of === value || listIn(of, list) !== undefined;
    if (isWhole) answers.see(of);
    if (isWhole) return itemsIn(of, of === value ? verbatim(text) : recordIn(text), list);
  }
  const items = mayBeAnswer(value) ? itemsOf(value) : null;
  if (items !== null) answers.see(value);
  if (items !== null) return withTexts(items, itemsOf(verbatim(text)) ?? []);
  if (!isReject(value)) return [{ fields: value, text }];
  const { record: fields, identity } = value;
  return [{ fields, text: JSON.stringify(recordIn(text)), ...(identity === undefined ? {} : { identity }) }];
}

/** A line of a file of rejects: the repaired row, and its identity. */
const isReject = (value: Fields): value is { readonly record: Fields; readonly identity?: string } =>
  isObject(value['record']) && typeof value['row'] === 'number' && typeof value['reason'] === 'string';

function recordIn(text: string): unknown {
  const reject = verbatim(text);
  return isObject(reject) ? reject['record'] : undefined;
}

/** Rows, each with its JSON text. `written`: the same rows, verbatim. */
export const withTexts = (rows: readonly unknown[], written: readonly unknown[]): Found[] =>
  rows.map((row, index) => ({ ...rowOf(row), text: JSON.stringify(rowOf(written[index]).fields) }));

/** A row whose place is not known yet. */
export type Found = Omit<SourceRow, 'row' | 'line'>;

const rowOf = (item: unknown): Found =>
  isObject(item) ? { fields: item } : { fields: { '': item }, fault: 'is not a JSON object' };

/**
 * A row for each item of a list in an object: the item's own fields, and those of the objects around it. A field that
 * both have is the item's. `written`: the object, verbatim.
 */
export function itemsIn(record: unknown, written: unknown, path: string): Found[] {
  if (!isObject(record)) return [rowOf(record)];
  if (listIn(record, path) === undefined)
    return [{ fields: record, fault: `has no list ${path}. Add it, or correct "list" in the mapping.` }];
  const writtenRows = isObject(written) ? rowsAround(written, path) : [];
  return rowsAround(record, path).map((found, index) => ({
    ...found,
    text: JSON.stringify(writtenRows[index]?.fields ?? {}),
  }));
}

export const listIn = (record: Fields, path: string): readonly unknown[] | undefined => {
  const found = path.split('.').reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), record);
  return Array.isArray(found) ? found : undefined;
};

function rowsAround(record: Fields, path: string): Found[] {
  const around = withoutField(record, path.split('.'));
  return (listIn(record, path) ?? []).map((item) =>
    isObject(item)
      ? { fields: { ...around, ...item } }
      : { fields: { ...around, '': item }, fault: `has an item of ${path} that is not a JSON object` },
  );
}

function withoutField(record: Fields, [step = '', ...rest]: readonly string[]): Fields {
  const { [step]: found, ...others } = record;
  return rest.length === 0 || !isObject(found) ? others : { ...others, [step]: withoutField(found, rest) };
}
