import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { isAlive } from './embedded.cluster.js';
import { type PlacementMethod, readLocation } from './embedded.placement.js';
import { readPostmaster } from './embedded.postmaster.js';
import { startEmbeddedPostgres, type EmbeddedOptions } from './embedded.js';

const isRoot = process.getuid?.() === 0;
/**
 * The methods that this user has. If a machine forbids user namespaces, root has one less, and the program falls back.
 */
const METHODS: readonly PlacementMethod[] = isRoot ? ['namespace', 'elsewhere'] : ['plain'];
const NOBODY = 65534;
/** Has no name in /etc/passwd, as in containers that run as an arbitrary user. */
const NAMELESS = 54321;
const REPOSITORY = path.resolve(import.meta.dirname, '../../..');

/** The process of one command (test/support/embedded-process.ts). */
interface Process {
  readonly url: string;
  readonly adopted: boolean;
  readonly child: ChildProcess;
  stop(): Promise<void>;
  end(): Promise<void>;
  kill(): Promise<void>;
}

describe('the embedded Postgres', () => {
  let parent: string;
  let dataDir: string;
  /** A folder that everyone can enter, like /var/lib. */
  let reachable: string;
  const processes: Process[] = [];
  /** A data directory as a first command leaves it. */
  let used: string;

  beforeAll(async () => {
    used = await mkdtemp(path.join(os.tmpdir(), 'ledgerline-used-'));
    await (await startEmbeddedPostgres({ dataDir: used })).stop();
  });
  afterAll(async () => {
    const elsewhere = await readLocation(path.join(used, 'postgres'));
    for (const folder of [used, elsewhere ?? used]) await rm(folder, { recursive: true, force: true });
  });

  /** For a case that is not about the first start, which takes a second: what is placed by `method` starts at once. */
  async function startedBefore(method = METHODS[0]): Promise<void> {
    const isInside = (await readLocation(path.join(used, 'postgres'))) === undefined;
    if (isInside && method === METHODS[0]) await cp(used, dataDir, { recursive: true });
  }

  beforeEach(async () => {
    parent = await mkdtemp(path.join(os.tmpdir(), 'ledgerline-embedded-'));
    dataDir = path.join(parent, 'data');
    reachable = await mkdtemp(path.join(os.tmpdir(), 'ledgerline-reachable-'));
    await chmod(reachable, 0o755);
  });

  afterEach(async () => {
    for (const one of processes.splice(0)) await one.kill();
    const postmaster = await readPostmaster(await dataFolder());
    if (postmaster !== undefined && isAlive(postmaster.pid) && postmaster.pid !== process.pid)
      await killAndWait(postmaster.pid);
    await rm(parent, { recursive: true, force: true });
    await rm(reachable, { recursive: true, force: true });
  });

  /** The log of Postgres. */
  async function dataFolder(): Promise<string> {
    const cluster = path.join(dataDir, 'postgres');
    return path.join((await readLocation(cluster)) ?? cluster, 'data');
  }

  async function inProcess(options: Partial<EmbeddedOptions> = {}, uid?: number): Promise<Process> {
    const args = ['--import', './test/support/typescript.js', 'test/support/embedded-process.ts'];
    const child = spawn(process.execPath, [...args, JSON.stringify({ dataDir, reachable: [reachable], ...options })], {
      cwd: REPOSITORY,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const answer = async (): Promise<string> => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the process ended: ${complaint}`);
      return value;
    };
    const ended = once(child, 'exit');
    const { url, adopted } = JSON.parse(await answer()) as { url: string; adopted: boolean };
    const started: Process = {
      url,
      adopted,
      child,
      async stop() {
        child.stdin.write('stop\n');
        await answer();
      },
      async end() {
        child.stdin.end();
        await ended;
      },
      async kill() {
        child.kill('SIGKILL');
        await ended;
      },
    };
    processes.push(started);
    return started;
  }

  const isRunning = async (): Promise<boolean> => (await readPostmaster(await dataFolder())) !== undefined;

  describe.each(METHODS)('placed by the method %s', (method) => {
    const options = (): EmbeddedOptions => ({ dataDir, methods: [method], reachable: [reachable] });

    it('starts, keeps what is written, and stops', async () => {
      const first = await startEmbeddedPostgres(options());
      expect(first.adopted).toBe(false);
      await query(first.url, 'create table ledger (amount numeric)');
      await query(first.url, `insert into ledger values ('21.12')`);
      await first.stop();
      expect(await isRunning()).toBe(false);
      await expect(query(first.url, 'select 1')).rejects.toThrow(/ENOENT|ECONNREFUSED/);

      const second = await startEmbeddedPostgres(options());
      expect(second.adopted).toBe(false);
      expect(await query(second.url, 'select amount from ledger')).toEqual([{ amount: '21.12' }]);
      await second.stop();
      await second.stop();
      expect(await isRunning()).toBe(false);
    });

    it('is reused by a second process, and stopped by the last one', async () => {
      await startedBefore(method);
      const first = await inProcess(options());
      const second = await inProcess(options());
      expect([first.adopted, second.adopted]).toEqual([false, true]);
      expect(second.url).toBe(first.url);
      await first.stop();
      expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
      await second.stop();
      expect(await isRunning()).toBe(false);
    });

    it('survives a killed process, and is reused and stopped by the next one', async () => {
      await startedBefore(method);
      const killed = await inProcess(options());
      await query(killed.url, 'create table kept ()');
      await killed.kill();
      const next = await inProcess(options());
      expect(next.adopted).toBe(true);
      expect(next.url).toBe(killed.url);
      expect(await query(next.url, 'select from kept')).toEqual([]);
      await next.stop();
      expect(await isRunning()).toBe(false);
    });

    it('recovers from the pid file of a server that was killed', async () => {
      await startedBefore(method);
      const first = await startEmbeddedPostgres(options());
      await query(first.url, 'create table kept ()');
      const server = await readPostmaster(await dataFolder());
      expect(server).toBeDefined();
      await killAndWait(server?.pid ?? 0);
      expect(await isRunning()).toBe(true);
      const second = await startEmbeddedPostgres(options());
      expect(second.adopted).toBe(false);
      expect(await query(second.url, 'select from kept')).toEqual([]);
      await second.stop();
      await first.stop();
    });

    it('works below a directory that only this user can enter', async () => {
      await chmod(parent, 0o700);
      const server = await startEmbeddedPostgres(options());
      expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
      await server.stop();
    });

    it('is one server for processes that start at the same time', async () => {
      const started = await Promise.all([inProcess(options()), inProcess(options()), inProcess(options())]);
      expect(new Set(started.map(({ url }) => url)).size).toBe(1);
      expect(started.filter(({ adopted }) => !adopted)).toHaveLength(1);
      expect(await query(started[0]?.url ?? '', 'select 1 as one')).toEqual([{ one: 1 }]);
      // Processes that were not first leave nothing behind.
      expect((await readdir(dataDir)).toSorted()).toEqual(['postgres', 'postgres.log']);
      expect(await readdir(reachable)).toHaveLength(method === 'elsewhere' ? 1 : 0);
      await Promise.all(started.map((one) => one.stop()));
      expect(await isRunning()).toBe(false);
    });
  });

  it('is set up for the ledger', async () => {
    const server = await startEmbeddedPostgres({ dataDir });
    const memory = ['shared_buffers', 'max_connections', 'max_wal_size'];
    const settings = ['TimeZone', 'server_encoding', 'lc_collate', ...memory, 'jit', 'fsync', 'listen_addresses'];
    const rows = await query(
      server.url,
      `select coalesce(current_setting(name, true), (select datcollate from pg_database where datname =
        'postgres')) as value
       from unnest(array['${settings.join(`', '`)}']) with ordinality as s (name, n) order by n`,
    );
    expect(rows.map(({ value }) => value)).toEqual([
      'UTC',
      'UTF8',
      'C',
      '256MB',
      '100',
      '2GB',
      'off',
      'on',
      '127.0.0.1',
    ]);
    expect((await stat(path.join(dataDir, 'postgres/password'))).mode & 0o777).toBe(0o600);
    expect((await stat(path.join(dataDir, 'postgres.log'))).mode & 0o777).toBe(0o600);
    const wrong = new URL(server.url);
    wrong.password = 'guessed';
    await expect(query(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    await server.stop();
  });

  it('is reached by its Unix socket, and by TCP where there is none', async () => {
    await startedBefore();
    const address = 'select coalesce(host(inet_client_addr()), $$socket$$) as address';
    const server = await startEmbeddedPostgres({ dataDir });
    expect(await query(server.url, address)).toEqual([{ address: 'socket' }]);
    const { port } = new URL(server.url);
    // A service with a /tmp of its own can't see it.
    await rename(`/tmp/.s.PGSQL.${port}`, `/tmp/.s.PGSQL.${port}.hidden`);
    const other = await startEmbeddedPostgres({ dataDir });
    expect(await query(other.url, address)).toEqual([{ address: '127.0.0.1' }]);
    await rename(`/tmp/.s.PGSQL.${port}.hidden`, `/tmp/.s.PGSQL.${port}`);
    await other.stop();
    await server.stop();
    expect(await isRunning()).toBe(false);
    const without = await startEmbeddedPostgres({ dataDir, settings: { unix_socket_directories: '' } });
    expect(await query(without.url, address)).toEqual([{ address: '127.0.0.1' }]);
    await without.stop();
  });

  it('keeps running for other connections', async () => {
    await startedBefore();
    const server = await startEmbeddedPostgres({ dataDir });
    const other = new pg.Client(server.url);
    await other.connect();
    await server.stop();
    expect((await other.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await other.end();
    const next = await startEmbeddedPostgres({ dataDir });
    expect(next.adopted).toBe(true);
    await next.stop();
    expect(await isRunning()).toBe(false);
  });

  it('is available to a command that starts while another ends', async () => {
    await startedBefore();
    for (let round = 0; round < 5; round += 1) {
      const ending = await startEmbeddedPostgres({ dataDir });
      const [beginning] = await Promise.all([startEmbeddedPostgres({ dataDir }), ending.stop()]);
      expect(await query(beginning.url, 'select 1 as one')).toEqual([{ one: 1 }]);
      await beginning.stop();
    }
    expect(await isRunning()).toBe(false);
  });

  it('does not keep a process from ending', async () => {
    await startedBefore();
    const started = await inProcess();
    await started.end();
    expect(started.child.exitCode).toBe(0);
    expect(await query(started.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('does not count as running if another process has its number', async () => {
    await startedBefore();
    await (await startEmbeddedPostgres({ dataDir })).stop();
    const data = await dataFolder();
    await writeFile(
      path.join(data, 'postmaster.pid'),
      `${process.pid}\n${data}\n1775001600\n5432\n\n127.0.0.1\n\nready   \n`,
    );
    const server = await startEmbeddedPostgres({ dataDir });
    expect(server.adopted).toBe(false);
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
  });

  it('cleans up after a killed initialisation, but not after a running one', async () => {
    const dead = spawn('true');
    await once(dead, 'exit');
    const drafts = [`postgres.init-${dead.pid}-0a1b2c3d`, `postgres.init-${process.pid}-0a1b2c3d`];
    for (const draft of drafts) await mkdir(path.join(dataDir, draft), { recursive: true });
    const server = await startEmbeddedPostgres({ dataDir });
    expect((await readdir(dataDir)).toSorted()).toEqual(['postgres', drafts[1], 'postgres.log']);
    await server.stop();
  });

  it('reports what is wrong, where, and what to do', async () => {
    await expect(startEmbeddedPostgres({ dataDir, methods: [] })).rejects.toThrow(
      expect.objectContaining({
        code: 'embedded_placement_impossible',
        message: expect.stringMatching(/set DATABASE_URL/),
      }),
    );
    await startedBefore();
    await expect(startEmbeddedPostgres({ dataDir, settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      expect.objectContaining({
        code: 'embedded_start_failed',
        message: expect.stringMatching(/invalid value for .*"shared_buffers"/),
      }),
    );
    const file = path.join(parent, 'file');
    await writeFile(file, '');
    await expect(startEmbeddedPostgres({ dataDir: file })).rejects.toThrow(
      expect.objectContaining({ code: 'data_directory_unusable' }),
    );
  });

  if (isRoot) {
    it('stays in its recorded folder', async () => {
      const first = await startEmbeddedPostgres({ dataDir, methods: ['elsewhere'], reachable: [reachable] });
      await query(first.url, 'create table kept ()');
      await first.stop();
      expect(await readFile(path.join(dataDir, 'postgres/location'), 'utf8')).toMatch(
        new RegExp(`^${reachable}/ledgerline-\\w+\\n$`),
      );
      const second = await startEmbeddedPostgres({ dataDir });
      expect(await query(second.url, 'select from kept')).toEqual([]);
      await second.stop();
      await rm(reachable, { recursive: true });
      await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(
        /Restore that folder, or remove .* to start with an empty ledger/,
      );
    });

    it('falls back to a reachable folder if the namespace has no access', async () => {
      // Root owns neither directory. In a namespace it has no rights on the files of others.
      await mkdir(dataDir);
      for (const directory of [dataDir, parent]) await chown(directory, NOBODY, NOBODY);
      const server = await startEmbeddedPostgres({ dataDir, reachable: [reachable] });
      expect(await dataFolder()).toMatch(new RegExp(`^${reachable}/`));
      await server.stop();
    });

    // A user who can't enter the checkout can't run a command in it.
    const users = canBeEntered(REPOSITORY) ? [NOBODY, NAMELESS] : [];
    for (const uid of users)
      it(`runs for user ${uid}, and for root after that`, async () => {
        await mkdir(dataDir);
        await chown(parent, uid, uid);
        await chown(dataDir, uid, uid);
        const theirs = await inProcess({}, uid);
        await query(theirs.url, 'create table kept ()');
        const roots = await inProcess();
        expect(roots.url).toBe(theirs.url);
        await theirs.stop();
        await roots.stop();
        expect(await isRunning()).toBe(false);
        const alone = await startEmbeddedPostgres({ dataDir });
        expect(await query(alone.url, 'select from kept')).toEqual([]);
        await alone.stop();
        const again = await inProcess({}, uid);
        expect(again.adopted).toBe(false);
        await again.stop();
      });
  }
});

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function killAndWait(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  while (isAlive(pid)) await delay(10);
}

function canBeEntered(directory: string): boolean {
  const args = ['-r', path.join(directory, 'package.json'), '-a', '-x', process.execPath];
  return spawnSync('test', args, { cwd: '/', uid: NOBODY, gid: NOBODY }).status === 0;
}
