import type { Logger } from 'pino';
import { PgBoss } from 'pg-boss';
import { type Instant, instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import type { Caller } from '#ledger/caller';
import type { Ledger } from '#ledger/ledger';

const DAILY_METERING = 'daily-metering';
/** 01:10 UTC: the last complete day, with an hour and ten minutes for what comes late. */
const CRON = '10 1 * * *';
const ATTEMPTS = 3;

const callerAt = (now: Instant): Caller => ({ actor: 'scheduler', role: 'operator', now });

/** The UTC day that was complete at an instant. */
const lastCompleteDay = (now: Instant): string => {
  const today = dayOf(now).start;
  return dayBefore(today);
};
const dayBefore = (start: Instant): string => dayOf(instant(new Date(Date.parse(start) - 1).toISOString())).start.slice(0, 10);
const dayAfter = (date: string): string => dayOf(instant(`${date}T00:00:00Z`)).end.slice(0, 10);

/**
 * Meters every complete UTC day that was not metered yet: from the day after the last metered one, or from the first on
 * which anything was seen, up to yesterday. Logs each day and its count.
 */
export async function catchUpMetering(ledger: Ledger, now: Instant, logger: Logger): Promise<number> {
  const caller = callerAt(now);
  const last = lastCompleteDay(now);
  let days = 0;
  for (let date = await firstUnmetered(ledger, caller); date !== null && date <= last; date = dayAfter(date)) {
    const { count } = await ledger.meter(date, caller);
    logger.info({ date, count }, `metered ${date}: ${count} records`);
    days += 1;
  }
  return days;
}

async function firstUnmetered(ledger: Ledger, caller: Caller): Promise<string | null> {
  const metered = (await ledger.ask('metered-days', {}, caller)) as { items: { date: string }[] };
  const lastMetered = metered.items.at(-1)?.date;
  if (lastMetered !== undefined) return dayAfter(lastMetered);
  const { items } = (await ledger.ask('resources', { limit: '10000' }, caller)) as { items: { firstSeenAt: string }[] };
  const first = items.map(({ firstSeenAt }) => firstSeenAt).sort()[0];
  return first === undefined ? null : first.slice(0, 10);
}

/** The daily job, kept in Postgres by pg-boss: missed while nothing ran, it runs at start; failed, it is tried again. */
export async function scheduleMetering(databaseUrl: string, ledger: Ledger, now: () => Instant, logger: Logger): Promise<{ stop(): Promise<void> }> {
  const boss = new PgBoss({ connectionString: databaseUrl, schema: 'ledgerline_jobs', application_name: 'ledgerline scheduler' });
  boss.on('error', (error) => {
    logger.error({ error: error.message }, 'the scheduler has a fault');
  });
  await boss.start();
  await boss.createQueue(DAILY_METERING, { retryLimit: ATTEMPTS - 1, retryDelay: 60, retryBackoff: true });
  await boss.work(DAILY_METERING, async () => {
    await catchUpMetering(ledger, now(), logger);
  });
  await boss.schedule(DAILY_METERING, CRON, null, { tz: 'UTC' });
  // What was missed while no worker ran; one job, however many workers start at once.
  await boss.send(DAILY_METERING, {}, { singletonKey: 'at-start', retryLimit: ATTEMPTS - 1 });
  return { stop: async () => boss.stop({ graceful: true }) };
}
