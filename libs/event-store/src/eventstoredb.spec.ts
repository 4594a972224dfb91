import { createHash, randomUUID } from 'node:crypto';
import { EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { json } from '../../../test/support/eventstoredb-log.js';
import { EventStoreDbNode } from '../../../test/support/eventstoredb-node.js';
import {
  all,
  type DroppableLog,
  droppedConnectionsContract,
  event,
  eventLogContract,
  id,
} from '../../../test/support/event-log-contract.js';
import { EventStoreDbLog } from './eventstoredb.js';
import { NO_STREAM, StreamDeleted, UNHELD, UnknownOutcome } from './port.js';

const onNode = async (): Promise<DroppableLog> => {
  const node = await EventStoreDbNode.start();
  return {
    log: new EventStoreDbLog(node.connectionString),
    dense: false,
    dropConnections: async () => node.dropConnections(),
    close: () => node.stop(),
  };
};
eventLogContract('EventStoreDB, as a node in memory,', onNode);
droppedConnectionsContract('EventStoreDB, as a node in memory,', onNode);

const realServer = process.env['EVENT_STORE_URL'];
if (realServer === undefined) {
  // Written to stderr directly: Jest's console would hide it under a stack trace.
  process.stderr.write(
    '\n!! EVENT_STORE_URL is not set: the log was tested on a node in memory, NOT on a real EventStoreDB server.\n\n',
  );
} else {
  eventLogContract('EventStoreDB, the server of EVENT_STORE_URL,', async () => ({
    // A prefix of its own: a ledger on the same server does not see these streams.
    log: new EventStoreDbLog(realServer, { prefix: `contract-${randomUUID()}-` }),
    dense: false,
    close: async () => undefined,
  }));
}

describe('EventStoreDB', () => {
  let node: EventStoreDbNode;
  let log: EventStoreDbLog;
  /** For appends that get no answer. Any other append may take as long as the machine needs. */
  let hasty: EventStoreDbLog;
  beforeEach(async () => {
    node = await EventStoreDbNode.start();
    log = new EventStoreDbLog(node.connectionString, { patienceMs: 300_000 });
    hasty = new EventStoreDbLog(node.connectionString, { patienceMs: 300 });
  });
  afterEach(async () => {
    await Promise.all([log.close(), hasty.close()]);
    await node.stop();
  });

  it('reports an unknown outcome for an append without an answer, and recognises a retry', async () => {
    node.answerLate(60_000);
    // On a busy machine the timeout may pass before the node has the append: then it is sent again.
    while (node.appends === 0)
      await expect(hasty.append('a', NO_STREAM, [event(1)])).rejects.toBeInstanceOf(UnknownOutcome);
    node.answerLate(0);
    const again = await log.append('a', NO_STREAM, [event(1)]);
    expect(again.revision).toBe(0);
    expect(node.appends).toBe(1);
    expect((await all(log.read('a'))).map((each) => each.position)).toEqual([again.position]);
  });

  it('appends to a server that has no call for many appends', async () => {
    node.beforeSharedAppends();
    for (let n = 0; n < 3; n += 1) expect((await log.append('a', n - 1, [event(n)])).revision).toBe(n);
    await expect(log.append('a', 0, [event(9)])).rejects.toMatchObject({ name: 'WrongExpectedRevision', actual: 2 });
    expect(node.appends).toBe(3);
  });

  it('sends an append again if the connection breaks before the answer', async () => {
    node.answerLate(60_000);
    const append = log.append('a', NO_STREAM, [event(1)]);
    while (node.appends === 0) await new Promise((resolve) => setImmediate(resolve));
    node.answerLate(0);
    node.dropConnections();
    expect((await append).revision).toBe(0);
    expect(node.appends).toBe(1);
  });

  it('connects to the leader that a node names', async () => {
    node.refuseAsNotLeader(2);
    expect((await log.append('a', NO_STREAM, [event(1)])).revision).toBe(0);
    expect(node.appends).toBe(1);
  });

  it('gives up in time if no node is the leader', async () => {
    node.refuseAsNotLeader(1_000);
    await expect(hasty.append('a', NO_STREAM, [event(1)])).rejects.toBeInstanceOf(UnknownOutcome);
    node.refuseAsNotLeader(0);
    expect((await log.append('a', NO_STREAM, [event(1)])).revision).toBe(0);
  });

  it('reports a read without a server as unanswered', async () => {
    const nowhere = new EventStoreDbLog('esdb://127.0.0.1:1?tls=false', { patienceMs: 300 });
    await expect(nowhere.head()).rejects.toBeInstanceOf(UnknownOutcome);
    await expect(nowhere.revisionOf('a')).rejects.toBeInstanceOf(UnknownOutcome);
    await expect(all(nowhere.read('a'))).rejects.toThrow('EventStoreDB does not answer');
    await nowhere.close();
  });

  it('writes JSON that other clients can read', async () => {
    await log.append('a', NO_STREAM, [event(1)]);
    const other = EventStoreDBClient.connectionString(node.connectionString);
    const seen: unknown[] = [];
    for await (const { event: read } of other.readStream('ledgerline-a'))
      seen.push([read?.isJson, read?.data, read?.metadata]);
    await other.dispose();
    expect(seen).toEqual([[true, { n: 1 }, {}]]);
  });

  it('reads the recording time with microseconds', async () => {
    await log.append('a', NO_STREAM, [event(1)]);
    // The node adds 1,234 ticks of 100 ns to its clock: 123 microseconds.
    expect((await all(log.read('a')))[0]?.recordedAt).toMatch(/123Z$/);
  });

  describe('that other applications use', () => {
    it('reads only the streams of its prefix', async () => {
      const other = new EventStoreDbLog(node.connectionString, { prefix: 'other-' });
      await log.append('a', NO_STREAM, [event(1)]);
      await other.append('a', NO_STREAM, [event(2)]);
      node.log.write('orders-1', { type: 'Ordered', data: BINARY });
      node.log.write('ledger', { type: '$>', data: json('0@orders-1') });
      const later = await log.append('b', NO_STREAM, [event(3)]);
      node.log.write('orders-1', ...Array.from({ length: 50 }, () => ({ type: 'Ordered', data: BINARY })));
      expect((await all(log.readAll(0))).map(({ id: of, stream }) => [of, stream])).toEqual([
        [id(1), 'a'],
        [id(3), 'b'],
      ]);
      expect((await all(other.readAll(0))).map(({ id: of }) => of)).toEqual([id(2)]);
      expect([await log.head(), await log.head()]).toEqual([later.position, later.position]);
      expect(await log.revisionOf('a')).toBe(0);
      await other.close();
    });

    it('knows its last event, whoever wrote it, behind any number of events of others', async () => {
      const writer = new EventStoreDbLog(node.connectionString);
      expect(await log.head()).toBe(0);
      for (let n = 0; n < 5; n += 1) {
        node.log.write('orders-1', { type: 'Ordered', data: BINARY });
        const { position } = await writer.append('a', n - 1, [event(n)]);
        expect(await log.head()).toBe(position);
        node.log.write('orders-1', { type: 'Ordered', data: BINARY });
        expect(await log.head()).toBe(position);
      }
      await writer.close();
    });

    it('reads a strange event in a stream of its prefix as what it is', async () => {
      node.log.write('ledgerline-a', { type: 'Strange', data: BINARY, metadata: json('{"actor":"x"}') });
      node.log.write('ledgerline-a', { type: '$>', data: json('0@orders-1') });
      node.log.write('ledgerline-a', { type: 'Strange', data: json('{"a":"\0"}'), metadata: BINARY });
      const [binary, link, withNul] = await all(log.read('a'));
      // sha256 of the bytes 00 ff, and of {"actor":"x"}.
      expect(binary).toMatchObject({ type: UNHELD, revision: 0, stream: 'a' });
      expect(JSON.parse(binary?.data ?? '')).toEqual({
        reason: 'its data is not text in UTF-8',
        type: 'Strange',
        bytes: 2,
        sha256: '06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8',
        metadataSha256: sha256('{"actor":"x"}'),
      });
      expect(link).toMatchObject({ type: '$>', revision: 1, data: '0@orders-1' });
      expect(withNul).toMatchObject({ type: UNHELD, revision: 2 });
      expect(JSON.parse(withNul?.data ?? '')).toMatchObject({ reason: 'its metadata is not text in UTF-8' });
    });

    it('refuses appends to a stream that was permanently deleted, and to no other', async () => {
      await log.append('a', NO_STREAM, [event(1)]);
      node.log.tombstone('ledgerline-a');
      await expect(log.append('a', 0, [event(2)])).rejects.toEqual(new StreamDeleted('a'));
      expect(await log.revisionOf('a')).toBe(NO_STREAM);
      const { position } = await log.append('b', NO_STREAM, [event(3)]);
      expect((await all(log.readAll(0))).map(({ stream }) => stream)).toEqual(['a', 'b']);
      expect(await log.head()).toBe(position);
    });

    it('says which right its user lacks', async () => {
      node.denyAccess(2);
      await expect(log.head()).rejects.toThrow(
        'EventStoreDB refuses reads of the user in EVENT_STORE_URL. Reading $all needs a member of $admins, or "$r"' +
          ' in the ACL of $all. Check also its password',
      );
      await expect(log.append('a', NO_STREAM, [event(1)])).rejects.toThrow(
        'Appending needs the right "$w" on the streams ledgerline-…',
      );
    });
  });
});

/** Neither JSON nor UTF-8. */
const BINARY = Uint8Array.of(0x00, 0xff);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
