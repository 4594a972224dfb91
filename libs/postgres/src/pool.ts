import pg from 'pg';
import { startEmbeddedPostgres } from './embedded.js';
import { DatabaseError, reason } from './errors.js';
import { PreparingClient } from './prepared.js';
import { types } from './types.js';

export interface PoolOptions {
  /** First and only in `search_path`; the schema need not exist yet. */
  readonly schema?: string;
  /** Connections at most. */
  readonly max?: number;
  /** Names these sessions in pg_stat_activity. */
  readonly applicationName?: string;
  /** Its sessions refuse every write. */
  readonly readOnly?: boolean;
  /** After how long an idle connection is closed, in milliseconds; 0: never. */
  readonly idleTimeoutMs?: number;
  /** After how long a statement is given up, in milliseconds; never, unless given. */
  readonly statementTimeoutMs?: number;
}

const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * A pool whose values are ours: numeric and date as text, int8 as a safe number (else it throws `value_out_of_range`),
 * timestamptz as canonical Instant text, json and jsonb parsed. Sessions run in UTC.
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
  }: PoolOptions = {},
): pg.Pool {
  if (schema !== undefined && !SCHEMA.test(schema)) {
    throw new DatabaseError(
      'schema_name_invalid',
      `${JSON.stringify(schema)} is no schema name: use a-z, 0-9 and _, 63 at most`,
    );
  }
  const { connectionString, options } = splitOptions(url);
  const settings = [
    '-c TimeZone=UTC',
    '-c DateStyle=ISO',
    ...(schema === undefined ? [] : [`-c search_path=${schema}`]),
    ...(readOnly ? ['-c default_transaction_read_only=on'] : []),
    ...(statementTimeoutMs === undefined ? [] : [`-c statement_timeout=${statementTimeoutMs}`]),
  ];
  const pool = new pg.Pool({
    Client: PreparingClient,
    connectionString,
    max,
    idleTimeoutMillis: idleTimeoutMs,
    types,
    application_name: applicationName,
    // As start-up parameters they hold from the first query on, also after RESET ALL; ours come last, so that they win.
    options: [...(options === null ? [] : [options]), ...settings].join(' '),
    keepAlive: true,
  });
  // The pool drops an idle connection that breaks, and the next query opens another or fails; unheard, it would end the
  // process.
  pool.on('error', () => undefined);
  // The same for one that is in use and idle, as one that only holds a lock: its next query says that it is gone.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return pool;
}

/** pg lets the URL's own `options` replace ours; taken apart, both hold. */
function splitOptions(url: string): { connectionString: string; options: string | null } {
  const parsed = parseDatabaseUrl(url);
  const options = parsed.searchParams.get('options');
  parsed.searchParams.delete('options');
  return { connectionString: parsed.href, options };
}

/** A `postgres:` URL, or `database_url_invalid`; the URL itself is not repeated, as it may hold a password. */
function parseDatabaseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'postgres:' || parsed?.protocol === 'postgresql:') return parsed;
  const form = 'postgres://user:password@host:5432/database';
  throw new DatabaseError(
    'database_url_invalid',
    `the database URL is not of the form "${form}": correct DATABASE_URL`,
  );
}

export interface OpenDatabase {
  readonly url: string;
  readonly embedded: boolean;
  /** After the pools on it were ended: stops an embedded server that no one else uses. */
  close(): Promise<void>;
}

const REACH_TIMEOUT_MS = 10_000;

/**
 * The database at `databaseUrl`, which must be reachable; without one, an embedded Postgres under the data directory.
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
  const { host, pathname } = parseDatabaseUrl(databaseUrl);
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: REACH_TIMEOUT_MS });
  try {
    await client.connect();
  } catch (error) {
    throw new DatabaseError(
      'database_unreachable',
      `the database ${pathname.slice(1)} at ${host}, as DATABASE_URL names it, can't be reached (${reason(error)}): ` +
        `start it, correct DATABASE_URL, or unset it to use an embedded Postgres under ${dataDir}`,
      { cause: error },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
