import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, isAlive } from './embedded.cluster.js';
import { start } from './embedded.runner.js';
import { DatabaseError, reason } from './errors.js';

/** A running server, as described by `postmaster.pid` in its data directory. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** The folder of its Unix socket. null: it has none that this process can see. */
  readonly socketFolder: string | null;
}

const POLL_MS = 20;
const LINES = { pid: 0, port: 3, socketFolder: 4 } as const;
/** Greater than any process id on Linux (at most 2^22, which is never used itself). */
const NOBODYS_PID = 4_194_304;

export async function readPostmaster(dataFolder: string): Promise<Postmaster | undefined> {
  const text = await readFile(pidFile(dataFolder), 'utf8').catch(() => undefined);
  const lines = text?.split('\n') ?? [];
  const [pid, port] = [Number(lines[LINES.pid]), Number(lines[LINES.port])];
  if (!(pid > 0 && port > 0)) return undefined;
  return { pid, port, socketFolder: await visibleSocket(lines[LINES.socketFolder] ?? '', port) };
}

/** A service manager may give each service a /tmp of its own: then only TCP reaches the server. */
async function visibleSocket(folder: string, port: number): Promise<string | null> {
  if (folder === '') return null;
  const file = await stat(path.join(folder, `.s.PGSQL.${port}`)).catch(() => undefined);
  return file?.isSocket() === true ? folder : null;
}

const pidFile = (dataFolder: string): string => path.join(dataFolder, 'postmaster.pid');

/**
 * Whether the process is (still) the server of this data directory, and not another process that got the same number.
 */
export async function isServing(dataFolder: string, { pid }: Postmaster): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  // Empty for a dead process that its parent has not collected yet. Everyone can read it, unlike /proc/<pid>/cwd.
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.split('\0').includes(dataFolder);
}

/**
 * Postgres takes over the pid file of a dead process, unless another process now has the same number. So the file gets
 * a number that no process has. The rest is kept: Postgres uses it to find children of the dead server that still use
 * its memory. Only the file that was read is changed, never a file that a new server has put there.
 */
export async function disownPidFile(dataFolder: string, { pid }: Postmaster): Promise<void> {
  if (!isAlive(pid)) return;
  const file = await open(pidFile(dataFolder), 'r+').catch(() => undefined);
  if (file === undefined) return;
  try {
    const [first = '', ...rest] = (await file.readFile('utf8')).split('\n');
    if (first !== String(pid)) return;
    const text = [NOBODYS_PID, ...rest].join('\n');
    await file.truncate(0);
    await file.write(text, 0);
  } finally {
    await file.close();
  }
}

/**
 * The folder for the server's Unix socket, which costs less than TCP for the same bytes. Any user may write to /tmp,
 * and its path is short enough for a socket. Empty, for no socket: where Node can't connect to one, or can't write
 * there.
 */
function socketFolder(): string {
  if (process.platform === 'win32') return '';
  try {
    accessSync('/tmp', constants.W_OK);
    return '/tmp';
  } catch {
    return '';
  }
}

/** Settings for a ledger on one machine. A server for temporary use may override some. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: socketFolder(),
  timezone: 'UTC',
  log_timezone: 'UTC',
  datestyle: 'ISO, YMD',
  max_connections: '100',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  fsync: 'on',
  synchronous_commit: 'on',
  // Our queries are many and short: compiling a query costs more than it saves.
  jit: 'off',
  // The server's own files are in UTF-8, for any language of the caller.
  lc_messages: 'C',
};

/**
 * Starts the server. Resolves when its pid file exists, or with the reason why it ended: another process may have been
 * first. The server outlives this process, and keeps none of its files or terminals open.
 */
export async function startPostmaster(
  cluster: Cluster,
  settings: Readonly<Record<string, string>>,
): Promise<'started' | 'ended'> {
  const options = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const runner = await cluster.runner();
  const logDescriptor = openLog(cluster.logFile);
  const child = start(runner, 'postgres', ['-D', cluster.dataFolder, '-p', String(await freePort()), ...options], {
    stdio: ['ignore', logDescriptor, logDescriptor],
    detached: true,
  });
  closeSync(logDescriptor);
  child.unref();
  let ended = false;
  child.once('exit', () => (ended = true));
  child.once('error', () => (ended = true));
  for (;;) {
    const postmaster = await readPostmaster(cluster.dataFolder);
    if (postmaster?.pid === child.pid) return 'started';
    if (ended) return 'ended';
    await delay(POLL_MS);
  }
}

function openLog(logFile: string): number {
  try {
    return openSync(logFile, 'a', 0o600);
  } catch (error) {
    const message = `the server's log ${logFile} can't be written. Make it writable for you, or remove it.`;
    throw new DatabaseError('data_directory_unusable', message, { cause: error });
  }
}

/**
 * A port that is free now. If another process takes it first, the server ends immediately and is started again with the
 * next port.
 */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address with a port');
  return address.port;
}

/** Ends all sessions, writes everything to disk, and returns when the server has released its data directory. */
export async function stopPostmaster(cluster: Cluster, postmaster: Postmaster, timeoutMs: number): Promise<void> {
  try {
    process.kill(postmaster.pid, 'SIGINT');
  } catch (error) {
    const message =
      `the embedded Postgres (process ${postmaster.pid}) can't be stopped: ${reason(error)}. End that ` +
      `process yourself.`;
    throw new DatabaseError('embedded_stop_failed', message, { cause: error });
  }
  const deadline = AbortSignal.timeout(timeoutMs);
  while ((await readPostmaster(cluster.dataFolder))?.pid === postmaster.pid) {
    if (deadline.aborted) {
      throw new DatabaseError(
        'embedded_stop_failed',
        `the embedded Postgres (process ${postmaster.pid}) did not stop within ${timeoutMs / 1000} s. See the ` +
          `end of ${cluster.logFile}.`,
      );
    }
    await delay(POLL_MS);
  }
}
