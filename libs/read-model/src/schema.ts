import type pg from 'pg';
import { eventHash } from '#event-store/leaf';
import type { StoredEvent } from '#event-store/port';
import { distribute, isCoordinator } from './distributed.js';
import type { Halt, Projection } from './projection.js';
import type { LogMark } from './same-log.js';
import { createIndexesSql, createTableSql, type TableDefinition } from './table.js';

/** The position of a schema's read models: one row, updated in the transaction of each batch. */
export interface Checkpoint extends LogMark {
  readonly versions: string;
  /** Differs from that of any other schema that had the same name. null: an earlier program made the schema. */
  readonly generation: string | null;
  /** The projections in the schema; null: all. */
  readonly only: readonly string[] | null;
  readonly eventsPerSecond: number | null;
  /** The event at which the projections halted, and why. */
  readonly halted: Halt | null;
}

interface CheckpointRow {
  readonly position: number;
  readonly versions: string;
  readonly added: {
    readonly generation?: string;
    readonly part?: readonly string[] | null;
    readonly events_per_second?: number | null;
    readonly halted?: Halt | null;
    readonly event_hash?: string | null;
    readonly log?: string | null;
  };
}

/** Columns that a checkpoint of an earlier program does not have. */
const ADDED = {
  generation: 'uuid NOT NULL DEFAULT gen_random_uuid()',
  part: 'jsonb',
  events_per_second: 'int',
  halted: 'jsonb',
  event_hash: 'text',
  log: 'text',
} as const;

export const versionsOf = (projections: readonly Projection[]): string =>
  projections.map(({ name, version }) => `${name}@${version}`).join(' ');

/** The checkpoint of a schema; undefined if the schema does not exist. */
export async function checkpointOf(client: pg.ClientBase | pg.Pool, schema: string): Promise<Checkpoint | undefined> {
  const { rows: there } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    `${schema}.checkpoint`,
  ]);
  if (there[0]?.there !== true) return undefined;
  // As one object: the checkpoint of an earlier program lacks some of the columns.
  const { rows } = await client.query<CheckpointRow>(
    `SELECT position, versions, to_jsonb(c) AS added FROM ${schema}.checkpoint c`,
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { position, versions, added } = row;
  return {
    position,
    versions,
    generation: added.generation ?? null,
    only: added.part ?? null,
    eventsPerSecond: added.events_per_second ?? null,
    halted: added.halted ?? null,
    eventHash: added.event_hash ?? null,
    log: added.log ?? null,
  };
}

/** Makes a schema with empty tables, at position 0, in the transaction of the caller. */
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
    `CREATE TABLE ${schema}.checkpoint (position bigint NOT NULL, versions text NOT NULL,` +
      ` moved_at timestamptz NOT NULL, ${added.join(', ')})`,
  );
  // For constraints on a key and a range. It is in public, so that it stays when a schema of read models is dropped.
  await client.query('CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public');
  await client.query(`SET LOCAL search_path TO ${schema}`);
  const isDistributing = await isCoordinator(client);
  for (const table of projections.flatMap(({ tables, kept }) => [...tables, ...kept])) {
    await client.query(createTableSql(table));
    for (const index of indexes(table)) await client.query(index);
    if (isDistributing) await distribute(client, schema, table);
  }
  await client.query(
    `INSERT INTO ${schema}.checkpoint (position, versions, moved_at, part) VALUES (0, $1, now(), $2)`,
    [versionsOf(projections), only === null ? null : JSON.stringify(only)],
  );
}

/**
 * Adds the columns that a checkpoint of an earlier program does not have. ALTER TABLE only if needed: it waits for all
 * readers.
 */
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

/**
 * Moves the checkpoint over a batch, in the transaction of the batch. false: it is not where the batch began, or the
 * read models were swapped, or are of other versions.
 */
export async function moveCheckpoint(
  client: pg.ClientBase,
  schema: string,
  {
    first,
    last,
    generation,
    versions,
    eventsPerSecond,
  }: {
    readonly first: StoredEvent;
    readonly last: StoredEvent;
    readonly generation: string;
    readonly versions: string;
    readonly eventsPerSecond: number;
  },
): Promise<boolean> {
  const log = first.position === 1 ? eventHash(first) : null;
  const moved = await client.query(
    `UPDATE ${schema}.checkpoint SET position = $1, moved_at = clock_timestamp(), events_per_second = $2,` +
      ' halted = NULL, event_hash = $3, log = coalesce($4, log)' +
      ' WHERE position = $5 AND generation = $6 AND versions = $7',
    [last.position, eventsPerSecond, eventHash(last), log, first.position - 1, generation, versions],
  );
  return moved.rowCount === 1;
}
