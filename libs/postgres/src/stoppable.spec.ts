import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { testDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { BatchLoader } from './batch-loader.js';
import { createPool } from './pool.js';
import { stoppable, stoppedBy } from './stoppable.js';

let database: TestDatabase;
let other: pg.Pool;
let pool: pg.Pool;
beforeAll(async () => {
  database = await testDatabase();
  other = createPool(database.url, { max: 1 });
  pool = stoppable(createPool(database.url, { max: 1 }), other);
});
afterAll(async () => {
  await pool.end();
  await other.end();
  await database.drop();
});

const stopped = new Error('stopped');

describe('work on a stoppable pool', () => {
  it('ends between its statements when its signal aborts', async () => {
    const stopping = new AbortController();
    let done = 0;
    const work = async (): Promise<void> => {
      for (; ; done += 1) {
        await pool.query('SELECT 1');
        if (done === 10) stopping.abort(stopped);
      }
    };
    await expect(stoppedBy(stopping.signal, work)).rejects.toBe(stopped);
    expect(done).toBe(11);
  });

  it('ends within a statement, and the pool goes on', async () => {
    const stopping = new AbortController();
    const sleeping = stoppedBy(stopping.signal, async () => pool.query('SELECT pg_sleep(3600)'));
    const isAsleep = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while ((await other.query(isAsleep)).rowCount === 0);
    stopping.abort(stopped);
    // query_canceled
    await expect(sleeping).rejects.toMatchObject({ code: '57014' });
    expect((await pool.query<{ n: number }>('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  it('that looks up for others too does not end with one of them', async () => {
    const stopping = new AbortController();
    const loader = new BatchLoader(async (keys: readonly number[]) => {
      const { rows } = await pool.query<{ key: number }>('SELECT unnest($1::int[]) AS key', [keys]);
      return rows.map(({ key }) => key);
    });
    const first = stoppedBy(stopping.signal, async () => loader.load(1));
    const second = loader.load(2);
    stopping.abort(stopped);
    expect(await Promise.all([first, second, loader.load(3)])).toEqual([1, 2, 3]);
  });

  it('is not affected by the end of other work that waits for the same connection', async () => {
    const stopping = new AbortController();
    const first = pool.query('SELECT pg_sleep(0.2)');
    const gone = stoppedBy(stopping.signal, async () => pool.query('SELECT 1'));
    const stays = pool.query<{ n: number }>('SELECT 2 AS n');
    stopping.abort(stopped);
    await expect(gone).rejects.toBe(stopped);
    await first;
    expect((await stays).rows).toEqual([{ n: 2 }]);
  });
});
