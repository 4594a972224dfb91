import type pg from 'pg';
import { partitionsOf } from './partitions.js';
import type { Projection } from './projection.js';
import { checkpointOf, versionsOf } from './schema.js';

/** A lock that is not had by then is given up and tried again: whoever reads meanwhile never waits longer for us. */
const LOCK_TIMEOUT_MS = 200;
const LOCK_NOT_AVAILABLE = '55P03';
const MOST_ATTEMPTS = 100;
/**
 * But each so many attempts it is waited longer: vacuuming that Postgres began by itself gives way only to who has waited for a lock as
 * long as `deadlock_timeout`, and over large tables it takes minutes.
 */
const PATIENT_EACH = 10;
const PATIENCE_MS = 500;

export interface Schemas {
  readonly live: string;
  /** What takes its place, and what keeps the live one. */
  readonly next: string;
  readonly previous: string;
}

/**
 * Puts the next schema in the place of the live one, which is kept as the previous one, in one short transaction. Names are exchanged:
 * statements under way end on the tables that they began on, and prepared ones are planned anew. Whoever projects waits for the
 * lock on the checkpoint meanwhile, whichever of the two a name still means there, and then finds another generation. `next` may itself be the previous one: then they change places.
 * `catchUp` brings `next` to the live position, while that stands still. `part`: only these projections' tables; null: all.
 */
export async function swap(
  client: pg.ClientBase,
  { live, next, previous }: Schemas,
  part: readonly Projection[] | null,
  catchUp: (position: number) => Promise<void>,
): Promise<number> {
  const patientMs = (await deadlockTimeoutMs(client)) + PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query('BEGIN');
      const position = await stopped(client, live);
      await catchUp(position);
      await lockCheckpoint(client, next);
      if ((await checkpointOf(client, next))?.position !== position)
        throw new Error(`${next} is not at position ${position}: nothing was exchanged`);
      await client.query("SELECT set_config('lock_timeout', $1, true)", [
        `${attempt % PATIENT_EACH === 0 ? patientMs : LOCK_TIMEOUT_MS}ms`,
      ]);
      if (part === null) await exchangeSchemas(client, { live, next, previous });
      else await exchangeTables(client, { live, next, previous }, part);
      await client.query('COMMIT');
      return position;
    } catch (error) {
      await client.query('ROLLBACK');
      if (!isLockTimeout(error) || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

/** Keeps the live read models at their position until the client's transaction ends; they can be read all the while. */
export async function stopped(client: pg.ClientBase, live: string): Promise<number> {
  await lockCheckpoint(client, live);
  const { rows } = await client.query<{ position: number }>(`SELECT position FROM ${live}.checkpoint`);
  if (rows[0] === undefined) throw new Error(`${live} has no checkpoint`);
  return rows[0].position;
}

/**
 * Keeps out whoever writes, not who reads. The table, not its row: a session that waits for a table looks its name up again when it
 * gets it, by which time it has heard of every change of names; one that gets the row alone may not have, and write into the old tables.
 */
const lockCheckpoint = async (client: pg.ClientBase, schema: string): Promise<unknown> =>
  client.query(`LOCK TABLE ${schema}.checkpoint IN EXCLUSIVE MODE`);

async function deadlockTimeoutMs(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ ms: number }>(
    "SELECT setting::int AS ms FROM pg_settings WHERE name = 'deadlock_timeout'",
  );
  if (rows[0] === undefined) throw new Error('the server has no deadlock_timeout');
  return rows[0].ms;
}

const isLockTimeout = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;

async function exchangeSchemas(client: pg.ClientBase, { live, next, previous }: Schemas): Promise<void> {
  const aside = `${live}_aside`;
  await client.query(
    `ALTER SCHEMA ${live} RENAME TO ${aside}; ALTER SCHEMA ${next} RENAME TO ${live}; ALTER SCHEMA ${aside} RENAME TO ${previous}`,
  );
}

/** Some projections' tables change places; the checkpoint stays, since both are at its position. */
async function exchangeTables(
  client: pg.ClientBase,
  { live, next, previous }: Schemas,
  part: readonly Projection[],
): Promise<void> {
  const tables = part.flatMap((projection) => projection.tables.map(({ name }) => name));
  const aside = `${live}_aside`;
  await client.query(`CREATE SCHEMA ${aside}`);
  for (const table of tables) {
    // Partitions do not move with their table.
    const ofLive = [table, ...(await partitionsOf(client, live, table))];
    const ofNext = [table, ...(await partitionsOf(client, next, table))];
    for (const name of ofLive) await client.query(`ALTER TABLE ${live}.${name} SET SCHEMA ${aside}`);
    for (const name of ofNext) await client.query(`ALTER TABLE ${next}.${name} SET SCHEMA ${live}`);
  }
  await client.query(
    `CREATE TABLE ${aside}.checkpoint (LIKE ${next}.checkpoint INCLUDING DEFAULTS); INSERT INTO ${aside}.checkpoint SELECT * FROM ${next}.checkpoint;` +
      ` DROP SCHEMA ${next} CASCADE; ALTER SCHEMA ${aside} RENAME TO ${previous}`,
  );
  await client.query(`UPDATE ${previous}.checkpoint SET versions = $1`, [versionsOf(part)]);
  // Whoever has begun a batch on the tables as they were must not end it on these.
  await client.query(`UPDATE ${live}.checkpoint SET generation = gen_random_uuid()`);
}
