import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testLedger, type TestLedger } from '../../../../test/support/ledger.js';

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
      const beyond = await core.tail.read();
      // It waits for the running projection. Nobody else needs to decide from the tail.
      expect({ n, position: beyond.position, events: beyond.events.map(({ position }) => position) }).toEqual({
        n,
        position: head - 1,
        events: [head],
      });
      expect(await core.projector.position()).toBe(head - 1);
      await core.projector.catchUp();
      expect((await core.tail.read()).events).toEqual([]);
    }
  });
});
