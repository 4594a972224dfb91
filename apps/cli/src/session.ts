import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { type Instant, instant } from '#domain/time/instant';
import { Audit } from '#audit/audit';
import type { Caller } from '#ledger/caller';
import { Ledger } from '#operations/ledger';
import { LedgerModule } from '#operations/ledger.module';
import type { WhenOutdated } from '#operations/outdated';
import { openDatabase } from '#postgres/pool';
import { say } from './output.js';

/** The one place where the CLI looks at the clock. */
export const now = (): Instant => instant(new Date().toISOString());

/** Whoever may start the CLI on a database may do all that it offers. */
export const cliCaller = (actor = `cli:${process.env['USER'] ?? 'unknown'}`): Caller => ({
  actor,
  role: 'platform_admin',
  now: now(),
});

/**
 * Opens the database (an embedded one is started, or adopted from whoever runs it) and the ledger on it, for one piece of work.
 * Ctrl-C gives the work up, unless `onInterrupt` ends it in a better way; the database is left as after any other command.
 */
export async function withLedger<Result>(
  options: { readonly dataDir: string; readonly whenOutdated?: WhenOutdated },
  work: (ledger: Ledger, audit: Audit) => Promise<Result>,
  onInterrupt?: () => void,
): Promise<Result> {
  const interrupted = Promise.withResolvers<never>();
  // Where nothing is in the race yet, it must not end the process as unhandled.
  interrupted.promise.catch(() => undefined);
  const stopping = new AbortController();
  const interruption = new Error('interrupted; what is done is kept, the same command again goes on');
  const giveUp = (): void => {
    interrupted.reject(interruption);
  };
  const interrupt = (): void => {
    stopping.abort(interruption);
    (onInterrupt ?? giveUp)();
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await onDatabase(options, stopping.signal, (ledger, audit) =>
      Promise.race([interrupted.promise, work(ledger, audit)]),
    );
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function onDatabase<Result>(
  { dataDir, whenOutdated = 'wait' }: { readonly dataDir: string; readonly whenOutdated?: WhenOutdated },
  signal: AbortSignal,
  work: (ledger: Ledger, audit: Audit) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase({ databaseUrl: process.env['DATABASE_URL'], dataDir, log: say });
  try {
    const eventStoreUrl = process.env['EVENT_STORE_URL'];
    const seller = process.env['LEDGERLINE_SELLER'];
    const ledgerOptions = {
      databaseUrl: database.url,
      whenOutdated,
      signal,
      report: say,
      ...(eventStoreUrl === undefined || eventStoreUrl === '' ? {} : { eventStoreUrl }),
      ...(seller === undefined || seller === '' ? {} : { seller }),
    };
    const app = await NestFactory.createApplicationContext(LedgerModule.forRoot(ledgerOptions), {
      logger: false,
      abortOnError: false,
    });
    try {
      const audit = app.get(Audit);
      const result = await work(app.get(Ledger), audit);
      // What the command recorded is in the tree before it ends: from then on a change of it is noticed.
      await audit.keepUp();
      return result;
    } finally {
      await app.close();
    }
  } finally {
    await database.close();
  }
}
