import { type RawBuilder, sql } from 'kysely';
import { instant } from '#domain/time/instant';
import { isUuid } from '#domain/uuid';

/**
 * The column types of list keys. `text` is ordered by its bytes, in any collation of the database. `indexed text` is
 * ordered by the database's collation, like its index: for a table that is too large to be sorted for each page.
 */
export type KeysetType = 'text' | 'indexed text' | 'timestamptz' | 'uuid' | 'int';

/** The rows of a page: those after a key, so many at most. */
export interface Rows {
  /** The key of the row before, as texts; null: from the first on. */
  readonly after: readonly string[] | null;
  readonly limit: number;
}

/**
 * The order of a list, by columns that identify a row: a page goes on after the key of the last row of the one before.
 */
export interface Keyset<Row extends object> {
  /** The key of a row, as texts. */
  keyOf(row: Row): string[];
  /** Whether texts can be a key: as many as there are columns, each of its kind. */
  isKey(texts: readonly string[]): boolean;
  /** SQL: the row comes after the key. `alias`: of the table. */
  after(key: Rows['after'], alias?: string): RawBuilder<boolean>;
  /** SQL: what to order by. */
  order(alias?: string): RawBuilder<unknown>;
}

const IS: Readonly<Record<KeysetType, (text: string) => boolean>> = {
  text: () => true,
  'indexed text': () => true,
  timestamptz: isReadable,
  uuid: isUuid,
  int: (text) => /^-?\d{1,9}$/.test(text),
};

function isReadable(text: string): boolean {
  try {
    return instant(text) === text;
  } catch {
    return false;
  }
}

export function keyset<Row extends object>(
  columns: Readonly<Partial<Record<keyof Row & string, KeysetType>>>,
): Keyset<Row> {
  const entries = Object.entries(columns) as [keyof Row & string, KeysetType][];
  const columnOf = (name: string, type: KeysetType, alias: string | undefined): RawBuilder<unknown> => {
    const column = sql.ref(alias === undefined ? name : `${alias}.${name}`);
    return type === 'text' ? sql`${column} COLLATE "C"` : column;
  };
  const order = (alias?: string): RawBuilder<unknown> =>
    sql.join(entries.map(([name, type]) => columnOf(name, type, alias)));
  return {
    order,
    keyOf: (row) => entries.map(([name]) => String(row[name])),
    isKey: (texts) =>
      texts.length === entries.length && entries.every(([, type], index) => IS[type](texts[index] ?? '')),
    after: (key, alias) =>
      key === null
        ? sql<boolean>`true`
        : sql<boolean>`(${order(alias)}) > (${sql.join(
            entries.map(([, type], index) => sql`${key[index]}::${sql.raw(type.replace('indexed ', ''))}`),
          )})`,
  };
}
