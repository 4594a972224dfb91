import type pg from 'pg';
import { z } from 'zod';
import { READ_MODELS } from '#projections/database';
import { type Bench, BENCHER, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';
import { wholeLedger } from './whole-ledger.js';

const PAGE_ROWS = 10_000;

/** Each row of every read model, once: the limit of a check. Answers how many there are. */
async function readAll(pool: pg.Pool): Promise<number> {
  const client = await pool.connect();
  let count = 0;
  try {
    // Without the months of partitioned tables: their rows are read through the table.
    const { rows: tables } = await client.query<{ name: string }>(
      'SELECT c.oid::regclass::text AS name FROM pg_class c' +
        " WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
      [READ_MODELS],
    );
    await client.query('BEGIN');
    for (const { name } of tables) {
      await client.query(`DECLARE page CURSOR FOR SELECT * FROM ${name}`);
      for (let read = PAGE_ROWS; read === PAGE_ROWS; count += read)
        read = (await client.query(`FETCH ${PAGE_ROWS} FROM page`)).rows.length;
      await client.query('CLOSE page');
    }
    return count;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

const zChecked = z.object({ ok: z.boolean(), failures: z.array(z.unknown()) });

/** The better of two. */
async function better<Result>(work: () => Promise<Result>): Promise<{ ms: number; result: Result }> {
  const [first, second] = [await timed(work), await timed(work)];
  return first.ms < second.ms ? first : second;
}

export const checkBench: Bench = {
  name: 'check',
  summary: 'all invariants of a ledger of N readings, without the replay; against one read of all read models',
  size: 100_000,
  bounds: [{ of: 'checkToRead', most: 8, from: 50_000 }],
  async measure(size) {
    return onLedger(async ({ ledger, core, pool }) => {
      await wholeLedger(ledger, core, size);
      const read = await better(async () => readAll(pool));
      const checked = await better(async () => zChecked.parse(await ledger.ask('check', {}, BENCHER)));
      mustBe('failures', checked.result, { ok: true, failures: [] });
      return {
        ratios: { checkToRead: figure(checked.ms / read.ms) },
        figures: { rows: read.result, readMs: figure(read.ms), checkMs: figure(checked.ms) },
        checked: true,
      };
    });
  },
};
