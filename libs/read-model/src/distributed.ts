import type pg from 'pg';
import type { TableDefinition } from './table.js';

/**
 * Whether the database is a coordinator of Citus whose nodes take the rows of distributed tables. Without the extension
 * or without such nodes all tables are local.
 */
export async function isCoordinator(client: pg.ClientBase | pg.Pool): Promise<boolean> {
  const { rows: there } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('pg_catalog.pg_dist_node') IS NOT NULL AS there",
  );
  if (there[0]?.there !== true) return false;
  const { rows } = await client.query<{ nodes: number }>(
    'SELECT count(*)::int AS nodes FROM pg_catalog.pg_dist_node' +
      " WHERE groupid <> 0 AND noderole = 'primary' AND isactive AND shouldhaveshards",
  );
  return (rows[0]?.nodes ?? 0) > 0;
}

/**
 * Distributes an empty table over the nodes of Citus, with its indexes and the partitions that it gets later. Tables
 * that are distributed by equal columns have equal rows on equal nodes, so that they are compared there.
 */
export async function distribute(client: pg.ClientBase, schema: string, { name, distributedBy }: TableDefinition) {
  if (distributedBy === undefined) return;
  await client.query(`SELECT create_distributed_table('${schema}.${name}', '${distributedBy}')`);
}
