import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { firstInstantAfter, instant } from '#domain/time/instant';
import { MirroredLog } from '#event-store/mirrored';
import { NO_STREAM } from '#event-store/port';
import { deployment, tenant } from '../support/commands.js';
import { ADMIN, ledgerOn, LOGS, type TestLedger } from '../support/ledger.js';
import { logBehindGrpc } from '../support/log.js';
import { testDatabase } from '../support/postgres.js';
import { UsageIntake } from '#billing/usage/ingest';

/** An event without a time of its own, as the API takes it when it arrives. */
const arriving = (at: string) => ({
  ...{ deploymentId: 'd', isEvent: true },
  observation: {
    ...{ resourceId: 'r', billingKind: 'calls', granularity: 'event' as const, quantity: '1', sourceId: 'r/1' },
    period: { start: instant(at), end: firstInstantAfter(instant(at)) },
  },
});
const [BEFORE, AFTER] = ['2026-05-31T23:59:59.9Z', '2026-06-01T00:00:00.1Z'];
const send = async (test: TestLedger, at: string): Promise<string | undefined> => {
  const [verdict] = await new UsageIntake(test.core).ingest([arriving(at)], { ...ADMIN, now: instant(at) });
  return verdict?.status;
};
const CAUSE = {
  ...{ name: 'observe-usage', key: null, bodyHash: '', occurredAt: null, isKeyed: false },
  ...{ idempotencyKey: null, caller: ADMIN },
};
const MONTHS = { start: '2026-05-01T00:00:00Z', end: '2026-07-01T00:00:00Z' };

describe.each(LOGS)('an event without a time, on %s', (_log, open) => {
  let test: TestLedger;
  afterEach(async () => test.close());

  // A second process may have a clock that is behind.
  it.each([
    [BEFORE, AFTER],
    [AFTER, BEFORE],
  ])('that arrived at %s counts once if it arrives again at %s', async (first, again) => {
    test = await open();
    await test.apply(tenant('t'), deployment('d', 't'));
    expect([await send(test, first), await send(test, again)]).toEqual(['accepted', 'duplicate']);
    expect(await test.ask('usage', { deploymentId: 'd', ...MONTHS })).toEqual({ calls: '1' });
  });
});

describe('an event without a time whose append to EventStoreDB had no answer', () => {
  it.each([
    [BEFORE, AFTER],
    [AFTER, BEFORE],
  ])('at %s counts once if it arrives again at %s before the mirror has it', async (first, again) => {
    const database = await testDatabase();
    const behind = await logBehindGrpc(database.url);
    const { node } = behind;
    const test = await ledgerOn(database.url);
    try {
      await test.apply(tenant('t'), deployment('d', 't'));
      await test.ledger.catchUp();
      // Nothing is copied while this is open.
      const holding = await database.pool.connect();
      await holding.query('BEGIN; SELECT FROM ledgerline_log.head FOR UPDATE');
      // As by a process that has ended: nobody holds the lock of the deployment's events any more.
      const month = first.slice(0, 7);
      const lost = test.core.book.appendAt(`usage-d-${month}`, NO_STREAM, CAUSE, [
        {
          type: 'UsageObserved',
          data: { deploymentId: 'd', month, origin: 'command', observations: [arriving(first).observation] },
        },
      ]);
      while (node.log.stream(`ledgerline-usage-d-${month}`) === undefined) await new Promise(setImmediate);
      const [written, waits] = [node.appends, jest.spyOn(MirroredLog.prototype, 'copied')];
      const repeated = send(test, again);
      while (waits.mock.calls.length === 0 && node.appends === written) await new Promise(setImmediate);
      await holding.query('ROLLBACK');
      holding.release();
      await lost;
      expect(await repeated).toBe('duplicate');
      expect(await test.ask('usage', { deploymentId: 'd', ...MONTHS })).toEqual({ calls: '1' });
      waits.mockRestore();
    } finally {
      await test.close();
      await behind.stop(true);
      await database.drop();
    }
  });
});
