type Fields = Readonly<Record<string, unknown>>;

interface Column {
  readonly name: string;
  /** In JSON also inside an object: `period.start`. null: its name is no path. */
  readonly path: readonly string[] | null;
}

/**
 * A field of a file's rows: where its value is, and what was checked of it last. Most values of a bill are those of the
 * row before, and are not checked again.
 */
export class Field {
  private readonly columns: readonly Column[];
  /** Where its columns are in a row of CSV. */
  private readonly places: readonly number[];
  /** The last text that is storable and has no spaces around it. */
  clean: string | undefined;
  /** The last id. */
  id: string | undefined;
  /** The last detail as it was written, and as it is kept. */
  writtenDetail: string | undefined;
  keptDetail: string | undefined;

  constructor(
    /** Its value in every row, by the mapping. */
    readonly fixed: string | undefined,
    columns: readonly string[],
    header: readonly string[] | null,
  ) {
    this.columns = columns.map((name) => ({ name, path: name.includes('.') ? name.split('.') : null }));
    // Of several columns without a name, the last one counts.
    this.places = columns.map((name) => header?.lastIndexOf(name) ?? -1).filter((place) => place !== -1);
  }

  /** Whether a row may have it. */
  get isIn(): boolean {
    return this.fixed !== undefined || this.columns.length > 0;
  }

  /** The first value of an object that is not empty and not skipped. */
  inFields(fields: Fields, isSkipped: (value: string) => boolean = () => false): unknown {
    for (const { name, path } of this.columns) {
      const value = fields[name] ?? (path === null ? undefined : inside(fields, path));
      if (value === undefined || value === null || value === '') continue;
      if (typeof value === 'string' && isSkipped(value)) continue;
      return value;
    }
    return undefined;
  }

  /** The same of a row of CSV. */
  inRecord(record: readonly string[], isSkipped: (value: string) => boolean): string | undefined {
    for (const place of this.places) {
      const value = record[place];
      if (value !== undefined && value !== '' && !isSkipped(value)) return value;
    }
    return undefined;
  }
}

function inside(fields: Fields, path: readonly string[]): unknown {
  let at: unknown = fields;
  for (const step of path) at = isKeyed(at) ? at[step] : undefined;
  return at;
}

const isKeyed = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
