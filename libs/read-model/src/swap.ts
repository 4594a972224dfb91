import type pg from 'pg';
import { partitionsOf } from './partitions.js';
import type { Projection } from './projection.js';
import { checkpointOf, versionsOf } from './schema.js';

/** After this time a lock is given up and tried again, so that readers never wait longer for a swap. */
const LOCK_TIMEOUT_MS = 200;
const LOCK_NOT_AVAILABLE = '55P03';
const MOST_ATTEMPTS = 100;
/**
 * Every tenth attempt waits longer than `deadlock_timeout`: only then does an automatic vacuum of Postgres give way.
 * Vacuuming large tables takes minutes.
 */
const PATIENT_EACH = 10;
const PATIENCE_MS = 500;

export interface Schemas {
  readonly live: string;
  /** The schema that becomes the live one, and the name that the live one gets. */
  readonly next: string;
  readonly previous: string;
}

/**
 * Makes the next schema the live one, and the live one the previous one, in one short transaction. Only names change:
 * running statements finish on the tables that they started with, and prepared statements are planned again. A
 * projector waits for the lock on the checkpoint, and then finds another generation. `next` may be the previous schema:
 * then both change places. `catchUp` brings `next` to the live position, which does not move in the meantime, or to the
 * end of a log that was set back behind it, and returns the position. `part`: the tables of these projections only;
 * null: all.
 */
export async function swap(
  client: pg.ClientBase,
  { live, next, previous }: Schemas,
  part: readonly Projection[] | null,
  catchUp: (position: number) => Promise<number>,
): Promise<number> {
  const patientMs = (await deadlockTimeoutMs(client)) + PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query('BEGIN');
      const position = await catchUp(await stopped(client, live));
      await lockCheckpoint(client, next);
      if ((await checkpointOf(client, next))?.position !== position)
        throw new Error(`${next} is not at position ${position}. Nothing was swapped.`);
      await client.query("SELECT set_config('lock_timeout', $1, true)", [
        `${attempt % PATIENT_EACH === 0 ? patientMs : LOCK_TIMEOUT_MS}ms`,
      ]);
      if (part === null) await swapSchemas(client, { live, next, previous });
      else await swapTables(client, { live, next, previous }, part);
      await client.query('COMMIT');
      return position;
    } catch (error) {
      await client.query('ROLLBACK');
      if (!isLockTimeout(error) || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

/** Keeps the live read models at their position until the client's transaction ends. Readers do not wait. */
export async function stopped(client: pg.ClientBase, live: string): Promise<number> {
  await lockCheckpoint(client, live);
  const { rows } = await client.query<{ position: number }>(`SELECT position FROM ${live}.checkpoint`);
  if (rows[0] === undefined) throw new Error(`${live} has no checkpoint`);
  return rows[0].position;
}

/**
 * Keeps out writers, not readers. It locks the table, not its row: a session that waited for a table looks up its name
 * again, and so sees every change of names. A session that waited for the row may not see it, and would write into the
 * old tables.
 */
const lockCheckpoint = async (client: pg.ClientBase, schema: string): Promise<unknown> =>
  client.query(`LOCK TABLE ${schema}.checkpoint IN EXCLUSIVE MODE`);

async function deadlockTimeoutMs(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ ms: number }>(
    "SELECT setting::int AS ms FROM pg_settings WHERE name = 'deadlock_timeout'",
  );
  if (rows[0] === undefined) throw new Error('The server has no deadlock_timeout.');
  return rows[0].ms;
}

const isLockTimeout = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;

async function swapSchemas(client: pg.ClientBase, { live, next, previous }: Schemas): Promise<void> {
  const aside = `${live}_aside`;
  await client.query(
    `ALTER SCHEMA ${live} RENAME TO ${aside}; ALTER SCHEMA ${next} RENAME TO ${live};` +
      ` ALTER SCHEMA ${aside} RENAME TO ${previous}`,
  );
  // Read models that halted before may go on now. If they do not, that is another halt.
  await client.query(`UPDATE ${live}.checkpoint SET halted = NULL WHERE halted IS NOT NULL`);
}

/** Swaps the tables of some projections. The checkpoint stays, because both schemas are at its position. */
async function swapTables(
  client: pg.ClientBase,
  { live, next, previous }: Schemas,
  part: readonly Projection[],
): Promise<void> {
  const tables = part.flatMap((projection) => [...projection.tables, ...projection.kept]).map(({ name }) => name);
  const aside = `${live}_aside`;
  await client.query(`CREATE SCHEMA ${aside}`);
  for (const table of tables) {
    // SET SCHEMA does not move the partitions of a table.
    const ofLive = [table, ...(await partitionsOf(client, live, table))];
    const ofNext = [table, ...(await partitionsOf(client, next, table))];
    for (const name of ofLive) await client.query(`ALTER TABLE ${live}.${name} SET SCHEMA ${aside}`);
    for (const name of ofNext) await client.query(`ALTER TABLE ${next}.${name} SET SCHEMA ${live}`);
  }
  await client.query(
    `CREATE TABLE ${aside}.checkpoint (LIKE ${next}.checkpoint INCLUDING DEFAULTS);` +
      ` INSERT INTO ${aside}.checkpoint SELECT * FROM ${next}.checkpoint;` +
      ` DROP SCHEMA ${next} CASCADE; ALTER SCHEMA ${aside} RENAME TO ${previous}`,
  );
  await client.query(`UPDATE ${previous}.checkpoint SET versions = $1`, [versionsOf(part)]);
  // A batch that began on the former tables must not end on these.
  await client.query(`UPDATE ${live}.checkpoint SET generation = gen_random_uuid()`);
}
