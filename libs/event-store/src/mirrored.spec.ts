import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dropDatabaseConnections } from '../../../test/support/drop-connections.js';
import { EventStoreDbNode } from '../../../test/support/eventstoredb-node.js';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
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
      while ((await log.head()) < 2) await new Promise((resolve) => setImmediate(resolve));
      expect(await log.append('b', NO_STREAM, [event(3)])).toMatchObject({ position: 3 });
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
