import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { instant } from '#domain/time/instant';
import { type TestLedger, testLedger } from '../../../test/support/ledger.js';
import { on } from '../../../test/support/log.js';
import { catchUpMetering } from './schedule.js';
import { startWorker } from './worker.js';

const silent = pino({ level: 'silent' });

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
    { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'd', from: '2026-04-01T00:00:00Z' },
    {
      command: 'observe-resource',
      provider: 'digitalocean',
      providerId: 'a',
      kind: 'droplet',
      name: 'a',
      status: 'active',
      seenAt: '2026-04-01T12:00:00Z',
      deploymentId: 'd',
    },
  );
});
afterEach(async () => test.close());

const metered = async () =>
  (await test.ask<{ items: { date: string; recordCount: number }[] }>('metered-days')).items.map(
    ({ date, recordCount }) => [date, recordCount],
  );

describe('the daily metering', () => {
  it('catches up every complete day since the first sighting, then since the last metered day', async () => {
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T01:10:00Z'), silent)).toBe(2);
    expect(await metered()).toEqual([
      ['2026-04-01', 1],
      ['2026-04-02', 1],
    ]);
    // The 3rd is not over yet. Two days later, the 3rd and 4th are.
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T23:59:59Z'), silent)).toBe(0);
    expect(await catchUpMetering(test.ledger, instant('2026-04-05T01:10:00Z'), silent)).toBe(2);
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ droplet_hours: '96' });
  });

  it('fills gaps, also after a day that was metered too early', async () => {
    await test.apply({ command: 'run-metering', date: '2026-04-03' }, { command: 'run-metering', date: '2027-01-01' });
    expect(await catchUpMetering(test.ledger, instant('2026-04-05T01:10:00Z'), silent)).toBe(3);
    expect((await metered()).map(([date]) => date)).toEqual([
      '2026-04-01',
      '2026-04-02',
      '2026-04-03',
      '2026-04-04',
      '2027-01-01',
    ]);
  });

  it('meters each day once if the clock jumps', async () => {
    // One day ahead, two days back, and ahead again: 1 to 3 April, then nothing new, then the 4th.
    expect(await catchUpMetering(test.ledger, instant('2026-04-04T01:10:00Z'), silent)).toBe(3);
    expect(await catchUpMetering(test.ledger, instant('2026-04-02T01:10:00Z'), silent)).toBe(0);
    expect(await catchUpMetering(test.ledger, instant('2026-04-05T01:10:00Z'), silent)).toBe(1);
    // 4 days × 24 h.
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ droplet_hours: '96' });
  });

  it('runs when a worker starts, which also projects what is recorded', async () => {
    const done = Promise.withResolvers<void>();
    const logger = pino(
      { level: 'info' },
      {
        write: (line) => {
          if (line.includes('metered 2026-04-02')) done.resolve();
        },
      },
    );
    const worker = await startWorker({ ...on(test.url), logger, now: () => instant('2026-04-03T01:10:00Z') });
    try {
      await done.promise;
      expect(await metered()).toHaveLength(2);
    } finally {
      await worker.stop();
    }
  });
});
