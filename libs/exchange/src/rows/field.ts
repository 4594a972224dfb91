import { ownText } from '#domain/own-text';

type Fields = Readonly<Record<string, unknown>>;

/** The names of a field's columns, and whether only these count. */
export interface FieldColumns {
  readonly names: readonly string[];
  /** Else names count that differ in case, underscores and other marks: `deployment_id` is `deploymentId`. */
  readonly isExact: boolean;
  /** The same of keys inside an object: `data.quantity`. */
  readonly isExactInside: boolean;
}

/** Only these names count. */
export const EXACTLY = { isExact: true, isExactInside: true };

interface Column {
  readonly name: string;
  /** In JSON also inside an object: `period.start`. null: its name is no path. */
  readonly path: readonly string[] | null;
}

const simpleNames = new Map<string, string>();
/** Rows may have keys of their own, such as ids: at most this many are remembered. */
const MOST_NAMES = 10_000;

/** A name without case and marks, except for points: names that are equal in this are the same. */
function simpleName(name: string): string {
  const known = simpleNames.get(name);
  if (known !== undefined) return known;
  const simple = name.toLowerCase().replace(/[^a-z0-9.]/g, '');
  if (simpleNames.size === MOST_NAMES) simpleNames.clear();
  simpleNames.set(ownText(name), simple);
  return simple;
}

/** The columns with this name, the one that is written like it first. */
export function columnsNamed(name: string, columns: readonly string[]): readonly string[] {
  const simple = simpleName(name);
  const others = columns.filter((column) => column !== name && simpleName(column) === simple);
  return columns.includes(name) ? [name, ...others] : others;
}

/** The columns of a file, by names that differ in case and marks at most. */
export interface NamedColumns {
  has(name: string): boolean;
}

export function namedColumns(columns: readonly string[]): NamedColumns {
  const simple = new Set(columns.map(simpleName));
  return { has: (name) => simple.has(simpleName(name)) };
}

/** The keys of an object. Rows with the same keys share it. */
export class Shape {
  private readonly bySimpleName = new Map<string, string[]>();

  constructor(private readonly keys: readonly string[]) {
    for (const key of keys) {
      const simple = simpleName(key);
      const same = this.bySimpleName.get(simple);
      if (same === undefined) this.bySimpleName.set(simple, [key]);
      else same.push(key);
    }
  }

  has(keys: readonly string[]): boolean {
    if (keys.length !== this.keys.length) return false;
    for (let index = 0; index < keys.length; index += 1) if (keys[index] !== this.keys[index]) return false;
    return true;
  }

  /** The keys with this name, the one that is written like it first. */
  named(name: string, isExact: boolean): readonly string[] {
    const same = this.bySimpleName.get(simpleName(name)) ?? [];
    if (isExact) return same.includes(name) ? [name] : [];
    return same.length > 1 ? columnsNamed(name, same) : same;
  }
}

/** Rows that leave out what is empty have several shapes: at most this many are remembered. */
const MOST_SHAPES = 1000;

/** The shapes of a file's rows. */
export class Shapes {
  private last = new Shape([]);
  private readonly known = new Map<string, Shape>();

  of(fields: Fields): Shape {
    const keys = Object.keys(fields);
    if (this.last.has(keys)) return this.last;
    const name = keys.join('\u0000');
    const known = this.known.get(name) ?? new Shape(keys.map(ownText));
    if (this.known.size === MOST_SHAPES) this.known.clear();
    this.known.set(name, known);
    this.last = known;
    return known;
  }
}

/**
 * A field of a file's rows: where its value is, and what was checked of it last. Most values of a bill are those of the
 * row before, and are not checked again.
 */
export class Field {
  /** Of objects: where its values may be, by their shape. */
  private readonly ofShape = new WeakMap<Shape, readonly Column[]>();
  private lastShape: Shape | undefined;
  private lastColumns: readonly Column[] = [];
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
    private readonly of: FieldColumns,
    private readonly header: readonly string[] | null,
  ) {
    // Of several columns without a name, the last one counts.
    this.places = of.names.map((name) => header?.lastIndexOf(name) ?? -1).filter((place) => place !== -1);
  }

  /** Whether a row may have it. */
  get isIn(): boolean {
    return this.fixed !== undefined || this.of.names.length > 0;
  }

  /** Whether an object with these keys, or each row of CSV, has a column for it, even if it is empty. */
  hasColumn(shape: Shape): boolean {
    if (this.fixed !== undefined) return true;
    return this.header === null ? this.columnsIn(shape).length > 0 : this.places.length > 0;
  }

  /** The first value of an object that is not empty and not skipped. `shape`: that of the object. */
  inFields(fields: Fields, shape: Shape, isSkipped: (value: string) => boolean = () => false): unknown {
    for (const { name, path } of this.columnsIn(shape)) {
      const value = path === null ? fields[name] : inside(fields, path, this.of.isExactInside);
      if (value === undefined || value === null || value === '') continue;
      if (typeof value === 'string' && isSkipped(value)) continue;
      return value;
    }
    return undefined;
  }

  private columnsIn(shape: Shape): readonly Column[] {
    if (shape === this.lastShape) return this.lastColumns;
    const known = this.ofShape.get(shape) ?? this.of.names.flatMap((name) => this.columnsNamed(name, shape));
    this.ofShape.set(shape, known);
    [this.lastShape, this.lastColumns] = [shape, known];
    return known;
  }

  private columnsNamed(name: string, shape: Shape): Column[] {
    const whole = shape.named(name, this.of.isExact).map((key) => ({ name: key, path: null }));
    const [first = '', ...rest] = name.split('.');
    if (rest.length === 0) return whole;
    const inside = shape.named(first, this.of.isExact).map((key) => ({ name, path: [key, ...rest] }));
    return [...whole, ...inside];
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

function inside(fields: Fields, [first = '', ...rest]: readonly string[], isExact: boolean): unknown {
  let at = fields[first];
  for (const step of rest) {
    if (!isKeyed(at)) return undefined;
    at = at[step] ?? (isExact ? undefined : at[columnsNamed(step, Object.keys(at))[0] ?? step]);
  }
  return at;
}

const isKeyed = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
