import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { createPool } from '#postgres/pool';

/** Set by global-setup.js, and inherited by Jest's workers. */
const DATA_DIR = 'LEDGERLINE_TEST_POSTGRES_DIR';
const SETTINGS = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '200' };

let count = 0;

export interface TestDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  drop(): Promise<void>;
}

/** Of this run's server, as soon as it is known. */
let knownUrl: Promise<string> | undefined;
/** Its sessions make and drop databases: a session for each would cost as much as that work. */
let administration: Promise<pg.Pool> | undefined;

/** A fresh database on the server of this run, empty or a copy of `template`; `drop` closes its pool and removes it. */
export async function testDatabase(template?: string): Promise<TestDatabase> {
  const name = `test_${process.pid}_${(count += 1)}`;
  // Copying the files takes a tenth of the time that copying through the write-ahead log takes.
  const copied = template === undefined ? '' : `TEMPLATE ${template} STRATEGY FILE_COPY`;
  const admin = await (administration ??= openAdministration());
  await admin.query(`CREATE DATABASE ${name} ${copied}`);
  const url = await urlOf(name);
  const pool = createPool(url, { applicationName: 'ledgerline specs' });
  return {
    url,
    pool,
    async drop() {
      await pool.end();
      // With force: a spec that failed half-way may have left sessions of its own.
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/**
 * Makes a database that others are copied from: once a run, also where several workers ask for it. Returns its name.
 */
export async function templateDatabase(name: string, make: (url: string) => Promise<void>): Promise<string> {
  await onSession(await serverUrl(), async (admin) => {
    await admin.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    const { rows } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rows.length > 0) return;
    await admin.query(`CREATE DATABASE making_${name}`);
    await make(await urlOf(`making_${name}`));
    await admin.query(`ALTER DATABASE making_${name} RENAME TO ${name}`);
  });
  return name;
}

const serverUrl = (): Promise<string> => (knownUrl ??= startedOnce());

/** The first user of the server starts it and writes its URL down; of two at once, one adopts what the other starts. */
async function startedOnce(): Promise<string> {
  const dataDir = process.env[DATA_DIR];
  if (dataDir === undefined)
    throw new Error(`${DATA_DIR} is not set: run the specs with --config test/support/jest.config.js`);
  const file = path.join(dataDir, 'url');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const starting = path.join(dataDir, `starting-${process.pid}`);
  writeFileSync(starting, '');
  try {
    const url = startServer(dataDir);
    await hashPasswordOnce(url);
    writeFileSync(`${file}-${process.pid}`, url);
    renameSync(`${file}-${process.pid}`, file);
    return url;
  } finally {
    rmSync(starting);
  }
}

/** In a process of its own, as a command starts it: the server outlives that process. */
function startServer(dataDir: string): string {
  const program = ['--import', './test/support/typescript.js', 'test/support/embedded-process.ts'];
  const answer: unknown = JSON.parse(
    execFileSync(process.execPath, [...program, JSON.stringify({ dataDir, settings: SETTINGS })], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  if (typeof answer === 'object' && answer !== null && 'url' in answer && typeof answer.url === 'string')
    return answer.url;
  throw new Error('test/support/embedded-process.ts did not answer with a URL');
}

/** By default a password is hashed 4096 times for each session, and the specs open some thousand sessions. */
async function hashPasswordOnce(url: string): Promise<void> {
  await onSession(url, async (admin) => {
    // Of two that start the server at once, the second waits.
    await admin.query(`SELECT pg_advisory_lock(hashtext('password')), set_config('scram_iterations', '1', false)`);
    await admin.query(`ALTER ROLE CURRENT_USER PASSWORD ${pg.escapeLiteral(new URL(url).password)}`);
  });
}

async function urlOf(database: string): Promise<string> {
  const url = new URL(await serverUrl());
  url.pathname = `/${database}`;
  return url.href;
}

async function openAdministration(): Promise<pg.Pool> {
  const admin = new pg.Pool({ connectionString: await serverUrl(), allowExitOnIdle: true });
  // The server stops before the processes of the run do.
  admin.on('error', () => undefined);
  return admin;
}

/** On a session of its own: a lock that it takes ends with it. */
async function onSession(url: string, work: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client(url);
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
