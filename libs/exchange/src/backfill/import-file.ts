import { isDomainError } from '#domain/schema';
import type { Cells } from '../rows/cells.js';
import type { SourceRows } from '../rows/csv-rows.js';
import { rowsOf } from '../rows/file-rows.js';
import type { Mapping } from '../rows/mapping.js';
import type { Importer, NotedRow, RowReport } from '../rows/outcome.js';
import { ROWS_PER_MARK } from './progress-marks.js';
import { cellsFor, type Preset, presetFor } from '../presets/preset.js';
import { RowFault, type SourceRow } from '../rows/row.js';
import type { Source } from '../rows/source.js';

export interface FileImport<Item> {
  readonly presets: readonly Preset<Item>[];
  readonly mapping: Mapping;
  readonly importer: Importer<Item>;
  /** Called with each row that can be read. */
  readonly survey: (item: Item) => void;
  readonly report: RowReport;
  readonly note: (note: NotedRow) => void;
  readonly onRead: (bytes: number) => void;
  readonly signal: AbortSignal;
  /** The number of rows that an earlier run imported. */
  readonly rowsDone: number;
  /** Called after every `ROWS_PER_MARK` rows: all rows up to this one are imported. */
  readonly reached: (rows: number) => Promise<void>;
}

/** Reads a file to its end, or until the signal aborts. Each row is imported or reported as rejected. */
export async function importFile<Item>(source: Source, options: FileImport<Item>): Promise<void> {
  const { columns, pages, noted } = await rowsOf(source, options.mapping, options.onRead);
  // A header is checked even if no row follows. For objects, the first one decides the preset.
  const reading = columns === null ? undefined : readingOf(source, options, columns, columns);
  try {
    await importPages(source, options, pages, reading);
  } catch (error) {
    // The file can't be read past this row. The rows before it are imported.
    if (isDomainError(error)) await options.importer.flush();
    throw error;
  }
  await options.importer.flush();
  for (const each of noted?.() ?? []) options.note({ row: 0, line: null, ...each });
}

async function importPages<Item>(
  source: Source,
  options: FileImport<Item>,
  pages: SourceRows['pages'],
  known: Reading<Item> | undefined,
): Promise<void> {
  let [reading, rows] = [known, 0];
  for await (const page of pages) {
    reading ??= readingOf(
      source,
      options,
      Object.keys(page.find(({ fault }) => fault === undefined)?.fields ?? {}),
      null,
    );
    for (const row of page) {
      rows += 1;
      const taken = importRow({ source, reading, row, options, isDone: rows <= options.rowsDone });
      if (taken !== undefined) await taken;
      if (rows % ROWS_PER_MARK !== 0 || rows <= options.rowsDone) continue;
      await options.importer.flush();
      await options.reached(rows);
    }
    if (options.signal.aborted) return;
  }
}

interface Reading<Item> {
  readonly preset: Preset<Item>;
  readonly cells: Cells;
}

function readingOf<Item>(
  source: Source,
  { presets, mapping, note }: FileImport<Item>,
  names: readonly string[],
  columns: readonly string[] | null,
): Reading<Item> {
  const preset = presetFor(presets, mapping, names);
  const foreign =
    preset.isKnownColumn === undefined ? [] : names.filter((name) => preset.isKnownColumn?.(name) === false);
  for (const field of foreign)
    note({
      row: 0,
      line: 1,
      code: 'foreign_column',
      field,
      value: '',
      message: `column not defined by ${preset.name}. It is not read.`,
    });
  return { preset, cells: cellsFor(preset, mapping, source.name, columns) };
}

function importRow<Item>({
  source,
  reading: { cells, preset },
  row,
  options: { importer, survey, report, note },
  isDone,
}: {
  readonly source: Source;
  readonly reading: Reading<Item>;
  readonly row: SourceRow;
  readonly options: FileImport<Item>;
  readonly isDone: boolean;
}): Promise<void> | undefined {
  if (row.fault !== undefined) {
    report.count('read');
    report.reject(row, { field: null, value: null, reason: row.fault });
    return undefined;
  }
  let read: Item | readonly Item[];
  try {
    read = preset.read(cells.on(row));
  } catch (error) {
    if (!(error instanceof RowFault)) throw error;
    report.count('read');
    report.reject(row, { field: error.field, value: error.value, reason: error.message });
    return undefined;
  }
  for (const each of cells.noted()) note({ row: row.row, line: row.line, ...each });
  const identity = row.identity ?? identityOf(source, row);
  const take = (item: Item): Promise<void> | undefined => {
    report.count('read');
    survey(item);
    if (!isDone) return importer.add(item, row, identity);
    importer.skip(item, row, identity);
    report.count('duplicate');
    return undefined;
  };
  return isList(read) ? takeAll(read, take) : take(read);
}

const isList = <Item>(read: Item | readonly Item[]): read is readonly Item[] => Array.isArray(read);

async function takeAll<Item>(items: readonly Item[], take: (item: Item) => Promise<void> | undefined): Promise<void> {
  for (const item of items) await take(item);
}

const DIGEST_CHARACTERS = 16;

/** What identifies a row that has no id of its own: the file's content and the row's number. */
export const identityOf = ({ digest }: Pick<Source, 'digest'>, { row }: SourceRow): string =>
  `${digest.slice(0, DIGEST_CHARACTERS)}:${row}`;
