import type { Logger } from 'pino';
import { PgBoss } from 'pg-boss';
import { type Instant, instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import type { Caller } from '#ledger/caller';
import { type AnswerOf, MAX_LIMIT } from '#ledger/query';
import type { Ledger } from '#operations/ledger';
import { meteredDays } from '#operations/metering';
import { resources } from '#operations/resources';

const DAILY_METERING = 'daily-metering';
/** 01:10 UTC: the last complete day, with an hour and ten minutes for what comes late. */
const CRON = '10 1 * * *';
const ATTEMPTS = 3;
/** Years of days may be missed: a job that takes longer than this is taken for dead, and tried again. */
const CATCH_UP_LIMIT_S = 4 * 3600;

const callerAt = (now: Instant): Caller => ({ actor: 'scheduler', role: 'operator', now });

/** The UTC day that was complete at an instant. */
const lastCompleteDay = (now: Instant): string => {
  const today = dayOf(now).start;
  return dayBefore(today);
};
const dayBefore = (start: Instant): string =>
  dayOf(instant(new Date(Date.parse(start) - 1).toISOString())).start.slice(0, 10);
const dayAfter = (date: string): string => dayOf(instant(`${date}T00:00:00Z`)).end.slice(0, 10);

/**
 * Meters every complete UTC day that was not metered yet, from the first on which anything was seen up to yesterday,
 * gaps included. Logs each day and its count. An aborted signal leaves the rest to the next time.
 */
export async function catchUpMetering(
  ledger: Ledger,
  now: Instant,
  logger: Logger,
  signal?: AbortSignal,
): Promise<number> {
  const caller = callerAt(now);
  const last = lastCompleteDay(now);
  const metered = await ledger.ask(meteredDays, {}, caller);
  const done = new Set(metered.items.map(({ date }) => date));
  let days = 0;
  for (let date = await firstSighting(ledger, caller); date !== null && date <= last; date = dayAfter(date)) {
    if (signal?.aborted === true) break;
    if (done.has(date)) continue;
    const { count } = await ledger.meter(date, caller);
    logger.info({ date, count }, `metered ${date}: ${count} records`);
    days += 1;
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

/**
 * The daily job, kept in Postgres by pg-boss: missed while nothing ran, it runs at start; failed, it is tried again.
 */
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
    logger.error({ error: error.message }, 'the scheduler has a fault');
  });
  const stopping = new AbortController();
  await boss.start();
  // `short`: one waits at most, and catches up for all. One that is at work keeps none from it: its worker may have
  // been killed.
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
      // The queue keeps why it failed and tries again, but tells no one.
      const reason = error instanceof Error ? error.message : String(error);
      logger.error({ error: reason }, `the daily metering failed; it is tried ${ATTEMPTS} times`);
      throw error;
    }
  });
  await boss.schedule(DAILY_METERING, CRON, null, { tz: 'UTC' });
  // What was missed while no worker ran.
  await boss.send(DAILY_METERING, {});
  return {
    async stop() {
      stopping.abort();
      await boss.stop({ graceful: true });
    },
  };
}
