import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { findNativeFolder } from './embedded.binaries.js';
import { type Cluster, openCluster, SUPERUSER } from './embedded.cluster.js';
import type { PlacementMethod } from './embedded.placement.js';
import {
  disownPidFile,
  isServing,
  type Postmaster,
  readPostmaster,
  startPostmaster,
  stopPostmaster,
} from './embedded.postmaster.js';
import { DatabaseError, reason } from './errors.js';

export interface EmbeddedOptions {
  /** Our folder: it contains the cluster, its password and its log. */
  readonly dataDir: string;
  readonly log?: (message: string) => void;
  /** Overrides the method that suits this user and machine: see PlacementMethod. */
  readonly methods?: readonly PlacementMethod[];
  /** Parent folders for a cluster that can't be in the data directory, instead of /var/lib and /var/tmp. */
  readonly reachable?: readonly string[];
  /** Overrides our server settings, if this call starts the server. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  readonly url: string;
  /** Whether the server was already running. */
  readonly adopted: boolean;
  /** Stops the server if nobody else is connected to it. */
  stop(): Promise<void>;
}

const DATABASE = 'ledgerline';
/** Starting includes recovery after a crash. */
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;
/** A closed session is still listed until its process has ended. */
const CLOSING_GRACE_MS = 500;
const POLL_MS = 20;
const ENDED_PAUSE_MS = 100;
const STARTS_AT_MOST = 5;
const LOG_LINES_SHOWN = 12;

/**
 * Every user of the server holds this advisory lock shared, in a session of its own, from finding the server until
 * stop(). A process that stops the server first takes the lock exclusively. So no process uses a server that is about
 * to stop, and a user without an open query still counts.
 */
const PRESENCE_LOCK = 0x1ed6e2;
const PRESENCE_NAME = 'ledgerline presence';

/**
 * A Postgres server on the data directory, from the binaries that npm installed. A running server is reused, a stopped
 * one is started, a missing one is made. It listens on a Unix socket, and on 127.0.0.1 at a free port. If this process
 * is killed, the server continues, and the next call reuses it.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const cluster = await openCluster({ ...options, nativeFolder: findNativeFolder() });
  const { presence, postmaster, adopted } = await attach(cluster, options);
  let stopping: Promise<void> | undefined;
  return {
    url: urlOf(cluster, postmaster, DATABASE),
    adopted,
    stop: () => (stopping ??= leave(cluster, postmaster, presence, options)),
  };
}

/** pg has `ref` and `unref`, but its types do not. */
type PresenceClient = pg.Client & { ref(): void; unref(): void };

interface Attached {
  readonly presence: PresenceClient;
  readonly postmaster: Postmaster;
  readonly adopted: boolean;
}

/**
 * Looks for the server, starts it if needed, and connects. Repeats, because other processes do the same and servers
 * stop.
 */
async function attach(cluster: Cluster, { log, settings = {} }: EmbeddedOptions): Promise<Attached> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  let adopted = true;
  let starts = 0;
  let problem = 'it ended immediately';
  while (!deadline.aborted && starts < STARTS_AT_MOST) {
    const postmaster = await readPostmaster(cluster.dataFolder);
    if (postmaster === undefined || !(await isServing(cluster.dataFolder, postmaster))) {
      if (postmaster !== undefined) await disownPidFile(cluster.dataFolder, postmaster);
      log?.(`starting the embedded Postgres on ${cluster.dataFolder}`);
      starts += 1;
      adopted = (await startPostmaster(cluster, settings)) === 'ended';
      // Another process was first, or sessions of a killed server are still ending and use its memory.
      if (adopted) await delay(ENDED_PAUSE_MS);
      continue;
    }
    const presence = await connect(cluster, postmaster);
    // A server that starts has its port before its socket.
    if (!('refused' in presence))
      return { presence, postmaster: (await readPostmaster(cluster.dataFolder)) ?? postmaster, adopted };
    problem = presence.refused;
    await delay(POLL_MS);
  }
  throw new DatabaseError(
    'embedded_start_failed',
    `the embedded Postgres on ${cluster.dataFolder} can't be started or reached (${problem}). Fix the problem ` +
      `in its log and retry. ` +
      `The end of ${cluster.logFile}:\n${await lastLines(cluster.logFile)}`,
  );
}

/** A session that holds the presence lock, or the reason why there is none yet. */
async function connect(
  cluster: Cluster,
  postmaster: Postmaster,
): Promise<PresenceClient | { readonly refused: string }> {
  const url = urlOf(cluster, postmaster, 'postgres');
  const client = new pg.Client({ connectionString: url, application_name: PRESENCE_NAME }) as PresenceClient;
  // The server may stop or be killed while we hold the session. Its users see that in their own sessions.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ folder: string }>(
      `select current_setting('data_directory') as folder, pg_advisory_lock_shared($1)`,
      [PRESENCE_LOCK],
    );
    if (rows[0]?.folder !== cluster.dataFolder)
      throw new Error(`port ${postmaster.port} belongs to another server, on ${rows[0]?.folder}`);
    await createDatabase(client);
    // It must not keep the process alive by itself.
    client.unref();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    return { refused: reason(error) };
  }
}

const DUPLICATE_DATABASE = '42P04';
const UNIQUE_VIOLATION = '23505';

async function createDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
  if (rowCount !== 0) return;
  try {
    await client.query(`create database ${DATABASE}`);
  } catch (error) {
    // Another process made it at the same moment.
    if (error instanceof pg.DatabaseError && (error.code === DUPLICATE_DATABASE || error.code === UNIQUE_VIOLATION))
      return;
    throw error;
  }
}

async function leave(
  cluster: Cluster,
  postmaster: Postmaster,
  presence: PresenceClient,
  { log }: EmbeddedOptions,
): Promise<void> {
  presence.ref();
  try {
    if (!(await isLast(presence))) return;
    log?.('stopping the embedded Postgres');
    await stopPostmaster(cluster, postmaster, STOP_TIMEOUT_MS);
  } finally {
    await presence.end().catch(() => undefined);
  }
}

/**
 * Whether nobody else uses the server. If so, the presence lock is held exclusively and keeps others out. If several
 * processes leave at the same time, the last one to release its share gets the lock. The others need not wait.
 */
async function isLast(presence: pg.Client): Promise<boolean> {
  try {
    await presence.query('select pg_advisory_unlock_shared($1)', [PRESENCE_LOCK]);
    const { rows } = await presence.query<{ alone: boolean }>('select pg_try_advisory_lock($1) as alone', [
      PRESENCE_LOCK,
    ]);
    if (rows[0]?.alone !== true) return false;
    const grace = AbortSignal.timeout(CLOSING_GRACE_MS);
    while (await othersAreConnected(presence)) {
      if (grace.aborted) return false;
      await delay(POLL_MS);
    }
    return true;
  } catch {
    // The session is gone: the server was killed, or another process is stopping it.
    return false;
  }
}

/**
 * Other sessions than presence sessions. A presence session without its share is leaving, and one that waits for it
 * starts the server again.
 */
async function othersAreConnected(presence: pg.Client): Promise<boolean> {
  const { rowCount } = await presence.query(
    `select from pg_stat_activity where backend_type in ('client backend', 'walsender') and application_name ` +
      `<> $1 limit 1`,
    [PRESENCE_NAME],
  );
  return rowCount !== 0;
}

function urlOf({ password }: Cluster, { port, socketFolder }: Postmaster, database: string): string {
  const host = socketFolder === null ? '127.0.0.1' : encodeURIComponent(socketFolder);
  return `postgres://${SUPERUSER}:${password}@${host}:${port}/${database}`;
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(reason);
  return text.trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
}
