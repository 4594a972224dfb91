/** A record of a CSV file, and the line that it begins on. */
export interface CsvRecord {
  readonly record: readonly string[];
  readonly line: number;
}

/**
 * The lines of a CSV for as long as none has a quote, which is most usage there is: such a line is its fields with the
 * delimiter between them, and to split it takes a fifth of the time that a parser of quotes does. At the first chunk
 * that is not so plain it gives up, and `rest` is where to go on.
 */
export class PlainLines {
  /** What was read and is no whole line yet. */
  rest = '';
  /** Lines that were taken. */
  lines = 0;
  /** As the first line ends, all do; null: none has ended yet. */
  newline: '\n' | '\r\n' | null = null;

  constructor(
    private readonly delimiter: string,
    /** A longer line is none. */
    private readonly longest: number,
  ) {}

  /**
   * The records that are whole with this chunk; null where it is not plain: then it is added to `rest`, and none of it
   * is taken.
   */
  take(chunk: string): CsvRecord[] | null {
    const text =
      this.rest + (this.lines === 0 && this.rest === '' && chunk.startsWith('\uFEFF') ? chunk.slice(1) : chunk);
    this.rest = text;
    if (chunk.includes('"')) return null;
    const end = text.lastIndexOf('\n');
    // A newline may be cut in two.
    if (end === -1) return text.length > this.longest || text.slice(0, -1).includes('\r') ? null : [];
    this.newline ??= text[text.indexOf('\n') - 1] === '\r' ? '\r\n' : '\n';
    const lines = text.slice(0, this.newline === '\n' ? end : end - 1).split(this.newline);
    // A line that ends otherwise than the first one, or a newline within a field.
    if (text.includes('\r') && !this.areWhole(lines, text[end - 1])) return null;
    if (lines.some(({ length }) => length > this.longest)) return null;
    this.rest = text.slice(end + 1);
    return this.recordsOf(lines);
  }

  /** The last line, where it does not end. */
  end(): CsvRecord[] {
    const { rest } = this;
    this.rest = '';
    return this.recordsOf(rest === '' ? [] : [rest]);
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
