import { describe, expect, it } from '@jest/globals';
import { instant } from '../time/instant.js';
import {
  changesWithin,
  type ResourceCorrection,
  type ResourceState,
  type ResourceTimeline,
  lastStateAt,
  stateAt,
  strikesOf,
} from './resource.js';

const T = (day: string) => instant(`2026-04-${day}T00:00:00Z`);
const state = (more: Partial<ResourceState> = {}): ResourceState => ({
  kind: 'snapshot',
  status: 'active',
  sizeGb: '16',
  deploymentId: 'd1',
  tenantId: null,
  ...more,
});
const seen = (day: string, position: number, of: ResourceState | null = state()) => ({
  seenAt: T(day),
  state: of,
  position,
});
const corrected = (
  from: string,
  until: string | null,
  position: number,
  changes: ResourceCorrection['changes'],
): ResourceCorrection => ({
  from: T(from),
  until: until === null ? null : T(until),
  changes,
  position,
});

describe('a complete listing', () => {
  const known = (providerId: string, staleStrikeCount: number, more: object = {}) => ({
    providerId,
    lastSeenAt: T('01'),
    staleStrikeCount,
    deletedAt: null,
    ...more,
  });

  it('gives a strike to a missing resource, and removes it at the third', () => {
    const resources = [known('a', 0), known('b', 1), known('c', 2), known('listed', 2)];
    expect(strikesOf(resources, new Set(['listed', 'new']), T('05'))).toEqual({ missed: ['a', 'b'], removed: ['c'] });
  });

  it('starts over at 0 strikes when a resource is seen again', () => {
    expect(strikesOf([known('c', 0)], new Set(), T('05'))).toEqual({ missed: ['c'], removed: [] });
  });

  it('does not count for a resource seen later or at the same time, or already deleted', () => {
    const resources = [
      known('later', 2, { lastSeenAt: T('06') }),
      known('now', 2, { lastSeenAt: T('05') }),
      known('gone', 2, { deletedAt: T('02') }),
    ];
    expect(strikesOf(resources, new Set(), T('05'))).toEqual({ missed: [], removed: [] });
  });

  it('removes at another number if configured', () => {
    expect(strikesOf([known('a', 0)], new Set(), T('05'), 1)).toEqual({ missed: [], removed: ['a'] });
    expect(strikesOf([known('a', 2)], new Set(), T('05'), 5)).toEqual({ missed: ['a'], removed: [] });
    expect(() => strikesOf([], new Set(), T('05'), 0)).toThrow(
      expect.objectContaining({ code: 'strikes_not_positive' }),
    );
  });

  it('names the missing resources in order', () => {
    expect(strikesOf([known('z', 0), known('a', 0), known('y', 2), known('b', 2)], new Set(), T('05'))).toEqual({
      missed: ['a', 'z'],
      removed: ['b', 'y'],
    });
  });
});

describe('the state at an instant', () => {
  const timeline = (sightings: ResourceTimeline['sightings'], corrections: ResourceTimeline['corrections'] = []) => ({
    sightings,
    corrections,
  });

  it('is that of the last sighting at or before it', () => {
    const moved = timeline([seen('02', 1), seen('05', 2, state({ deploymentId: 'd2' }))]);
    expect(stateAt(moved, instant('2026-04-01T23:59:59.999999Z'))).toBeUndefined();
    expect(stateAt(moved, T('02'))?.deploymentId).toBe('d1');
    expect(stateAt(moved, instant('2026-04-04T23:59:59.999999Z'))?.deploymentId).toBe('d1');
    expect(stateAt(moved, T('05'))?.deploymentId).toBe('d2');
  });

  it('is null while the resource is deleted, and a state again when it is seen again', () => {
    const back = timeline([seen('02', 1), seen('05', 2, null), seen('08', 3)]);
    expect([stateAt(back, T('04')), stateAt(back, T('05')), stateAt(back, T('07')), stateAt(back, T('08'))]).toEqual([
      state(),
      null,
      null,
      state(),
    ]);
  });

  it('of a deleted resource is its last state, if requested', () => {
    const gone = timeline([seen('02', 1), { seenAt: T('05'), state: null, position: 2 }]);
    expect(lastStateAt(gone, T('06'))).toEqual(state());
    expect(lastStateAt(gone, T('01'))).toBeUndefined();
  });

  it('is overlaid by a correction over its period, field by field', () => {
    const fixed = timeline(
      [seen('02', 1)],
      [corrected('03', '05', 2, { sizeGb: '32' }), corrected('04', null, 3, { deploymentId: null })],
    );
    expect(stateAt(fixed, T('02'))).toEqual(state());
    expect(stateAt(fixed, T('03'))).toEqual(state({ sizeGb: '32' }));
    expect(stateAt(fixed, T('04'))).toEqual(state({ sizeGb: '32', deploymentId: null }));
    expect(stateAt(fixed, T('05'))).toEqual(state({ deploymentId: null }));
  });

  it('uses the later recorded of two corrections', () => {
    const twice = timeline(
      [seen('02', 1)],
      [corrected('03', null, 2, { sizeGb: '32', status: 'off' }), corrected('03', null, 3, { sizeGb: '64' })],
    );
    expect(stateAt(twice, T('03'))).toEqual(state({ sizeGb: '64', status: 'off' }));
  });

  it('follows a sighting recorded after the correction', () => {
    const reseen = timeline(
      [seen('02', 1), seen('06', 3, state({ sizeGb: '20' }))],
      [corrected('03', null, 2, { sizeGb: '32' })],
    );
    expect([stateAt(reseen, T('05'))?.sizeGb, stateAt(reseen, T('06'))?.sizeGb]).toEqual(['32', '20']);
  });

  it('is corrected if the sighting was recorded earlier, at any time of sighting', () => {
    // seen for the 6th, but known (position 2) before the correction (position 3)
    const known = timeline([seen('02', 1), seen('06', 2)], [corrected('03', null, 3, { sizeGb: '32' })]);
    expect(stateAt(known, T('06'))?.sizeGb).toBe('32');
  });

  it('is not restored by a correction while the resource is deleted', () => {
    expect(
      stateAt(timeline([seen('02', 1), seen('05', 2, null)], [corrected('01', null, 3, { status: 'off' })]), T('05')),
    ).toBeNull();
    expect(stateAt(timeline([seen('02', 1)], [corrected('01', null, 3, { status: 'off' })]), T('01'))).toBeUndefined();
  });
});

describe('changes within a period', () => {
  it('are sightings and edges of corrections strictly within it, each once', () => {
    const timeline = {
      sightings: [seen('01', 1), seen('05', 2), seen('10', 3, null), seen('20', 4)],
      corrections: [corrected('05', '07', 5, { status: 'off' }), corrected('08', null, 6, { status: 'off' })],
    };
    expect(changesWithin(timeline, T('01'), T('20'))).toEqual([T('05'), T('07'), T('08'), T('10')]);
  });
});
