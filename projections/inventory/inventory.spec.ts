import { expect, it } from '@jest/globals';
import { type Fact, projected } from '../../test/support/projections.js';
import { inventoryProjection } from './inventory.projection.js';
import { resourceCorrections, resources, resourceSightings } from './inventory.table.js';

const { given, when, rows } = projected(inventoryProjection);

const day = (n: number): string => `2026-04-0${n}T00:00:00Z`;
const seen = (on: number, status: string, more: object = {}): Fact => ({
  ResourcesObserved: {
    provider: 'do',
    seenAt: day(on),
    resources: [{ providerId: 'r', kind: 'droplet', name: 'web', status, sizeGb: '80', deploymentId: 'd', ...more }],
  },
});
const listed = (on: number, more: { missed?: string[]; removed?: string[] }): Fact => ({
  ResourcesObserved: { provider: 'do', seenAt: day(on), resources: [], ...more },
});

const FIELDS = {
  provider: 'do',
  provider_id: 'r',
  kind: 'droplet',
  name: 'web',
  size_gb: '80',
  deployment_id: 'd',
  tags: [],
  attrs: {},
};
const STATE = { provider: 'do', provider_id: 'r', gone: false, kind: 'droplet', size_gb: '80', deployment_id: 'd' };

it('keeps a resource as last seen, and each sighting', async () => {
  await given(seen(1, 'active'));
  await when(seen(3, 'off', { tags: ['web'], attrs: { vcpus: 2 } }));

  const first = { ...FIELDS, status: 'active', first_seen_at: day(1), last_seen_at: day(1), stale_strike_count: 0 };
  expect(await rows(resources, 1)).toEqual([first]);
  expect(await rows(resources)).toEqual([
    { ...first, status: 'off', tags: ['web'], attrs: { vcpus: 2 }, last_seen_at: day(3) },
  ]);
  expect(await rows(resourceSightings)).toEqual([
    { ...STATE, seen_at: day(1), status: 'active' },
    { ...STATE, seen_at: day(3), status: 'off' },
  ]);
});

it('changes only the first sighting if an older sighting arrives late', async () => {
  await given(seen(3, 'off'));
  await when(seen(1, 'active'));

  expect(await rows(resources)).toEqual([
    { ...FIELDS, status: 'off', first_seen_at: day(1), last_seen_at: day(3), stale_strike_count: 0 },
  ]);
});

it('counts the listings that missed a resource, from 0 again after it is seen', async () => {
  await given(seen(1, 'active'));
  await when(listed(2, { missed: ['r'] }), listed(3, { missed: ['r'] }), seen(4, 'active'));

  const strikes = async (position: number) => (await rows(resources, position))[0]?.stale_strike_count;
  expect([await strikes(2), await strikes(3), await strikes(4)]).toEqual([1, 2, 0]);
});

it('keeps the deletion time of a resource that a listing removed', async () => {
  await given(seen(1, 'active'));
  await when(listed(2, { removed: ['r'] }));

  const before = { ...FIELDS, status: 'active', first_seen_at: day(1), last_seen_at: day(1) };
  expect(await rows(resources)).toEqual([{ ...before, stale_strike_count: 1, deleted_at: day(2) }]);
  expect(await rows(resources, 1)).toEqual([{ ...before, stale_strike_count: 0 }]);
  expect(await rows(resourceSightings)).toEqual([
    { ...STATE, seen_at: day(1), status: 'active' },
    { provider: 'do', provider_id: 'r', seen_at: day(2), gone: true },
  ]);
});

it('keeps the deletion time of a resource that a person removed, until it is seen again', async () => {
  await given(seen(1, 'active'));
  await when({ ResourceRemoved: { provider: 'do', providerId: 'r', at: day(2) } }, seen(3, 'active'));

  expect((await rows(resources, 2))[0]?.deleted_at).toBe(day(2));
  expect(await rows(resources)).toEqual([
    { ...FIELDS, status: 'active', first_seen_at: day(1), last_seen_at: day(3), stale_strike_count: 0 },
  ]);
});

it('does not change a resource that was seen after its removal', async () => {
  await given(seen(3, 'active'));
  await when({ ResourceRemoved: { provider: 'do', providerId: 'r', at: day(2) } });

  expect(await rows(resources)).toEqual(await rows(resources, 1));
  expect(await rows(resourceSightings)).toEqual([
    { provider: 'do', provider_id: 'r', seen_at: day(2), gone: true },
    { ...STATE, seen_at: day(3), status: 'active' },
  ]);
});

it('keeps every correction with its position', async () => {
  const corrected = (status: string): Fact => ({
    ResourceCorrected: {
      provider: 'do',
      providerId: 'r',
      from: day(1),
      until: null,
      changes: { status },
      reason: 'was off',
    },
  });
  await given(corrected('off'));
  await when(corrected('active'));

  const correction = { provider: 'do', provider_id: 'r', effective_from: day(1), reason: 'was off' };
  const first = { ...correction, recorded_position: 1, changes: { status: 'off' } };
  expect(await rows(resourceCorrections)).toEqual([
    first,
    { ...correction, recorded_position: 2, changes: { status: 'active' } },
  ]);
  expect(await rows(resourceCorrections, 1)).toEqual([first]);
});
