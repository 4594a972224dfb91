import pg from 'pg';
import { DatabaseError, reason } from './errors.js';
import { splitOptions } from './url.js';

export type SessionSettings = Readonly<Record<string, string>>;

/**
 * Gives a new connection behind a pooler its settings. Cancelling needs the process of the server: a pooler tells one
 * of its own.
 */
async function applySettings(client: pg.ClientBase, settings: SessionSettings): Promise<void> {
  const set = Object.keys(settings).map((_, n) => `, set_config($${2 * n + 1}, $${2 * n + 2}, false)`);
  const { rows } = await client.query<{ pid: number }>(
    `SELECT pg_backend_pid() AS pid${set.join('')}`,
    Object.entries(settings).flat(),
  );
  Reflect.set(client, 'processID', rows[0]?.pid);
}

/** For `onConnect` of a pool, which awaits what it returns. The types of pg do not say so. */
export const applying =
  (settings: SessionSettings): ((client: pg.ClientBase) => unknown) =>
  async (client) =>
    applySettings(client, settings);

/** Connects a client outside the pool that has this configuration. */
export async function connectAs(client: pg.Client, { onConnect }: Pick<pg.PoolConfig, 'onConnect'>): Promise<void> {
  await client.connect();
  const applied: unknown = onConnect?.(client);
  await applied;
}

/** Any name with a dot will do: Postgres keeps the value, and does not look at it. */
const PROBE = 'ledgerline.probe';

/**
 * Whether a pooler such as PgBouncer stands before the database: it refuses or drops settings at the start of a
 * session. Errors: `database_behind_pooler`, if it shares sessions; those of the connection.
 */
export async function isPooled(url: string): Promise<boolean> {
  const { connectionString, options } = splitOptions(url);
  const client = clientOf({ connectionString, options: [`-c ${PROBE}=1`, options ?? ''].join(' ') });
  try {
    await client.connect();
    const { rows } = await client.query<{ probe: string | null }>(`SELECT current_setting('${PROBE}', true) AS probe`);
    if (rows[0]?.probe === '1') return false;
  } catch (error) {
    if (!reason(error).startsWith('unsupported startup parameter')) throw error;
  } finally {
    await client.end();
  }
  if (options !== null)
    throw new DatabaseError(
      'database_behind_pooler',
      'a pooler such as PgBouncer drops the options in DATABASE_URL. Remove them, or name Postgres itself.',
    );
  await assertOwnSessions(url);
  return true;
}

/** A pooler without a free session lets a connection wait. */
const CONNECT_MS = 30_000;

/** How often it is looked: a pooler may give the same session again by chance. */
const ROUNDS = 5;

/** In the modes "transaction" and "statement" a pooler shares sessions, and their settings, locks and notifications. */
async function assertOwnSessions(url: string): Promise<void> {
  const [one, other] = [clientOf({ connectionString: url }), clientOf({ connectionString: url })];
  try {
    await one.connect();
    await other.connect().catch((error: unknown) => {
      throw isTimeout(error) ? noSession(error) : error;
    });
    const first = await sessionOf(one);
    for (let round = 0; round < ROUNDS; round += 1) {
      await other.query('BEGIN').catch((error: unknown) => {
        throw sharedSessions(error);
      });
      // A pooler gives the session of the idle connection to the transaction, and another one to the connection.
      if ((await sessionOf(other)) === first || (await sessionOf(one)) !== first) throw sharedSessions();
      await other.query('COMMIT');
    }
  } finally {
    await Promise.all([one.end(), other.end()]);
  }
}

/** Without a listener, a broken connection would end the process. The next query reports it. */
const clientOf = (config: pg.ClientConfig): pg.Client =>
  new pg.Client({ ...config, connectionTimeoutMillis: CONNECT_MS }).on('error', () => undefined);

const isTimeout = (error: unknown): boolean => reason(error).includes('timeout');

const noSession = (cause: unknown): DatabaseError =>
  new DatabaseError(
    'database_behind_pooler',
    `a pooler such as PgBouncer gave no second session within ${CONNECT_MS / 1000} s. Set default_pool_size to 40 ` +
      'for each process of Ledgerline, or name Postgres itself in DATABASE_URL.',
    { cause },
  );

async function sessionOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid;
}

const sharedSessions = (cause?: unknown): DatabaseError =>
  new DatabaseError(
    'database_behind_pooler',
    'a pooler such as PgBouncer shares the sessions of the database: set pool_mode = session for Ledgerline, or name ' +
      'Postgres itself in DATABASE_URL. Ledgerline has pools of its own, and needs sessions for its locks.',
    { cause },
  );
