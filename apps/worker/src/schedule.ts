import type { Logger } from 'pino';
import { PgBoss } from 'pg-boss';
import { reportedUntil } from '#domain/metering/metering';
import { type Instant, instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import type { Caller } from '#ledger/caller';
import { type AnswerOf, MAX_LIMIT } from '#ledger/query';
import type { Ledger } from '#operations/ledger';
import { meteredDays } from '#operations/metering';
import { meterDue } from '#operations/metering-run';
import { resources } from '#operations/resources';
import { troubleIn } from '#postgres/connection';

const DAILY_METERING = 'daily-metering';
/** 01:10 UTC: from then on the inventory of the day before counts as reported. A worker that starts earlier waits. */
const CRON = '10 1 * * *';
const ATTEMPTS = 3;
/** Catching up may cover years. A job that runs longer than this counts as dead and is retried. */
const CATCH_UP_LIMIT_S = 4 * 3600;

const callerAt = (now: Instant): Caller => ({ actor: 'scheduler', role: 'operator', now });

const dayAfter = (date: string): string => dayOf(instant(`${date}T00:00:00Z`)).end.slice(0, 10);

/**
 * Meters every reported UTC day that was not metered yet, including gaps, from the first day with a sighting. Then
 * meters again the days that changed after they were metered. Logs each day and its count. If the signal aborts, the
 * rest is left to the next run.
 */
export async function catchUpMetering(
  ledger: Ledger,
  now: Instant,
  logger: Logger,
  signal?: AbortSignal,
): Promise<number> {
  const caller = callerAt(now);
  const until = reportedUntil(now);
  const metered = await ledger.ask(meteredDays, {}, caller);
  const done = new Set(metered.items.map(({ date }) => date));
  let days = 0;
  const end = until.slice(0, 10);
  for (let date = await firstSighting(ledger, caller); date !== null && date < end; date = dayAfter(date)) {
    if (signal?.aborted === true) return days;
    if (done.has(date)) continue;
    const { count } = await ledger.meter(date, caller);
    logger.info({ date, count }, `metered ${date}: ${count} records`);
    days += 1;
  }
  for await (const { date, count } of meterDue(ledger, caller, until)) {
    logger.info({ date, count }, `metered ${date} again: ${count} records`);
    days += 1;
    if (signal?.aborted === true) break;
  }
  return days;
}

async function firstSighting(ledger: Ledger, caller: Caller): Promise<string | null> {
  let first: string | null = null;
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: AnswerOf<typeof resources.answer> = await ledger.ask(resources, { limit: MAX_LIMIT, cursor }, caller);
    for (const { firstSeenAt } of page.items) if (first === null || firstSeenAt < first) first = firstSeenAt;
    cursor = page.nextCursor;
  }
  return first?.slice(0, 10) ?? null;
}

/** The daily job, scheduled in Postgres by pg-boss. A missed job runs at the next start. A failed job is retried. */
export async function scheduleMetering(
  databaseUrl: string,
  ledger: Ledger,
  now: () => Instant,
  logger: Logger,
): Promise<{ stop(): Promise<void> }> {
  const boss = new PgBoss({
    connectionString: databaseUrl,
    schema: 'ledgerline_jobs',
    application_name: 'ledgerline scheduler',
  });
  boss.on('error', (error) => {
    logger.error({ error: troubleIn(error) }, 'the scheduler reported an error');
  });
  const stopping = new AbortController();
  await boss.start();
  // `short`: at most one job waits, and it catches up for all. A running job does not block it, because its worker may
  // have been killed.
  await boss.createQueue(DAILY_METERING, {
    policy: 'short',
    retryLimit: ATTEMPTS - 1,
    retryDelay: 60,
    retryBackoff: true,
    expireInSeconds: CATCH_UP_LIMIT_S,
  });
  await boss.work(DAILY_METERING, async () => {
    try {
      await catchUpMetering(ledger, now(), logger, stopping.signal);
    } catch (error) {
      // The queue stores the reason of a failure and retries, but reports nothing.
      const reason = error instanceof Error ? error.message : String(error);
      logger.error({ error: reason }, `the daily metering failed (at most ${ATTEMPTS} attempts)`);
      throw error;
    }
  });
  await boss.schedule(DAILY_METERING, CRON, null, { tz: 'UTC' });
  // Catches up what was missed while no worker ran.
  await boss.send(DAILY_METERING, {});
  return {
    async stop() {
      stopping.abort();
      await boss.stop({ graceful: true });
    },
  };
}
