import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { type Instant, instant } from '#domain/time/instant';
import { Audit } from '#audit/audit';
import type { Caller } from '#ledger/caller';
import { Ledger } from '#operations/ledger';
import { LedgerModule } from '#operations/ledger.module';
import type { WhenOutdated } from '#operations/outdated';
import { openDatabase } from '#postgres/pool';
import { eventStoreFrom, fourEyesFrom, sellerDetailsFrom, usageYearsFrom } from '#runtime/environment';
import { parse, zId } from '#domain/schema';
import { CLI_ACTOR } from './actor.js';
import { say } from './output.js';

/** The only place where the CLI reads the clock. */
export const now = (): Instant => instant(new Date().toISOString());

/** Everybody who can run the CLI on a database may use all of its commands. */
export const cliCaller = (actor = CLI_ACTOR): Caller => ({
  actor: parse(zId, actor, 'actor'),
  role: 'platform_admin',
  now: now(),
});

/**
 * Opens the database and the ledger on it for one piece of work. An embedded database is started, or shared if another
 * process runs it. Ctrl-C abandons the work, unless `onInterrupt` ends it in a better way; the database is then closed
 * as after any other command.
 */
export async function withLedger<Result>(
  options: { readonly dataDir: string; readonly whenOutdated?: WhenOutdated },
  work: (ledger: Ledger, audit: Audit) => Promise<Result>,
  onInterrupt?: () => void,
): Promise<Result> {
  const interrupted = Promise.withResolvers<never>();
  // A rejection before the race starts must not end the process as unhandled.
  interrupted.promise.catch(() => undefined);
  const stopping = new AbortController();
  const interruption = new Error('interrupted. Finished work is kept; run the same command again to continue.');
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

/** A command may ask several queries. */
function sayOnceIfStale(ledger: Ledger): void {
  let isSaid = false;
  ledger.onStale((position, since) => {
    if (isSaid) return;
    isSaid = true;
    say(
      `stale since ${since}: reads are as of position ${position}, and later events can’t be projected. ` +
        'For the reason, run "ledgerline projections status".',
    );
  });
}

async function onDatabase<Result>(
  { dataDir, whenOutdated = 'wait' }: { readonly dataDir: string; readonly whenOutdated?: WhenOutdated },
  signal: AbortSignal,
  work: (ledger: Ledger, audit: Audit) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase({ databaseUrl: process.env['DATABASE_URL'], dataDir, log: say });
  try {
    const seller = process.env['LEDGERLINE_SELLER'];
    const ledgerOptions = {
      databaseUrl: database.url,
      whenOutdated,
      signal,
      report: say,
      usageYears: usageYearsFrom(process.env),
      ...eventStoreFrom(process.env),
      ...fourEyesFrom(process.env),
      ...sellerDetailsFrom(process.env),
      ...(seller === undefined || seller === '' ? {} : { seller }),
    };
    const app = await NestFactory.createApplicationContext(LedgerModule.forRoot(ledgerOptions), {
      logger: false,
      abortOnError: false,
    });
    try {
      const [ledger, audit] = [app.get(Ledger), app.get(Audit)];
      sayOnceIfStale(ledger);
      const result = await work(ledger, audit);
      // The command's events are in the hash tree before it ends. From then on, a change of them is detected.
      await audit.keepUp();
      return result;
    } finally {
      await app.close();
    }
  } finally {
    await database.close();
  }
}
