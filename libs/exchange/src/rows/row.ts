/** A row of a file, as it was read: nothing is known of it yet but where it stands. */
export interface SourceRow {
  /** Data rows are counted from 1; a CSV's header is none. */
  readonly row: number;
  /** The line of the file that it begins on; null where the file has no lines of its own (a JSON document). */
  readonly line: number | null;
  readonly fields: Readonly<Record<string, unknown>>;
  /** What its JSON said, to read a number as it was written. */
  readonly text?: string;
  /** It could not be read as a row: why. */
  readonly fault?: string;
  /** Of a mended reject: what identified it in the file that it came from. */
  readonly identity?: string;
}

/** A row that can't be taken: the field, what it says, and what to do about it. */
export class RowFault extends Error {
  override readonly name = 'RowFault';
  constructor(
    readonly field: string | null,
    readonly value: unknown,
    reason: string,
  ) {
    super(reason);
  }
}

/** Something odd in a row that was taken all the same. */
export interface RowNote {
  /** The same for all notes of this sort. */
  readonly code: string;
  readonly field: string;
  readonly value: string;
  readonly message: string;
}

/** `usage.csv, row 2 (line 3)` */
export const placeOf = (file: string, { row, line }: Pick<SourceRow, 'row' | 'line'>): string =>
  `${file}, row ${row}${line === null ? '' : ` (line ${line})`}`;

/** What a message shows of a value. */
export const quoted = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
};
