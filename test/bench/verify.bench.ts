import { createHash, hash, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { NO_STREAM } from '#event-store/port';
import { PostgresLog } from '#event-store/postgres';
import { TreeKeeper } from '#audit/tree-keeper';
import { KeptTree } from '#transparency/kept-tree';
import { verifyLog } from '#transparency/verify';
import { type Bench, figure, mustBe, timed } from './bench.js';
import { onDatabase } from './database.js';

const EVENTS_AT_ONCE = 50_000;
const MOST_APPENDS = 20_000;
const APPENDS_AT_ONCE = 400;
/** Some ten readings: what an hour of one deployment is. */
const DATA = JSON.stringify({
  deploymentId: 'd',
  month: '2026-04',
  origin: 'command',
  observations: Array.from({ length: 10 }, (_, n) => ({
    resourceId: `r-${n}`,
    billingKind: 'requests',
    period: { start: '2026-04-03T00:00:00Z', end: '2026-04-04T00:00:00Z' },
    granularity: 'day',
    quantity: '3',
  })),
});

/** Events as the log holds them, made by SQL: what is measured is reading and hashing them. */
async function fill(pool: pg.Pool, size: number): Promise<void> {
  for (let from = 1; from <= size; from += EVENTS_AT_ONCE) {
    await pool.query(
      `INSERT INTO ledgerline_log.events SELECT n, 'usage-' || n, 0, gen_random_uuid(), 'UsageObserved', $3, ` +
        `'{"actor":"bench"}', now() FROM generate_series($1::bigint, $2::bigint) n`,
      [from, Math.min(size, from + EVENTS_AT_ONCE - 1), DATA],
    );
  }
  await pool.query('UPDATE ledgerline_log.head SET position = $1, recorded_at = now()', [size]);
}

/**
 * The same bytes, one event after the other, by plain SHA-256 as one writes it in Node, and by its quickest call:
 * milliseconds.
 */
async function plain(log: PostgresLog, size: number): Promise<{ plainMs: number; quickestMs: number }> {
  const bytes: Buffer[] = [];
  for await (const leaves of log.leaves({ after: 0, upTo: size }))
    for (const leaf of leaves) bytes.push(Buffer.from(leaf.bytes));
  const plainly = await timed(async () => {
    for (const each of bytes) createHash('sha256').update(each).digest();
  });
  const quickest = await timed(async () => {
    for (const each of bytes) hash('sha256', each, 'hex');
  });
  return { plainMs: plainly.ms, quickestMs: quickest.ms };
}

/**
 * Appends per second while the tree is kept up behind them, as the worker does, and without it; in turns, the best of
 * each.
 */
async function ingested(size: number): Promise<{ withTree: number; without: number }> {
  const best = { withTree: 0, without: 0 };
  for (const kind of ['without', 'withTree', 'withTree', 'without', 'without', 'withTree'] as const)
    best[kind] = Math.max(best[kind], await appendedPerSecond(size, kind === 'withTree'));
  return best;
}

async function appendedPerSecond(size: number, keepsTree: boolean): Promise<number> {
  return onDatabase(async (_url, pool) => {
    const log = new PostgresLog(pool);
    const tree = new KeptTree(pool, log);
    await log.migrate();
    await tree.migrate();
    const keeper = new TreeKeeper(tree);
    const stopping = new AbortController();
    const keeping = keepsTree ? keeper.run(stopping.signal) : Promise.resolve();
    const queue = Array.from({ length: size }, (_, n) => n).values();
    const { ms } = await timed(async () => {
      await Promise.all(
        Array.from({ length: APPENDS_AT_ONCE }, async () => {
          for (const n of queue) {
            await log.append(`usage-${n}`, NO_STREAM, [
              { id: randomUUID(), type: 'UsageObserved', data: DATA, metadata: '{"actor":"bench"}' },
            ]);
            keeper.wake();
          }
        }),
      );
    });
    stopping.abort();
    await keeping;
    if (keepsTree) mustBe('events in the tree', await tree.keepUp(), size);
    await log.close();
    return (size * 1000) / ms;
  });
}

export const verifyBench: Bench = {
  name: 'verify',
  summary:
    'the whole log verified, against plain SHA-256 over the bytes of its events; and what keeping its tree up ' +
    'costs appends',
  size: 200_000,
  bounds: [
    { of: 'verifiedAgainstSha256', least: 0.3, from: 50_000 },
    { of: 'ingestWithTree', least: 0.9, from: 20_000 },
  ],
  async measure(size) {
    return onDatabase(async (_url, pool) => {
      const log = new PostgresLog(pool);
      const tree = new KeptTree(pool, log);
      await log.migrate();
      await tree.migrate();
      await fill(pool, size);
      const kept = await timed(async () => tree.keepUp());
      // The better of two: the first reads what was written a moment ago from where the database still writes it.
      const runs = [
        await timed(async () => verifyLog(log, pool, { notes: [], verifier: null })),
        await timed(async () => verifyLog(log, pool, { notes: [], verifier: null })),
      ] as const;
      const verified = runs[0].ms < runs[1].ms ? runs[0] : runs[1];
      mustBe('events verified', verified.result.size, size);
      mustBe('failures', verified.result.failures.length, 0);
      const sha = await plain(log, Math.min(size, EVENTS_AT_ONCE));
      const perSecond = (size * 1000) / verified.ms;
      const hashed = (ms: number): number => (Math.min(size, EVENTS_AT_ONCE) * 1000) / ms;
      await log.close();
      const ingest = await ingested(Math.min(size, MOST_APPENDS));
      return {
        ratios: {
          verifiedAgainstSha256: figure(perSecond / hashed(sha.plainMs)),
          verifiedAgainstQuickestSha256: figure(perSecond / hashed(sha.quickestMs)),
          ingestWithTree: figure(ingest.withTree / ingest.without),
        },
        figures: {
          eventsVerifiedPerSecond: figure(perSecond),
          eventsKeptPerSecond: figure((size * 1000) / kept.ms),
          sha256PerSecond: figure(hashed(sha.plainMs)),
          quickestSha256PerSecond: figure(hashed(sha.quickestMs)),
          ingestPerSecond: figure(ingest.withTree),
        },
        checked: true,
      };
    });
  },
};
