import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { type Instant, instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { Ledger } from '#ledger/ledger';
import { LedgerModule } from '#ledger/ledger.module';
import { openDatabase } from '#postgres/pool';
import { say } from './output.js';

/** The one place where the CLI looks at the clock. */
export const now = (): Instant => instant(new Date().toISOString());

/** Whoever may start the CLI on a database may do all that it offers. */
export const cliCaller = (actor = `cli:${process.env['USER'] ?? 'unknown'}`): Caller => ({ actor, role: 'platform_admin', now: now() });

/** Opens the database (an embedded one is started, or adopted from whoever runs it) and the ledger on it, for one piece of work. */
export async function withLedger<Result>(options: { readonly dataDir: string }, work: (ledger: Ledger, databaseUrl: string) => Promise<Result>): Promise<Result> {
  const database = await openDatabase({ databaseUrl: process.env['DATABASE_URL'], dataDir: options.dataDir, log: say });
  try {
    const eventStoreUrl = process.env['EVENT_STORE_URL'];
    const ledgerOptions = { databaseUrl: database.url, ...(eventStoreUrl === undefined || eventStoreUrl === '' ? {} : { eventStoreUrl }) };
    const app = await NestFactory.createApplicationContext(LedgerModule.forRoot(ledgerOptions), { logger: false, abortOnError: false });
    try {
      return await work(app.get(Ledger), database.url);
    } finally {
      await app.close();
    }
  } finally {
    await database.close();
  }
}
