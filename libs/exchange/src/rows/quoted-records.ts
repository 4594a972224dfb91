import type { CsvRecord } from './row.js';

export type Newline = '\n' | '\r\n';

interface Format {
  readonly delimiter: string;
  readonly newline: Newline;
  /** A longer record is not plain. */
  readonly longest: number;
  /** The line on which the text begins. */
  readonly line: number;
}

interface Read {
  readonly records: CsvRecord[];
  /** Where the first record begins that is not complete. */
  readonly end: number;
  /** Number of lines before it. */
  readonly lines: number;
}

/**
 * The complete records of a text with quotes. null: one is not plain, for example because a quote is within a field
 * that has none around it.
 */
export function quotedRecords(text: string, format: Format): Read | null {
  const scan = new Scan(text, format);
  const records: CsvRecord[] = [];
  let end = 0;
  let { lines } = scan;
  while (end < text.length) {
    const record = scan.record();
    const length = (record === undefined ? text.length : scan.at) - end;
    if (record === null || length > format.longest) return null;
    if (record === undefined) break;
    const isBlank = scan.at - end === format.newline.length;
    if (!isBlank) records.push({ record, line: format.line + lines });
    ({ at: end, lines } = scan);
  }
  return { records, end, lines };
}

/** The end of the first line that does not end within quotes. null: no line ends. */
export function newlineIn(text: string): Newline | null {
  let quotes = 0;
  let quote = text.indexOf('"');
  for (let feed = text.indexOf('\n'); feed !== -1; feed = text.indexOf('\n', feed + 1)) {
    for (; quote !== -1 && quote < feed; quote = text.indexOf('"', quote + 1)) quotes += 1;
    if (quotes % 2 === 0) return text[feed - 1] === '\r' ? '\r\n' : '\n';
  }
  return null;
}

const QUOTE = '"';

/** Each position is searched once: the next one of each character is remembered. */
class Scan {
  at = 0;
  lines = 0;
  private delimiter = -1;
  private quote = -1;
  private feed = -1;
  private carriage = -1;

  constructor(
    private readonly text: string,
    private readonly format: Format,
  ) {}

  /** The record that begins here. undefined: the text ends within it. null: it is not plain. */
  record(): string[] | null | undefined {
    const { text, format } = this;
    const record: string[] = [];
    for (;;) {
      const field = text.startsWith(QUOTE, this.at) ? this.quotedField() : this.plainField();
      if (typeof field !== 'string') return field;
      record.push(field);
      if (text.startsWith(format.delimiter, this.at)) this.at += format.delimiter.length;
      else if (text.startsWith(format.newline, this.at)) {
        this.at += format.newline.length;
        this.lines += 1;
        return record;
      } else return format.newline.startsWith(text.slice(this.at)) ? undefined : null;
    }
  }

  private plainField(): string | null | undefined {
    const { text, at, format } = this;
    if (this.delimiter < at) this.delimiter = this.next(format.delimiter, at);
    if (this.feed < at) this.feed = this.next('\n', at);
    if (this.quote < at) this.quote = this.next(QUOTE, at);
    if (this.carriage < at) this.carriage = this.next('\r', at);
    const lineEnd = this.feed - format.newline.length + 1;
    const end = Math.min(this.delimiter, lineEnd);
    if (end === Infinity) return undefined;
    // A quote or another newline within the field.
    if (end < at || this.quote < end || this.carriage < end) return null;
    this.at = end;
    return text.slice(at, end);
  }

  private quotedField(): string | undefined {
    const { text } = this;
    const start = this.at + 1;
    let isEscaped = false;
    let close = text.indexOf(QUOTE, start);
    for (; close !== -1 && text.startsWith(QUOTE, close + 1); close = text.indexOf(QUOTE, close + 2)) isEscaped = true;
    // The quote at the end of a chunk may be the first of two.
    if (close === -1 || close === text.length - 1) return undefined;
    if (this.feed < start) this.feed = this.next('\n', start);
    for (; this.feed < close; this.feed = this.next('\n', this.feed + 1)) this.lines += 1;
    this.at = close + 1;
    const field = text.slice(start, close);
    return isEscaped ? field.replaceAll('""', QUOTE) : field;
  }

  private next(character: string, from: number): number {
    const found = this.text.indexOf(character, from);
    return found === -1 ? Infinity : found;
  }
}
