import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { type NewEvent, NO_STREAM } from '#event-store/port';
import { PostgresLog } from '#event-store/postgres';
import { type Bench, figure, mustBe, timed } from './bench.js';
import { onDatabase } from './database.js';

/** Appends that are under way at the same time, each of one event to a stream of its own: as from many requests. */
const AT_ONCE = 400;
const ROWS_PER_INSERT = 1000;
const METADATA = JSON.stringify({ actor: 'bench' });

const newEvent = (n: number): NewEvent => ({
  id: randomUUID(),
  type: 'UsageObserved',
  data: JSON.stringify({
    deploymentId: `d-${n}`,
    month: '2026-04',
    origin: 'command',
    observations: [{ resourceId: 'r', billingKind: 'requests', quantity: '3' }],
  }),
  metadata: METADATA,
});

/** Single events through the log's port, against the same rows put into a plain table of the same columns and keys. */
export const appendBench: Bench = {
  name: 'append',
  summary:
    `N appends of one event each to streams of their own, ${AT_ONCE} at a time; against the same rows inserted ` +
    `${ROWS_PER_INSERT} at a time`,
  size: 50_000,
  async measure(size) {
    return onDatabase(async (_url, pool) => {
      const events = Array.from({ length: size }, (_, n) => newEvent(n));
      const log = new PostgresLog(pool);
      await log.migrate();
      const appended = await timed(() => appendAll(log, events));
      mustBe('the head', await log.head(), size);
      const inserted = await timed(() => insertAll(pool, events));
      const totals = async (table: string): Promise<unknown> =>
        (
          await pool.query(
            `SELECT count(*)::int AS rows, count(DISTINCT event_id)::int AS ids, sum(length(data))::int AS ` +
              `characters, max(position)::int AS head FROM ${table}`,
          )
        ).rows;
      mustBe('what the log holds', await totals('ledgerline_log.events'), await totals('plain'));
      await log.close();
      const [perSecond, limit] = [(size * 1000) / appended.ms, (size * 1000) / inserted.ms];
      return {
        ratios: { append: figure(perSecond / limit) },
        figures: { appendsPerSecond: figure(perSecond), insertedRowsPerSecond: figure(limit) },
        checked: true,
      };
    });
  },
};

async function appendAll(log: PostgresLog, events: readonly NewEvent[]): Promise<void> {
  const queue = events.entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [n, event] of queue) await log.append(`usage-${n}`, NO_STREAM, [event]);
    }),
  );
}

async function insertAll(pool: pg.Pool, events: readonly NewEvent[]): Promise<void> {
  await pool.query(
    'CREATE TABLE plain (position bigint PRIMARY KEY, stream text COLLATE "C" NOT NULL, revision bigint NOT ' +
      'NULL, event_id uuid NOT NULL, type text NOT NULL,' +
      ' data text NOT NULL, metadata text NOT NULL, recorded_at timestamptz NOT NULL, UNIQUE (stream, revision))',
  );
  for (let from = 0; from < events.length; from += ROWS_PER_INSERT) {
    const page = events.slice(from, from + ROWS_PER_INSERT);
    await pool.query(
      'INSERT INTO plain SELECT p, s, 0, i, t, d, m, now() FROM unnest($1::bigint[], $2::text[], $3::uuid[], ' +
        '$4::text[], $5::text[], $6::text[]) AS r(p, s, i, t, d, m)',
      [
        page.map((_, index) => from + index + 1),
        page.map((_, index) => `usage-${from + index}`),
        page.map(({ id }) => id),
        page.map(({ type }) => type),
        page.map(({ data }) => data),
        page.map(({ metadata }) => metadata),
      ],
    );
  }
}
