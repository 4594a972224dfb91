import { CsvError, type Info, parse } from 'csv-parse';
import { invalid } from '#domain/errors';
import type { SourceRow } from './row.js';
import { contentOf, type Source } from './source.js';

/** A field that is longer is no field: a quote was opened and never closed. */
const LONGEST_RECORD = 1024 * 1024;
const PAGE_ROWS = 1000;
const OTHER_DELIMITERS = [';', '\t', '|', ','];

/** Rows in pages, and the names of their columns, where the file has them. */
export interface SourceRows {
  readonly columns: readonly string[] | null;
  readonly pages: AsyncIterable<readonly SourceRow[]>;
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: Pick<Info, 'lines'>;
}

/** A CSV file with a header: BOM, Windows newlines and quoted newlines are borne. Errors: `unreadable_file`, with the line. */
export async function csvRows(source: Source, delimiter: string | undefined, onRead: (bytes: number) => void): Promise<SourceRows> {
  const used = delimiter ?? (/\.tsv(\.gz)?$/.test(source.name) ? '\t' : ',');
  const content = contentOf(source, onRead);
  const parser = parse({
    bom: true,
    delimiter: used,
    info: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: LONGEST_RECORD,
  });
  content.once('error', (error) => parser.destroy(error));
  const records = content.pipe(parser)[Symbol.asyncIterator]() as AsyncIterator<CsvRecord, undefined>;
  const next = async (): Promise<CsvRecord | null> => {
    try {
      return (await records.next()).value ?? null;
    } catch (error) {
      throw unreadable(source, error);
    }
  };
  const header = await next();
  if (header === null) throw invalid('unreadable_file', `${source.name} has no rows, only blank lines: nothing was imported`);
  const columns = header.record.map((name) => name.trim());
  assertHeader(source, columns, used);
  return { columns, pages: pagesOf(next, columns, header.info.lines, () => content.destroy()) };
}

async function* pagesOf(next: () => Promise<CsvRecord | null>, columns: readonly string[], headerLines: number, close: () => void): AsyncGenerator<SourceRow[]> {
  let [row, lines] = [0, headerLines];
  let page: SourceRow[] = [];
  try {
    for (let read = await next(); read !== null; read = await next()) {
      row += 1;
      page.push(rowOf(columns, read.record, row, lines + 1));
      lines = read.info.lines;
      if (page.length < PAGE_ROWS) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  } finally {
    close();
  }
}

function rowOf(columns: readonly string[], record: readonly string[], row: number, line: number): SourceRow {
  const fields: Record<string, string> = {};
  const read = Math.min(columns.length, record.length);
  for (let index = 0; index < read; index += 1) fields[columns[index] ?? ''] = record[index] ?? '';
  if (record.length === columns.length) return { row, line, fields };
  const fault = `has ${record.length} fields where the header has ${columns.length}: is a delimiter or a newline in it not quoted?`;
  return { row, line, fields: record.length > columns.length ? { ...fields, '': record.slice(columns.length).join(',') } : fields, fault };
}

function assertHeader(source: Source, columns: readonly string[], used: string): void {
  const [only = ''] = columns;
  const other = columns.length === 1 ? OTHER_DELIMITERS.find((each) => each !== used && only.includes(each)) : undefined;
  if (other !== undefined)
    throw invalid(
      'unreadable_file',
      `${source.name}, line 1: the header is one column, ${JSON.stringify(only.slice(0, 80))}: the delimiter is ${JSON.stringify(other)}, not ${JSON.stringify(used)};` +
        ` say {"delimiter": ${JSON.stringify(other)}} in a mapping file (--map)`,
    );
  const twice = columns.find((name, index) => name !== '' && columns.indexOf(name) !== index);
  if (twice !== undefined) throw invalid('unreadable_file', `${source.name}, line 1: the column ${JSON.stringify(twice)} is there twice: rename one of them`);
}

function unreadable(source: Source, error: unknown): Error {
  if (!(error instanceof CsvError)) return error instanceof Error ? error : new Error(String(error));
  const line = typeof error['lines'] === 'number' ? error['lines'] : '?';
  const isOpen = error.code === 'CSV_QUOTE_NOT_CLOSED' || error.code === 'CSV_MAX_RECORD_SIZE';
  const why = isOpen ? 'a quote is opened before it and never closed: close it, or double it where it is part of the text' : error.message;
  return invalid('unreadable_file', `${source.name}, line ${line}: ${why}; what came before is kept, mend it and run the same again`);
}
