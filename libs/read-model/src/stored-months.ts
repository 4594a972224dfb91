import type pg from 'pg';

/** The part of a table that has one UTC month, with its indexes. */
export interface StoredMonth {
  /** `2026-04` */
  readonly month: string;
  /** The tablespace of Postgres. null: the default one of the database. */
  readonly tablespace: string | null;
  readonly bytes: number;
}

interface PartitionRow extends StoredMonth {
  readonly name: string;
  /** Its indexes that are in another tablespace than the one asked for. */
  readonly indexes: readonly string[];
}

/** SQL: the tablespace that a relation is in. A database's own default is stored as 0. */
const tablespaceOf = (relation: string): string =>
  `(SELECT spcname FROM pg_tablespace WHERE oid = ${relation}.reltablespace)`;

const partitions = async (client: pg.ClientBase | pg.Pool, table: string, wanted: string): Promise<PartitionRow[]> => {
  const { rows } = await client.query<PartitionRow>(
    "SELECT replace(right(c.relname, 7), '_', '-') AS month, c.oid::regclass::text AS name," +
      ` ${tablespaceOf('c')} AS tablespace, pg_total_relation_size(c.oid)::float8 AS bytes,` +
      ' ARRAY(SELECT i.oid::regclass::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid' +
      ` WHERE x.indrelid = c.oid AND coalesce(${tablespaceOf('i')}, '') <> $2 ORDER BY 1) AS indexes` +
      ' FROM pg_class c JOIN pg_inherits h ON h.inhrelid = c.oid WHERE h.inhparent = $1::regclass ORDER BY 1',
    [table, wanted],
  );
  return rows;
};

export async function hasTablespace(client: pg.ClientBase | pg.Pool, name: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT FROM pg_tablespace WHERE spcname = $1', [name]);
  return rowCount !== 0;
}

/** The months of a table, such as `ledgerline.usage_records`, in order. */
export const storedMonths = async (client: pg.ClientBase | pg.Pool, table: string): Promise<StoredMonth[]> =>
  (await partitions(client, table, '')).map(({ month, tablespace, bytes }) => ({ month, tablespace, bytes }));

/**
 * Moves the months before another one to a tablespace, each in a transaction of its own: readers and writers of a month
 * wait while it is moved. Yields each month when it is there; months that are there already are left out.
 */
export async function* moveMonths(
  pool: pg.Pool,
  table: string,
  { before, tablespace }: { readonly before: string; readonly tablespace: string },
): AsyncGenerator<StoredMonth> {
  for (const { month, name, bytes, tablespace: now, indexes } of await partitions(pool, table, tablespace)) {
    if (month >= before || ((now ?? '') === tablespace && indexes.length === 0)) continue;
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const there = client.escapeIdentifier(tablespace);
      await client.query(`ALTER TABLE ${name} SET TABLESPACE ${there}`);
      for (const index of indexes) await client.query(`ALTER INDEX ${index} SET TABLESPACE ${there}`);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
    yield { month, tablespace, bytes };
  }
}

/**
 * What the transaction creates for a month goes to the tablespace that the month has in a copy of the table, in another
 * schema. So a rebuild leaves old months where they were moved to.
 */
export const createWhereMonthIs = async (client: pg.ClientBase, partition: string): Promise<void> => {
  await client.query(
    "SELECT set_config('default_tablespace', coalesce((SELECT t.spcname FROM pg_class c" +
      " JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE c.relname = $1 AND c.relkind = 'r' LIMIT 1), ''), true)",
    [partition],
  );
};
