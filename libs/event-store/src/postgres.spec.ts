import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { dropDatabaseConnections } from '../../../test/support/drop-connections.js';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { postgresProxy } from '../../../test/support/postgres-proxy.js';
import {
  all,
  type DroppableLog,
  droppedConnectionsContract,
  event,
  eventLogContract,
} from '../../../test/support/event-log-contract.js';
import { type NewEvent, NO_STREAM, UnknownOutcome, WrongExpectedRevision } from './port.js';
import { PostgresLog } from './postgres.js';
import { isOwn } from './recent-texts.js';

const onDatabase = async (): Promise<DroppableLog> => {
  const database = await testDatabase();
  const log = new PostgresLog(database.pool);
  await log.migrate();
  return {
    log,
    dense: true,
    dropConnections: () => dropDatabaseConnections(database.url),
    close: () => database.drop(),
  };
};
eventLogContract('the log in Postgres', onDatabase);
droppedConnectionsContract('the log in Postgres', onDatabase);

describe('the log in Postgres', () => {
  let database: TestDatabase;
  let log: PostgresLog;
  beforeEach(async () => {
    database = await testDatabase();
    log = new PostgresLog(database.pool);
    await log.migrate();
  });
  afterEach(async () => {
    await log.close();
    await database.drop();
  });

  it('is created by any number of processes at the same time, and repeatedly', async () => {
    await log.append('a', NO_STREAM, [event(1)]);
    await Promise.all(Array.from({ length: 4 }, () => log.migrate()));
    expect(await all(log.readAll(0))).toHaveLength(1);
  });

  it('uses the given schema', async () => {
    const other = new PostgresLog(database.pool, { schema: 'other_log' });
    await other.migrate();
    await other.append('a', NO_STREAM, [event(1)]);
    expect([await other.head(), await log.head()]).toEqual([1, 0]);
    await other.close();
    expect(() => new PostgresLog(database.pool, { schema: 'x; drop' })).toThrow('not a plain identifier');
  });

  it('takes appends at one moment that continue each other, and answers each', async () => {
    const sent = async (...appends: readonly [revision: number, ...ids: number[]][]): Promise<unknown[]> =>
      Promise.all(
        appends.map(([revision, ...ids]) =>
          log
            .append(
              'a',
              revision,
              ids.map((id) => event(id)),
            )
            .catch((error: unknown) => error),
        ),
      );
    expect(await sent([-1, 1, 2], [1, 3], [2, 4, 5])).toEqual([
      { revision: 1, position: 2 },
      { revision: 2, position: 3 },
      { revision: 4, position: 5 },
    ]);
    // The first two are known, the last one is new: only together they are neither.
    expect(await sent([1, 3], [2, 4, 5], [4, 6])).toEqual([
      { revision: 2, position: 3 },
      { revision: 4, position: 5 },
      { revision: 5, position: 6 },
    ]);
    expect(await sent([3, 7], [4, 8], [5, 9])).toEqual([
      new WrongExpectedRevision('a', 3, 5),
      new WrongExpectedRevision('a', 4, 5),
      { revision: 6, position: 7 },
    ]);
    expect((await all(log.read('a'))).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 9].map((n) => event(n).id));
  });

  it('answers appends that it has written, also if a later one of their batch fails', async () => {
    const proxy = await postgresProxy(database.url);
    const pool = new pg.Pool({ connectionString: proxy.url, max: 1 });
    const behind = new PostgresLog(pool);
    await log.append('a', NO_STREAM, [event(1)]);
    // The three of `a` are refused as one, as the first is known. Then one by one: the third of them fails.
    proxy.refuse({ statement: /\.append\(/, code: '53100', message: 'could not extend file', after: 3 });
    const outcomes = await Promise.allSettled([
      behind.append('b', NO_STREAM, [event(9)]),
      behind.append('a', NO_STREAM, [event(1)]),
      behind.append('a', 0, [event(2)]),
      behind.append('a', 1, [event(3)]),
    ]);
    await behind.close();
    await pool.end();
    await proxy.close();
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: { revision: 0, position: 2 } },
      { status: 'fulfilled', value: { revision: 0, position: 1 } },
      { status: 'fulfilled', value: { revision: 1, position: 3 } },
      { status: 'rejected', reason: expect.objectContaining({ code: '53100' }) },
    ]);
    expect((await all(log.readAll(0))).map(({ id }) => id)).toEqual([1, 9, 2].map((n) => event(n).id));
  });

  it('returns large events that it has just appended as it stored them, also to others', async () => {
    const large = { ...event(1), data: JSON.stringify({ text: 'ä'.repeat(50_000) }) };
    await log.append('a', NO_STREAM, [large, event(2)]);
    const other = new PostgresLog(database.pool);
    const [own, again, ofOther] = [await all(log.readAll(0)), await all(log.readAll(0)), await all(other.readAll(0))];
    expect(own.map(({ data }) => data)).toEqual([large.data, event(2).data]);
    expect([again, ofOther]).toEqual([own, own]);
    await other.close();
  });

  it('keeps a large event only until it is read, also if that is before its append is answered', async () => {
    const large = { ...event(2), data: JSON.stringify({ text: 'x'.repeat(50_000) }) };
    await log.append('a', NO_STREAM, [event(1)]);
    const other = await database.pool.connect();
    await other.query(`begin; select from ledgerline_log.streams where name = 'a' for update`);
    // `b` is written by the first request of the batch. Those of `a` follow one by one: the last waits for the lock.
    const batch = Promise.all([
      log.append('b', NO_STREAM, [large]),
      log.append('a', NO_STREAM, [event(1)]),
      log.append('a', 0, [event(3)]),
    ]);
    let waiting: number | null = 0;
    while (waiting === 0)
      ({ rowCount: waiting } = await database.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      ));
    const early = await all(log.readAll(0));
    await other.query('commit');
    await batch;
    const late = await all(log.readAll(0));
    other.release();
    expect(early.map(({ id }) => id)).toEqual([1, 2].map((n) => event(n).id));
    expect([early, late].map((events) => events.map(isOwn))).toEqual([
      [false, true],
      [false, false, false],
    ]);
  });

  it('keeps nothing of a large event that is refused', async () => {
    const large = { ...event(1), data: JSON.stringify({ text: 'x'.repeat(50_000) }) };
    await expect(log.append('a', 3, [large])).rejects.toThrow(WrongExpectedRevision);
    const other = new PostgresLog(database.pool);
    await other.append('a', NO_STREAM, [large]);
    expect((await all(log.readAll(0))).map(isOwn)).toEqual([false]);
    await other.close();
  });

  it('refuses to change or remove events', async () => {
    await log.append('a', NO_STREAM, [event(1)]);
    const changes = [
      'update ledgerline_log.events set data = data',
      'delete from ledgerline_log.events',
      'truncate ledgerline_log.events',
    ];
    for (const change of changes) await expect(database.pool.query(change)).rejects.toThrow('events are never changed');
    expect(await all(log.readAll(0))).toHaveLength(1);
  });

  it('keeps positions dense and stores every event once with writers in several processes', async () => {
    const pools = [1, 2, 3].map(() => new pg.Pool({ connectionString: database.url, max: 2 }));
    const logs = pools.map((pool) => new PostgresLog(pool));
    const wins = logs.map(async (each, writer) => {
      for (let i = 0; i < 20; i += 1)
        await Promise.all([each.append(`own${writer}`, i - 1, [event(i)]), contend(each, writer, i)]);
    });
    await Promise.all(wins);
    const events = await all(log.readAll(0));
    expect(events.map((each) => each.position)).toEqual(events.map((_, i) => i + 1));
    const contended = events.filter(({ stream }) => stream === 'contended');
    expect(contended.map((each) => each.revision)).toEqual(contended.map((_, i) => i));
    expect(events).toHaveLength(60 + contended.length);
    for (const each of logs) await each.close();
    for (const pool of pools) await pool.end();
  });

  it('refuses one append of a batch and records the others', async () => {
    await log.append('taken', NO_STREAM, [event(1)]);
    const appends = [
      log.append('a', NO_STREAM, [event(2), event(3)]),
      log.append('taken', NO_STREAM, [event(4)]),
      log.append('b', NO_STREAM, [event(5)]),
      log.append('taken', NO_STREAM, [event(1)]),
      log.append('a', 1, [event(6)]),
      log.append('a', 1, [event(7)]),
    ];
    expect(await Promise.allSettled(appends)).toEqual([
      { status: 'fulfilled', value: { revision: 1, position: 3 } },
      { status: 'rejected', reason: new WrongExpectedRevision('taken', NO_STREAM, 0) },
      { status: 'fulfilled', value: { revision: 0, position: 4 } },
      { status: 'fulfilled', value: { revision: 0, position: 1 } },
      { status: 'fulfilled', value: { revision: 2, position: 5 } },
      { status: 'rejected', reason: new WrongExpectedRevision('a', 1, 2) },
    ]);
    const streams = (await all(log.readAll(0))).map(({ stream }) => stream);
    expect(streams).toEqual(['taken', 'a', 'a', 'b', 'a']);
  });

  it('commits concurrent appends together', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => log.append(`s${i}`, NO_STREAM, [event(i)])));
    const { rows } = await database.pool.query(
      'select count(distinct recorded_at)::int as commits from ledgerline_log.events',
    );
    expect(rows).toEqual([{ commits: 1 }]);
  });

  it('reports an unknown outcome if the connection breaks before the answer, and recognises a retry', async () => {
    // The lock of the head keeps the append in progress for as long as the test needs.
    const holder = new pg.Client(database.url);
    await holder.connect();
    await holder.query('begin; select * from ledgerline_log.head for update');
    const refused = expect(log.append('a', NO_STREAM, [event(1)])).rejects.toBeInstanceOf(UnknownOutcome);
    const waiting = `select pid from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
    const pids = async (): Promise<number[]> =>
      (await holder.query<{ pid: number }>(waiting)).rows.map(({ pid }) => pid);
    while ((await pids()).length === 0);
    await holder.query('select pg_terminate_backend($1)', [(await pids())[0]]);
    await refused;
    await holder.query('commit');
    await holder.end();
    expect(await log.append('a', NO_STREAM, [event(1)])).toEqual({ revision: 0, position: 1 });
    expect(await log.append('a', NO_STREAM, [event(1)])).toEqual({ revision: 0, position: 1 });
  });

  it('reads pages bounded by rows and by bytes', async () => {
    const large = 'x'.repeat(800_000);
    for (let i = 0; i < 12; i += 1) await log.append('large', i - 1, [{ ...event(i), data: large }]);
    for (let i = 0; i < 3; i += 1) await log.append('small', i * 1_500 - 1, several(1_500));
    const events = await all(log.readAll(0));
    expect(events.map((each) => each.position)).toEqual(Array.from({ length: 4_512 }, (_, i) => i + 1));
    expect(await all(log.read('large'))).toHaveLength(12);
    expect((await all(log.read('small', 100))).map((each) => each.revision)).toEqual(
      Array.from({ length: 4_400 }, (_, i) => i + 100),
    );
    expect(await all(log.readAll(5, { streamPrefixes: ['sm'] }))).toHaveLength(4_500);
    for (let i = 0; i < 8; i += 1) await log.append('many', i * 2_500 - 1, several(2_500));
    await log.append('last', NO_STREAM, [event(1)]);
    const filtered = (await all(log.readAll(0, { streamPrefixes: ['la'] }))).map((each) => each.stream);
    expect(filtered).toEqual([...Array.from({ length: 12 }, () => 'large'), 'last']);
  });

  it('keeps recordedAt from going back, with microseconds', async () => {
    await database.pool.query(`update ledgerline_log.head set recorded_at = '2999-12-31T23:59:59.123450Z'`);
    await log.append('a', NO_STREAM, [event(1)]);
    expect((await all(log.read('a'))).map((each) => each.recordedAt)).toEqual(['2999-12-31T23:59:59.12345Z']);
  });
});

/** Appends to the stream that all writers use, at its current revision. */
async function contend(log: PostgresLog, writer: number, i: number): Promise<void> {
  const revision = (await all(log.read('contended'))).length - 1;
  try {
    await log.append('contended', revision, [event(writer * 1_000 + i)]);
  } catch (error) {
    if (!(error instanceof WrongExpectedRevision)) throw error;
  }
}

const several = (count: number): NewEvent[] => Array.from({ length: count }, (_, n) => event(n));
