import { describe, expect, it } from '@jest/globals';
import { instant } from '../time/instant.js';
import { foldSharing, policiesOf, setSharing, type SharingEvent, type SharingTerms } from './sharing-policy.js';

const MAY = instant('2026-05-01T00:00:00Z');
const JUNE = instant('2026-06-01T00:00:00Z');
const JULY = instant('2026-07-01T00:00:00Z');
const EVEN: SharingTerms = { costs: { unattributed: true }, method: 'even' };
const BY_COST: SharingTerms = { costs: { unattributed: true }, method: 'direct_cost' };

const set = (events: readonly SharingEvent[], policyId: string, terms: SharingTerms, from = MAY, until = JULY) => [
  ...events,
  ...setSharing(foldSharing(events), policyId, { terms, from, until }),
];
const inForce = (events: readonly SharingEvent[]) =>
  policiesOf(foldSharing(events)).map(({ policyId, method, period }) => [policyId, method, period.start, period.end]);

describe('a policy', () => {
  it('is in force from its start to its end', () => {
    expect(inForce(set([], 'p', EVEN))).toEqual([['p', 'even', MAY, JULY]]);
  });

  it('has what it had before, after a period with other terms', () => {
    const open = setSharing(new Map(), 'p', { terms: EVEN, from: MAY, until: null });
    expect(inForce(set(open, 'p', BY_COST, JUNE, JULY))).toEqual([
      ['p', 'even', MAY, JUNE],
      ['p', 'direct_cost', JUNE, JULY],
      ['p', 'even', JULY, null],
    ]);
  });
});

describe('refused is', () => {
  const refused = (terms: SharingTerms) => () => set([], 'p', terms);
  it.each<[string, SharingTerms, string]>([
    ['no cost at all', { costs: {}, method: 'even' }, 'costs'],
    ['usage without a billing kind', { ...EVEN, method: 'usage' }, 'billingKind'],
    ['a billing kind that nothing uses', { ...EVEN, billingKind: 'cpu' }, 'billingKind'],
    ['weights that nothing uses', { ...EVEN, weights: [{ tenantId: 't', percent: '100' }] }, 'weights'],
    ['no weights', { ...EVEN, method: 'weights' }, 'weights'],
    ['weights of 99.9 %', { ...EVEN, method: 'weights', weights: [{ tenantId: 't', percent: '99.9' }] }, 'weights'],
    [
      'a tenant twice',
      {
        ...{ ...EVEN, method: 'weights' },
        weights: [
          { tenantId: 't', percent: '50' },
          { tenantId: 't', percent: '50' },
        ],
      },
      'weights[1].tenantId',
    ],
    [
      'a weight of 0',
      {
        ...{ ...EVEN, method: 'weights' },
        weights: [
          { tenantId: 't', percent: '100' },
          { tenantId: 'u', percent: '0' },
        ],
      },
      'weights[1].percent',
    ],
  ])('%s', (_what, terms, field) => {
    expect(refused(terms)).toThrow(expect.objectContaining({ code: 'invalid_sharing' }));
    expect(refused(terms)).toThrow(expect.objectContaining({ errors: [expect.objectContaining({ field })] }));
  });

  it('a policy to which another one leaves nothing', () => {
    const wide = set([], 'a', { costs: { provider: 'aws' }, method: 'even' });
    const narrow: SharingTerms = { costs: { provider: 'aws', kind: 'Support' }, method: 'revenue' };
    expect(() => set(wide, 'b', narrow)).toThrow(expect.objectContaining({ code: 'sharing_overlap' }));
    expect(() => set(set([], 'b', narrow), 'a', { costs: { provider: 'aws' }, method: 'even' })).toThrow(
      'policy a takes all the cost that policy b is for, over [2026-05-01T00:00:00Z, 2026-07-01T00:00:00Z)',
    );
    // Asked first, the narrow one takes its part. And one may begin where the other ends.
    expect(inForce(set(wide, '1-support', narrow))).toHaveLength(2);
    expect(inForce(set(wide, 'b', narrow, JULY, instant('2026-08-01T00:00:00Z')))).toHaveLength(2);
  });
});
