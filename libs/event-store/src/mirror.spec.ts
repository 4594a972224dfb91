import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dropDatabaseConnections } from '../../../test/support/drop-connections.js';
import { json } from '../../../test/support/eventstoredb-log.js';
import { EventStoreDbNode } from '../../../test/support/eventstoredb-node.js';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { type Instant, instant } from '#domain/time/instant';
import { all, event, id, retried } from '../../../test/support/event-log-contract.js';
import { EventStoreDbLog } from './eventstoredb.js';
import type { ServerEvent } from './eventstoredb.record.js';
import { mirrorLog } from './mirror.js';
import { type EventLog, NO_STREAM, REMOVED, UNHELD } from './port.js';
import { PostgresLog } from './postgres.js';

describe('the mirror of EventStoreDB in Postgres', () => {
  let node: EventStoreDbNode;
  let database: TestDatabase;
  let source: EventStoreDbLog;
  let target: PostgresLog;
  beforeEach(async () => {
    node = await EventStoreDbNode.start();
    database = await testDatabase();
    source = new EventStoreDbLog(node.connectionString);
    target = new PostgresLog(database.pool);
    await target.migrate();
  });
  afterEach(async () => {
    await source.close();
    await target.close();
    await node.stop();
    await database.drop();
  });

  it('equals its source except for positions, which are dense', async () => {
    await appendTo(source, 0, 10);
    const odd = '{ "b": 1.0, "a":\t"ü𝄞\\u0000" }';
    await source.append('odd', NO_STREAM, [{ ...event(1), data: odd, metadata: odd }]);
    const mirror = run();
    await arrived(41);
    await appendTo(source, 10, 5);
    await arrived(61);
    await mirror.stop();
    await expectEqual(61);
    const copies = await all(target.readAll(0));
    expect(copies.find((each) => each.stream === 'odd')?.data).toBe(odd);
    expect((await all(target.read('s0', 13))).map((each) => each.revision)).toEqual([13, 14]);
  });

  it('knows the source position of each event, and the last one', async () => {
    expect(await target.lastSourcePosition()).toBe(0);
    const first = await source.append('a', NO_STREAM, [event(1)]);
    const second = await source.append('b', NO_STREAM, [event(2)]);
    expect(await target.copyOf(second.position)).toBeUndefined();
    const mirror = run();
    await arrived(2);
    await mirror.stop();
    expect(await target.lastSourcePosition()).toBe(second.position);
    expect([await target.copyOf(first.position), await target.copyOf(second.position)]).toEqual([
      { position: 1, id: id(1) },
      { position: 2, id: id(2) },
    ]);
  });

  it('continues where it was stopped, and copies nothing twice if two run at the same time', async () => {
    await appendTo(source, 0, 5);
    const first = run();
    await arrived(7);
    await first.stop();
    const both = [run(), run()];
    await appendTo(source, 5, 10);
    await arrived(60);
    for (const mirror of both) await mirror.stop();
    await expectEqual(60);
  });

  it('continues after broken connections on either side', async () => {
    const mirror = run();
    for (let round = 0; round < 4; round += 1) {
      await appendTo(source, round * 5, 5);
      if (round % 2 === 0) node.dropConnections();
      else await dropDatabaseConnections(database.url);
    }
    await arrived(80);
    await mirror.stop();
    await expectEqual(80);
  });

  it('skips events that it has when a batch is sent again', async () => {
    await appendTo(source, 0, 3);
    const events = await recorded();
    await target.appendMirrored(events.slice(0, 5));
    await target.appendMirrored(events.slice(0, 5));
    await target.appendMirrored(events.slice(3));
    await expectEqual(12);
  });

  it('stops if the source repeats a revision, because it is another log then', async () => {
    await appendTo(source, 0, 3);
    const events = await recorded();
    await target.appendMirrored(events);
    const later = events.map((each) => ({ ...each, position: each.position + 1_000_000 }));
    await expect(target.appendMirrored(later)).rejects.toThrow(
      'the source repeats: s0 comes at revision 0 where 3 is due',
    );
    expect(await target.head()).toBe(12);
  });

  it('keeps an event that is not text as bytes, and goes on with dense positions', async () => {
    const mirror = run();
    await source.append('a', NO_STREAM, [event(1)]);
    node.log.write('ledgerline-a', { type: 'Strange', data: BINARY, metadata: BINARY });
    node.log.write(`ledgerline-${'x'.repeat(600)}`, { type: 'b\0', data: json('{}') });
    await source.append('a', 1, [event(2)]);
    await arrived(4);
    await mirror.stop();
    await expectEqual(4);
    expect((await all(target.readAll(0))).map(({ type }) => type)).toEqual(['Happened', UNHELD, UNHELD, 'Happened']);
    const { rows } = await database.pool.query('SELECT * FROM ledgerline_log.unheld ORDER BY position');
    const bytes = Buffer.from(BINARY);
    expect(rows).toEqual([
      { position: 2, type: Buffer.from('Strange'), data: bytes, metadata: bytes },
      { position: 3, type: Buffer.from('b\0'), data: Buffer.from('{}'), metadata: Buffer.alloc(0) },
    ]);
  });

  it('goes on where the server removed events, and knows which', async () => {
    await appendTo(source, 0, 3);
    const mirror = run();
    await arrived(12);
    // The mirror has what is removed now: nothing is lost.
    node.log.softDelete('ledgerline-s0');
    node.log.tombstone('ledgerline-s1');
    node.log.scavenge();
    await source.append('s0', 2, [event(100)]);
    await arrived(13);
    await mirror.stop();
    expect((await all(target.read('s0'))).map(({ revision }) => revision)).toEqual([0, 1, 2, 3]);
    expect(await removed()).toEqual([{ stream: 's1', from_revision: null, to_revision: null }]);
    // What is removed while no mirror runs is lost. An event stands for it.
    await source.append('s2', 2, [event(101), event(102), event(103)]);
    node.log.truncate('ledgerline-s2', 5);
    node.log.scavenge();
    const later = run();
    await arrived(15);
    await later.stop();
    const [lost, kept] = (await all(target.read('s2'))).slice(3);
    expect(lost).toMatchObject({
      type: REMOVED,
      position: 14,
      revision: 4,
      data: '{"fromRevision":3,"toRevision":4}',
    });
    expect(kept).toMatchObject({ type: 'Happened', position: 15, revision: 5 });
    expect(await removed()).toEqual([
      { stream: 's1', from_revision: null, to_revision: null },
      { stream: 's2', from_revision: 3, to_revision: 4 },
    ]);
  });

  it.each([
    ['deleted', (stream: string) => node.log.softDelete(stream)],
    ['permanently deleted', (stream: string) => node.log.tombstone(stream)],
    ['truncated', (stream: string) => node.log.truncate(stream, 24)],
  ])('goes on where the stream of all its last events was %s while no mirror ran', async (_how, remove) => {
    await source.append('first', NO_STREAM, [event(1)]);
    for (let n = 0; n < 25; n += 1) await source.append('many', n - 1, [event(100 + n)]);
    const mirror = run();
    await arrived(26);
    await mirror.stop();
    remove('ledgerline-many');
    node.log.scavenge();
    const later = run();
    await source.append('first', 0, [event(2)]);
    await arrived(27);
    await later.stop();
    expect((await all(target.read('many'))).length).toBe(25);
  });

  it('refuses appends, and does not start in a log that has its own events', async () => {
    await source.append('a', NO_STREAM, [event(1)]);
    await target.appendMirrored(await recorded());
    await expect(target.append('a', 0, [event(2)])).rejects.toThrow('this log is a mirror: append to its source');
    const own = new PostgresLog(database.pool, { schema: 'own_log' });
    await own.migrate();
    await own.append('a', NO_STREAM, [event(1)]);
    await expect(mirrorLog(source, own, { signal: AbortSignal.timeout(10_000) })).rejects.toThrow(
      'this log has its own events',
    );
    await own.close();
  });

  it.each([
    ['ledgerline-', 'ledgerline-eu-'],
    ['ledgerline-eu-', 'ledgerline-'],
    ['ledgerline-', 'ledgerline-eu.west-'],
    ['ledgerline-eu.west-', 'ledgerline-'],
  ])('does not start beside a ledger with the prefix %s where its own is %s', async (first, second) => {
    node.log.write(`${first}tenant-t1`, { type: 'TenantRegistered', data: json('{}') });
    const own = new EventStoreDbLog(node.connectionString, { prefix: second });
    const signal = AbortSignal.timeout(300_000);
    await expect(mirrorLog(own, target, { signal })).rejects.toThrow(
      `another ledger on this server has the prefix "${first}", and this one "${second}": ` +
        'the prefixes overlap. Set EVENT_STORE_PREFIX to a prefix that does not begin so, such as ' +
        '"acme-ledger-"',
    );
    await own.close();
    expect(await target.head()).toBe(0);
  });

  it('starts beside others whose prefixes do not overlap, and where ids look like a prefix', async () => {
    for (const stream of ['acme-tenant-t1', 'tenant-t1', 'ledger-tenant', 'ledgerline.tenant-t1'])
      node.log.write(stream, { type: 'TenantRegistered', data: json('{}') });
    node.log.write('ledgerline-orders-line-1', { type: 'Ordered', data: json('{}') });
    node.log.write('ledgerline-usage-tenant-plan-2026-04', { type: 'UsageObserved', data: json('{}') });
    const mirror = run();
    await arrived(2);
    await mirror.stop();
    expect((await all(target.readAll(0))).map(({ stream }) => stream)).toEqual([
      ...['orders-line-1', 'usage-tenant-plan-2026-04'],
    ]);
  });

  it('keeps the earlier recordedAt if the clock of its source went back', async () => {
    await appendTo(source, 0, 1);
    const [first, second, third] = await recorded();
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('the source has four events');
    const noon = instant('2026-04-01T12:00:00Z');
    await target.appendMirrored([
      at(first, noon),
      at(second, instant('2026-04-01T11:59:59Z')),
      at(third, instant('2026-04-01T12:00:00.000001Z')),
    ]);
    expect((await all(target.readAll(0))).map((each) => each.recordedAt)).toEqual([
      noon,
      noon,
      '2026-04-01T12:00:00.000001Z',
    ]);
  });

  const removed = async (): Promise<object[]> => {
    const columns = 'stream, from_revision, to_revision';
    return (await database.pool.query<object>(`SELECT ${columns} FROM ledgerline_log.removed ORDER BY source_position`))
      .rows;
  };
  const recorded = (): Promise<ServerEvent[]> => all(source.recorded({ upTo: Infinity }));
  const at = (record: ServerEvent, recordedAt: Instant): ServerEvent => ({
    ...record,
    event: { ...record.event, recordedAt },
  });

  function run(): { stop(): Promise<void> } {
    const controller = new AbortController();
    const running = mirrorLog(source, target, { signal: controller.signal });
    return {
      stop: async () => {
        controller.abort();
        await running;
      },
    };
  }

  async function arrived(position: number): Promise<void> {
    const signal = AbortSignal.timeout(300_000);
    for await (const each of target.subscribe(0, { signal })) if (each.position === position) return;
    throw new Error(`the mirror did not come to position ${position}`);
  }

  async function expectEqual(count: number): Promise<void> {
    const copies = await all(target.readAll(0));
    expect(copies.map((each) => each.position)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    const originals = await all(source.readAll(0));
    expect(copies).toEqual(originals.map((each, i) => ({ ...each, position: i + 1 })));
  }
});

/** Neither JSON nor UTF-8. */
const BINARY = Uint8Array.of(0x00, 0xff);

/** Appends this many events to each of four streams that have `from` events so far. */
async function appendTo(log: EventLog, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i += 1) {
    for (const n of [0, 1, 2, 3]) await retried(() => log.append(`s${n}`, i - 1, [event(i * 4 + n)]));
  }
}
