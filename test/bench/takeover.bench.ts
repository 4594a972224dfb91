import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { usageStream } from '#domain/usage/usage';
import { NO_STREAM } from '#event-store/port';
import { PostgresLog } from '#event-store/postgres';
import { type Bench, figure, mustBe } from './bench.js';
import { onLedger } from './database.js';
import { SECRET } from './http.bench.js';
import { deploymentId, QUANTITY_PER_EVENT, READINGS_PER_EVENT, usageEvent, usageTotals } from './usage-log.js';

/** 5,000 readings a second. */
const APPEND_EVERY_MS = 200;
const LOOK_EVERY_MS = 5;

/** Two workers under load: the one that projects is killed, and another is started, N times. */
export const takeoverBench: Bench = {
  name: 'takeover',
  summary:
    'the projecting worker is killed N times while 5,000 readings a second arrive: seconds until the one that stands ' +
    'by has projected something',
  size: 50,
  bounds: [{ of: 'longestSeconds', most: 1, from: 1 }],
  async measure(size, say) {
    return onLedger(async ({ core, pool, url }) => {
      const log = new PostgresLog(pool);
      const loading = new AbortController();
      const appended = load(log, loading.signal);
      let projecting = await standingBy(url, pool);
      const times: number[] = [];
      for (let round = 0; round < size; round += 1) {
        const next = await standingBy(url, pool);
        // It projects, and more arrives, at the moment when it ends.
        const before = await core.projector.position();
        while ((await core.projector.position()) === before) await delay(LOOK_EVERY_MS);
        await killed(projecting);
        const [at, since] = [await core.projector.position(), performance.now()];
        while ((await core.projector.position()) === at) await delay(LOOK_EVERY_MS);
        times.push(performance.now() - since);
        projecting = next;
        if (round % 10 === 9) say(`takeover: ${round + 1} rounds, at most ${figure(Math.max(...times))} ms`);
      }
      loading.abort();
      const events = await appended;
      await core.projector.catchUp();
      await killed(projecting);
      mustBe('the records', await usageTotals(pool, 'ledgerline.usage_records'), {
        rows: String(events * READINGS_PER_EVENT),
        quantity: String(events * QUANTITY_PER_EVENT),
        resources: String((events * READINGS_PER_EVENT) / 10),
        last: String(events),
      });
      await log.close();
      const ordered = times.sort((a, b) => a - b);
      return {
        ratios: {},
        figures: {
          longestSeconds: figure((ordered.at(-1) ?? 0) / 1000),
          medianSeconds: figure((ordered[Math.floor(ordered.length / 2)] ?? 0) / 1000),
        },
        checked: true,
      };
    });
  },
};

/** Appends until the signal aborts. Answers the number of events. */
async function load(log: PostgresLog, signal: AbortSignal): Promise<number> {
  for (let n = 0; ; n += 1) {
    if (signal.aborted) return n;
    await log.append(usageStream(deploymentId(n), '2026-04'), NO_STREAM, [usageEvent(n)]);
    await delay(APPEND_EVERY_MS);
  }
}

/** A worker that has asked for the writer's lock. If no other worker has it, this one projects then. */
async function standingBy(databaseUrl: string, pool: pg.Pool): Promise<ChildProcess> {
  const { rows } = await pool.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  const worker = spawn(process.execPath, ['dist/apps/worker/src/main.js'], {
    env: { ...process.env, EVENT_STORE_URL: '', DATABASE_URL: databaseUrl, LEDGERLINE_JWT_SECRET: SECRET },
    stdio: 'ignore',
  });
  const asking =
    "SELECT FROM pg_stat_activity WHERE application_name = 'ledgerline worker' AND datname = current_database()" +
    " AND backend_start > $1::timestamptz AND query LIKE '%pg_try_advisory_lock(hashtext(''ledgerline:%'";
  while ((await pool.query(asking, [rows[0]?.now])).rowCount === 0) {
    if (worker.exitCode !== null) throw new Error('the worker ended: is dist there? npm run build');
    await delay(LOOK_EVERY_MS);
  }
  return worker;
}

async function killed(worker: ChildProcess): Promise<void> {
  const ended = once(worker, 'exit');
  worker.kill('SIGKILL');
  await ended;
}
