import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Audit } from '#audit/audit';
import { cli } from '../support/cli.js';
import { deployment, tenant } from '../support/commands.js';
import { json } from '../support/eventstoredb-log.js';
import { EventStoreDbNode } from '../support/eventstoredb-node.js';
import { ledgerOn, type TestLedger } from '../support/ledger.js';
import { logBehindGrpc } from '../support/log.js';
import { type TestDatabase, testDatabase } from '../support/postgres.js';

/** Neither JSON nor UTF-8. */
const BINARY = Uint8Array.of(0x00, 0xff);
const RENAMED = { command: 'correct-tenant', tenantId: 't1', name: 'New', reason: 'renamed' };

interface Event {
  readonly position: number;
  readonly type: string;
  readonly actor: string;
  readonly data: unknown;
}

describe('a ledger on an EventStoreDB that others use and administer', () => {
  let database: TestDatabase;
  let node: EventStoreDbNode;
  let test: TestLedger;
  let stop: Awaited<ReturnType<typeof logBehindGrpc>>['stop'];
  beforeEach(async () => {
    database = await testDatabase();
    const log = await logBehindGrpc(database.url);
    node = log.node;
    stop = async (recorded) => log.stop(recorded);
    test = await ledgerOn(database.url);
    await test.apply(tenant('t1'));
  });
  afterEach(async () => {
    await test.close();
    await database.drop();
    await stop(true);
  });

  const failures = async (): Promise<readonly object[]> => (await test.check()).failures;
  const verify = async () => cli(['verify', '--json'], { env: { DATABASE_URL: database.url } });

  it('does not see the events of other applications', async () => {
    node.log.write('orders-1', { type: 'Ordered', data: BINARY });
    node.log.write('tenant-t1', { type: 'TenantRegistered', data: json('{}') });
    await test.apply(tenant('t2'));
    await test.ledger.catchUp();
    expect(await test.ask('tenants')).toMatchObject({ items: [{ tenantId: 't1' }, { tenantId: 't2' }] });
    expect(node.log.stream('ledgerline-tenant-t2')?.length).toBe(1);
    expect(await failures()).toEqual([]);
  });

  it('halts at a strange event in one of its streams, shows it, and goes on after a skip', async () => {
    node.log.write('ledgerline-tenant-t1', { type: 'Renamed', data: BINARY });
    node.log.write('ledgerline-tenant-t1', { type: '$>', data: json('0@orders-1') });
    while ((await test.core.log.head()) < 3) await new Promise((resolve) => setImmediate(resolve));
    await expect(test.ledger.catchUp()).rejects.toThrow(
      'halted at position 2 (codec): event $unheld at position 2 (tenant-t1, revision 1) can’t be read:'.replace(
        '’',
        "'",
      ) + ' another application wrote it, and its data is not text in UTF-8',
    );
    for (const position of [2, 3])
      await test.apply({ command: 'skip-event', position, reason: 'another application wrote it' });
    await test.ledger.catchUp();
    const { items } = await test.ask<{ items: Event[] }>('events', { stream: 'tenant-t1' });
    expect(items.map(({ type, actor }) => [type, actor])).toEqual([
      ['TenantRegistered', 'test'],
      ['$unheld', 'unknown'],
      ['$>', 'unknown'],
    ]);
    expect(items[1]?.data).toMatchObject({ type: 'Renamed', bytes: 2, reason: 'its data is not text in UTF-8' });
    expect(items[2]?.data).toBe('0@orders-1');
    // The stream goes on behind what was skipped.
    await test.apply(RENAMED);
    await test.ledger.catchUp();
    expect(await failures()).toEqual([]);
  });

  it('refuses only the commands to a stream that was permanently deleted, and says what the server lacks', async () => {
    await test.apply(tenant('t2'));
    node.log.tombstone('ledgerline-tenant-t1');
    node.log.scavenge();
    expect(await test.refused(RENAMED)).toMatchObject({
      code: 'stream_deleted',
      message: expect.stringContaining('permanently deleted the stream tenant-t1'),
    });
    await test.apply(tenant('t3'));
    await test.ledger.catchUp();
    expect(await test.ask('tenants')).toMatchObject({
      items: [{ tenantId: 't1' }, { tenantId: 't2' }, { tenantId: 't3' }],
    });
    expect(await failures()).toEqual([
      expect.objectContaining({
        code: 'removed_from_server',
        message: 'EventStoreDB lacks revision 0 of tenant-t1 (from position 1 on), which the mirror has.',
        ids: { stream: 'tenant-t1', revisions: { first: 0, last: 0, count: 1 }, position: 1 },
      }),
      expect.objectContaining({
        code: 'stream_deleted',
        message: 'EventStoreDB permanently deleted the stream tenant-t1.',
      }),
    ]);
    await test.app.get(Audit).keepUp();
    const { code, stdout } = await verify();
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      compared: { server: true },
      failures: [
        { code: 'removed_from_server', position: 1, stream: 'tenant-t1' },
        { code: 'stream_deleted', position: null, stream: 'tenant-t1' },
      ],
    });
  });

  it('keeps instants and positions in one order where the clock of the server goes back an hour', async () => {
    await test.apply(tenant('t2'));
    node.log.clockOffsetMs = -3_600_000;
    await test.apply(tenant('t3'), deployment('d1', 't3'));
    await test.ledger.catchUp();
    const { items } = await test.ask<{ items: (Event & { recordedAt: string })[] }>('events', {});
    const instants = items.map(({ recordedAt }) => recordedAt);
    // The clock of the server is an hour late: all later events have the instant of the last one before.
    expect(instants.length).toBe(4);
    expect(instants).toEqual([instants[0], instants[1], instants[1], instants[1]]);
    expect(await test.ask('tenants', { asOf: instants[1] ?? '' })).toMatchObject({
      items: [{ tenantId: 't1' }, { tenantId: 't2' }, { tenantId: 't3' }],
    });
    node.log.clockOffsetMs = 0;
    await test.apply(tenant('t4'));
    await test.ledger.catchUp();
    expect(await failures()).toEqual([]);
    await test.app.get(Audit).keepUp();
    expect(JSON.parse((await verify()).stdout)).toMatchObject({ ok: true, failures: [] });
  });

  it('takes for a notice what the server removed, once an operator has acknowledged it', async () => {
    const acknowledged = { command: 'acknowledge-removal', stream: 'tenant-t1', revision: 0, reason: 'a mistake' };
    expect(await test.refused(acknowledged)).toMatchObject({
      code: 'nothing_removed',
      message: 'EventStoreDB still has revision 0 of the stream tenant-t1',
    });
    await test.apply(RENAMED);
    node.log.truncate('ledgerline-tenant-t1', 1);
    node.log.scavenge();
    expect(await test.refused({ ...acknowledged, revision: 2 })).toMatchObject({
      message: 'the stream tenant-t1 has no revision 2',
    });
    expect(await test.refused({ ...acknowledged, deleted: true })).toMatchObject({
      message: 'EventStoreDB has not permanently deleted the stream tenant-t1',
    });
    await test.apply(acknowledged);
    const { ok, failures: failed, notices } = await test.check();
    expect([ok, failed]).toEqual([true, []]);
    expect(notices).toEqual([expect.objectContaining({ code: 'removed_from_server' })]);
    await test.app.get(Audit).keepUp();
    const { code, stdout } = await verify();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      failures: [],
      acknowledged: [{ code: 'removed_from_server', stream: 'tenant-t1' }],
    });
  });

  it('has a permanent deletion acknowledged by itself, also after a truncation of the same stream', async () => {
    const acknowledged = { command: 'acknowledge-removal', stream: 'tenant-t1', revision: 0, reason: 'a mistake' };
    await test.apply(RENAMED);
    node.log.truncate('ledgerline-tenant-t1', 1);
    node.log.scavenge();
    await test.apply(acknowledged);
    node.log.tombstone('ledgerline-tenant-t1');
    // By then the tombstone is copied, too.
    await test.apply(tenant('t2'));
    expect(await failures()).toMatchObject([{ code: 'stream_deleted' }]);
    await test.app.get(Audit).keepUp();
    expect(JSON.parse((await verify()).stdout)).toMatchObject({ ok: false, failures: [{ code: 'stream_deleted' }] });
    node.log.scavenge();
    await test.apply({ ...acknowledged, revision: 1 });
    expect(await failures()).toMatchObject([{ code: 'stream_deleted' }]);
    await test.apply({ ...acknowledged, revision: 1, deleted: true });
    expect(await failures()).toEqual([]);
    // A later removal is not known.
    node.log.tombstone('ledgerline-tenant-t2');
    node.log.scavenge();
    await test.apply(tenant('t3'));
    expect(await failures()).toMatchObject([{ code: 'removed_from_server' }, { code: 'stream_deleted' }]);
  });

  it('finds what the server has otherwise, or what the mirror lacks', async () => {
    await test.app.get(Audit).keepUp();
    expect(JSON.parse((await verify()).stdout)).toMatchObject({ ok: true, compared: { server: true }, failures: [] });
    const [first] = node.log.stream('ledgerline-tenant-t1') ?? [];
    if (first === undefined) throw new Error('the tenant is recorded');
    const at = node.log.events.indexOf(first);
    node.log.events[at] = { ...first, data: json('{"tenantId":"t1"}') };
    // An event that came in between behind the mirror's back.
    node.log.events.splice(at, 0, { ...first, stream: 'ledgerline-tenant-t0', position: first.position - 1 });
    expect(await failures()).toEqual([
      expect.objectContaining({
        code: 'missing_in_mirror',
        message: 'The mirror lacks revision 0 of tenant-t0, which EventStoreDB has.',
      }),
      expect.objectContaining({
        code: 'changed_on_server',
        message: 'EventStoreDB has other bytes than the mirror at revision 0 of tenant-t1 (from position 1 on).',
      }),
    ]);
  });
});

describe('apply during an election', () => {
  it('waits for the new leader, and records each command once', async () => {
    const database = await testDatabase();
    const nodes = await EventStoreDbNode.cluster(3);
    const [first, second] = nodes as readonly [EventStoreDbNode, EventStoreDbNode, EventStoreDbNode];
    const url = `esdb://${nodes.map(({ address }) => address).join(',')}?tls=false`;
    const commands = Array.from({ length: 40 }, (_, n) => tenant(`t${n}`));
    try {
      const applied = cli(['apply', '-', '--json'], {
        env: { DATABASE_URL: database.url, EVENT_STORE_URL: url },
        input: commands.map((command) => JSON.stringify(command)).join('\n'),
      });
      while (first.appends < 5) await new Promise((resolve) => setImmediate(resolve));
      first.down();
      first.resign();
      // Longer than the client looks for a leader: ten times 100 ms.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      second.lead();
      const { code, stdout } = await applied;
      expect([code, z.array(z.looseObject({ status: z.string() })).parse(JSON.parse(stdout)).length]).toEqual([0, 40]);
      expect(first.appends).toBe(40);
    } finally {
      for (const node of nodes) await node.stop();
      await database.drop();
    }
  });
});

describe('a command whose event is too large for the log', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await testDatabase();
  });
  afterEach(async () => database.drop());

  it('is refused by itself, and the others of the file are carried out', async () => {
    const reading = {
      provider: 'do',
      resourceId: 'vm-1',
      billingKind: 'hours',
      period: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z' },
      granularity: 'hour',
      quantity: '1',
      attributes: { text: 'x'.repeat(1_100_000) },
    };
    const large = { command: 'observe-usage', deploymentId: 'd1', observations: [reading] };
    const file = [tenant('t1'), deployment('d1', 't1'), large, tenant('t2')];
    const ran = await cli(['apply', '-', '--json'], {
      env: { DATABASE_URL: database.url },
      input: file.map((command) => JSON.stringify(command)).join('\n'),
    });
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject([
      { status: 'done' },
      { status: 'done' },
      {
        status: 'refused',
        error: {
          code: 'event_too_large',
          message: expect.stringMatching(
            /^observations\[0\]: the reading has 1100\d{3} bytes\. One event takes at most/,
          ),
        },
      },
      { status: 'done' },
    ]);
  });
});
