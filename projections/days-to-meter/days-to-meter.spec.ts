import { describe, expect, it } from '@jest/globals';
import { type Fact, projected } from '../../test/support/projections.js';
import { inventoryProjection } from '../inventory/inventory.projection.js';
import { meteringProjection } from '../metering/metering.projection.js';
import { daysToMeterProjection } from './days-to-meter.projection.js';
import { daysToMeter } from './days-to-meter.table.js';

const { given, when, rows } = projected(inventoryProjection, meteringProjection, daysToMeterProjection);

const at = (day: number, time = '00:00:00'): string => `2026-04-0${day}T${time}Z`;
const seen = (on: string, more: object = {}, providerId = 'r'): Fact => ({
  ResourcesObserved: {
    provider: 'do',
    seenAt: on,
    resources: [{ providerId, kind: 'droplet', name: 'web', status: 'active', deploymentId: 'd', ...more }],
  },
});
const corrected = (from: string, until: string | null, changes: object): Fact => ({
  ResourceCorrected: { provider: 'do', providerId: 'r', from, until, changes, reason: 'a mistake' },
});
const metered = (day: number, more: object = {}): Fact => ({
  DayMetered: { date: `2026-04-0${day}`, recordCount: 1, skipped: [], ...more },
});
/** The dates of the marks in force, as `first-last`. */
const marked = async (position?: number): Promise<string[]> =>
  (await rows(daysToMeter, position)).map(
    ({ first_date, last_date }) => `${first_date?.slice(8) ?? ''}-${last_date?.slice(8) ?? ''}`,
  );

/** A droplet, active since 1 April, and 1 to 3 April metered. */
const THREE_DAYS = [seen(at(1)), metered(1), metered(2), metered(3)];

describe('what marks metered days', () => {
  it('is a status that is learnt late: from the day after it, as the state at the start of a day counts', async () => {
    await given(...THREE_DAYS);
    await when(seen(at(2, '10:00:00'), { status: 'off' }));
    expect(await marked()).toEqual(['03-03']);
    expect((await rows(daysToMeter))[0]?.cause).toBe('resources of do as of 2026-04-02T10:00:00Z were recorded');
  });

  it('is a late sighting up to the next one, and no further', async () => {
    await given(seen(at(1)), seen(at(3)), metered(1), metered(2), metered(3));
    await when(seen(at(2), { status: 'off' }));
    expect(await marked()).toEqual(['02-02']);
  });

  it('is a resource that is first seen late: on the day of the sighting too', async () => {
    await given(...THREE_DAYS);
    await when(seen(at(2, '23:59:59'), {}, 'new'));
    expect(await marked()).toEqual(['02-03']);
  });

  it('is a removal, also by a listing', async () => {
    await given(...THREE_DAYS);
    await when({ ResourceRemoved: { provider: 'do', providerId: 'r', at: at(2) } });
    expect(await marked()).toEqual(['02-03']);
    await when({ ResourcesObserved: { provider: 'do', seenAt: at(1), resources: [], removed: ['r'] } });
    expect(await marked()).toEqual(['02-03', '01-01']);
  });

  it('is a correction of status, size or deployment, over its days only', async () => {
    await given(...THREE_DAYS);
    await when(corrected(at(1), at(2), { status: 'off' }), corrected(at(2), null, { deploymentId: 'other' }));
    expect(await marked()).toEqual(['01-01', '02-03']);
  });

  it('is another granularity, from the first whole day on', async () => {
    await given(...THREE_DAYS);
    const configured = (granularity: 'day' | 'hour', from: string): Fact => ({
      MeteringConfigured: { billingKind: 'droplet_hours', granularity, retentionDays: 400, from },
    });
    await when(configured('day', at(1)));
    expect(await marked()).toEqual([]);
    await when(configured('hour', at(1, '12:00:00')));
    expect(await marked()).toEqual(['02-03']);
  });

  it('is the registration of a deployment for which a resource was skipped', async () => {
    const skipped = { provider: 'do', providerId: 'r', kind: 'droplet_hours', deploymentId: 'd', reason: 'unknown' };
    await given(seen(at(1)), metered(1, { skipped: [skipped] }), metered(2, { skipped: [skipped] }), metered(3));
    const registered = (deploymentId: string): Fact => ({
      DeploymentRegistered: { deploymentId, tenantId: 't', name: 'x', from: at(1) },
    });
    await when(registered('other'));
    expect(await marked()).toEqual([]);
    await when(registered('d'));
    expect(await marked()).toEqual(['01-02']);
  });
});

describe('what marks nothing', () => {
  it.each<[string, Fact]>([
    ['a sighting of today', seen(at(4, '00:30:00'), { status: 'off' })],
    ['a late sighting that repeats the state', seen(at(2), { name: 'renamed', tags: ['x'] })],
    ['a late sighting of a resource in no deployment', seen(at(1), { deploymentId: undefined }, 'alone')],
    ['a correction that corrects nothing', corrected(at(1), null, { status: 'active' })],
    ['a correction of the size of what has no size', corrected(at(1), null, { sizeGb: '10' })],
    [
      'a listing that missed a resource',
      { ResourcesObserved: { provider: 'do', seenAt: at(1), resources: [], missed: ['r'] } },
    ],
  ])('is %s', async (_name, fact) => {
    await given(...THREE_DAYS);
    await when(fact);
    expect(await marked()).toEqual([]);
  });

  it('is an event before the day was metered, in the same batch or before', async () => {
    await given(seen(at(1)), corrected(at(1), null, { status: 'off' }), metered(1));
    expect(await marked()).toEqual([]);
  });
});

describe('a mark', () => {
  it('ends when the last of its days is metered again', async () => {
    await given(...THREE_DAYS);
    await when(corrected(at(2), null, { status: 'off' }), metered(2));
    expect(await marked()).toEqual(['02-03']);
    await when(metered(3));
    expect(await marked()).toEqual([]);
    expect(await marked(6)).toEqual(['02-03']);
  });

  it('stays when the day was metered from what was known before it', async () => {
    await given(...THREE_DAYS);
    // The correction is at position 5, the inventory was read at 4.
    await when(corrected(at(3), null, { status: 'off' }), metered(3, { inventoryAt: 4 }));
    expect(await marked()).toEqual(['03-03']);
    await when(metered(3, { inventoryAt: 5 }));
    expect(await marked()).toEqual([]);
  });
});
