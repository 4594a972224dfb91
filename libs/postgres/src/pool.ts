import pg from 'pg';
import { isOutOfConnections } from './connection.js';
import { startEmbeddedPostgres } from './embedded.js';
import { DatabaseError, reason } from './errors.js';
import { PreparingClient } from './prepared.js';
import { applying, type SessionSettings } from './session.js';
import { addressIn, parseDatabaseUrl, splitOptions } from './url.js';
import { types } from './types.js';

export interface PoolOptions {
  /** The first and only schema in `search_path`. It need not exist yet. */
  readonly schema?: string;
  /** Maximum number of connections. */
  readonly max?: number;
  /** The name of the sessions in pg_stat_activity. */
  readonly applicationName?: string;
  /** The sessions refuse every write. */
  readonly readOnly?: boolean;
  /** Time after which an idle connection is closed, in milliseconds. 0: never. */
  readonly idleTimeoutMs?: number;
  /** Timeout of a statement, in milliseconds. Default: none. */
  readonly statementTimeoutMs?: number;
  /** Longest wait for a connection, in milliseconds. Default: none. */
  readonly connectTimeoutMs?: number;
  /** A pooler in session mode stands before the database. It refuses or drops settings at the start of a session. */
  readonly isPooled?: boolean;
}

/** A limit of the server or the role would end a rebuild, or a session that only holds a lock. */
const UNLIMITED: SessionSettings = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_session_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};
/**
 * A machine that vanished with its session, and the session's lock, is noticed after some 5 + 3 × 2 = 11 s, not after
 * the two hours of the system: then another worker takes over. Without effect on a Unix socket.
 */
const KEPT_ALIVE: SessionSettings = {
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
};
const startUp = (settings: SessionSettings): string =>
  Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
/** A pooler may give a session that was read-only before. */
const WRITABLE: SessionSettings = { default_transaction_read_only: 'off' };
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * A pool that returns our own types: numeric and date as text, int8 as a safe number (otherwise it throws
 * `value_out_of_range`), timestamptz as canonical Instant text, json and jsonb parsed. Sessions run in UTC.
 */
export function createPool(
  url: string,
  {
    schema,
    max = 10,
    applicationName = 'ledgerline',
    idleTimeoutMs = 10_000,
    readOnly = false,
    statementTimeoutMs,
    connectTimeoutMs,
    isPooled = false,
  }: PoolOptions = {},
): pg.Pool {
  if (schema !== undefined && !SCHEMA.test(schema)) {
    throw new DatabaseError(
      'schema_name_invalid',
      `${JSON.stringify(schema)} is not a valid schema name: use a-z, 0-9 and _, at most 63 characters`,
    );
  }
  const { connectionString, options } = splitOptions(url);
  const settings: SessionSettings = {
    TimeZone: 'UTC',
    DateStyle: 'ISO',
    ...(schema === undefined ? {} : { search_path: schema }),
    ...(readOnly ? { default_transaction_read_only: 'on' } : {}),
    ...(statementTimeoutMs === undefined ? {} : { statement_timeout: String(statementTimeoutMs) }),
  };
  const pool = new pg.Pool({
    Client: PreparingClient,
    connectionString,
    max,
    idleTimeoutMillis: idleTimeoutMs,
    ...(connectTimeoutMs === undefined ? {} : { connectionTimeoutMillis: connectTimeoutMs }),
    types,
    application_name: applicationName,
    // Start-up parameters apply from the first query, also after RESET ALL. Ours come last, so that they override
    // others.
    ...(isPooled
      ? { onConnect: applying({ ...UNLIMITED, ...WRITABLE, ...settings }) }
      : {
          options: [
            startUp({ ...UNLIMITED, ...KEPT_ALIVE }),
            ...(options === null ? [] : [options]),
            startUp(settings),
          ].join(' '),
        }),
    keepAlive: true,
  });
  // The pool drops an idle connection that breaks, and the next query opens another or fails. Without a listener the
  // error would end the process.
  pool.on('error', () => undefined);
  // The same for a connection in use but idle, such as one that only holds a lock: its next query reports the loss.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return pool;
}

export interface OpenDatabase {
  readonly url: string;
  readonly embedded: boolean;
  /** Call it after its pools were ended: it stops an embedded server that nobody else uses. */
  close(): Promise<void>;
}

const REACH_TIMEOUT_MS = 10_000;

/**
 * The database at `databaseUrl`, which must be reachable. Without a URL: an embedded Postgres under the data directory.
 */
export async function openDatabase({
  databaseUrl,
  dataDir,
  log,
}: {
  readonly databaseUrl?: string | undefined;
  readonly dataDir: string;
  readonly log?: (message: string) => void;
}): Promise<OpenDatabase> {
  if (databaseUrl === undefined || databaseUrl === '') {
    const server = await startEmbeddedPostgres({ dataDir, ...(log === undefined ? {} : { log }) });
    return { url: server.url, embedded: true, close: () => server.stop() };
  }
  await reach(databaseUrl, dataDir);
  return { url: databaseUrl, embedded: false, close: async () => undefined };
}

async function reach(databaseUrl: string, dataDir: string): Promise<void> {
  const [address, { pathname }] = [addressIn(databaseUrl), parseDatabaseUrl(databaseUrl)];
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: REACH_TIMEOUT_MS });
  try {
    await client.connect();
  } catch (error) {
    if (isOutOfConnections(error))
      throw new DatabaseError(
        'database_unreachable',
        `the database ${pathname.slice(1)} at ${address} (DATABASE_URL) has no free connection (${reason(error)}). ` +
          'End other sessions (select * from pg_stat_activity), or raise max_connections, and run this again.',
        { cause: error },
      );
    throw new DatabaseError(
      'database_unreachable',
      `the database ${pathname.slice(1)} at ${address} (DATABASE_URL) can't be reached (${reason(error)}). ` +
        `Start it, correct DATABASE_URL, or unset it to use an embedded Postgres under ${dataDir}.`,
      { cause: error },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
