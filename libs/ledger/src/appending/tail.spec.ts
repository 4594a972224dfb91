import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { NO_STREAM } from '#event-store/port';
import { testLedger, type TestLedger } from '../../../../test/support/ledger.js';
import { Tail } from './tail.js';

/** 1,000 readings, of some 170 KB. */
const batch = (n: number): object => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: Array.from({ length: 1000 }, (_, index) => ({
    resourceId: `resource-${n}-${index}`,
    billingKind: 'requests',
    period: { start: '2026-04-01T00:00:00Z', end: '2026-04-02T00:00:00Z' },
    granularity: 'day',
    quantity: '1',
  })),
});

describe('the tail of the log', () => {
  let test: TestLedger;
  beforeAll(async () => {
    test = await testLedger();
    await test.apply(
      { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
      { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: '2026-01-01T00:00:00Z' },
    );
  });
  afterAll(async () => {
    await test.close();
  });

  it('contains the events that are not projected yet, after any number of reads', async () => {
    const { core } = test;
    await core.projector.catchUp();
    // 30 × 170 KB = 5.1 MB in all: more than is kept at a time, and never more than one batch of it is.
    for (let n = 0; n < 30; n += 1) {
      await test.apply(batch(n));
      const head = await core.log.head();
      const beyond = await core.tail.read(() => true);
      // It waits for the running projection. Nobody else needs to decide from the tail.
      expect({ n, position: beyond.position, events: beyond.events.map(({ position }) => position) }).toEqual({
        n,
        position: head - 1,
        events: [head],
      });
      expect(await core.projector.position()).toBe(head - 1);
      await core.projector.catchUp();
      expect((await core.tail.read(() => true)).events).toEqual([]);
    }
  });

  it('is kept up to a limit while the projections are halted, and never in part', async () => {
    const { core } = test;
    await core.projector.catchUp();
    const strange = { id: randomUUID(), type: 'TenantRenamed', data: '{}', metadata: '{"actor":"test"}' };
    const { position: haltedAt } = await core.log.append('a-stream', NO_STREAM, [strange]);
    const mib = 1024 * 1024;
    const tail = new Tail(core.log, core.projector, {
      usual: { events: 2, characters: mib },
      whileHalted: { events: 3, characters: mib },
    });
    const isOfUsage = ({ stream }: { readonly stream: string }): boolean => stream.startsWith('usage-');
    for (let n = 1; n <= 3; n += 1) {
      await test.apply({ command: 'register-tenant', tenantId: `t${n}`, name: 'T', currency: 'USD' });
      const { position, events, unreadable } = await tail.read(isOfUsage);
      expect({ n, position, events: events.map((event) => event.position - haltedAt) }).toEqual({
        n,
        position: haltedAt - 1,
        events: Array.from({ length: n }, (_, index) => index + 1),
      });
      expect(unreadable.map(({ position }) => position)).toEqual([haltedAt]);
      await expect(tail.read(({ stream }) => stream === 'a-stream')).rejects.toThrow(`halted at position ${haltedAt}`);
    }
    await test.apply({ command: 'register-tenant', tenantId: 't4', name: 'T', currency: 'USD' });
    await expect(tail.read(isOfUsage)).rejects.toThrow(
      `More than 3 events, or 1 MiB of them, were recorded since the projections halted at position ${haltedAt}.`,
    );
    // The ledger itself keeps more, and usage is recorded.
    await test.apply(batch(31));
    await test.apply({ command: 'skip-event', position: haltedAt, reason: 'a test' });
    await core.projector.catchUp();
    expect((await tail.read(isOfUsage)).events).toEqual([]);
    await test.apply({ command: 'register-tenant', tenantId: 't5', name: 'T', currency: 'USD' });
    expect((await tail.read(isOfUsage)).events).toHaveLength(1);
  });
});
