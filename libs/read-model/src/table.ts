import { bigint, type Columns, type ValueOf } from './column.js';

/**
 * A table of a read model. It keeps the history of its rows, each with the log positions over which it was in force.
 */
export interface TableDefinition {
  readonly name: string;
  readonly columns: Columns;
  /** The columns that identify a row among those in force at one position. */
  readonly key: readonly string[];
  /** Columns of the key: rows with equal values in them are read and changed together. */
  readonly group: readonly string[];
  /** The columns of each further index. */
  readonly indexes?: readonly (readonly string[])[];
  /** The database refuses rows with equal values in `by` whose `[from, until)` overlap while both are in force. */
  readonly exclusion?: { readonly by: readonly string[]; readonly from: string; readonly until: string };
  /** Indexes of some rows. The planner can't choose them for other look-ups, even without statistics. */
  readonly partialIndexes?: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly where: string;
  }[];
  /**
   * Few rows are superseded. They have an index of their own, and each look-up reads both indexes (`recordsInForce`).
   */
  readonly fewSuperseded?: boolean;
  /**
   * No query and no other projection reads this table: its own reads the rows in force. A rebuild makes its other
   * indexes at the end.
   */
  readonly readByItsOwn?: boolean;
  /** A timestamptz column of the key: the rows of each UTC month are one partition. */
  readonly byMonthOf?: string;
  /**
   * A column of the key. Where the database is a coordinator of Citus, its nodes hold the rows, by this column. All
   * other tables stay on the coordinator.
   */
  readonly distributedBy?: string;
}

/** A table whose name and columns the compiler knows. */
export interface Table<Name extends string, Of extends Columns> extends TableDefinition {
  readonly name: Name;
  readonly columns: Of;
}

/** The type of a table's rows, by its columns. */
export type RowOf<Of extends { readonly columns: Columns }> = {
  readonly [Name in keyof Of['columns']]: ValueOf<Of['columns'][Name]>;
};

/** The type of a row to write: a nullable column that is left out is null. */
export type NewRowOf<Of extends { readonly columns: Columns }> = Pick<RowOf<Of>, KeyOf<Of['columns']>> &
  Partial<RowOf<Of>>;

type ColumnOf<Of extends Columns> = keyof Of & string;
/** Columns of a key are never null, because null equals nothing. */
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
  /** By default the key: each row is a group. */
  readonly group?: readonly KeyOf<Of>[];
  readonly indexes?: readonly (readonly (ColumnOf<Of> | keyof Versioned)[])[];
  readonly exclusion?: {
    readonly by: readonly ColumnOf<Of>[];
    readonly from: ColumnOf<Of>;
    readonly until: ColumnOf<Of>;
  };
  readonly partialIndexes?: readonly {
    readonly name: string;
    readonly columns: readonly (ColumnOf<Of> | keyof Versioned)[];
    readonly where: string;
  }[];
  readonly fewSuperseded?: boolean;
  readonly readByItsOwn?: boolean;
  readonly byMonthOf?: KeyOf<Of>;
  readonly distributedBy?: KeyOf<Of>;
}): Table<Name, Of> => ({ ...definition, group: group ?? definition.key });

/** `[position_from, position_to)`: the log positions over which a row was in force; null: it still is. */
export const versionColumns = { position_from: bigint, position_to: bigint.nullable() };

export type Versioned = RowOf<{ readonly columns: typeof versionColumns }>;

/** Columns of the key and the first position are NOT NULL. */
export function createTableSql(table: TableDefinition): string {
  const columns = [
    ...Object.entries(table.columns).map(([name, { type }]) => columnSql(name, type, !table.key.includes(name))),
    ...Object.entries(versionColumns).map(([name, { type, isNullable }]) => columnSql(name, type, isNullable)),
  ];
  const partitioned = table.byMonthOf === undefined ? '' : ` PARTITION BY RANGE (${table.byMonthOf})`;
  return `CREATE TABLE ${table.name} (${columns.join(', ')})${partitioned}`;
}

const columnSql = (name: string, type: string, isNullable: boolean): string =>
  `${name} ${type}${isNullable ? '' : ' NOT NULL'}`;

/**
 * The statements that index a table, or one partition of it. They can run in parallel. On a partitioned table they use
 * the existing indexes of the partitions.
 */
export const createIndexesSql = (table: TableDefinition, on = table.name): string[] => [
  currentIndexSql(table, on),
  ...furtherIndexesSql(table, on),
];

/** The index of the rows in force. */
export const currentIndexSql = (table: TableDefinition, on = table.name): string =>
  `CREATE UNIQUE INDEX IF NOT EXISTS ${on}_current ON ${on} (${table.key.join(', ')}) WHERE position_to IS NULL`;

/** All other indexes. */
export function furtherIndexesSql(table: TableDefinition, on = table.name): string[] {
  const key = table.key.join(', ');
  const history =
    table.fewSuperseded === true
      ? `CREATE INDEX IF NOT EXISTS ${on}_superseded ON ${on} (${key}) WHERE position_to IS NOT NULL`
      : `CREATE UNIQUE INDEX IF NOT EXISTS ${on}_history ON ${on} (${key}, position_from)`;
  return [
    history,
    ...(table.exclusion === undefined ? [] : [exclusionSql(on, table.exclusion)]),
    ...(table.partialIndexes ?? []).map(
      ({ name, columns, where }) =>
        `CREATE INDEX IF NOT EXISTS ${on}_${name} ON ${on} (${columns.join(', ')}) WHERE ${where}`,
    ),
    ...(table.indexes ?? []).map(
      (columnsOf, index) => `CREATE INDEX IF NOT EXISTS ${on}_${index + 1} ON ${on} (${columnsOf.join(', ')})`,
    ),
  ];
}

/**
 * Checked at the end of the transaction: a batch may write several versions of a row, in any order. The constraint's
 * name stays as it is in existing databases.
 */
const exclusionSql = (on: string, { by, from, until }: NonNullable<TableDefinition['exclusion']>): string => {
  const name = `${on}_apart`;
  const equal = by.map((column) => `${column} WITH =`).join(', ');
  return (
    'DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint' +
    ` WHERE conrelid = '${on}'::regclass AND conname = '${name}') THEN` +
    ` ALTER TABLE ${on} ADD CONSTRAINT ${name} EXCLUDE USING gist (${equal},` +
    ` tstzrange(${from}, ${until}) WITH &&, int8range(position_from, position_to) WITH &&)` +
    ' DEFERRABLE INITIALLY DEFERRED; END IF; END $$'
  );
};
