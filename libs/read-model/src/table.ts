/** A read-model table: its rows keep their history, each with the range of log positions in which it was the truth. */
export interface TableDefinition {
  readonly name: string;
  /** Postgres type by column; `jsonb` values are given and read as JSON. */
  readonly columns: Readonly<Record<string, string>>;
  /** Identifies a row among those in force at one position. */
  readonly key: readonly string[];
  /** Rows that are changed together: columns of the key. */
  readonly group: readonly string[];
  /** Further indexes: the columns of each. */
  readonly indexes?: readonly (readonly string[])[];
  /** Indexes of some rows only: those where the column is not ''. */
  readonly indexesWhereGiven?: readonly { readonly columns: readonly string[]; readonly given: string }[];
  /** Rows superseded are few beside those in force: they are indexed apart, and each look-up reads both (`inForce`). */
  readonly fewSuperseded?: boolean;
}

/** A table whose rows have a known shape. */
export interface Table<Row extends object> extends TableDefinition {
  /** Never there: it carries the type. */
  readonly row?: Row;
}

export const defineTable = <Row extends object>(definition: {
  readonly name: string;
  readonly columns: { readonly [Column in keyof Row & string]: string };
  readonly key: readonly (keyof Row & string)[];
  readonly group: readonly (keyof Row & string)[];
  readonly indexes?: readonly (readonly string[])[];
  readonly indexesWhereGiven?: readonly { readonly columns: readonly (keyof Row & string)[]; readonly given: keyof Row & string }[];
  readonly fewSuperseded?: boolean;
}): Table<Row> => definition;

/** `[position_from, position_to)`: the log positions in which the row was the truth; null: it still is. */
export interface Versioned {
  readonly position_from: number;
  readonly position_to: number | null;
}

/** Keys are never null: null tells no two rows apart. */
export function createTableSql(table: TableDefinition): string {
  const columns = Object.entries(table.columns).map(([name, type]) => `${name} ${type}${table.key.includes(name) ? ' NOT NULL' : ''}`);
  const key = table.key.join(', ');
  const history =
    table.fewSuperseded === true
      ? `CREATE INDEX ${table.name}_superseded ON ${table.name} (${key}) WHERE position_to IS NOT NULL`
      : `CREATE UNIQUE INDEX ${table.name}_history ON ${table.name} (${key}, position_from)`;
  return [
    `CREATE TABLE ${table.name} (${[...columns, 'position_from bigint NOT NULL', 'position_to bigint'].join(', ')})`,
    `CREATE UNIQUE INDEX ${table.name}_current ON ${table.name} (${key}) WHERE position_to IS NULL`,
    history,
    ...(table.indexesWhereGiven ?? []).map(({ columns: columnsOf, given }) => `CREATE INDEX ${table.name}_${given} ON ${table.name} (${columnsOf.join(', ')}) WHERE ${given} <> ''`),
    ...(table.indexes ?? []).map((columnsOf, index) => `CREATE INDEX ${table.name}_${index + 1} ON ${table.name} (${columnsOf.join(', ')})`),
  ].join(';\n');
}

/**
 * The rows of a table that were in force at a position (`$1`-style parameter or number), as a subquery for FROM. With
 * `where`, only those that meet it, so that the two indexes of a table of few superseded rows serve both halves.
 */
export function inForce(table: TableDefinition, position: string, where = 'true'): string {
  const columns = Object.keys(table.columns).join(', ');
  const current = `position_to IS NULL AND position_from <= ${position}`;
  const superseded = `position_to > ${position} AND position_from <= ${position}`;
  return table.fewSuperseded === true
    ? `(SELECT ${columns} FROM ${table.name} WHERE ${current} AND ${where} UNION ALL SELECT ${columns} FROM ${table.name} WHERE ${superseded} AND ${where})`
    : `(SELECT ${columns}, position_from FROM ${table.name} WHERE position_from <= ${position} AND (position_to IS NULL OR position_to > ${position}) AND ${where})`;
}
