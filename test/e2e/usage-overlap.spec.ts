import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { isDomainError } from '#domain/schema';
import { NO_STREAM } from '#event-store/port';
import { DryExclusions } from '#exchange/backfill/usage-granularities';
import { backfilled, countsOf, dryRunOf } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { deployment, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** A granularity is its period's length. A day's reading and those of its hours exclude each other. */

const T = (time: string) => instant(`2026-04-${time.length === 2 ? `${time}T00` : time}:00:00Z`);
const KEY = { resourceId: 'r1', billingKind: 'cpu_hours' };
const day = (date: string, quantity: string, more: object = {}) => ({
  ...KEY,
  period: { start: T(date), end: T(String(Number(date) + 1).padStart(2, '0')) },
  granularity: 'day',
  quantity,
  ...more,
});
const hour = (at: string, quantity: string, more: object = {}) => {
  const [date = '', time = ''] = at.split('T');
  const next =
    time === '23' ? String(Number(date) + 1).padStart(2, '0') : `${date}T${String(Number(time) + 1).padStart(2, '0')}`;
  return { ...KEY, period: { start: T(at), end: T(next) }, granularity: 'hour', quantity, ...more };
};
const observe = (...observations: object[]) => ({ command: 'observe-usage', deploymentId: 'd1', observations });
const correct = ({ ...reading }: object, quantity: string | null) => ({
  command: 'correct-usage',
  deploymentId: 'd1',
  ...reading,
  quantity,
  reason: 'it never was',
});

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(tenant('t1'), deployment('d1', 't1'), deployment('d2', 't1'));
});
afterEach(async () => test.close());

const execute = async (command: object) => {
  const outcome = await test.ledger.execute(command, ADMIN);
  return outcome.status === 'refused' ? outcome.error.code : outcome.status;
};
const refusal = async (command: object) => {
  const outcome = await test.ledger.execute(command, ADMIN);
  return outcome.status === 'refused' ? outcome.error : undefined;
};
/** Readings of d2 as they could be recorded before. */
const recordedBefore = async (...observations: object[]) =>
  test.core.log.append('usage-d2-2026-04', NO_STREAM, [
    {
      id: randomUUID(),
      type: 'UsageObserved',
      data: JSON.stringify({ deploymentId: 'd2', month: '2026-04', origin: 'command', observations }),
      metadata: JSON.stringify({ actor: 'test' }),
    },
  ]);
const used = async (deploymentId = 'd1') =>
  test.ask('usage', { deploymentId, start: T('01'), end: '2026-05-01T00:00:00Z' });

describe('the period of a reading', () => {
  const taken = async (start: string, end: string, granularity: string) =>
    execute(observe({ ...KEY, period: { start, end }, granularity, quantity: '1' }));

  it('is one UTC day or one UTC hour, and any for an event', async () => {
    expect(await taken('2026-04-01T00:00:00Z', '2026-04-02T00:00:00Z', 'day')).toBe('done');
    expect(await taken('2026-04-02T23:00:00Z', '2026-04-03T00:00:00Z', 'hour')).toBe('done');
    expect(await taken('2026-04-01T00:00:00Z', '2026-04-01T00:00:01Z', 'event')).toBe('done');
    // With fractions and an offset of zero it is the same instant.
    expect(await taken('2026-04-04T00:00:00.000Z', '2026-04-05T00:00:00.000Z', 'day')).toBe('done');
  });

  it.each([
    ['a second', '2026-04-01T00:00:00Z', '2026-04-01T00:00:01Z', 'day'],
    ['two days', '2026-04-01T00:00:00Z', '2026-04-03T00:00:00Z', 'day'],
    ['from noon to noon', '2026-04-01T12:00:00Z', '2026-04-02T12:00:00Z', 'day'],
    ['two days', '2026-04-01T00:00:00Z', '2026-04-03T00:00:00Z', 'hour'],
    ['half past to half past', '2026-04-01T10:30:00Z', '2026-04-01T11:30:00Z', 'hour'],
    ['a microsecond short', '2026-04-01T10:00:00Z', '2026-04-01T10:59:59.999999Z', 'hour'],
  ])('%s, from %s to %s, is no %s', async (_, start, end, granularity) => {
    expect(await taken(start, end, granularity)).toBe('invalid_input');
    expect(await used()).toEqual({});
  });

  it('is named in the refusal, with what to do', async () => {
    const faulty = { ...day('01', '1'), period: { start: T('01'), end: '2026-04-01T00:00:01Z' } };
    expect((await refusal(observe(day('02', '1'), faulty)))?.errors).toEqual([
      {
        field: 'observations[1].period',
        message:
          '[2026-04-01T00:00:00Z, 2026-04-01T00:00:01Z) is not one UTC day such as ' +
          '[2026-04-01T00:00:00Z, 2026-04-02T00:00:00Z). ' +
          'Send the whole period, or granularity "event", which takes any period.',
      },
    ]);
  });

  it('may be another where it was recorded before, and is corrected like any', async () => {
    const short = { ...KEY, period: { start: T('01'), end: '2026-04-01T00:00:01Z' }, granularity: 'day' };
    await recordedBefore({ ...short, quantity: '24' });
    expect(await used('d2')).toEqual({ cpu_hours: '24' });
    expect(await execute({ ...correct(short, null), deploymentId: 'd2' })).toBe('done');
    expect(await used('d2')).toEqual({});
  });
});

describe('a day and its hours', () => {
  // Today 24 + 1 + 5 + 7 = 37.
  const HOURS = [hour('02T00', '1'), hour('02T01', '5'), hour('02T23', '7')];
  const DAY = day('02', '24');

  it('exclude each other: the hours after the day', async () => {
    await test.apply(observe(DAY));
    const error = await refusal(observe(...HOURS, hour('03T00', '2')));
    expect(error?.code).toBe('usage_overlap');
    expect(error?.errors?.map(({ field }) => field)).toEqual(['observations[0]', 'observations[1]', 'observations[2]']);
    expect(error?.message).toBe(
      '3 of the observations overlap others; nothing was appended. ' +
        'cpu_hours of r1 over [2026-04-02T00:00:00Z, 2026-04-02T01:00:00Z), granularity hour, overlaps the reading of ' +
        '[2026-04-02T00:00:00Z, 2026-04-03T00:00:00Z), granularity day: a day and its hours would count twice. ' +
        'To replace that reading, withdraw it first (correct-usage with quantity null).',
    );
    expect(await used()).toEqual({ cpu_hours: '24' });
    // The days next to it are free.
    expect(await execute(observe(hour('01T23', '1'), hour('03T00', '2')))).toBe('done');
    expect(await used()).toEqual({ cpu_hours: '27' });
  });

  it.each(HOURS.map((each) => [each.period.start, each] as const))(
    'exclude each other: the day after the hour of %s',
    async (_, each) => {
      await test.apply(observe(each));
      expect(await execute(observe(DAY))).toBe('usage_overlap');
      expect(await used()).toEqual({ cpu_hours: each.quantity });
      expect(await execute(observe(day('01', '1'), day('03', '1')))).toBe('done');
    },
  );

  it('exclude each other in one command, and in a command over two months', async () => {
    expect(await execute(observe(...HOURS, DAY))).toBe('usage_overlap');
    expect(await execute(observe(DAY, ...HOURS))).toBe('usage_overlap');
    const march = { ...DAY, period: { start: '2026-03-31T00:00:00Z', end: '2026-04-01T00:00:00Z' } };
    expect(await execute(observe(march, DAY, ...HOURS))).toBe('usage_overlap');
    expect(await used()).toEqual({});
    await test.apply(observe(DAY));
    expect(await execute(observe(march, ...HOURS))).toBe('usage_overlap');
  });

  it('exclude each other before they are projected', async () => {
    const intake = async (...observations: object[]) =>
      (
        await test.ledger.ingest(
          observations.map((observation) => ({
            deploymentId: 'd1',
            observation: observation as never,
            isEvent: false,
          })),
          ADMIN,
        )
      ).map((verdict) => ('error' in verdict ? [verdict.status, verdict.error.code] : [verdict.status]));
    await test.apply(observe(day('09', '1')));
    await test.ask('tenants');
    const REFUSED = ['conflict', 'usage_overlap'];
    expect(await intake(DAY)).toEqual([['accepted']]);
    expect(await intake(...HOURS)).toEqual([REFUSED, REFUSED, REFUSED]);
    expect(await intake(hour('04T05', '1'), day('04', '3'), hour('04T06', '1'))).toEqual([
      ['accepted'],
      REFUSED,
      ['accepted'],
    ]);
    expect(await intake(day('04', '3'), DAY)).toEqual([REFUSED, ['duplicate']]);
    // 1 + 24 + 1 + 1
    expect(await used()).toEqual({ cpu_hours: '27' });
  });

  it('exclude each other for any sources, within one resource, provider, kind and deployment', async () => {
    await test.apply(observe({ ...DAY, provider: 'a' }));
    expect(await execute(observe(hour('02T05', '1', { provider: 'a', sourceId: 'other' })))).toBe('usage_overlap');
    expect(await execute(observe(hour('02T05', '1')))).toBe('usage_overlap');
    expect(await execute(observe(hour('02T05', '1', { provider: 'b' })))).toBe('done');
    expect(await execute(observe(hour('02T05', '1', { resourceId: 'r2' })))).toBe('done');
    expect(await execute(observe(hour('02T05', '1', { billingKind: 'gpu_hours' })))).toBe('done');
    expect(await execute({ ...observe(hour('02T05', '1')), deploymentId: 'd2' })).toBe('done');
    // An event may lie within a day, as before.
    expect(await execute(observe({ ...hour('02T05', '1'), granularity: 'event' }))).toBe('done');
  });

  it('exclude by the provider that was named later', async () => {
    await test.apply(observe(DAY), observe({ ...DAY, provider: 'a' }));
    expect(await execute(observe(hour('02T05', '1', { provider: 'b' })))).toBe('done');
    expect(await execute(observe(hour('02T06', '1', { provider: 'a' })))).toBe('usage_overlap');
  });

  it('do not exclude each other where one was withdrawn, which then does not come back', async () => {
    await test.apply(observe(DAY), correct(day('02', '24'), null), observe(...HOURS));
    // 1 + 5 + 7
    expect(await used()).toEqual({ cpu_hours: '13' });
    expect(await execute(correct(DAY, '20'))).toBe('usage_overlap');
    expect(await execute(observe(DAY))).toBe('unchanged');
    await test.apply(...HOURS.map((each) => correct(each, null)));
    expect(await execute(correct(DAY, '20'))).toBe('done');
    expect(await used()).toEqual({ cpu_hours: '20' });
    expect(await execute(correct(hour('02T01', '5'), '5'))).toBe('usage_overlap');
  });

  it('stay correctable where both were recorded before', async () => {
    await recordedBefore(DAY, ...HOURS);
    expect(await execute({ ...correct(HOURS[1] ?? {}, '4'), deploymentId: 'd2' })).toBe('done');
    // 24 + 1 + 4 + 7
    expect(await used('d2')).toEqual({ cpu_hours: '36' });
    expect(await execute({ ...correct(DAY, null), deploymentId: 'd2' })).toBe('done');
    expect(await used('d2')).toEqual({ cpu_hours: '12' });
  });
});

describe('a file with a day and its hours', () => {
  let files: Awaited<ReturnType<typeof folder>>;
  beforeEach(async () => {
    files = await folder();
  });
  afterEach(async () => files.remove());

  const HEADER = 'deploymentId,resourceId,billingKind,start,end,granularity,quantity\n';
  const rowOf = ({ period, granularity, quantity }: ReturnType<typeof day>, deploymentId = 'd1'): string =>
    `${deploymentId},r1,cpu_hours,${period.start},${period.end},${granularity},${quantity}\n`;
  const HOURS = [hour('02T00', '1'), hour('02T01', '5'), hour('02T23', '7')];
  const DAY = day('02', '24');

  it.each([
    ['the day first', [DAY, ...HOURS, day('03', '2')], [5, 2, 0, 0, 3], '26'],
    ['the hours first', [...HOURS, DAY, hour('03T04', '2')], [5, 4, 0, 0, 1], '15'],
  ])('takes what comes first: %s', async (_, readings, counts, quantity) => {
    const file = await files.write('mixed.csv', HEADER + readings.map((each) => rowOf(each)).join(''));
    const dry = await dryRunOf(test, 'usage', file);
    const run = await backfilled(test, 'usage', file);
    expect(countsOf(run)).toEqual(counts);
    expect(countsOf(dry)).toEqual(counts);
    expect(run.said[0]).toMatch(/a day and its hours would count twice/);
    expect(await used()).toEqual({ cpu_hours: quantity });
  });

  it('is compared with what was recorded before, and with the rows of an earlier batch', async () => {
    await test.apply(observe(...HOURS));
    const first = await backfilled(
      test,
      'usage',
      await files.write('days.csv', HEADER + rowOf(DAY) + rowOf(day('03', '2'))),
    );
    expect(countsOf(first)).toEqual([2, 1, 0, 0, 1]);
    // More rows than are kept at once: of the second deployment, its hours are written before its day is read.
    const others = Array.from({ length: 21_000 }, (_, n) => `d2,x${n},cpu_hours,${T('05')},${T('06')},day,1\n`).join(
      '',
    );
    const rows = HEADER + rowOf(HOURS[1] ?? DAY, 'd2') + others + rowOf(DAY, 'd2') + rowOf(day('04', '9'), 'd2');
    const file = await files.write('large.csv', rows);
    const run = await backfilled(test, 'usage', file);
    expect(countsOf(run)).toEqual([21_003, 21_002, 0, 0, 1]);
    // 5 + 21,000 + 9
    expect(await used('d2')).toEqual({ cpu_hours: '21014' });
    // Again it is refused again, and nothing else changes.
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([21_003, 0, 21_002, 0, 1]);
  });

  it('is refused where a period is not that of its granularity', async () => {
    const short = { ...DAY, period: { start: T('02'), end: T('02T01') } };
    const run = await backfilled(
      test,
      'usage',
      await files.write('short.csv', HEADER + rowOf(short) + rowOf(day('03', '2'))),
    );
    expect(countsOf(run)).toEqual([2, 1, 0, 0, 1]);
    expect(run.said[0]).toMatch(/row 1 \(line 2\): start .* is not one UTC day such as/);
  });
});

describe('a dry run of more rows than are tried', () => {
  it('finds a day whose hours came before in the file', async () => {
    const exclusions = new DryExclusions();
    const batch = (...observations: object[]) => ({ deploymentId: 'd1', observations: observations as never });
    exclusions.add(batch(hour('02T05', '1', { provider: 'a' }), day('03', '1')));
    const refused = (...observations: object[]) => {
      try {
        exclusions.assertNoOverlap(batch(...observations));
        return [];
      } catch (error) {
        return isDomainError(error) ? error.errors.map(({ field }) => field) : [String(error)];
      }
    };
    expect(refused(day('04', '1'), day('02', '1'), hour('03T00', '1'))).toEqual(['observations[1]', 'observations[2]']);
    expect(refused(day('02', '1', { provider: 'a' }), day('02', '1', { provider: 'b' }))).toEqual(['observations[0]']);
    expect(refused(hour('03T00', '1', { provider: 'b' }), hour('02T06', '1'))).toEqual(['observations[0]']);
  });
});

describe('metering', () => {
  const DROPLET = {
    command: 'observe-resource',
    provider: 'do',
    providerId: 'r1',
    kind: 'droplet',
    name: 'r1',
    status: 'active',
    seenAt: T('01'),
    deploymentId: 'd1',
  };
  const meter = { command: 'run-metering', date: '2026-04-02' };
  const metered = { ...KEY, billingKind: 'droplet_hours', provider: 'do' };
  const configure = (granularity: string, from: string) => ({
    command: 'configure-metering',
    billingKind: 'droplet_hours',
    granularity,
    from,
  });
  const inForce = async () =>
    (await test.ask<{ items: { granularity: string }[] }>('usage-records', { limit: 100 })).items.map(
      ({ granularity }) => granularity,
    );

  it('of a metered day by another granularity replaces its readings, there and back', async () => {
    await test.apply(DROPLET, meter);
    expect(await inForce()).toEqual(['day']);
    await test.apply(configure('hour', T('01')), meter);
    expect(await inForce()).toEqual(Array.from({ length: 24 }, () => 'hour'));
    expect(await used()).toEqual({ droplet_hours: '24' });
    await test.apply(configure('day', T('02')), meter);
    expect(await inForce()).toEqual(['day']);
    expect(await used()).toEqual({ droplet_hours: '24' });
    expect(await execute(meter)).toBe('unchanged');
  });

  it('leaves a resource to who recorded it by the other granularity, and says so', async () => {
    const recorded = { ...metered, period: hour('02T05', '3').period, granularity: 'hour', quantity: '3' };
    await test.apply(DROPLET, observe(recorded));
    const [outcome] = await test.apply(meter);
    expect(outcome).toMatchObject({
      status: 'done',
      result: {
        count: 0,
        accepted: 0,
        skipped: [
          {
            provider: 'do',
            providerId: 'r1',
            reason:
              'droplet_hours is recorded by the hour already, as over [2026-04-02T05:00:00Z, 2026-04-02T06:00:00Z): ' +
              'a day and its hours would count twice. To replace that reading, withdraw it first ' +
              '(correct-usage with quantity null).',
          },
        ],
      },
    });
    expect(await used()).toEqual({ droplet_hours: '3' });
    const { quantity: _, ...key } = recorded;
    await test.apply(correct(key, null), meter);
    expect(await used()).toEqual({ droplet_hours: '24' });
  });
});
