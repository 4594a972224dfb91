import { bigint, type Columns, type ValueOf } from './column.js';

/** A read-model table: its rows keep their history, each with the range of log positions in which it was the truth. */
export interface TableDefinition {
  readonly name: string;
  readonly columns: Columns;
  /** Identifies a row among those in force at one position. */
  readonly key: readonly string[];
  /** Rows that are changed together: columns of the key. */
  readonly group: readonly string[];
  /** Further indexes: the columns of each. */
  readonly indexes?: readonly (readonly string[])[];
  /** Rows of the same values in `by` whose `[from, until)` overlap are refused by the database, among those in force at one position. */
  readonly apart?: { readonly by: readonly string[]; readonly from: string; readonly until: string };
  /** Indexes of some rows only: no other look-up can be led into them, whatever a planner without statistics takes them for. */
  readonly partialIndexes?: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly where: string;
  }[];
  /** Rows superseded are few beside those in force: they are indexed apart, and each look-up reads both (`recordsInForce`). */
  readonly fewSuperseded?: boolean;
  /** No other projection looks into it, and its own only for the rows in force: a rebuild makes all indexes but theirs at its end. */
  readonly readByItsOwn?: boolean;
  /** A timestamptz of the key: rows of each UTC month are a partition of their own. */
  readonly byMonthOf?: string;
}

/** A table whose name and columns are known to the compiler. */
export interface Table<Name extends string, Of extends Columns> extends TableDefinition {
  readonly name: Name;
  readonly columns: Of;
}

/** The rows of a table, as its columns say. */
export type RowOf<Of extends { readonly columns: Columns }> = {
  readonly [Name in keyof Of['columns']]: ValueOf<Of['columns'][Name]>;
};

type ColumnOf<Of extends Columns> = keyof Of & string;
/** Keys are never null: null tells no two rows apart. */
type KeyOf<Of extends Columns> = {
  [Name in ColumnOf<Of>]: null extends ValueOf<Of[Name]> ? never : Name;
}[ColumnOf<Of>];

export const defineTable = <const Name extends string, Of extends Columns>({
  group,
  ...definition
}: {
  readonly name: Name;
  readonly columns: Of;
  readonly key: readonly KeyOf<Of>[];
  /** Without it: each row by itself. */
  readonly group?: readonly KeyOf<Of>[];
  readonly indexes?: readonly (readonly ColumnOf<Of>[])[];
  readonly apart?: {
    readonly by: readonly ColumnOf<Of>[];
    readonly from: ColumnOf<Of>;
    readonly until: ColumnOf<Of>;
  };
  readonly partialIndexes?: readonly {
    readonly name: string;
    readonly columns: readonly ColumnOf<Of>[];
    readonly where: string;
  }[];
  readonly fewSuperseded?: boolean;
  readonly readByItsOwn?: boolean;
  readonly byMonthOf?: KeyOf<Of>;
}): Table<Name, Of> => ({ ...definition, group: group ?? definition.key });

/** `[position_from, position_to)`: the log positions in which the row was the truth; null: it still is. */
export const versionColumns = { position_from: bigint, position_to: bigint.nullable() };

export type Versioned = RowOf<{ readonly columns: typeof versionColumns }>;

/** Keys are never null: null tells no two rows apart. */
export function createTableSql(table: TableDefinition): string {
  const columns = Object.entries(table.columns).map(
    ([name, { type }]) => `${name} ${type}${table.key.includes(name) ? ' NOT NULL' : ''}`,
  );
  const partitioned = table.byMonthOf === undefined ? '' : ` PARTITION BY RANGE (${table.byMonthOf})`;
  return `CREATE TABLE ${table.name} (${[...columns, 'position_from bigint NOT NULL', 'position_to bigint'].join(', ')})${partitioned}`;
}

/**
 * The statements that index a table, or one partition of it; each by itself can be carried out beside the others. Of a table whose
 * partitions are indexed, the statement takes up what is there.
 */
export const createIndexesSql = (table: TableDefinition, on = table.name): string[] => [
  currentIndexSql(table, on),
  ...furtherIndexesSql(table, on),
];

/** That of the rows in force. */
export const currentIndexSql = (table: TableDefinition, on = table.name): string =>
  `CREATE UNIQUE INDEX IF NOT EXISTS ${on}_current ON ${on} (${table.key.join(', ')}) WHERE position_to IS NULL`;

/** All others. */
export function furtherIndexesSql(table: TableDefinition, on = table.name): string[] {
  const key = table.key.join(', ');
  const history =
    table.fewSuperseded === true
      ? `CREATE INDEX IF NOT EXISTS ${on}_superseded ON ${on} (${key}) WHERE position_to IS NOT NULL`
      : `CREATE UNIQUE INDEX IF NOT EXISTS ${on}_history ON ${on} (${key}, position_from)`;
  return [
    history,
    ...(table.apart === undefined ? [] : [apartSql(on, table.apart)]),
    ...(table.partialIndexes ?? []).map(
      ({ name, columns, where }) =>
        `CREATE INDEX IF NOT EXISTS ${on}_${name} ON ${on} (${columns.join(', ')}) WHERE ${where}`,
    ),
    ...(table.indexes ?? []).map(
      (columnsOf, index) => `CREATE INDEX IF NOT EXISTS ${on}_${index + 1} ON ${on} (${columnsOf.join(', ')})`,
    ),
  ];
}

/** One batch may write several versions of a row, in any order: only what it leaves is looked at. */
const apartSql = (on: string, { by, from, until }: NonNullable<TableDefinition['apart']>): string =>
  `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = '${on}'::regclass AND conname = '${on}_apart') THEN` +
  ` ALTER TABLE ${on} ADD CONSTRAINT ${on}_apart EXCLUDE USING gist (${by.map((column) => `${column} WITH =`).join(', ')},` +
  ` tstzrange(${from}, ${until}) WITH &&, int8range(position_from, position_to) WITH &&) DEFERRABLE INITIALLY DEFERRED; END IF; END $$`;
