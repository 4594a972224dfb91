import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import type { ResourceCorrection, ResourceState, Sighting } from '../inventory/resource.js';
import { decimal, sum, text } from '../money/decimal.js';
import { type Instant, instant } from '../time/instant.js';
import { dayOf, hourOf, monthOf, piecesOf } from '../time/period.js';
import {
  daysFrom,
  granularityOn,
  lastDailyJob,
  meterDay,
  type MeteredReading,
  type MeteredResource,
  type MeteringConfiguration,
  telescopingPart,
} from './metering.js';

const RUNS = checkedOn(100);

const at = (text: string) => instant(text);
const FROM = at('2026-03-01T00:00:00Z');
const state = (kind: string, more: Partial<ResourceState> = {}): ResourceState => ({
  kind,
  status: 'active',
  sizeGb: null,
  deploymentId: 'd1',
  tenantId: null,
  ...more,
});
const seen = (seenAt: Instant, of: ResourceState | null, position = 1): Sighting => ({ seenAt, state: of, position });
const resource = (
  providerId: string,
  sightings: readonly Sighting[],
  corrections: readonly ResourceCorrection[] = [],
): MeteredResource => ({ provider: 'digitalocean', providerId, timeline: { sightings, corrections } });
const one = (kind: string, more: Partial<ResourceState> = {}, id = kind): MeteredResource =>
  resource(id, [seen(FROM, state(kind, more))]);
const hourly = (billingKind: string, from: Instant = FROM): MeteringConfiguration => ({
  billingKind,
  granularity: 'hour',
  retentionDays: null,
  from,
});

/** Billing kind, start, deployment and quantity of each reading. */
const shown = (readings: readonly MeteredReading[]) =>
  readings.map(({ deploymentId, observation }) => [
    observation.billingKind,
    observation.period.start,
    deploymentId,
    observation.quantity,
  ]);
const quantities = (readings: readonly MeteredReading[]) => readings.map(({ observation }) => observation.quantity);
const total = (readings: readonly MeteredReading[]): string =>
  text(sum(quantities(readings).map((each) => decimal(each))));
const metered = (
  days: readonly { start: Instant; end: Instant }[],
  resources: readonly MeteredResource[],
  configured: readonly MeteringConfiguration[] = [],
) => days.flatMap((day) => meterDay(day, resources, configured).readings);

const MARCH_10 = dayOf(at('2026-03-10T00:00:00Z'));
const march = piecesOf(monthOf(FROM), dayOf);

describe('a day', () => {
  it('has one reading per resource, with the quantity of its kind', () => {
    const size = { sizeGb: '31' };
    const resources = [
      one('droplet'),
      one('spaces_bucket', size),
      one('snapshot', size),
      one('droplet_backup', size),
      one('dns_zone'),
    ];
    const { readings, skipped } = meterDay(dayOf(FROM), resources, []);
    // 24 hours; 31 GB / 31 days = 1; 1 / 31 = 0.0322580645161…
    expect(shown(readings)).toEqual([
      ['droplet_hours', '2026-03-01T00:00:00Z', 'd1', '24'],
      ['spaces_gb_month', '2026-03-01T00:00:00Z', 'd1', '1'],
      ['snapshot_gb_month', '2026-03-01T00:00:00Z', 'd1', '1'],
      ['droplet_backup_gb_month', '2026-03-01T00:00:00Z', 'd1', '1'],
      ['dns_zones', '2026-03-01T00:00:00Z', 'd1', '0.032258064516'],
    ]);
    expect(skipped).toEqual([]);
    expect(readings[0]?.observation).toEqual({
      provider: 'digitalocean',
      resourceId: 'droplet',
      billingKind: 'droplet_hours',
      period: { start: '2026-03-01T00:00:00Z', end: '2026-03-02T00:00:00Z' },
      granularity: 'day',
      quantity: '24',
    });
  });

  it('has 7 readings, so ten days have 70, for 2 droplets, 2 zones and 3 snapshots of 16 GB', () => {
    const resources = [
      ...['a', 'b'].map((id) => one('droplet', {}, id)),
      ...['c', 'd'].map((id) => one('dns_zone', {}, id)),
      ...['e', 'f', 'g'].map((id) => one('snapshot', { sizeGb: '16' }, id)),
    ];
    const readings = metered(march.slice(0, 10), resources);
    expect(readings).toHaveLength(70);
    const of = (billingKind: string) =>
      total(readings.filter(({ observation }) => observation.billingKind === billingKind));
    // 2 × 24 × 10; 2 × R(10 / 31) = 2 × 0.322580645161; 3 × R(16 × 10 / 31) = 3 × 5.161290322581
    expect([of('droplet_hours'), of('dns_zones'), of('snapshot_gb_month')]).toEqual([
      '480',
      '0.645161290322',
      '15.483870967743',
    ]);
  });

  it('has a reading of 0 for a droplet that is off', () => {
    expect(quantities(meterDay(MARCH_10, [one('droplet', { status: 'off' })], []).readings)).toEqual(['0']);
  });

  it('counts a bucket or zone with any status', () => {
    expect(quantities(meterDay(MARCH_10, [one('dns_zone', { status: 'off' })], []).readings)).toEqual([
      '0.032258064516',
    ]);
  });

  it('skips resources without a deployment, not seen yet, or deleted', () => {
    const gone = resource('gone', [seen(FROM, state('droplet')), seen(at('2026-03-09T12:00:00Z'), null, 2)]);
    const later = resource('later', [seen(at('2026-03-11T00:00:00Z'), state('droplet'))]);
    expect(meterDay(MARCH_10, [one('droplet', { deploymentId: null }), gone, later], [])).toEqual({
      readings: [],
      skipped: [],
    });
  });

  it('reports and skips an unknown kind, and an unknown size', () => {
    const { readings, skipped } = meterDay(
      MARCH_10,
      [one('load_balancer'), one('snapshot'), one('constructor'), one('dns_zone')],
      [],
    );
    expect(skipped).toEqual([
      {
        provider: 'digitalocean',
        providerId: 'load_balancer',
        kind: 'load_balancer',
        reason: 'kind load_balancer has no billing kind',
      },
      { provider: 'digitalocean', providerId: 'snapshot', kind: 'snapshot', reason: 'its size in GB is not known' },
      {
        provider: 'digitalocean',
        providerId: 'constructor',
        kind: 'constructor',
        reason: 'kind constructor has no billing kind',
      },
    ]);
    expect(shown(readings)).toEqual([['dns_zones', '2026-03-10T00:00:00Z', 'd1', '0.032258064516']]);
  });

  it('reports an unknown kind once per day, also by the hour, and only while the resource exists', () => {
    const gone = resource('lb', [seen(FROM, state('load_balancer')), seen(at('2026-03-02T00:00:00Z'), null, 2)]);
    expect(meterDay(MARCH_10, [gone], []).skipped).toEqual([]);
    expect(meterDay(MARCH_10, [one('snapshot')], [hourly('snapshot_gb_month')]).skipped).toHaveLength(1);
  });
});

describe('the state that counts', () => {
  it('is that at the start of the day: later changes have no effect', () => {
    const changed = resource('x', [
      seen(FROM, state('droplet')),
      seen(at('2026-03-10T00:00:00.000001Z'), state('droplet', { status: 'off', deploymentId: 'd2' }), 2),
    ]);
    expect(shown(metered(march.slice(9, 11), [changed]))).toEqual([
      ['droplet_hours', '2026-03-10T00:00:00Z', 'd1', '24'],
      ['droplet_hours', '2026-03-11T00:00:00Z', 'd2', '0'],
    ]);
  });

  it('at the very start of the day is the new one', () => {
    const changed = resource('x', [
      seen(FROM, state('droplet')),
      seen(MARCH_10.start, state('droplet', { deploymentId: 'd2' }), 2),
    ]);
    expect(shown(meterDay(MARCH_10, [changed], []).readings)).toEqual([
      ['droplet_hours', '2026-03-10T00:00:00Z', 'd2', '24'],
    ]);
  });

  it('is that at the first sighting for a resource first seen within the day', () => {
    const fresh = resource('x', [
      seen(at('2026-03-10T18:00:00Z'), state('snapshot', { sizeGb: '31' })),
      seen(at('2026-03-10T19:00:00Z'), state('snapshot', { sizeGb: '62', deploymentId: 'd2' }), 2),
    ]);
    expect(shown(meterDay(MARCH_10, [fresh], []).readings)).toEqual([
      ['snapshot_gb_month', '2026-03-10T00:00:00Z', 'd1', '1'],
    ]);
  });

  it('meters a moving resource once, for its holder at the start', () => {
    const moving = resource(
      'x',
      march.map(({ start }, index) =>
        seen(start, state('dns_zone', { deploymentId: index % 2 === 0 ? 'd1' : 'd2' }), index),
      ),
    );
    const readings = metered(march, [moving]);
    expect(readings).toHaveLength(31);
    expect(total(readings)).toBe('1');
    expect(readings.filter(({ deploymentId }) => deploymentId === 'd1')).toHaveLength(16);
  });

  it('has the kind of the day, not the first one', () => {
    const rebuilt = resource('x', [
      seen(FROM, state('load_balancer')),
      seen(at('2026-03-09T12:00:00Z'), state('droplet'), 2),
    ]);
    const { readings, skipped } = meterDay(MARCH_10, [rebuilt], []);
    expect([shown(readings), skipped]).toEqual([[['droplet_hours', '2026-03-10T00:00:00Z', 'd1', '24']], []]);
    // by the hour each as it is; what changes within a day changes nothing of that day's own readings
    const noon = resource('y', [seen(FROM, state('dns_zone')), seen(at('2026-03-10T12:00:00Z'), state('droplet'), 2)]);
    const within = meterDay(MARCH_10, [noon], [hourly('droplet_hours')]).readings;
    expect(within.map(({ observation }) => observation.billingKind)).toEqual([
      'dns_zones',
      ...Array<string>(12).fill('droplet_hours'),
    ]);
  });

  it('follows inventory that is learnt later: metering the day again has another result', () => {
    const size = (from: string, until: string | null): ResourceCorrection => ({
      from: at(from),
      until: until === null ? null : at(until),
      changes: { sizeGb: '62' },
      position: 9,
    });
    const snapshot = [seen(FROM, state('snapshot', { sizeGb: '31' }))];
    const wrong = resource('x', snapshot, [size('2026-03-10T00:00:00Z', '2026-03-11T00:00:00Z')]);
    // 62 GB / 31 days = 2 on the 10th alone
    expect(quantities(metered(march.slice(8, 11), [wrong]))).toEqual(['1', '2', '1']);
    expect(quantities(metered(march.slice(8, 11), [resource('x', snapshot)]))).toEqual(['1', '1', '1']);
  });
});

describe('a month', () => {
  it('of a zone sums to exactly 1, for each length', () => {
    for (const month of ['2026-02', '2028-02', '2026-04', '2026-03']) {
      const days = piecesOf(monthOf(at(`${month}-01T00:00:00Z`)), dayOf);
      const zone = resource('z', [seen(at('2025-01-01T00:00:00Z'), state('dns_zone'))]);
      expect(total(metered(days, [zone]))).toBe('1');
      expect(total(metered(days, [zone], [hourly('dns_zones', at('2025-01-01T00:00:00Z'))]))).toBe('1');
    }
  });

  it('of any size sums to that size, by the day, by the hour, and changing from one to the other', () => {
    const size = fc
      .tuple(fc.nat(10 ** 9), fc.nat(20))
      .map(([digits, scale]) => text(decimal(String(digits)).times(decimal(`0.${'0'.repeat(scale)}1`))));
    fc.assert(
      fc.property(
        size,
        fc.constantFrom('2026-02', '2026-03', '2026-04'),
        fc.integer({ min: 1, max: 29 }),
        (sizeGb, month, changeDay) => {
          const days = piecesOf(monthOf(at(`${month}-01T00:00:00Z`)), dayOf);
          const bucket = resource('b', [seen(at('2025-01-01T00:00:00Z'), state('spaces_bucket', { sizeGb }))]);
          const change = days[changeDay - 1]?.start ?? FROM;
          expect(total(metered(days, [bucket]))).toBe(sizeGb);
          expect(total(metered(days, [bucket], [hourly('spaces_gb_month', change)]))).toBe(sizeGb);
        },
      ),
      checkedOn(20),
    );
  });

  it('of a size with more than 12 decimals sums to that size, and no day is below zero', () => {
    const days = piecesOf(monthOf(at('2026-04-01T00:00:00Z')), dayOf);
    // 0.0000000000006 × 29 ÷ 30 rounds to 0.000000000001 at 12 decimals, which is more than the whole.
    for (const sizeGb of ['16.0000000000001', '0.0000000000006', '1.123456789012345678']) {
      const bucket = resource('b', [seen(at('2025-01-01T00:00:00Z'), state('spaces_bucket', { sizeGb }))]);
      const readings = metered(days, [bucket]);
      expect(total(readings)).toBe(sizeGb);
      expect(quantities(readings).filter((quantity) => quantity.startsWith('-'))).toEqual([]);
    }
  });

  it('is divided into parts that add up', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.integer({ min: 1, max: 60 }), (units, count) => {
        const whole = decimal(String(units)).times(decimal('0.000000000000000001'));
        const parts = Array.from({ length: count }, (_each, index) =>
          telescopingPart(whole, BigInt(index + 1), BigInt(count)),
        );
        expect(text(sum(parts))).toBe(text(whole));
        expect(parts.every((part) => part.gte(decimal('0')))).toBe(true);
      }),
      RUNS,
    );
    expect(() => telescopingPart(decimal('1'), 0n, 31n)).toThrow(
      expect.objectContaining({ code: 'part_outside_whole' }),
    );
    expect(() => telescopingPart(decimal('1'), 32n, 31n)).toThrow(
      expect.objectContaining({ code: 'part_outside_whole' }),
    );
  });
});

describe('by the hour', () => {
  it('a droplet counts 1 or 0 per hour, by its state at the start of the hour', () => {
    const stopped = resource('x', [
      seen(FROM, state('droplet')),
      seen(at('2026-03-10T05:30:00Z'), state('droplet', { status: 'off' }), 2),
    ]);
    const { readings } = meterDay(MARCH_10, [stopped], [hourly('droplet_hours')]);
    expect(readings).toHaveLength(24);
    // on at the start of hours 0 to 5, off from hour 6 on
    expect(quantities(readings).join('')).toBe('111111000000000000000000');
    expect(readings[5]?.observation).toMatchObject({
      granularity: 'hour',
      period: { start: '2026-03-10T05:00:00Z', end: '2026-03-10T06:00:00Z' },
    });
  });

  it('a resource first seen within an hour counts from that hour', () => {
    const fresh = resource('x', [seen(at('2026-03-10T21:59:59Z'), state('droplet'))]);
    const { readings } = meterDay(MARCH_10, [fresh], [hourly('droplet_hours')]);
    expect(readings.map(({ observation }) => observation.period.start)).toEqual([
      '2026-03-10T21:00:00Z',
      '2026-03-10T22:00:00Z',
      '2026-03-10T23:00:00Z',
    ]);
  });

  it('a size is divided by the hours of its month', () => {
    // 744 GB / 744 hours = 1
    const { readings } = meterDay(MARCH_10, [one('spaces_bucket', { sizeGb: '744' })], [hourly('spaces_gb_month')]);
    expect(new Set(quantities(readings))).toEqual(new Set(['1']));
    // 1 / 744 = 0.00134408602150…
    expect(quantities(meterDay(dayOf(FROM), [one('dns_zone')], [hourly('dns_zones')]).readings)[0]).toBe(
      '0.001344086022',
    );
    expect(piecesOf(MARCH_10, hourOf)).toHaveLength(24);
  });
});

describe('a granularity', () => {
  const changed = [hourly('droplet_hours', at('2026-03-10T15:00:00Z')), hourly('dns_zones')];

  it('takes effect at the start of the next day, so that no day is counted twice', () => {
    const readings = metered(march.slice(9, 11), [one('droplet')], changed);
    expect(readings.map(({ observation }) => observation.granularity)).toEqual([
      'day',
      ...Array<string>(24).fill('hour'),
    ]);
    expect(total(readings)).toBe('48');
  });

  it('takes effect on the same day if set exactly at its start', () => {
    expect(granularityOn([hourly('droplet_hours', MARCH_10.start)], 'droplet_hours', MARCH_10)).toBe('hour');
  });

  it('is the latest in force of its billing kind, in any order of the list', () => {
    const back: MeteringConfiguration = { ...hourly('droplet_hours', at('2026-03-09T00:00:00Z')), granularity: 'day' };
    expect(granularityOn([back, hourly('droplet_hours')], 'droplet_hours', MARCH_10)).toBe('day');
    expect(granularityOn([hourly('droplet_hours'), back], 'droplet_hours', MARCH_10)).toBe('day');
    expect(granularityOn(changed, 'snapshot_gb_month', MARCH_10)).toBe('day');
  });
});

describe('the days to meter', () => {
  it('include both ends', () => {
    expect(daysFrom('2026-02-27', '2026-03-02').map(({ start }) => start.slice(0, 10))).toEqual([
      '2026-02-27',
      '2026-02-28',
      '2026-03-01',
      '2026-03-02',
    ]);
    expect(() => daysFrom('2026-03-02', '2026-03-01')).toThrow(expect.objectContaining({ code: 'empty_period' }));
  });
});

describe('the daily job', () => {
  it('was last due at 01:10 UTC', () => {
    expect(lastDailyJob(at('2026-04-03T01:09:59.999999Z'))).toBe('2026-04-02T01:10:00Z');
    expect(lastDailyJob(at('2026-04-03T01:10:00Z'))).toBe('2026-04-03T01:10:00Z');
    expect(lastDailyJob(at('2026-04-03T23:59:59Z'))).toBe('2026-04-03T01:10:00Z');
  });
});
