import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { kindMappingsProjection } from './kind-mappings.projection.js';
import { kindMappings } from './kind-mappings.table.js';

const { given, when, rows } = projected(kindMappingsProjection);

const APRIL = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';
const JUNE = '2026-06-01T00:00:00Z';
const OF = { provider: 'aws', kind: 'EC2' };
const set = (billingKinds: string[], effectiveFrom: string, effectiveUntil: string | null, of = OF) => ({
  KindMappingSet: { ...of, billingKinds, effectiveFrom, effectiveUntil },
});
const row = (billingKinds: string[], effectiveFrom: string, until: string | null, of = OF) => ({
  ...{ ...of, billing_kinds: billingKinds, effective_from: effectiveFrom },
  ...(until === null ? {} : { effective_until: until }),
});

it('keeps the mapping of each kind over its periods', async () => {
  const other = { ...OF, kind: 'S3' };
  await given(set(['a'], APRIL, null), set(['c'], APRIL, MAY, other));
  await when(set(['b', 'a'], MAY, JUNE));

  expect(await rows(kindMappings)).toEqual([
    row(['a'], APRIL, MAY),
    row(['b', 'a'], MAY, JUNE),
    row(['a'], JUNE, null),
    row(['c'], APRIL, MAY, other),
  ]);
  expect(await rows(kindMappings, 2)).toEqual([row(['a'], APRIL, null), row(['c'], APRIL, MAY, other)]);
});

it('has what a correction states, and nothing where it says so', async () => {
  await given(set(['a'], APRIL, null));
  await when({
    KindMappingCorrected: {
      ...OF,
      versions: [
        { from: MAY, terms: { billingKinds: ['b'] } },
        { from: JUNE, terms: null },
      ],
      changedFrom: APRIL,
      reason: 'better known',
    },
  });

  expect(await rows(kindMappings)).toEqual([row(['b'], MAY, JUNE)]);
});
