import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type pg from 'pg';

/** What is written of a row of the files, beside what it is compared by. */
export interface Content {
  /** The number of its file in the import, from 0. */
  readonly file: number;
  readonly row: number;
  readonly invoiceRef: string;
  /** An id: it has no control characters. */
  readonly key: string;
  /** The line as JSON, without its key. */
  readonly line: string;
  /** The row as it was read, as JSON: kept for a row that may have to be rejected. */
  readonly record: string | null;
}

const [compress, decompress] = [promisify(zstdCompress), promisify(zstdDecompress)];
/** Level 1 takes some 3 µs a line, of which it leaves 70 bytes: neighbours are alike. */
const QUICKLY = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const BYTES_PER_PAGE = 512 * 1024;
/** The most bytes of a UTF-16 code unit in UTF-8. */
const BYTES_PER_UNIT = 3;
const NEWLINE = 0x0a;

export const CONTENT_TABLE = `
  CREATE TEMP TABLE delivered_content (first int PRIMARY KEY, page bytea NOT NULL);
  ALTER TABLE delivered_content ALTER page SET STORAGE EXTERNAL`;

/**
 * The content of rows, which are numbered from 1 in the order of `add`, in packed pages: Postgres would take longer to
 * store and return each row than to compare it. A row is text only while it is added or read, as garbage collection
 * would copy it otherwise.
 */
export class StagedContent {
  /** The number of the first row of each page. */
  private readonly firsts: number[] = [];
  private page = Buffer.allocUnsafe(2 * BYTES_PER_PAGE);
  private end = 0;
  private rows = 0;
  private written = 0;

  constructor(private readonly pool: pg.Pool) {}

  /** Returns whether the page is full, and to be written before the next row is added. */
  add({ file, row, invoiceRef, key, line, record }: Content): boolean {
    // JSON has tabs and line breaks only as escapes.
    const text = `${file}\t${row}\t${JSON.stringify(invoiceRef)}\t${key}\t${line}\t${record ?? ''}`;
    const most = this.end + text.length * BYTES_PER_UNIT + 1;
    if (most > this.page.length) this.page = Buffer.concat([this.page.subarray(0, this.end)], most);
    this.end += this.page.write(text, this.end);
    this.page[this.end] = NEWLINE;
    this.end += 1;
    this.rows += 1;
    return this.end >= BYTES_PER_PAGE;
  }

  async write(): Promise<void> {
    if (this.end === 0) return;
    const page = await compress(this.page.subarray(0, this.end), QUICKLY);
    const first = this.written + 1;
    this.firsts.push(first);
    [this.written, this.end] = [this.rows, 0];
    await this.pool.query('INSERT INTO delivered_content VALUES ($1, $2)', [first, page]);
  }

  /** The content of rows that are written, by their numbers in ascending order. */
  async *of(numbers: readonly number[]): AsyncIterable<Content> {
    let next = 0;
    let page: Page | undefined;
    for (const n of numbers) {
      if (page === undefined || n >= (this.firsts[next] ?? Infinity)) {
        while (n >= (this.firsts[next] ?? Infinity)) next += 1;
        page = await this.read(this.firsts[next - 1] ?? 0);
      }
      yield page.row(n);
    }
  }

  private async read(first: number): Promise<Page> {
    const { rows } = await this.pool.query<{ page: Buffer }>('SELECT page FROM delivered_content WHERE first = $1', [
      first,
    ]);
    return new Page(first, await decompress(rows[0]?.page ?? ''));
  }
}

/** A page that is read from its first row to its last. */
class Page {
  private at = 0;
  private ref = { json: '""', text: '' };

  constructor(
    private next: number,
    private readonly bytes: Buffer,
  ) {}

  /** A row that is not before the last one. */
  row(n: number): Content {
    for (; this.next < n; this.next += 1) this.at = this.bytes.indexOf(NEWLINE, this.at) + 1;
    const end = this.bytes.indexOf(NEWLINE, this.at);
    const [file, row, ref, key, line, record] = this.bytes.toString('utf8', this.at, end).split('\t');
    if (ref === undefined || key === undefined || line === undefined) throw new Error(`row ${n} was not stored`);
    if (ref !== this.ref.json) this.ref = { json: ref, text: String(JSON.parse(ref)) };
    return {
      ...{ file: Number(file), row: Number(row), invoiceRef: this.ref.text, key, line },
      record: record === undefined || record === '' ? null : record,
    };
  }
}
