import { copyFile, cp, readdir, readFile, rm } from 'node:fs/promises';
import { chownSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#postgres/embedded';

/** A server with its own data directory, `dataDir`. */
export interface Server extends EmbeddedPostgres {
  readonly dataDir: string;
}

const SETTINGS = { fsync: 'off', synchronous_commit: 'off', shared_buffers: '32MB' };

export async function primaryIn(dataDir: string): Promise<Server> {
  const server = await startEmbeddedPostgres({
    dataDir,
    settings: { ...SETTINGS, wal_level: 'replica', max_wal_senders: '10', wal_keep_size: '512MB' },
  });
  return { ...server, dataDir };
}

const settingsOf = (primary: EmbeddedPostgres): Record<string, string> => {
  const { hostname, port, username, password } = new URL(primary.url);
  return {
    ...SETTINGS,
    hot_standby: 'on',
    primary_conninfo: `host=${decodeURIComponent(hostname)} port=${port} user=${username} password=${password}`,
  };
};

/** A hot standby: a copy of the primary's data, taken between the start and the end of a backup. It replays its log. */
export async function standbyIn(dataDir: string, primary: Server): Promise<Server> {
  // Its own cluster shows where one may be on this machine, and who owns its files.
  const own = await startEmbeddedPostgres({ dataDir });
  const [from, to] = [await dataFolderOf(primary.url), await dataFolderOf(own.url)];
  await own.stop();
  const { uid, gid } = statSync(to);
  const backup = new pg.Client({ connectionString: primary.url });
  await backup.connect();
  await backup.query("SELECT pg_backup_start('standby', true)");
  for (const name of await readdir(to)) await rm(path.join(to, name), { recursive: true });
  for (const name of await readdir(from))
    if (!name.startsWith('postmaster.')) await cp(path.join(from, name), path.join(to, name), { recursive: true });
  const { rows } = await backup.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
  await backup.end();
  writeFileSync(path.join(to, 'backup_label'), rows[0]?.labelfile ?? '');
  writeFileSync(path.join(to, 'standby.signal'), '');
  for (const name of await readdir(to, { recursive: true })) chownSync(path.join(to, name), uid, gid);
  await copyFile(path.join(primary.dataDir, 'postgres/password'), path.join(dataDir, 'postgres/password'));
  return { ...(await startEmbeddedPostgres({ dataDir, settings: settingsOf(primary) })), dataDir };
}

/** Starts a standby again that was killed, at the same port. */
export async function startedAgain({ dataDir, url }: Server, primary: Server): Promise<Server> {
  const settings = { ...settingsOf(primary), port: new URL(url).port };
  return { ...(await startEmbeddedPostgres({ dataDir, settings })), dataDir };
}

async function dataFolderOf(url: string): Promise<string> {
  const [row] = await asked<{ folder: string }>(url, "SELECT current_setting('data_directory') AS folder");
  return row?.folder ?? '';
}

export async function asked<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Ends a server at once, as a power failure does. */
export async function kill(server: Server): Promise<void> {
  const folder = await dataFolderOf(server.url);
  const [pid = ''] = (await readFile(path.join(folder, 'postmaster.pid'), 'utf8')).split('\n');
  process.kill(Number(pid), 'SIGKILL');
}
