import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';
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

/** A fresh database on the server of this run, empty or a copy of `template`; `drop` closes its pool and removes it. */
export async function testDatabase(template?: string): Promise<TestDatabase> {
  const name = `test_${process.pid}_${(count += 1)}`;
  // Copying the files takes a tenth of the time that copying through the write-ahead log takes.
  const copied = template === undefined ? '' : `TEMPLATE ${template} STRATEGY FILE_COPY`;
  await onServer((admin) => admin.query(`CREATE DATABASE ${name} ${copied}`));
  const url = urlOf(name);
  const pool = createPool(url, { applicationName: 'ledgerline specs' });
  return {
    url,
    pool,
    async drop() {
      await pool.end();
      // With force: a spec that failed half-way may have left sessions of its own.
      await onServer((admin) => admin.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

/**
 * Makes a database that others are copied from: once a run, also where several workers ask for it. Returns its name.
 */
export async function templateDatabase(name: string, make: (url: string) => Promise<void>): Promise<string> {
  await onServer(async (admin) => {
    await admin.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    const { rows } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rows.length > 0) return;
    await admin.query(`CREATE DATABASE making_${name}`);
    await make(urlOf(`making_${name}`));
    await admin.query(`ALTER DATABASE making_${name} RENAME TO ${name}`);
  });
  return name;
}

/**
 * The URL of this run's server. Its first user starts it and writes the URL down; of two at once, one adopts what the
 * other starts.
 */
function serverUrl(): string {
  const dataDir = process.env[DATA_DIR];
  if (dataDir === undefined)
    throw new Error(`${DATA_DIR} is not set: run the specs with --config test/support/jest.config.js`);
  const file = path.join(dataDir, 'url');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const starting = path.join(dataDir, `starting-${process.pid}`);
  writeFileSync(starting, '');
  try {
    const url = startServer(dataDir);
    writeFileSync(`${file}-${process.pid}`, url);
    renameSync(`${file}-${process.pid}`, file);
    return url;
  } finally {
    rmSync(starting);
  }
}

/** In a process of its own, as a command starts it: the server outlives that process. */
function startServer(dataDir: string): string {
  const program = [
    '--conditions=source',
    '--import',
    './test/support/typescript.js',
    'test/support/embedded-process.ts',
  ];
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

function urlOf(database: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${database}`;
  return url.href;
}

/** On a session of its own: a lock that it takes ends with it. */
async function onServer(work: (admin: pg.Pool) => Promise<unknown>): Promise<void> {
  const admin = createPool(serverUrl(), { max: 1, idleTimeoutMs: 0 });
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
