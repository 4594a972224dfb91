import { EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreDbNode } from '../../../test/support/eventstoredb-node.js';
import {
  all,
  type DroppableLog,
  droppedConnectionsContract,
  event,
  eventLogContract,
} from '../../../test/support/event-log-contract.js';
import { EventStoreDbLog } from './eventstoredb.js';
import { NO_STREAM, UnknownOutcome } from './port.js';

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
    log: new EventStoreDbLog(realServer),
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
    log = new EventStoreDbLog(node.connectionString, { appendTimeoutMs: 300_000 });
    hasty = new EventStoreDbLog(node.connectionString, { appendTimeoutMs: 300 });
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

  it('reports the same if the connection breaks before the answer', async () => {
    node.answerLate(60_000);
    const append = log.append('a', NO_STREAM, [event(1)]);
    const broken = (async (): Promise<void> => {
      while (node.appends === 0) await new Promise((resolve) => setImmediate(resolve));
      node.dropConnections();
    })();
    await expect(append).rejects.toBeInstanceOf(UnknownOutcome);
    await broken;
    node.answerLate(0);
    expect((await log.append('a', NO_STREAM, [event(1)])).revision).toBe(0);
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
    const nowhere = new EventStoreDbLog('esdb://127.0.0.1:1?tls=false');
    await expect(nowhere.head()).rejects.toBeInstanceOf(UnknownOutcome);
    await expect(nowhere.revisionOf('a')).rejects.toBeInstanceOf(UnknownOutcome);
    await expect(all(nowhere.read('a'))).rejects.toThrow('EventStoreDB does not answer');
    await nowhere.close();
  });

  it('writes JSON that other clients can read', async () => {
    await log.append('a', NO_STREAM, [event(1)]);
    const other = EventStoreDBClient.connectionString(node.connectionString);
    const seen: unknown[] = [];
    for await (const { event: read } of other.readStream('a')) seen.push([read?.isJson, read?.data, read?.metadata]);
    await other.dispose();
    expect(seen).toEqual([[true, { n: 1 }, {}]]);
  });

  it('reads the recording time with microseconds', async () => {
    await log.append('a', NO_STREAM, [event(1)]);
    // The node adds 1,234 ticks of 100 ns to its clock: 123 microseconds.
    expect((await all(log.read('a')))[0]?.recordedAt).toMatch(/123Z$/);
  });
});
