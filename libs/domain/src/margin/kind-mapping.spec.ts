import { describe, expect, it } from '@jest/globals';
import { foldTerms } from '../terms/terms.js';
import { instant } from '../time/instant.js';
import {
  type KindMappingEvent,
  mappingAt,
  mappingData,
  mappingsOf,
  mappingsWith,
  setMapping,
  versionsOfMappings,
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
  mappingsOf(OF, foldTerms(events.map(mappingData))).map(({ billingKinds, period }) => [
    billingKinds,
    period.start,
    period.end,
  ]);

describe('a mapping', () => {
  it('holds over its period; then what was there before holds again', () => {
    expect(shown([...set(['a']), ...set(['b', 'c'], MAY, JUNE)])).toEqual([
      [['a'], APRIL, MAY],
      [['b', 'c'], MAY, JUNE],
      [['a'], JUNE, null],
    ]);
  });

  it('is the same from its periods as from its events', () => {
    const versions = foldTerms([...set(['a'], APRIL, MAY), ...set(['b'], JUNE)].map(mappingData));
    expect(versionsOfMappings(mappingsOf(OF, versions))).toEqual(versions);
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
