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

/**
 * Opens the database (an embedded one is started, or adopted from whoever runs it) and the ledger on it, for one piece of work.
 * Ctrl-C gives the work up, unless `onInterrupt` ends it in a better way; the database is left as after any other command.
 */
export async function withLedger<Result>(
  options: { readonly dataDir: string },
  work: (ledger: Ledger) => Promise<Result>,
  onInterrupt?: () => void,
): Promise<Result> {
  const interrupted = Promise.withResolvers<never>();
  // Where nothing is in the race yet, it must not end the process as unhandled.
  interrupted.promise.catch(() => undefined);
  const giveUp = (): void => {
    interrupted.reject(new Error('interrupted; what is done is kept, the same command again goes on'));
  };
  const interrupt = onInterrupt ?? giveUp;
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await onDatabase(options, (ledger) => Promise.race([interrupted.promise, work(ledger)]));
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function onDatabase<Result>({ dataDir }: { readonly dataDir: string }, work: (ledger: Ledger) => Promise<Result>): Promise<Result> {
  const database = await openDatabase({ databaseUrl: process.env['DATABASE_URL'], dataDir, log: say });
  try {
    const eventStoreUrl = process.env['EVENT_STORE_URL'];
    const seller = process.env['LEDGERLINE_SELLER'];
    const ledgerOptions = {
      databaseUrl: database.url,
      ...(eventStoreUrl === undefined || eventStoreUrl === '' ? {} : { eventStoreUrl }),
      ...(seller === undefined || seller === '' ? {} : { seller }),
    };
    const app = await NestFactory.createApplicationContext(LedgerModule.forRoot(ledgerOptions), { logger: false, abortOnError: false });
    try {
      return await work(app.get(Ledger));
    } finally {
      await app.close();
    }
  } finally {
    await database.close();
  }
}
