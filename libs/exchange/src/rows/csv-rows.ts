import type { Readable } from 'node:stream';
import { CsvError, type Info, parse } from 'csv-parse';
import { errorOf, invalid } from '#domain/errors';
import { PlainCsv } from './plain-csv.js';
import type { CsvRecord, RowNote, SourceRow } from './row.js';
import { contentOf, type Source } from './source.js';

/** A longer field means that a quote was opened and never closed. */
const LONGEST_RECORD = 1024 * 1024;
const OTHER_DELIMITERS = [';', '\t', '|', ','];

/** Rows in pages, and the names of their columns, if the file has them. */
export interface SourceRows {
  readonly columns: readonly string[] | null;
  readonly pages: AsyncIterable<readonly SourceRow[]>;
  /** Notes of the file as a whole, once its pages were read. */
  readonly noted?: () => readonly RowNote[];
}

/**
 * A CSV file with a header. BOM, Windows newlines and quoted newlines are accepted. Errors: `unreadable_file`, with the
 * line.
 */
export async function csvRows(
  source: Source,
  delimiter: string | undefined,
  onRead: (bytes: number) => void,
): Promise<SourceRows> {
  const used = delimiter ?? (/\.tsv(\.gz)?$/.test(source.name) ? '\t' : ',');
  const content = contentOf(source, onRead);
  const blocks = csvRecords(source, content.setEncoding('utf8'), used);
  const first = await firstOf(blocks);
  if (first === null)
    throw invalid('unreadable_file', `${source.name} has only blank lines and no rows. Nothing was imported.`);
  const columns = first.header.map((name) => name.trim());
  assertHeader(source, columns, used);
  return { columns, pages: pagesOf(first.rest, blocks, columns, () => content.destroy()) };
}

async function firstOf(
  blocks: AsyncGenerator<readonly CsvRecord[]>,
): Promise<{ readonly header: readonly string[]; readonly rest: readonly CsvRecord[] } | null> {
  for (let next = await blocks.next(); next.done !== true; next = await blocks.next()) {
    const [header, ...rest] = next.value;
    if (header !== undefined) return { header: header.record, rest };
  }
  return null;
}

async function* pagesOf(
  first: readonly CsvRecord[],
  blocks: AsyncGenerator<readonly CsvRecord[]>,
  columns: readonly string[],
  close: () => void,
): AsyncGenerator<SourceRow[]> {
  let row = 0;
  const page = (records: readonly CsvRecord[]): SourceRow[] =>
    records.map((record) => rowOf(columns, record, (row += 1)));
  try {
    yield page(first);
    for await (const records of blocks) yield page(records);
  } finally {
    close();
  }
}

/** Records in blocks: split while they are plain, and parsed from the first block that is not. */
async function* csvRecords(source: Source, content: Readable, delimiter: string): AsyncGenerator<readonly CsvRecord[]> {
  const plain = new PlainCsv(delimiter, LONGEST_RECORD);
  const chunks = content[Symbol.asyncIterator]() as AsyncIterator<string, undefined>;
  for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
    const records = plain.take(chunk.value);
    if (records === null) {
      yield* parsedRecords(source, restOf(plain.rest, chunks), delimiter, plain);
      return;
    }
    yield records;
  }
  const last = plain.end();
  if (last === null) yield* parsedRecords(source, restOf(plain.rest, chunks), delimiter, plain);
  else yield last;
}

async function* restOf(begun: string, chunks: AsyncIterator<string, undefined>): AsyncGenerator<string> {
  yield begun;
  for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) yield chunk.value;
}

async function* parsedRecords(
  source: Source,
  text: AsyncIterable<string>,
  delimiter: string,
  { newline, lines: before }: PlainCsv,
): AsyncGenerator<readonly CsvRecord[]> {
  let [lines, blank] = [0, 0];
  const lineAfter = (info: Pick<Info, 'empty_lines'>): number => before + lines + 1 + info.empty_lines - blank;
  let records: CsvRecord[] = [];
  const parser = parse({
    delimiter,
    ...(newline === null ? {} : { record_delimiter: newline }),
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: LONGEST_RECORD,
    // Collected here, because the stream discards its records when it meets an error.
    on_record(record: readonly string[], info) {
      records.push({ record, line: lineAfter(info) });
      [lines, blank] = [info.lines, info.empty_lines];
      return null;
    },
  });
  // The callback of `write` gets the error too.
  parser.on('error', () => undefined);
  const taken = (): readonly CsvRecord[] => {
    const each = records;
    records = [];
    return each;
  };
  try {
    for await (const chunk of text) {
      await written((done) => parser.write(chunk, done));
      yield taken();
    }
    await written((done) => parser.end(done));
  } catch (error) {
    yield taken();
    throw unreadable(source, error, lineAfter(parser.info));
  }
  yield taken();
}

const written = async (write: (done: (error?: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    write((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });

/** A row of CSV. Only few need their fields by name. */
class CsvRow implements SourceRow {
  constructor(
    readonly row: number,
    readonly line: number,
    readonly record: readonly string[],
    private readonly columns: readonly string[],
  ) {}

  get fields(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.columns.map((column, index) => [column, this.record[index] ?? '']));
  }
}

function rowOf(columns: readonly string[], { record, line }: CsvRecord, row: number): SourceRow {
  if (record.length === columns.length) return new CsvRow(row, line, record, columns);
  const fields = Object.fromEntries(
    record.slice(0, columns.length).map((value, index) => [columns[index] ?? '', value]),
  );
  const fault =
    `has ${record.length} fields, but the header has ${columns.length}.` +
    ' Check for an unquoted delimiter or newline.';
  return {
    row,
    line,
    fields: record.length > columns.length ? { ...fields, '': record.slice(columns.length).join(',') } : fields,
    fault,
  };
}

function assertHeader(source: Source, columns: readonly string[], used: string): void {
  const [only = ''] = columns;
  const other =
    columns.length === 1 ? OTHER_DELIMITERS.find((each) => each !== used && only.includes(each)) : undefined;
  if (other !== undefined)
    throw invalid(
      'unreadable_file',
      `${source.name}, line 1: the header is one column, ${JSON.stringify(only.slice(0, 80))}.` +
        ` The delimiter is ${JSON.stringify(other)}, not ${JSON.stringify(used)}.` +
        ` Set {"delimiter": ${JSON.stringify(other)}} in a mapping file (--map).`,
    );
  const twice = columns.find((name, index) => name !== '' && columns.indexOf(name) !== index);
  if (twice !== undefined)
    throw invalid(
      'unreadable_file',
      `${source.name}, line 1: duplicate column ${JSON.stringify(twice)}. Rename one of them.`,
    );
}

/** `line`: the first line of the record that can't be read. */
function unreadable(source: Source, error: unknown, line: number): Error {
  if (!(error instanceof CsvError)) return errorOf(error);
  const isOpen = error.code === 'CSV_QUOTE_NOT_CLOSED' || error.code === 'CSV_MAX_RECORD_SIZE';
  const why = isOpen
    ? 'the row that starts here opens a quote and never closes it.' +
      ' Close it, or double it if it is part of the text'
    : error.message;
  return invalid(
    'unreadable_file',
    `${source.name}, line ${line}: ${why}. The rows before it are imported. Repair the file and import it again.`,
  );
}
