import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { instant } from '#domain/time/instant';
import { carryOutRebuilds } from '#operations/rebuild-work';
import { type TestLedger, testLedger } from '../../../test/support/ledger.js';
import { on } from '../../../test/support/log.js';
import { catchUpMetering } from './schedule.js';
import { startWorker } from './worker.js';

const silent = pino({ level: 'silent' });

const resource = (providerId: string, more: object): object => ({
  ...{ command: 'observe-resource', provider: 'digitalocean', providerId, name: providerId, status: 'active' },
  ...{ seenAt: '2026-04-01T12:00:00Z', deploymentId: 'd' },
  ...more,
});
const droplet = (providerId: string, more: object = {}): object => resource(providerId, { kind: 'droplet', ...more });
const snapshot = (more: object): object => resource('s', { kind: 'snapshot', ...more });
const APRIL = { deploymentId: 'd', start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
    { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'd', from: '2026-04-01T00:00:00Z' },
    droplet('a'),
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

  it('waits until 01:10 for what is reported of a day, also where the worker starts at midnight', async () => {
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T00:00:00Z'), silent)).toBe(1);
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T01:09:59Z'), silent)).toBe(0);
    // Reported at 01:05 of the last minute of the 2nd.
    await test.apply(droplet('late', { seenAt: '2026-04-02T23:59:00Z' }));
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T01:10:00Z'), silent)).toBe(1);
    expect(await metered()).toEqual([
      ['2026-04-01', 1],
      ['2026-04-02', 2],
    ]);
  });

  it('meters days again whose inventory was corrected, and those days only', async () => {
    await test.apply(snapshot({ sizeGb: '301' }));
    await catchUpMetering(test.ledger, instant('2026-05-01T01:10:00Z'), silent);
    // 30 days × 24 h; 301 GB over the whole month.
    expect(await test.ask('usage', APRIL)).toEqual({ droplet_hours: '720', snapshot_gb_month: '301' });

    // The droplet was off from the 2nd on: 24 h of the 1st are left. The snapshot has 8 GB: 301 was a typing error.
    const [corrected] = [{ command: 'correct-resource', provider: 'digitalocean', reason: 'a mistake' }];
    await test.apply(
      { ...corrected, providerId: 'a', from: '2026-04-02T00:00:00Z', until: '2026-04-03T00:00:00Z', status: 'off' },
      { ...corrected, providerId: 's', from: '2026-04-01T00:00:00Z', sizeGb: '8' },
    );
    const due = await test.ask<{ items: { date: string; reason: string }[] }>('days-to-meter', {
      at: '2026-05-01T00:00:00Z',
    });
    expect(due.items).toHaveLength(30);
    expect(due.items[1]).toEqual({
      date: '2026-04-02',
      reason: 'changed_since',
      causes: [
        'resource a of digitalocean was corrected: a mistake',
        'resource s of digitalocean was corrected: a mistake',
      ],
      readings: 2,
      resources: [
        { provider: 'digitalocean', resourceId: 'a', deploymentId: 'd', billingKind: 'droplet_hours' },
        { provider: 'digitalocean', resourceId: 's', deploymentId: 'd', billingKind: 'snapshot_gb_month' },
      ],
    });
    expect(await catchUpMetering(test.ledger, instant('2026-05-02T01:10:00Z'), silent)).toBe(31);
    // 29 days of April × 24 h + 24 h of 1 May.
    expect(await test.ask('usage', APRIL)).toEqual({ droplet_hours: '696', snapshot_gb_month: '8' });
    expect(await catchUpMetering(test.ledger, instant('2026-05-02T01:10:00Z'), silent)).toBe(0);
  });

  it('meters days again of which it learns late: 48 h become 24', async () => {
    await catchUpMetering(test.ledger, instant('2026-04-03T01:10:00Z'), silent);
    // 2 days × 24 h.
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ droplet_hours: '48' });
    await test.apply(droplet('a', { status: 'off', seenAt: '2026-04-01T18:00:00Z' }));
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T02:10:00Z'), silent)).toBe(1);
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ droplet_hours: '24' });
  });

  it('records that a changed day was metered again, also where nothing differs in the end', async () => {
    await catchUpMetering(test.ledger, instant('2026-04-03T01:10:00Z'), silent);
    const status = {
      command: 'correct-resource',
      provider: 'digitalocean',
      providerId: 'a',
      from: '2026-04-01T00:00:00Z',
    };
    await test.apply(
      { ...status, status: 'off', reason: 'it was off' },
      { ...status, status: 'active', reason: 'it was on' },
    );
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T02:10:00Z'), silent)).toBe(2);
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ droplet_hours: '48' });
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T03:10:00Z'), silent)).toBe(0);
  });

  it('meters days again from which a late configuration holds, with the same total', async () => {
    await catchUpMetering(test.ledger, instant('2026-04-04T01:10:00Z'), silent);
    await test.apply({
      ...{ command: 'configure-metering', billingKind: 'droplet_hours', granularity: 'hour' },
      from: '2026-04-02T00:00:00Z',
    });
    expect(await catchUpMetering(test.ledger, instant('2026-04-04T02:10:00Z'), silent)).toBe(2);
    // 1 day and 48 hours.
    expect((await test.ask<{ items: unknown[] }>('usage-records', { deploymentId: 'd' })).items).toHaveLength(49);
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ droplet_hours: '72' });
  });

  it('meters days again on which a deployment was not registered yet', async () => {
    await test.apply(droplet('b', { deploymentId: 'later' }));
    await catchUpMetering(test.ledger, instant('2026-04-03T01:10:00Z'), silent);
    await test.apply({
      ...{
        command: 'register-deployment',
        deploymentId: 'later',
        tenantId: 't',
        name: 'l',
        from: '2026-04-01T00:00:00Z',
      },
    });
    expect(await catchUpMetering(test.ledger, instant('2026-04-03T02:10:00Z'), silent)).toBe(2);
    expect(await test.ask('usage', { deploymentId: 'later' })).toEqual({ droplet_hours: '48' });
  });

  it('runs when a worker starts, which also projects what is recorded, and rebuilds when asked to', async () => {
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
      await test.apply({ command: 'rebuild-projections', rebuildId: 'r' });
      const state = async () => (await test.ask<{ state: string }>('rebuild', { rebuildId: 'r' })).state;
      while (['waiting', 'running'].includes(await state())) await delay(100);
      expect(await test.ask('rebuild', { rebuildId: 'r' })).toMatchObject({ state: 'compared', isDifferent: false });
    } finally {
      await worker.stop();
    }
  });
});

describe('a rebuild that was requested', () => {
  const told: string[] = [];
  const stateOf = async (rebuildId: string) => (await test.ask<{ state: string }>('rebuild', { rebuildId })).state;
  const generations = async () => {
    const { live, previous } = await test.core.rebuilder.status();
    return { live: live?.generation, previous: previous?.generation };
  };

  async function working(until: () => Promise<void>): Promise<void> {
    const stopping = new AbortController();
    const ended = carryOutRebuilds(test.core, stopping.signal, (message) => told.push(message));
    try {
      await until();
    } finally {
      stopping.abort();
      await ended;
    }
  }

  /** A worker works until the rebuild has ended, or waits for a decision. */
  async function worked(rebuildId: string): Promise<string> {
    await working(async () => {
      while (['waiting', 'running'].includes(await stateOf(rebuildId))) await delay(50);
    });
    return stateOf(rebuildId);
  }

  it('is exchanged once, also if the connection is lost after the exchange', async () => {
    // The first attempt to keep each of the two outcomes fails. A sequence moves on even so.
    await test.core.pool.query(
      'CREATE SEQUENCE public.swapped; CREATE SEQUENCE public.rolled_back;' +
        ' CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN' +
        " IF nextval('public.' || (NEW.outcome->>'state')) = 1 THEN RAISE 'lost' USING ERRCODE = '57P01'; END IF;" +
        ' RETURN NEW; END $$;' +
        ' CREATE TRIGGER lose BEFORE INSERT OR UPDATE ON ledgerline_operations.outcomes FOR EACH ROW' +
        " WHEN (NEW.outcome->>'state' IN ('swapped', 'rolled_back')) EXECUTE FUNCTION public.lose()",
    );
    const before = await generations();
    await test.apply({ command: 'rebuild-projections', rebuildId: 'once' });
    expect(await worked('once')).toBe('compared');
    await test.apply({ command: 'accept-rebuild', rebuildId: 'once' });
    expect(await worked('once')).toBe('swapped');
    const swapped = await generations();
    expect(swapped.previous).toBe(before.live);

    await test.apply({ command: 'roll-back-projections', rebuildId: 'back' });
    expect(await worked('back')).toBe('rolled_back');
    expect(await generations()).toEqual({ live: before.live, previous: swapped.live });
    expect(told.filter((message) => message.includes('lost'))).toHaveLength(2);
  });

  it('is exchanged with the differences that were accepted, and no others', async () => {
    const live = async () => (await generations()).live;
    const tables = async (rebuildId: string) =>
      (
        await test.ask<{ report: { tables: { table: string; different: number }[] } }>('rebuild', { rebuildId })
      ).report.tables.flatMap(({ table, different }) => (different > 0 ? [table] : []));
    await test.core.projector.catchUp();
    const before = await live();
    await test.core.pool.query('UPDATE ledgerline.tenants SET payment_terms_days = 7');
    await test.apply({ command: 'rebuild-projections', rebuildId: 'seen' });
    expect(await worked('seen')).toBe('compared');
    expect(await tables('seen')).toEqual(['tenants']);
    await test.apply({ command: 'accept-rebuild', rebuildId: 'seen' });
    await test.core.pool.query("UPDATE ledgerline.deployments SET name = 'and this'");
    expect(await worked('seen')).toBe('failed');
    expect(await tables('seen')).toEqual(['tenants', 'deployments']);
    expect(await live()).toBe(before);

    // The rows that differ get other versions, and a new tenant is in both.
    await test.apply({ command: 'rebuild-projections', rebuildId: 'seen again' });
    expect(await worked('seen again')).toBe('compared');
    await test.core.pool.query('DROP SCHEMA ledgerline_shadow CASCADE');
    await test.apply(
      { command: 'register-tenant', tenantId: 'u', name: 'U', currency: 'USD' },
      { command: 'correct-tenant', tenantId: 't', paymentTermsDays: 14, reason: 'as agreed' },
      { command: 'correct-deployment', deploymentId: 'd', name: 'e', reason: 'a typo' },
      { command: 'accept-rebuild', rebuildId: 'seen again' },
    );
    expect(await worked('seen again')).toBe('swapped');
    expect(await live()).not.toBe(before);
  });

  it('is cancelled before its exchange only, and leaves nothing on the disk', async () => {
    const shadow = async () => (await test.core.rebuilder.status()).shadow;
    await test.core.projector.catchUp();
    await test.core.rebuilder.rebuild();
    await test.apply({ command: 'rebuild-projections', rebuildId: 'in time' });
    expect(await worked('in time')).toBe('compared');
    await test.apply({ command: 'cancel-rebuild', rebuildId: 'in time' });
    expect(await shadow()).not.toBeNull();
    await working(async () => {
      while ((await shadow()) !== null) await delay(50);
    });

    const live = await test.core.pool.connect();
    await test.apply({ command: 'roll-back-projections', rebuildId: 'late' });
    try {
      // The exchange waits until this transaction ends.
      await live.query('BEGIN; LOCK TABLE ledgerline.checkpoint IN EXCLUSIVE MODE');
      await working(async () => {
        const begun =
          "SELECT FROM ledgerline_operations.outcomes WHERE id = 'late' AND outcome->>'state' = 'exchanging'";
        while ((await test.core.pool.query(begun)).rowCount === 0) await delay(50);
        expect((await test.refused({ command: 'cancel-rebuild', rebuildId: 'late' })).code).toBe('rebuild_under_way');
        await live.query('COMMIT');
        while ((await stateOf('late')) === 'running') await delay(50);
      });
    } finally {
      live.release();
    }
    expect(await stateOf('late')).toBe('rolled_back');
  });

  it('is reported as interrupted if the worker stops, and as failed if it also fails', async () => {
    /** A worker that stops when it begins. */
    async function stopped(): Promise<string[]> {
      const stopping = new AbortController();
      const reported: string[] = [];
      await carryOutRebuilds(test.core, stopping.signal, (message) => {
        reported.push(message);
        if (message.endsWith('begins')) stopping.abort();
      });
      return reported;
    }
    await test.core.projector.catchUp();
    await test.apply({ command: 'rebuild-projections', rebuildId: 'x', projections: ['tenants'] });
    expect(await stopped()).toEqual(['rebuild x begins', 'rebuild x was interrupted']);
    expect(await stateOf('x')).toBe('running');
    await test.core.pool.query("UPDATE ledgerline.checkpoint SET versions = 'of another program'");
    expect(await stopped()).toEqual([
      'rebuild x begins',
      'rebuild x failed: The read models were made by other versions of the projections. Rebuild all of them, without' +
        ' --only.',
    ]);
    expect(await stateOf('x')).toBe('failed');
  });

  it('is carried out beside outcomes that another version of the program kept', async () => {
    await test.apply({ command: 'rebuild-projections', rebuildId: 'ended' });
    await test.core.outcomes.keep('rebuilds', 'ended', { state: 'of another version' });
    await test.apply({ command: 'roll-back-projections', rebuildId: 'begun' });
    await test.core.outcomes.keep('rebuilds', 'begun', { state: 'running' });
    // It may have been carried out before: it is not tried again.
    expect(await worked('begun')).toBe('failed');
    await test.apply({ command: 'rebuild-projections', rebuildId: 'next' });
    expect(await worked('next')).toBe('compared');
    const error = 'What is kept of it has the form of another version of the program. Request another rebuild.';
    const { items } = await test.ask<{ items: object[] }>('rebuilds');
    expect(items).toMatchObject([
      { rebuildId: 'ended', state: 'failed', error },
      { rebuildId: 'begun', state: 'failed', error },
      { rebuildId: 'next', state: 'compared', error: null },
    ]);
  });
});
