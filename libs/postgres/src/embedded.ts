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
  /** Ours: the cluster, its password and its log are kept in it. */
  readonly dataDir: string;
  readonly log?: (message: string) => void;
  /** How to run it, instead of what suits this user and machine: see PlacementMethod. */
  readonly methods?: readonly PlacementMethod[];
  /** Parents for a cluster that can't be in the data directory, instead of /var/lib and /var/tmp. */
  readonly reachable?: readonly string[];
  /** Server settings instead of ours, if this call starts it. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  readonly url: string;
  /** It was running already. */
  readonly adopted: boolean;
  /** Stops the server if no one else is connected to it; else leaves it to them. */
  stop(): Promise<void>;
}

const DATABASE = 'ledgerline';
/** Recovery after a crash is part of starting. */
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;
/** A session that was closed is still listed until its process has ended. */
const CLOSING_GRACE_MS = 500;
const POLL_MS = 20;
const ENDED_PAUSE_MS = 100;
const STARTS_AT_MOST = 5;
const LOG_LINES_SHOWN = 12;

/**
 * Whoever uses the server holds this advisory lock shared, by a session of its own, from finding the server until
 * stop(); who wants to stop it takes it alone first. So nobody adopts a server that is about to stop, and an adopter
 * without an open query is still seen.
 */
const PRESENCE_LOCK = 0x1ed6e2;
const PRESENCE_NAME = 'ledgerline presence';

/**
 * A Postgres server on the data directory, from the binaries that npm installed: adopted if it runs, started if not,
 * made if there is none. It listens on 127.0.0.1 only, at a free port, and outlives this process if that is killed; the
 * next call adopts it.
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

/** pg has `ref` and `unref`; its types don't. */
type PresenceClient = pg.Client & { ref(): void; unref(): void };

interface Attached {
  readonly presence: PresenceClient;
  readonly postmaster: Postmaster;
  readonly adopted: boolean;
}

/** Looks, starts if there is nothing, connects; and again, since other processes do the same and servers stop. */
async function attach(cluster: Cluster, { log, settings = {} }: EmbeddedOptions): Promise<Attached> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  let adopted = true;
  let starts = 0;
  let problem = 'it ended at once';
  while (!deadline.aborted && starts < STARTS_AT_MOST) {
    const postmaster = await readPostmaster(cluster.dataFolder);
    if (postmaster === undefined || !(await isServing(cluster.dataFolder, postmaster))) {
      if (postmaster !== undefined) await disownPidFile(cluster.dataFolder, postmaster);
      log?.(`starting the embedded Postgres on ${cluster.dataFolder}`);
      starts += 1;
      adopted = (await startPostmaster(cluster, settings)) === 'ended';
      // Another process was first, or a killed server's sessions still use its memory, for the moment they take to end.
      if (adopted) await delay(ENDED_PAUSE_MS);
      continue;
    }
    const presence = await connect(cluster, postmaster);
    if (!('refused' in presence)) return { presence, postmaster, adopted };
    problem = presence.refused;
    await delay(POLL_MS);
  }
  throw new DatabaseError(
    'embedded_start_failed',
    `the embedded Postgres on ${cluster.dataFolder} can't be started or reached (${problem}); mend what its ` +
      `log says and try again. ` +
      `The end of ${cluster.logFile}:\n${await lastLines(cluster.logFile)}`,
  );
}

/** A session that holds the presence lock; or why there is none yet. */
async function connect(
  cluster: Cluster,
  postmaster: Postmaster,
): Promise<PresenceClient | { readonly refused: string }> {
  const url = urlOf(cluster, postmaster, 'postgres');
  const client = new pg.Client({ connectionString: url, application_name: PRESENCE_NAME }) as PresenceClient;
  // The server may stop or be killed while we hold the session; whoever uses it then learns it from their own.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ folder: string }>(
      `select current_setting('data_directory') as folder, pg_advisory_lock_shared($1)`,
      [PRESENCE_LOCK],
    );
    if (rows[0]?.folder !== cluster.dataFolder)
      throw new Error(`port ${postmaster.port} is another server's, on ${rows[0]?.folder}`);
    await createDatabase(client);
    // It must not keep a process alive that has nothing else to do.
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
 * Whether no one else uses the server; if so, the presence lock is held alone, and keeps others out. Of several that
 * leave at once, the last to let go of its share gets it, and the others needn't wait: whoever holds it decides for
 * all.
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

/** Presence sessions aside: one without its share is leaving, and one that waits for it starts the server again. */
async function othersAreConnected(presence: pg.Client): Promise<boolean> {
  const { rowCount } = await presence.query(
    `select from pg_stat_activity where backend_type in ('client backend', 'walsender') and application_name ` +
      `<> $1 limit 1`,
    [PRESENCE_NAME],
  );
  return rowCount !== 0;
}

function urlOf({ password }: Cluster, { port }: Postmaster, database: string): string {
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(reason);
  return text.trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
}
