import { describe, expect, it } from '@jest/globals';
import { instant } from '../time/instant.js';
import {
  correctMapping,
  foldMapping,
  foldMappingWithout,
  type KindMappingEvent,
  mappingAt,
  mappingsOf,
  mappingsWith,
  setMapping,
  versionsOfMappings,
  withdrawMapping,
} from './kind-mapping.js';

const APRIL = instant('2026-04-01T00:00:00Z');
const MAY = instant('2026-05-01T00:00:00Z');
const JUNE = instant('2026-06-01T00:00:00Z');
const OF = { provider: 'aws', kind: 'EC2' };
const stated = (billingKinds: string[], from = APRIL, until: typeof APRIL | null = null) => ({
  terms: { billingKinds },
  ...{ from, until },
});
const set = (...of: Parameters<typeof stated>): KindMappingEvent[] => setMapping(OF, stated(...of));
const shown = (events: readonly KindMappingEvent[]) =>
  mappingsOf(OF, foldMapping(events)).map(({ billingKinds, period }) => [billingKinds, period.start, period.end]);

describe('a mapping', () => {
  it('holds over its period; then what was there before holds again', () => {
    expect(shown([...set(['a']), ...set(['b', 'c'], MAY, JUNE)])).toEqual([
      [['a'], APRIL, MAY],
      [['b', 'c'], MAY, JUNE],
      [['a'], JUNE, null],
    ]);
  });

  it('is the same from its periods as from its events', () => {
    const versions = foldMapping([...set(['a'], APRIL, MAY), ...set(['b'], JUNE)]);
    expect(versionsOfMappings(mappingsOf(OF, versions))).toEqual(versions);
  });

  it('is corrected over a period, and says from when on it differs', () => {
    const before = foldMapping(set(['a']));
    const [event] = correctMapping(OF, before, stated(['b'], MAY, JUNE), { reason: 'better known' });
    expect(event).toEqual({
      type: 'KindMappingCorrected',
      data: {
        ...OF,
        versions: [
          { from: APRIL, terms: { billingKinds: ['a'] } },
          { from: MAY, terms: { billingKinds: ['b'] } },
          { from: JUNE, terms: { billingKinds: ['a'] } },
        ],
        stated: { terms: { billingKinds: ['b'] }, from: MAY, until: JUNE },
        changedFrom: MAY,
        reason: 'better known',
      },
    });
    expect(correctMapping(OF, before, stated(['a']), { reason: 'it is so' })).toEqual([]);
    expect(() => correctMapping(OF, [], stated(['a']), { reason: 'x' })).toThrow('use set-kind-mapping');
  });

  it('that is withdrawn never was; corrections stay', () => {
    const [first, ...rest] = [...set(['a']), ...set(['b'], MAY)];
    const history = first === undefined ? [] : [first, ...rest];
    const before = foldMapping(history);
    const after = foldMappingWithout(history, new Set(history.slice(1)));
    expect(mappingsOf(OF, after)).toEqual([{ ...OF, billingKinds: ['a'], period: { start: APRIL, end: null } }]);
    expect(withdrawMapping(OF, { before, after }, { reason: 'no', withdrawn: 'k' })).toMatchObject([
      { data: { versions: after, changedFrom: MAY, reason: 'no', withdrawn: 'k' } },
    ]);
  });

  it('names each billing kind once, over a period that is not empty', () => {
    expect(() => set(['a', 'b', 'a'])).toThrow('billingKinds[2]: is a duplicate');
    expect(() => set(['a'], MAY, APRIL)).toThrow();
  });
});

it('is looked up by provider, kind and time; the kinds of the inventory have one by default', () => {
  const mappings = mappingsWith([], OF, stated(['a'], MAY));
  const at = mappingAt(mappingsWith(mappings, { ...OF, kind: 'droplet' }, stated(['b'], MAY)));
  expect(at(OF, APRIL)).toEqual({ billingKinds: [], source: 'none' });
  expect(at(OF, MAY)).toEqual({ billingKinds: ['a'], source: 'recorded' });
  expect(at({ ...OF, provider: 'other' }, MAY)).toEqual({ billingKinds: [], source: 'none' });
  expect(at({ ...OF, kind: 'droplet' }, APRIL)).toEqual({ billingKinds: ['droplet_hours'], source: 'default' });
  expect(at({ ...OF, kind: 'droplet' }, MAY)).toEqual({ billingKinds: ['b'], source: 'recorded' });
});
