import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreDbNode } from '../../../test/support/eventstoredb-node.js';
import { all, event, id } from '../../../test/support/event-log-contract.js';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { isConnectionString } from './connection-string.js';
import { EventStoreDbLog } from './eventstoredb.js';
import { MirroredLog } from './mirrored.js';
import { NO_STREAM, UnknownOutcome } from './port.js';
import { PostgresLog } from './postgres.js';

/** Long enough for any machine. What needs an answer gets it as soon as a node answers. */
const PATIENT = { patienceMs: 300_000 };

describe('a cluster of EventStoreDB', () => {
  let nodes: readonly EventStoreDbNode[];
  let a: EventStoreDbNode;
  let b: EventStoreDbNode;
  let c: EventStoreDbNode;
  let log: EventStoreDbLog;
  const seeds = (...of: readonly EventStoreDbNode[]): string =>
    `esdb://${of.map(({ address }) => address).join(',')}?tls=false&maxDiscoverAttempts=2&discoveryInterval=10`;
  beforeEach(async () => {
    nodes = await EventStoreDbNode.cluster(3);
    [a, b, c] = nodes as [EventStoreDbNode, EventStoreDbNode, EventStoreDbNode];
    log = new EventStoreDbLog(seeds(a, b, c), PATIENT);
  });
  afterEach(async () => {
    await log.close();
    for (const node of nodes) await node.stop();
  });

  /** The leader goes without a word, and later another node leads. */
  async function elect(from: EventStoreDbNode, to: EventStoreDbNode): Promise<void> {
    from.down();
    from.resign();
    await new Promise((resolve) => setTimeout(resolve, 200));
    to.lead();
  }

  it('takes appends during elections, each once', async () => {
    const appends = (async () => {
      for (let n = 0; n < 60; n += 1) await log.append('a', n - 1, [event(n)]);
    })();
    await elect(a, b);
    a.up();
    await elect(b, c);
    b.up();
    await elect(c, a);
    c.up();
    await appends;
    expect((await all(log.read('a'))).map((each) => each.id)).toEqual(Array.from({ length: 60 }, (_, n) => id(n)));
    expect(a.appends).toBe(60);
  });

  const DISCOVERY = 'tls=false&maxDiscoverAttempts=2&discoveryInterval=10';
  it.each([
    ['esdb:// with all nodes', (of: string[]) => `esdb://${of.join(',')}?${DISCOVERY}`],
    ['kurrentdb:// with all nodes', (of: string[]) => `kurrentdb://${of.join(',')}?${DISCOVERY}`],
    ['esdb+discover:// with a follower', ([, follower = '']: string[]) => `esdb+discover://${follower}?${DISCOVERY}`],
    [
      'kurrentdb+discover:// with a follower',
      ([, follower = '']: string[]) => `kurrentdb+discover://${follower}?${DISCOVERY}`,
    ],
  ])('is found by %s, before and after its leader is gone', async (_form, url) => {
    const text = url(nodes.map(({ address }) => address));
    expect(isConnectionString(text)).toBe(true);
    const found = new EventStoreDbLog(text, PATIENT);
    try {
      expect(await found.append('a', NO_STREAM, [event(1)])).toMatchObject({ revision: 0 });
      a.down();
      c.lead();
      expect(await found.append('a', 0, [event(2)])).toMatchObject({ revision: 1 });
      expect((await all(found.read('a'))).map((each) => each.id)).toEqual([id(1), id(2)]);
    } finally {
      await found.close();
    }
  });

  it('takes an append whose answer was lost because the leader changed in the middle, once', async () => {
    a.answerLate(60_000);
    const append = log.append('a', NO_STREAM, [event(1)]);
    while (a.appends === 0) await new Promise((resolve) => setImmediate(resolve));
    await elect(a, b);
    expect(await append).toMatchObject({ revision: 0 });
    expect(b.appends).toBe(1);
  });

  it('asks the leader for what decides, where the only seed is a follower that lags', async () => {
    const follower = new EventStoreDbLog(b.connectionString, PATIENT);
    const writer = new EventStoreDbLog(a.connectionString, PATIENT);
    b.lag(5);
    for (let n = 0; n < 20; n += 1) {
      const { position } = await writer.append('a', n - 1, [event(n)]);
      expect([await follower.head(), await follower.revisionOf('a')]).toEqual([position, n]);
    }
    await Promise.all([follower.close(), writer.close()]);
  });

  it('answers an unknown outcome while there is no leader, and goes on as soon as there is one', async () => {
    const hasty = new EventStoreDbLog(seeds(a, b, c), { patienceMs: 300 });
    for (const node of nodes) node.down();
    a.resign();
    const noAnswer = expect.objectContaining({ name: 'UnknownOutcome', message: expect.stringContaining('300 ms') });
    await expect(hasty.append('a', NO_STREAM, [event(1)])).rejects.toEqual(noAnswer);
    await expect(hasty.head()).rejects.toBeInstanceOf(UnknownOutcome);
    const waiting = Promise.all([log.append('a', NO_STREAM, [event(1)]), log.head()]);
    for (const node of nodes) node.up();
    b.lead();
    expect((await waiting)[0].revision).toBe(0);
    await hasty.close();
  });

  it('is mirrored through elections, in order and without a gap', async () => {
    const database: TestDatabase = await testDatabase();
    const mirror = new PostgresLog(database.pool);
    await mirror.migrate();
    const mirrored = new MirroredLog(new EventStoreDbLog(seeds(a, b, c), PATIENT), mirror);
    const appends = (async () => {
      for (let n = 0; n < 40; n += 1) expect((await mirrored.append('a', n - 1, [event(n)])).position).toBe(n + 1);
    })();
    await elect(a, c);
    a.up();
    await elect(c, b);
    await appends;
    expect(await mirrored.head()).toBe(40);
    expect((await all(mirrored.readAll(0))).map((each) => each.id)).toEqual(
      Array.from({ length: 40 }, (_, n) => id(n)),
    );
    await mirrored.close();
    await database.drop();
  });
});
