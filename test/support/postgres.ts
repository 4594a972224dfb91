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

/** A fresh, empty database on the server of this run; `drop` closes its pool and removes it. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = process.env[SERVER_URL];
  if (server === undefined)
    throw new Error(`${SERVER_URL} is not set: run the specs with --config test/support/jest.config.js`);
  const name = `test_${process.pid}_${(count += 1)}`;
  await onServer(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const pool = createPool(url.href, { applicationName: 'ledgerline specs' });
  return {
    url: url.href,
    pool,
    async drop() {
      await pool.end();
      // With force: a spec that failed half-way may have left sessions of its own.
      await onServer(server, `drop database ${name} with (force)`);
    },
  };
}

async function onServer(server: string, sql: string): Promise<void> {
  const admin = createPool(server, { max: 1 });
  try {
    await admin.query(sql);
  } finally {
    await admin.end();
  }
}
