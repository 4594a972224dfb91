import type pg from 'pg';
import { createPool } from '#postgres/pool';

/** Set by global-setup.js, and inherited by Jest's workers. */
const SERVER_URL = 'LEDGERLINE_TEST_POSTGRES_URL';

let count = 0;

export interface TestDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  drop(): Promise<void>;
}

/** A fresh database on the server of this run, empty or a copy of `template`; `drop` closes its pool and removes it. */
export async function testDatabase(template?: string): Promise<TestDatabase> {
  const name = `test_${process.pid}_${(count += 1)}`;
  await onServer((admin) =>
    admin.query(`CREATE DATABASE ${name} ${template === undefined ? '' : `TEMPLATE ${template}`}`),
  );
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

function serverUrl(): string {
  const url = process.env[SERVER_URL];
  if (url === undefined)
    throw new Error(`${SERVER_URL} is not set: run the specs with --config test/support/jest.config.js`);
  return url;
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
