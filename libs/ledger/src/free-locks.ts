import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';

/** So long it waits for a connection behind those that hold or want other locks. */
const CONNECT_MS = 1000;

/**
 * Takes one lock of each choice without waiting, against all processes of the ledger. Returns what gives them back.
 * null: all locks of a choice are taken, and none is kept; or no connection was free for a second.
 */
export async function takeFree(
  pool: pg.Pool,
  choices: readonly (readonly string[])[],
): Promise<(() => Promise<void>) | null> {
  const client = await connected(pool);
  if (client === null) return null;
  const giveBack = async (): Promise<void> => {
    try {
      await client.query('SELECT pg_advisory_unlock_all()');
      client.release();
    } catch {
      // Its locks end with the connection.
      client.release(true);
    }
  };
  try {
    for (const names of choices)
      if (!(await takesOne(client, names))) {
        await giveBack();
        return null;
      }
    return giveBack;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

async function connected(pool: pg.Pool): Promise<pg.PoolClient | null> {
  const connecting = pool.connect();
  const stopping = new AbortController();
  const client = await Promise.race([
    connecting.finally(() => {
      stopping.abort();
    }),
    delay(CONNECT_MS, null, { signal: stopping.signal }).catch(() => connecting),
  ]);
  // It may still come, and others want it.
  if (client === null)
    void connecting.then(
      (late) => {
        late.release();
      },
      () => undefined,
    );
  return client;
}

async function takesOne(client: pg.ClientBase, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const { rows } = await client.query<{ taken: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken',
      [`ledgerline:${name}`],
    );
    if (rows[0]?.taken === true) return true;
  }
  return false;
}
