import type pg from 'pg';
import { createWhereMonthIs } from './stored-months.js';
import type { TableDefinition } from './table.js';

/** The rows of one UTC month, `2026-04`, of a table that is partitioned by month. */
export interface Partition {
  readonly table: TableDefinition;
  readonly month: string;
}

const nameOf = ({ table, month }: Partition): string => `${table.name}_${month.replace('-', '_')}`;

/** `2026-05` for `2026-04`. */
function following(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return number === 12
    ? `${String(year + 1).padStart(4, '0')}-01`
    : `${String(year).padStart(4, '0')}-${String(number + 1).padStart(2, '0')}`;
}

/**
 * Makes the missing partitions, in a transaction of its own. An empty partition changes no result, and neither readers
 * nor writers wait for it: attaching it only blocks other changes of the table.
 */
export async function ensurePartitions(
  client: pg.ClientBase,
  schema: string,
  partitions: readonly Partition[],
): Promise<void> {
  if (partitions.length === 0) return;
  const missing = await missingOf(client, schema, partitions);
  if (missing.length === 0) return;
  await client.query('BEGIN');
  try {
    await client.query("SELECT pg_advisory_xact_lock(hashtext('ledgerline:partitions'))");
    for (const partition of await missingOf(client, schema, missing)) {
      const { table, month } = partition;
      const [parent, name] = [`${schema}.${table.name}`, `${schema}.${nameOf(partition)}`];
      await createWhereMonthIs(client, nameOf(partition));
      await client.query(`CREATE TABLE ${name} (LIKE ${parent})`);
      await client.query(
        `ALTER TABLE ${parent} ATTACH PARTITION ${name}` +
          ` FOR VALUES FROM ('${month}-01T00:00:00Z') TO ('${following(month)}-01T00:00:00Z')`,
      );
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function missingOf(
  client: pg.ClientBase,
  schema: string,
  partitions: readonly Partition[],
): Promise<Partition[]> {
  // Not by to_regclass: its cache may not know yet what another session has just committed.
  const { rows } = await client.query<{ name: string }>(
    'SELECT relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace' +
      ' WHERE nspname = $1 AND relname = ANY($2)',
    [schema, partitions.map(nameOf)],
  );
  const there = new Set(rows.map(({ name }) => name));
  return partitions.filter((partition) => !there.has(nameOf(partition)));
}

/** The names of the partitions of a table. */
export async function partitionsOf(client: pg.ClientBase | pg.Pool, schema: string, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT relname AS name FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid' +
      ' WHERE inhparent = $1::regclass ORDER BY 1',
    [`${schema}.${table}`],
  );
  return rows.map(({ name }) => name);
}
