import type pg from 'pg';
import type { Projection } from './projection.js';
import { createIndexesSql, createTableSql, type TableDefinition } from './table.js';

/** Where a schema's read models are: one row, moved in the transaction of each batch. */
export interface Checkpoint {
  readonly position: number;
  readonly versions: string;
  /** Told apart from any other schema that ever had the same name. */
  readonly generation: string;
  /** Which projections the schema holds; null: all. */
  readonly only: readonly string[] | null;
  readonly eventsPerSecond: number | null;
  /** The event at which the projections stand, and why. */
  readonly halted: Halt | null;
}

export interface Halt {
  readonly position: number;
  readonly projection: string;
  readonly reason: string;
}

interface CheckpointRow {
  readonly position: number;
  readonly versions: string;
  readonly generation: string;
  readonly part: readonly string[] | null;
  readonly events_per_second: number | null;
  readonly halted: Halt | null;
}

/** Columns that a checkpoint made by an earlier program lacks. */
const ADDED = {
  generation: 'uuid NOT NULL DEFAULT gen_random_uuid()',
  part: 'jsonb',
  events_per_second: 'int',
  halted: 'jsonb',
} as const;

export const versionsOf = (projections: readonly Projection[]): string =>
  projections.map(({ name, version }) => `${name}@${version}`).join(' ');

/** The checkpoint of a schema; undefined where the schema is not there. */
export async function checkpointOf(client: pg.ClientBase | pg.Pool, schema: string): Promise<Checkpoint | undefined> {
  const { rows: there } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    `${schema}.checkpoint`,
  ]);
  if (there[0]?.there !== true) return undefined;
  const { rows } = await client.query<CheckpointRow>(
    `SELECT position, versions, generation, part, events_per_second, halted FROM ${schema}.checkpoint`,
  );
  const [row] = rows;
  return row === undefined ? undefined : { ...row, only: row.part, eventsPerSecond: row.events_per_second };
}

/** Makes a schema with empty tables, at position 0, within the caller's transaction. */
export async function createReadModels(
  client: pg.ClientBase,
  schema: string,
  projections: readonly Projection[],
  only: readonly string[] | null,
  indexes: (table: TableDefinition) => readonly string[] = createIndexesSql,
): Promise<void> {
  const added = Object.entries(ADDED).map(([name, type]) => `${name} ${type}`);
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await client.query(
    `CREATE TABLE ${schema}.checkpoint (position bigint NOT NULL, versions text NOT NULL, moved_at timestamptz NOT NULL, ${added.join(', ')})`,
  );
  // For constraints over a key and a range; in public, so that it outlives any one schema of read models.
  await client.query('CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public');
  await client.query(`SET LOCAL search_path TO ${schema}`);
  for (const table of projections.flatMap(({ tables }) => tables)) {
    await client.query(createTableSql(table));
    for (const index of indexes(table)) await client.query(index);
  }
  await client.query(
    `INSERT INTO ${schema}.checkpoint (position, versions, moved_at, part) VALUES (0, $1, now(), $2)`,
    [versionsOf(projections), only === null ? null : JSON.stringify(only)],
  );
}

/** Adds what a checkpoint of an earlier program lacks. Looked up first: an ALTER TABLE would wait for every reader, also where it changes nothing. */
export async function completeCheckpoint(client: pg.ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped',
    [`${schema}.checkpoint`],
  );
  const there = new Set(rows.map(({ name }) => name));
  const missing = Object.entries(ADDED).filter(([name]) => !there.has(name));
  if (there.size === 0 || missing.length === 0) return;
  await client.query(
    `ALTER TABLE ${schema}.checkpoint ${missing.map(([name, type]) => `ADD COLUMN ${name} ${type}`).join(', ')}`,
  );
}
