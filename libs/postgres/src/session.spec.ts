import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { testDatabase } from '../../../test/support/postgres.js';
import { createPool } from './pool.js';
import { isPooled } from './session.js';

/** The Debian package pgbouncer. */
const PGBOUNCER = '/usr/sbin/pgbouncer';
const isThere = ((): boolean => {
  try {
    execFileSync(PGBOUNCER, ['--version']);
    return true;
  } catch {
    process.stderr.write(`NOT RUN with a pooler: there is no ${PGBOUNCER}. Install the Debian package pgbouncer.\n`);
    return false;
  }
})();

const SETTINGS = `SELECT current_setting('search_path') AS path, current_setting('TimeZone') AS zone,
  current_setting('statement_timeout') AS timeout, pg_backend_pid() AS pid`;

async function expectSettings(url: string, pooled: boolean): Promise<void> {
  expect(await isPooled(url)).toBe(pooled);
  const pool = createPool(url, { schema: 'ledgerline', statementTimeoutMs: 60_000, isPooled: pooled });
  const client = await pool.connect();
  const { rows } = await client.query(SETTINGS);
  // Cancelling needs the process of the server.
  const pid: unknown = Reflect.get(client, 'processID');
  expect(rows).toEqual([{ path: 'ledgerline', zone: 'UTC', timeout: '1min', pid }]);
  client.release();
  await pool.end();
}

it('a session of our own has the settings of its pool', async () => {
  const database = await testDatabase();
  await expectSettings(database.url, false);
  // The URL's own options apply beside ours.
  expect(await isPooled(`${database.url}?options=${encodeURIComponent('-c work_mem=1MB')}`)).toBe(false);
  await database.drop();
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs work with a PgBouncer before a database. */
async function behindPgBouncer(url: string, of: string, work: (url: string) => Promise<void>): Promise<void> {
  const { hostname, port, pathname, username, password } = new URL(url);
  const [folder, listening] = [await mkdtemp(path.join(tmpdir(), 'pgbouncer-')), await freePort()];
  await chmod(folder, 0o777);
  const name = pathname.slice(1);
  const target = `host=${decodeURIComponent(hostname)} port=${port} user=${username} password=${password}`;
  const settings = `listen_addr = 127.0.0.1\nlisten_port = ${listening}\nauth_type = any\n${of}`;
  const config = path.join(folder, 'pgbouncer.ini');
  await writeFile(config, `[databases]\n${name} = ${target}\n[pgbouncer]\n${settings}\nunix_socket_dir =\n`);
  const asRoot = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const server = spawn(PGBOUNCER, [...asRoot, config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  for await (const chunk of server.stderr) if ((said += String(chunk)).includes('process up')) break;
  try {
    await work(`postgres://me@127.0.0.1:${listening}/${name}`);
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
    await rm(folder, { recursive: true });
  }
}

it('behind PgBouncer in session mode it has them too, and in the other modes it is refused', async () => {
  if (!isThere) return;
  const database = await testDatabase();
  for (const more of ['', '\nignore_startup_parameters = options'])
    await behindPgBouncer(database.url, `pool_mode = session${more}`, async (url) => {
      await expectSettings(url, true);
    });
  const options = encodeURIComponent('-c work_mem=1MB');
  await behindPgBouncer(database.url, 'pool_mode = session\nignore_startup_parameters = options', async (url) => {
    await expect(isPooled(`${url}?options=${options}`)).rejects.toThrow('drops the options in DATABASE_URL');
  });
  for (const mode of ['transaction', 'statement'])
    await behindPgBouncer(database.url, `pool_mode = ${mode}`, async (url) => {
      await expect(isPooled(url)).rejects.toMatchObject({
        code: 'database_behind_pooler',
        message: expect.stringContaining('set pool_mode = session for Ledgerline'),
      });
    });
  await database.drop();
});
