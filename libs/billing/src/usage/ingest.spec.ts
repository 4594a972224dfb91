import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { deployment, tenant } from '../../../../test/support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { UsageIntake } from './ingest.js';
import { type KeptStreams } from './known-streams.js';

/** An event without a time has that of its arrival: sent again, it has another key. */
const eventAt = (second: number, quantity = '1') => ({
  ...{ deploymentId: 'd', isEvent: true },
  observation: {
    ...{ resourceId: 'r', billingKind: 'calls', granularity: 'event' as const, quantity, sourceId: 'r/1' },
    period: {
      start: instant(`2026-04-01T00:00:0${second}Z`),
      end: instant(`2026-04-01T00:00:0${second}.000001Z`),
    },
  },
});

describe('an event without a time whose append had no answer', () => {
  let test: TestLedger;
  beforeEach(async () => {
    test = await testLedger();
    await test.apply(tenant('t'), deployment('d', 't'));
  });
  afterEach(async () => test.close());

  /** Until the second attempt appends, nobody can read what the first one wrote, as where a mirror lags. */
  async function sentAgain(intake: UsageIntake, second: ReturnType<typeof eventAt>, lost = [eventAt(1)]) {
    const { log } = test.core;
    const append = log.append.bind(log);
    const spy = jest.spyOn(log, 'append').mockImplementationOnce(async (stream, revision, events) => {
      await test.core.book.appendAt(
        stream,
        revision,
        {
          ...{ name: 'observe-usage', key: null, bodyHash: '', occurredAt: null, isKeyed: false },
          ...{ idempotencyKey: null, caller: ADMIN },
        },
        lost.map(({ observation }) => ({
          type: 'UsageObserved',
          data: { deploymentId: 'd', month: '2026-04', origin: 'command', observations: [observation] },
        })),
      );
      return append(stream, revision, events);
    });
    try {
      const [verdict] = await intake.ingest([second], ADMIN);
      return verdict?.status;
    } finally {
      spy.mockRestore();
    }
  }

  const KEPT: readonly (readonly [string, KeptStreams | undefined])[] = [
    ['in a process that keeps keys', undefined],
    ['in one that looks them up', { streams: 10, slots: 0, eventsPerLookUp: 0, seenMs: 0 }],
  ];
  it.each(KEPT)('counts once, %s', async (_where, kept) => {
    const intake = new UsageIntake(test.core, kept);
    expect(await sentAgain(intake, eventAt(2))).toBe('duplicate');
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ calls: '1' });
    expect((await intake.ingest([eventAt(3)], ADMIN))[0]?.status).toBe('duplicate');
  });

  it.each(KEPT)('is a conflict with other contents, %s', async (_where, kept) => {
    expect(await sentAgain(new UsageIntake(test.core, kept), eventAt(2, '5'))).toBe('conflict');
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ calls: '1' });
  });
});
