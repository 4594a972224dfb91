import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type pg from 'pg';
import { Ledger } from '#operations/ledger';
import { LedgerCore } from '#ledger/ledger-core';
import { LedgerModule } from '#operations/ledger.module';
import { startEmbeddedPostgres } from '#postgres/embedded';
import { createPool } from '#postgres/pool';

let count = 0;

/**
 * An embedded Postgres for the whole run, as a user's: with its own settings, durability included. Removed at the end.
 */
export async function withServer<Result>(say: (message: string) => void, work: () => Promise<Result>): Promise<Result> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ledgerline-bench-'));
  const server = await startEmbeddedPostgres({ dataDir, log: say });
  serverUrl = server.url;
  try {
    return await work();
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

let serverUrl: string | undefined;

/** A database of its own for one measurement. */
export async function onDatabase<Result>(work: (url: string, pool: pg.Pool) => Promise<Result>): Promise<Result> {
  if (serverUrl === undefined) throw new Error('there is no server yet: call withServer first');
  const name = `bench_${(count += 1)}`;
  const admin = createPool(serverUrl, { max: 1, applicationName: 'ledgerline bench' });
  try {
    await admin.query(`CREATE DATABASE ${name}`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    const pool = createPool(url.href, { applicationName: 'ledgerline bench' });
    try {
      return await work(url.href, pool);
    } finally {
      await pool.end();
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  } finally {
    await admin.end();
  }
}

/** An empty ledger on a database of its own. */
export async function onLedger<Result>(
  work: (opened: { ledger: Ledger; core: LedgerCore; pool: pg.Pool; url: string }) => Promise<Result>,
): Promise<Result> {
  return onDatabase(async (databaseUrl, pool) => {
    const app: INestApplicationContext = await NestFactory.createApplicationContext(
      LedgerModule.forRoot({ databaseUrl }),
      { logger: false },
    );
    try {
      return await work({ ledger: app.get(Ledger), core: app.get(LedgerCore), pool, url: databaseUrl });
    } finally {
      await app.close();
    }
  });
}
