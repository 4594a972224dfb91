import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, decimals, sum, text } from '../money/decimal.js';
import { instant } from '../time/instant.js';
import {
  type Bases,
  type BasisPart,
  type MatchedCost,
  policyFor,
  remainders,
  type SharedCost,
  sharedCost,
} from './sharing.js';
import { SHARING_METHODS, type SharingMethod, type SharingPolicy } from './sharing-policy.js';

const APRIL = instant('2026-04-01T00:00:00Z');
const MAY = instant('2026-05-01T00:00:00Z');
const policy = (method: SharingMethod, more: Partial<SharingPolicy> = {}): SharingPolicy => ({
  ...{ policyId: 'p', costs: { unattributed: true }, method, period: { start: APRIL, end: null } },
  ...more,
});
const part = (tenantId: string, deploymentId: string | null, amount: string): BasisPart => ({
  ...{ tenantId, deploymentId, amount: decimal(amount) },
});
const BASES: Bases = { tenants: ['c', 'a', 'b'], directCost: [], revenue: [], usage: new Map() };

const shared = (
  method: SharingMethod,
  amount: string,
  bases: Partial<Bases> = {},
  more: Partial<SharingPolicy> = {},
) => {
  const { fallback, parts } = sharedCost(policy(method, more), decimal(amount), { ...BASES, ...bases }, 'USD');
  return { fallback, parts: parts.map((each) => [each.tenantId, each.deploymentId, text(each.amount)]) };
};

describe('a shared cost', () => {
  it('is divided evenly to the last cent, which the first ids bear', () => {
    // 100.00 / 3 = 33.33, and one cent is left.
    expect(shared('even', '100.00')).toEqual({
      fallback: null,
      parts: [
        ['a', null, '33.34'],
        ['b', null, '33.33'],
        ['c', null, '33.33'],
      ],
    });
  });

  it('below zero is divided in the same way', () => {
    expect(shared('even', '-0.01').parts).toEqual([
      ['a', null, '-0.01'],
      ['b', null, '0'],
      ['c', null, '0'],
    ]);
  });

  it('follows the direct cost of tenants, and of the deployments of each', () => {
    const directCost = [part('a', 'a1', '20'), part('a', null, '10'), part('b', 'b1', '60')];
    // 10.00 × 30 / 90 = 3.33 and 10.00 × 60 / 90 = 6.67; a’s 3.33 × 20 / 30 = 2.22 and × 10 / 30 = 1.11.
    expect(shared('direct_cost', '10', { directCost })).toEqual({
      fallback: null,
      parts: [
        ['a', null, '1.11'],
        ['a', 'a1', '2.22'],
        ['b', 'b1', '6.67'],
      ],
    });
  });

  it('is in proportion to the usage of one billing kind', () => {
    const usage = new Map([['cpu', [part('a', 'a1', '1'), part('c', 'c1', '3')]]]);
    expect(shared('usage', '1', { usage }, { billingKind: 'cpu' }).parts).toEqual([
      ['a', 'a1', '0.25'],
      ['c', 'c1', '0.75'],
    ]);
  });

  it('has a basis below zero count as zero', () => {
    const revenue = [part('a', 'a1', '-5'), part('b', 'b1', '1'), part('c', 'c1', '3'), part('c', 'c2', '-1')];
    // b : c = 1 : 2. c’s first deployment bears all of c’s part.
    expect(shared('revenue', '9', { revenue }).parts).toEqual([
      ['b', 'b1', '3'],
      ['c', 'c1', '6'],
    ]);
  });

  it('says what the tenant goes by, and what its deployments divide it by', () => {
    const directCost = [part('a', 'a1', '50'), part('a', 'a2', '-20'), part('b', 'b1', '60')];
    // a has 50 − 20 = 30 of 90: 300.00 × 30 / 90 = 100.00, all of it for a1, as a2 counts as zero.
    const { basis, parts } = sharedCost(policy('direct_cost'), decimal('300'), { ...BASES, directCost }, 'USD');
    expect(text(basis)).toBe('90');
    const written = parts.map((of) => [of.deploymentId, text(of.tenantBasis), text(of.basis), text(of.amount)]);
    expect(written).toEqual([
      ['a1', '30', '50', '100'],
      ['b1', '60', '60', '200'],
    ]);
  });

  it('without a basis is divided evenly, and says so', () => {
    const of = shared('revenue', '3', { revenue: [part('a', 'a1', '-5')] });
    expect(of).toEqual({
      fallback: 'even',
      parts: [
        ['a', null, '1'],
        ['b', null, '1'],
        ['c', null, '1'],
      ],
    });
  });

  it('without any tenant stays unattributed, and says so', () => {
    expect(shared('even', '3', { tenants: [] })).toEqual({ fallback: 'unattributed', parts: [[null, null, '3']] });
  });

  it('keeps the decimals of the provider', () => {
    const weights = [
      { tenantId: 'a', percent: '33.3' },
      { tenantId: 'b', percent: '66.7' },
    ];
    // 0.000000000000000000000007 × 33.3 % = 2.331 units, × 66.7 % = 4.669 units of the 24th decimal.
    expect(shared('weights', '0.000000000000000000000007', {}, { weights }).parts).toEqual([
      ['a', null, '0.000000000000000000000002'],
      ['b', null, '0.000000000000000000000005'],
    ]);
  });
});

describe('the policy of a cost', () => {
  const cost = { provider: 'aws', kind: 'Support', tags: { team: 'infra' }, tenantId: null, at: APRIL };
  const found = (policies: readonly SharingPolicy[], more: Partial<MatchedCost> = {}) =>
    policyFor(policies, { ...cost, ...more })?.policyId;

  it.each<[Partial<SharingPolicy>, boolean]>([
    [{ costs: { provider: 'aws' } }, true],
    [{ costs: { provider: 'azure' } }, false],
    [{ costs: { provider: 'aws', kind: 'Support' } }, true],
    [{ costs: { provider: 'aws', kind: 'Compute' } }, false],
    [{ costs: { tag: { key: 'team', value: 'infra' } } }, true],
    [{ costs: { tag: { key: 'team', value: 'web' } } }, false],
    [{ costs: { tag: { key: 'toString', value: 'x' } } }, false],
    [{ costs: { unattributed: true } }, true],
    [{ period: { start: MAY, end: null } }, false],
    [{ period: { start: instant('2026-03-01T00:00:00Z'), end: APRIL } }, false],
  ])('%j matches: %s', (more, isMatched) => {
    expect(found([policy('even', more)])).toBe(isMatched ? 'p' : undefined);
  });

  it('for unattributed cost does not match what a tenant held', () => {
    expect(found([policy('even')], { tenantId: 't' })).toBeUndefined();
  });

  it('is the first that matches; one that shares nothing keeps others from it', () => {
    const [first, second] = [policy('even', { policyId: 'a' }), policy('revenue', { policyId: 'b' })];
    expect(found([first, second])).toBe('a');
    expect(found([policy('none', { policyId: '0' }), first, second])).toBeUndefined();
  });
});

describe('whatever is shared by whatever basis', () => {
  const arbAmount = fc
    .tuple(fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n }), fc.nat(18))
    .map(([units, scale]) => decimal(text(decimal(units.toString()).div(decimal(`1${'0'.repeat(scale)}`)))));
  const arbParts = fc.array(
    fc.record({
      tenantId: fc.constantFrom('a', 'b', 'c', 'd'),
      deploymentId: fc.constantFrom(null, 'x', 'y'),
      amount: arbAmount,
    }),
    { maxLength: 8 },
  );

  /** Bases of tenants come to the whole one, and amounts follow them to less than a unit of the last decimal. */
  function expectExplained({ amount, basis, fallback, parts }: SharedCost): void {
    const unit = decimal(`0.${'0'.repeat(Math.max(2, decimals(amount)) - 1)}1`);
    const tenants = [...Map.groupBy(parts, ({ tenantId }) => tenantId).values()];
    expect(text(sum(tenants.map(([of]) => of?.tenantBasis ?? decimal('0'))))).toBe(text(basis));
    if (fallback === 'unattributed') return;
    for (const own of tenants) {
      const [borne, within] = [sum(own.map((of) => of.amount)), sum(own.map((of) => of.basis))];
      for (const of of own) {
        expect(of.tenantBasis).toEqual(own[0]?.tenantBasis);
        expect(borne.times(basis).minus(amount.times(of.tenantBasis)).abs().lt(unit.times(basis))).toBe(true);
        expect(of.amount.times(within).minus(borne.times(of.basis)).abs().lt(unit.times(within))).toBe(true);
      }
    }
  }

  it('comes to the whole exactly, and no part is on the other side of zero', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SHARING_METHODS.filter((method) => method !== 'none')),
        arbAmount,
        arbParts,
        fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e')),
        (method, amount, parts, tenants) => {
          const terms = policy(method, {
            ...(method === 'usage' ? { billingKind: 'cpu' } : {}),
            ...(method === 'weights'
              ? {
                  weights: [
                    { tenantId: 'a', percent: '33.4' },
                    { tenantId: 'z', percent: '66.6' },
                  ],
                }
              : {}),
          });
          const bases = { tenants, directCost: parts, revenue: parts, usage: new Map([['cpu', parts]]) };
          const of = sharedCost(terms, amount, bases, 'USD');
          expect(text(sum(of.parts.map((each) => each.amount)))).toBe(text(amount));
          expect(of.parts.every((each) => each.amount.times(amount).gte(decimal('0')))).toBe(true);
          expectExplained(of);
          const reversed = { ...bases, tenants: tenants.toReversed(), directCost: parts.toReversed() };
          const again = sharedCost(terms, amount, { ...reversed, revenue: parts.toReversed() }, 'USD');
          if (method !== 'usage') expect(again).toEqual(of);
        },
      ),
      checkedOn(200),
    );
  });
});

describe('what nobody used of a pool', () => {
  const left = (capacity: string | undefined, used: readonly BasisPart[], amounts: readonly string[]): string[] =>
    remainders(
      policy('usage', { billingKind: 'cpu', capacity }),
      amounts.map((amount) => decimal(amount)),
      { ...BASES, usage: new Map([['cpu', used]]) },
      'USD',
    ).map((each) => text(each));

  it('is the part of each cost that the usage leaves of the capacity', () => {
    const used = [part('a', 'a1', '1200'), part('b', 'b1', '300')];
    // 300.00 × (3000 − 1500) / 3000, and −10.00 of a refund
    expect(left('3000', used, ['300.00', '-20.00'])).toEqual(['150', '-10']);
    // Of 4 thirds of 0.01 each are left: 0.0025, 0.005, 0.0075 and 0.01, rounded, less what came before
    expect(left('2000', used, ['0.01', '0.01', '0.01', '0.01'])).toEqual(['0', '0.01', '0', '0']);
  });

  it('is all of an unused pool, and nothing of one that is full or has no capacity', () => {
    expect(left('3000', [], ['300.00', '0.01'])).toEqual(['300', '0.01']);
    // What is below zero uses nothing.
    expect(left('10', [part('a', 'a1', '-5')], ['1.00'])).toEqual(['1']);
    expect(left('10', [part('a', 'a1', '10')], ['1.00'])).toEqual(['0']);
    expect(left('10', [part('a', 'a1', '11')], ['1.00'])).toEqual(['0']);
    expect(left(undefined, [], ['1.00'])).toEqual(['0']);
  });

  it('comes with what is shared to the cost, exactly', () => {
    const used = [part('a', 'a1', '1')];
    // Of 100.00 × 2 / 3 = 66.67 nobody has used anything.
    expect(left('3', used, ['100.00'])).toEqual(['66.67']);
    const of = sharedCost(
      policy('usage', { billingKind: 'cpu', capacity: '3' }),
      decimal('33.33'),
      { ...BASES, usage: new Map([['cpu', used]]) },
      'USD',
    );
    expect(of.parts.map(({ tenantId, amount }) => [tenantId, text(amount)])).toEqual([['a', '33.33']]);
    // Of an unused pool nothing is shared, evenly neither.
    const unused = sharedCost(policy('usage', { billingKind: 'cpu', capacity: '3' }), decimal('0'), BASES, 'USD');
    expect([unused.fallback, unused.parts.map(({ tenantId }) => tenantId)]).toEqual([null, [null]]);
  });
});
