/** A record of a CSV file, and the line on which it starts. */
export interface CsvRecord {
  readonly record: readonly string[];
  readonly line: number;
}

/** A row as it was read from a file. Only its place is known so far. */
export interface SourceRow {
  /** Data rows are counted from 1, without the header of a CSV file. */
  readonly row: number;
  /** The line on which it starts. null: the file has no lines of its own (a JSON document). */
  readonly line: number | null;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Of CSV: its values, in the order of the header. */
  readonly record?: readonly string[];
  /** Its JSON text, to read numbers exactly as they were written. */
  readonly text?: string;
  /** The reason why it could not be read. */
  readonly fault?: string;
  /** For a repaired reject: its identity in the original file. */
  readonly identity?: string;
}

/** A row that can't be imported: the field, its value, and what to do. */
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

/** An oddity in a row that is imported nevertheless. */
export interface RowNote {
  /** The same for all notes of this kind. */
  readonly code: string;
  readonly field: string;
  readonly value: string;
  readonly message: string;
}

/** `usage.csv, row 2 (line 3)` */
export const placeOf = (file: string, { row, line }: Pick<SourceRow, 'row' | 'line'>): string =>
  `${file}, row ${row}${line === null ? '' : ` (line ${line})`}`;

/** A value as messages show it: shortened. */
export const quoted = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
};
