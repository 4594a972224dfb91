import { type Newline, newlineIn, quotedRecords } from './quoted-records.js';
import type { CsvRecord } from './row.js';

/**
 * A CSV file as long as it is plain: each field is in quotes as a whole or has none, and all lines end alike. Nearly
 * all files are. Searching for the next delimiter takes a fraction of the time of a parser that looks at each
 * character. It stops at the first chunk that is not plain. Parsing then continues from `rest`.
 */
export class PlainCsv {
  /** The text that is not a complete record yet. */
  rest = '';
  /** Number of lines read. */
  lines = 0;
  /** The newline of the first line. All lines must have it. null: no line has ended yet. */
  newline: Newline | null = null;

  constructor(
    private readonly delimiter: string,
    /** A longer record is not plain. */
    private readonly longest: number,
  ) {}

  /**
   * The records that are complete with this chunk. null: the chunk is not plain. It is then added to `rest`, and none
   * of it is read.
   */
  take(chunk: string): CsvRecord[] | null {
    const text =
      this.rest + (this.lines === 0 && this.rest === '' && chunk.startsWith('\uFEFF') ? chunk.slice(1) : chunk);
    this.rest = text;
    return text.includes('"') ? this.takeQuoted(text) : this.takeLines(text);
  }

  /** The last record, if no newline ends it. null: it is not plain. */
  end(): CsvRecord[] | null {
    const { rest } = this;
    if (this.newline === null && rest.includes('\r')) return null;
    if (rest.includes('"')) {
      const records = this.takeQuoted(rest + (this.newline ?? '\n'));
      if (records === null || this.rest !== '') this.rest = rest;
      return this.rest === '' ? records : null;
    }
    this.rest = '';
    return this.recordsOf(rest === '' ? [] : [rest]);
  }

  private takeQuoted(text: string): CsvRecord[] | null {
    const newline = this.newline ?? newlineIn(text);
    if (this.delimiter === '"') return null;
    if (newline === null) return text.length > this.longest ? null : [];
    const read = quotedRecords(text, {
      delimiter: this.delimiter,
      newline,
      longest: this.longest,
      line: this.lines + 1,
    });
    if (read === null) return null;
    this.newline = newline;
    this.lines += read.lines;
    this.rest = text.slice(read.end);
    return read.records;
  }

  private takeLines(text: string): CsvRecord[] | null {
    const end = text.lastIndexOf('\n');
    // A newline may be split between chunks.
    if (end === -1) return text.length > this.longest || text.slice(0, -1).includes('\r') ? null : [];
    this.newline ??= text[text.indexOf('\n') - 1] === '\r' ? '\r\n' : '\n';
    const lines = text.slice(0, this.newline === '\n' ? end : end - 1).split(this.newline);
    // A line with another ending than the first, or a newline within a field.
    if (text.includes('\r') && !this.areWhole(lines, text[end - 1])) return null;
    if (lines.some(({ length }) => length > this.longest)) return null;
    this.rest = text.slice(end + 1);
    return this.recordsOf(lines);
  }

  private areWhole(lines: readonly string[], beforeLast: string | undefined): boolean {
    return (
      this.newline === '\r\n' &&
      beforeLast === '\r' &&
      !lines.some((line) => line.includes('\r') || line.includes('\n'))
    );
  }

  private recordsOf(lines: readonly string[]): CsvRecord[] {
    const records: CsvRecord[] = [];
    for (const line of lines) {
      this.lines += 1;
      if (line !== '') records.push({ record: line.split(this.delimiter), line: this.lines });
    }
    return records;
  }
}
