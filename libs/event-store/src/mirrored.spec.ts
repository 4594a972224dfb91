import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dropDatabaseConnections } from '../../../test/support/drop-connections.js';
import { EventStoreDbNode } from '../../../test/support/eventstoredb-node.js';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { postgresProxy } from '../../../test/support/postgres-proxy.js';
import {
  all,
  type DroppableLog,
  droppedConnectionsContract,
  event,
  eventLogContract,
  id,
} from '../../../test/support/event-log-contract.js';
import { EventStoreDbLog } from './eventstoredb.js';
import { MirroredLog, MirrorStopped } from './mirrored.js';
import { NO_STREAM } from './port.js';
import { PostgresLog } from './postgres.js';

const onBoth = async (): Promise<DroppableLog> => {
  const node = await EventStoreDbNode.start();
  const database = await testDatabase();
  const mirror = new PostgresLog(database.pool);
  await mirror.migrate();
  return {
    log: new MirroredLog(new EventStoreDbLog(node.connectionString), mirror),
    dense: true,
    async dropConnections() {
      node.dropConnections();
      await dropDatabaseConnections(database.url);
    },
    async close() {
      await node.stop();
      await database.drop();
    },
  };
};
eventLogContract('EventStoreDB with its mirror', onBoth);
droppedConnectionsContract('EventStoreDB with its mirror', onBoth);

/** The mirror says that it can write when it has written something. */
async function whenWritable<Result>(work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('read-only')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe('EventStoreDB whose mirror can’t write for a while', () => {
  it('refuses appends before they are written, answers reads, and goes on after the repair', async () => {
    const [node, database] = [await EventStoreDbNode.start(), await testDatabase()];
    const mirror = new PostgresLog(database.pool);
    await mirror.migrate();
    const log = new MirroredLog(new EventStoreDbLog(node.connectionString), mirror);
    const name = new URL(database.url).pathname.slice(1);
    try {
      await log.append('a', NO_STREAM, [event(1)]);
      await database.pool.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
      await dropDatabaseConnections(database.url);
      // Another process of the ledger wrote this one.
      const other = new EventStoreDbLog(node.connectionString);
      await other.append('a', 0, [event(2)]);
      // Waits for the copy, until the mirror says that it can't write.
      expect(await log.head()).toBe(1);
      await expect(log.append('b', NO_STREAM, [event(3)])).rejects.toThrow('read-only transaction');
      expect(node.log.stream('ledgerline-b')).toBeUndefined();
      expect((await all(log.read('a'))).map((each) => each.id)).toEqual([id(1)]);
      const owner = new pg.Client({ connectionString: database.url, options: '-c default_transaction_read_only=off' });
      await owner.connect();
      await owner.query(`ALTER DATABASE "${name}" RESET default_transaction_read_only`);
      await owner.end();
      await dropDatabaseConnections(database.url);
      expect(await whenWritable(async () => log.append('b', NO_STREAM, [event(3)]))).toMatchObject({ position: 3 });
      await other.close();
    } finally {
      await log.close();
      await node.stop();
      await database.drop();
    }
  });
});

describe('EventStoreDB whose mirror stops', () => {
  let node: EventStoreDbNode;
  let database: TestDatabase;
  let log: MirroredLog;
  beforeEach(async () => {
    node = await EventStoreDbNode.start();
    database = await testDatabase();
    const mirror = new PostgresLog(database.pool);
    await mirror.migrate();
    // A log with its own events can't become a mirror: copying the first event fails permanently.
    await mirror.append('own', NO_STREAM, [event(1)]);
    log = new MirroredLog(new EventStoreDbLog(node.connectionString), mirror);
  });
  afterEach(async () => {
    await log.close();
    await node.stop();
    await database.drop();
  });

  it('fails the waiting calls and all later ones, with the reason', async () => {
    const stopped = expect.objectContaining({
      name: 'MirrorStopped',
      message: expect.stringMatching(
        /^the mirror of EventStoreDB in Postgres stopped: this log has its own events: .* Repair that/,
      ),
    });
    const subscriber = all(log.subscribe(1, { signal: AbortSignal.timeout(60_000) }));
    subscriber.catch(() => undefined);
    await expect(log.append('a', NO_STREAM, [event(2)])).rejects.toEqual(stopped);
    await expect(subscriber).rejects.toEqual(stopped);
    await expect(all(log.subscribe(1, { signal: AbortSignal.timeout(60_000) }))).rejects.toEqual(stopped);
    await expect(log.head()).rejects.toBeInstanceOf(MirrorStopped);
    await expect(all(log.readAll(0))).rejects.toBeInstanceOf(MirrorStopped);
    // What nobody could read is not written either.
    const before = node.appends;
    await expect(log.append('b', NO_STREAM, [event(3)])).rejects.toEqual(stopped);
    expect(node.appends).toBe(before);
  });

  it('ends a subscription without an error if its subscriber ends it', async () => {
    expect(await all(log.subscribe(1, { signal: AbortSignal.abort() }))).toEqual([]);
  });
});

describe('several processes with one mirror', () => {
  let node: EventStoreDbNode;
  let database: TestDatabase;
  let logs: MirroredLog[];
  beforeEach(async () => {
    node = await EventStoreDbNode.start();
    database = await testDatabase();
    logs = [];
  });
  afterEach(async () => {
    await Promise.all(logs.map((log) => log.close()));
    await node.stop();
    await database.drop();
  });

  async function start(pool = database.pool): Promise<MirroredLog> {
    const mirror = new PostgresLog(pool);
    await mirror.migrate();
    const log = new MirroredLog(new EventStoreDbLog(node.connectionString), mirror);
    logs.push(log);
    return log;
  }

  it('copy each event once, and another one takes over from the one that ends', async () => {
    const first = await start();
    expect(await first.append('a', NO_STREAM, [event(1)])).toEqual({ revision: 0, position: 1 });
    const second = await start();
    // What is answered by one is found by the other, and each event reaches one of them.
    for (let n = 2; n < 10; n += 2) {
      expect(await second.append('a', n - 2, [event(n)])).toEqual({ revision: n - 1, position: n });
      expect(await first.append('a', n - 1, [event(n + 1)])).toEqual({ revision: n, position: n + 1 });
      expect([await first.head(), await second.revisionOf('a')]).toEqual([n + 1, n]);
    }
    expect(node.log.subscribers.size).toBe(1);
    expect(await second.differences()).toEqual([]);
    expect(await second.differences(AbortSignal.abort())).toMatchObject([{ code: 'not_compared', position: 1 }]);
    await first.close();
    expect(await second.append('b', NO_STREAM, [event(20)])).toEqual({ revision: 0, position: 10 });
    expect(node.log.subscribers.size).toBe(1);
  });

  it('go on where the one that is to copy is stuck', async () => {
    const stuck = new pg.Client({ connectionString: database.url });
    await stuck.connect();
    await stuck.query("SELECT pg_advisory_lock(hashtext('mirror of ledgerline_log'))");
    const log = await start();
    expect(await log.append('a', NO_STREAM, [event(1)])).toEqual({ revision: 0, position: 1 });
    await stuck.end();
  });

  it('know the event that an append was in conflict with', async () => {
    const [first, second] = [await start(), await start()];
    await first.append('a', NO_STREAM, [event(1)]);
    const writer = new EventStoreDbLog(node.connectionString);
    for (let n = 0; n < 10; n += 1) {
      await writer.append('a', n, [event(100 + n)]);
      for (const log of [first, second]) {
        await expect(log.append('a', n, [event(200 + n)])).rejects.toMatchObject({ actual: n + 1 });
        expect((await all(log.read('a', n + 1))).map((each) => each.id)).toEqual([id(100 + n)]);
      }
    }
    await writer.close();
  });

  it('copy again what Postgres lost, although nobody noticed that it restarted', async () => {
    const log = await start();
    await log.append('a', NO_STREAM, [event(1)]);
    await log.append('b', NO_STREAM, [event(2)]);
    await log.append('a', 0, [event(3)]);
    await database.pool.query(
      `ALTER TABLE ledgerline_log.events DISABLE TRIGGER refuse_change;
       DELETE FROM ledgerline_log.events WHERE position > 1;
       ALTER TABLE ledgerline_log.events ENABLE TRIGGER refuse_change;
       DELETE FROM ledgerline_log.streams WHERE name = 'b';
       UPDATE ledgerline_log.streams SET revision = 0;
       UPDATE ledgerline_log.head SET position = 1,
         source_position = (SELECT source_position FROM ledgerline_log.events)`,
    );
    expect(await log.append('a', 1, [event(4)])).toEqual({ revision: 2, position: 4 });
    expect((await all(log.readAll(0))).map((each) => each.id)).toEqual([id(1), id(2), id(3), id(4)]);
  });

  it('all write again after their database was read-only, also those that only stand by', async () => {
    const both = [await start(), await start()] as const;
    await both[0].append('a', NO_STREAM, [event(1)]);
    const name = new URL(database.url).pathname.slice(1);
    await database.pool.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
    await dropDatabaseConnections(database.url);
    // Each waits for its copy, and finds that it can't be written.
    await Promise.allSettled(both.map(async (log, n) => log.append(`b${n}`, NO_STREAM, [event(10 + n)])));
    expect(both.map(({ notWritable }) => notWritable?.error.message)).toEqual([
      expect.stringContaining('read-only transaction'),
      expect.stringContaining('read-only transaction'),
    ]);
    const owner = new pg.Client({ connectionString: database.url, options: '-c default_transaction_read_only=off' });
    await owner.connect();
    await owner.query(`ALTER DATABASE "${name}" RESET default_transaction_read_only`);
    await owner.end();
    await dropDatabaseConnections(database.url);
    for (const [n, log] of both.entries())
      expect(await whenWritable(async () => log.append(`c${n}`, NO_STREAM, [event(20 + n)]))).toMatchObject({
        revision: 0,
      });
    expect(both.map(({ notWritable }) => notWritable)).toEqual([null, null]);
  });

  it('count nothing as missing that another one has copied meanwhile', async () => {
    const proxy = await postgresProxy(database.url);
    const behind = new pg.Pool({ connectionString: proxy.url });
    const writer = new EventStoreDbLog(node.connectionString);
    try {
      const first = await start(behind);
      await first.append('a', NO_STREAM, [event(1)]);
      proxy.refuse({ statement: /append_mirrored/, code: '53100', message: 'No space left on device' });
      await writer.append('a', 0, [event(2)]);
      while ((await first.missing()) === null) await new Promise(setImmediate);
      expect(await first.missing()).toMatchObject({ error: { message: 'No space left on device' } });
      const second = await start();
      expect(await second.head()).toBe(2);
      expect([await first.missing(), await first.head()]).toEqual([null, 2]);
    } finally {
      await Promise.all(logs.splice(0).map((log) => log.close()));
      await writer.close();
      await behind.end();
      await proxy.close();
    }
  });

  it.each([
    ['b', NO_STREAM],
    ['a', 0],
  ])('refuse to write to a server that lost the end of %s, and went on with events of others', async (stream, last) => {
    const log = await start();
    await log.append('a', NO_STREAM, [event(1)]);
    const backup = node.log.backup(node.log.events.length);
    await log.append(stream, last, [event(2)]);
    node.log.restore(backup);
    // It ends further than before.
    node.log.write('orders', { type: 'Ordered', data: new Uint8Array(10_000) });
    node.dropConnections();
    await expect(log.append('c', NO_STREAM, [event(3)])).rejects.toThrow(
      `EventStoreDB lacks revision ${last + 1} of ${stream}, which the mirror has, and nobody deleted or truncated`,
    );
    expect(node.log.stream('ledgerline-c')).toBeUndefined();
  });

  it('refuse to write to a server that was set back, also those that only stand by', async () => {
    const [first, second] = [await start(), await start()];
    await first.append('a', NO_STREAM, [event(1)]);
    const backup = node.log.backup(node.log.events.length);
    await first.append('a', 0, [event(2)]);
    await second.append('a', 1, [event(3)]);
    node.log.restore(backup);
    node.dropConnections();
    for (const log of [first, second])
      await expect(log.append('b', NO_STREAM, [event(4)])).rejects.toBeInstanceOf(MirrorStopped);
    expect(node.log.stream('ledgerline-b')).toBeUndefined();
  });
});
