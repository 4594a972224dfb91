import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { item, MAY, plan, T } from '../../../../test/support/books.js';
import { checkedOn } from '../../../../test/support/properties.js';
import { type Decimal, decimal, min, sum, text, ZERO } from '../money/decimal.js';
import type { PlanItem } from '../plans/plan.js';
import { printRow } from '../rating/row.js';
import { type Instant, isBefore, lastInstantBefore } from '../time/instant.js';
import { type LineDefinition, type LineSegment, linesOf } from './line.js';
import { poolsAmong, sharedInstants, sharedOut, withPools } from './pool.js';
import { chargesOf, type LineRating, rateLine } from './rate.js';

const pooled = (more: Partial<PlanItem> = {}): PlanItem =>
  item('traffic', { model: 'unit', unitAmount: '0.01' }, { included: '100', pooled: true, ...more });

interface Member {
  readonly tenantId: string;
  readonly used: string;
  readonly item?: PlanItem;
}

/** April's lines of the tenants, of one payer, on one plan. Each may have overrides of its own. */
function poolOf(members: readonly Member[]): { line: LineDefinition; used: string }[] {
  const lines = members.map(({ tenantId, item: own = pooled() }) => {
    const subscription = {
      ...{ subscriptionId: `s-${tenantId}`, deploymentId: `d-${tenantId}`, from: T('01'), anchor: null },
      ...{ plans: [{ planId: 'p1', from: T('01') }], cancelledAt: null },
    };
    const terms = {
      assignments: [{ tenantId, from: T('01') }],
      plans: new Map([['p1', [plan([own])]]]),
      timeZoneOf: () => 'UTC',
    };
    const [line] = linesOf(subscription, terms, lastInstantBefore(MAY)).filter(
      (each) => each.billingKind === 'traffic',
    );
    if (line === undefined) throw new Error('there is no line');
    return line;
  });
  return withPools(lines, poolsAmong(lines)).map((line, index) => ({ line, used: members[index]?.used ?? '0' }));
}

/** Rates a line in parts: up to the 16th all of the usage, and the rest of April nothing more. */
function ratedIn(of: readonly { readonly line: LineDefinition; readonly used: string }[], index: number): LineRating {
  const usedBy = new Map(of.map(({ line, used }) => [line.lineId, decimal(used)]));
  const own = of[index]?.line ?? fail();
  const parts = [
    { partId: 'P1', period: { start: T('01'), end: T('16') } },
    { partId: 'P2', period: { start: T('16'), end: MAY } },
  ];
  const usedOf = (of: LineDefinition): Decimal => usedBy.get(of.lineId) ?? fail();
  const usage = Object.assign(() => usedOf(own), {
    sharedOut: (lines: readonly LineDefinition[]) => sharedOut(lines, usedOf),
  });
  return rateLine(own, chargesOf(own, parts, []), usage, 'USD');
}
const fail = (): never => {
  throw new Error('it is not in the pool');
};

/** A stretch of April with terms of its own, and what is used in it. */
interface Stretch {
  readonly until: Instant;
  readonly used: string;
  readonly unitAmount: string;
  readonly included: string;
  readonly pooled: boolean;
}

/** b, with other terms and usage in each stretch, beside a, which leaves some units. `alone`: without the share. */
function ratedOver(
  left: string,
  stretches: readonly Stretch[],
): { readonly rating: LineRating; readonly alone: LineRating; readonly share: Decimal } {
  const [a, b] = poolOf([
    { tenantId: 'a', used: '0', item: pooled({ included: left }) },
    { tenantId: 'b', used: '0' },
  ]).map(({ line: { pool: _, ...line } }) => line);
  if (a === undefined || b === undefined) return fail();
  const segments = stretches.map(({ until, unitAmount, included, pooled: isPooled }, index): LineSegment => ({
    ...{ period: { start: stretches[index - 1]?.until ?? T('01'), end: until }, planId: 'p1' },
    ...{ planEffectiveFrom: T('01'), terms: { price: { model: 'unit', unitAmount }, included } },
    ...(isPooled ? { pooled: true as const } : {}),
  }));
  const lines = [a, { ...b, segments }];
  const [, line] = withPools(lines, poolsAmong(lines));
  if (line === undefined) return fail();
  const usedBy = (of: LineDefinition, at: Instant): Decimal =>
    of.tenantId === 'a'
      ? ZERO
      : sum(stretches.filter(({ until }) => !isBefore(at, until)).map(({ used }) => decimal(used)));
  const { pool = [], ...unpooled } = line;
  const out = sharedOut(pool, (of, at) => (sharedInstants(of).includes(at) ? usedBy(of, at) : fail()));
  const rated = (of: LineDefinition): LineRating => {
    const usage = Object.assign((at: Instant) => usedBy(of, at), { sharedOut: () => out });
    return rateLine(of, chargesOf(of, [{ partId: 'P', period: of.period }], []), usage, 'USD');
  };
  const share = out.members.get(line.lineId)?.share ?? ZERO;
  return { rating: rated(line), alone: rated(unpooled), share };
}

/** Of each charge, and last of the share: `tier-2 −3 × 0.01 = −0.03`. */
const shown = (rating: LineRating): string[][] =>
  'quarantined' in rating
    ? fail()
    : rating.rows.map((rows) =>
        rows.map((row) => {
          const { ref, quantity, unitAmount, net } = printRow(row, 'USD');
          return `${ref} ${quantity} × ${unitAmount} = ${net}`;
        }),
      );
const netOf = (rating: LineRating): Decimal =>
  'quarantined' in rating ? fail() : sum(rating.rows.flat().map(({ net }) => net));

describe('the share of a pool', () => {
  it('is on the last part, and takes off what the parts before it came to', () => {
    // a leaves 60 of its 100, b uses 150: 50 more than its own, all of which it gets.
    const pool = poolOf([
      { tenantId: 'a', used: '40' },
      { tenantId: 'b', used: '150' },
    ]);
    expect(shown(ratedIn(pool, 0))).toEqual([[], [], []]);
    expect(shown(ratedIn(pool, 1))).toEqual([['usage 50 × 0.01 = 0.50'], [], ['pooled-usage -50 × 0.01 = -0.50']]);
  });

  it('comes off the last tiers, and a minimum commitment is what is left to it', () => {
    const tiers = [
      { upTo: '30', unitAmount: '0.10' },
      { upTo: null, unitAmount: '0.01' },
    ];
    const own = pooled({ price: { model: 'graduated', tiers }, commitments: { minimum: '5.00' } });
    const pool = poolOf([
      { tenantId: 'a', used: '60' },
      { tenantId: 'b', used: '150', item: own },
    ]);
    // Alone 50 are billed: 30 × 0.10 + 20 × 0.01 = 3.20. With 40 of a: 10 × 0.10 = 1.00, and 4.00 lack to 5.00.
    expect(shown(ratedIn(pool, 1))).toEqual([
      ['tier-1 30 × 0.10 = 3.00', 'tier-2 20 × 0.01 = 0.20'],
      [],
      ['pooled-tier-1 -20 × 0.10 = -2.00', 'pooled-tier-2 -20 × 0.01 = -0.20', 'minimum-commitment 1 × 4.00 = 4.00'],
    ]);
  });

  it('is used from the first usage on that is billed, whatever changes within the period', () => {
    const stretch = (until: Instant, used: string, unitAmount: string, more: Partial<Stretch> = {}): Stretch => ({
      ...{ until, used, unitAmount, included: '100', pooled: true, ...more },
    });
    // b uses 150 until the 16th and 30 since; a leaves 60 of its 100.
    // Another price from the 16th on: of 50 + 30 in excess, the first 50 at 0.01 and 10 at 0.02 are taken off.
    expect(shown(ratedOver('60', [stretch(T('16'), '150', '0.01'), stretch(MAY, '30', '0.02')]).rating)).toEqual([
      ['usage 50 × 0.01 = 0.50'],
      ['usage 30 × 0.02 = 0.60'],
      ['pooled-usage -50 × 0.01 = -0.50'],
      ['pooled-usage -10 × 0.02 = -0.20'],
    ]);
    // Pooled from the 16th on: the 50 before are charged, the 30 since are in excess.
    const later = [stretch(T('16'), '150', '0.01', { pooled: false }), stretch(MAY, '30', '0.02')];
    expect(shown(ratedOver('60', later).rating)).toEqual([
      ['usage 50 × 0.01 = 0.50'],
      ['usage 30 × 0.02 = 0.60'],
      [],
      ['pooled-usage -30 × 0.02 = -0.60'],
    ]);
    // 120 included until the 16th, then 100: 30 + 30 in excess, and all 60 are taken off.
    const fewer = [stretch(T('16'), '150', '0.01', { included: '120' }), stretch(MAY, '30', '0.02')];
    expect(shown(ratedOver('60', fewer).rating)).toEqual([
      ['usage 30 × 0.01 = 0.30'],
      ['usage 30 × 0.02 = 0.60'],
      ['pooled-usage -30 × 0.01 = -0.30'],
      ['pooled-usage -30 × 0.02 = -0.60'],
    ]);
  });

  it('is nothing for who is alone, or ends before the billing period does', () => {
    const [alone] = poolOf([{ tenantId: 'a', used: '150' }]);
    expect(alone?.line.pool).toBeUndefined();
    const all = poolOf([
      { tenantId: 'a', used: '0' },
      { tenantId: 'b', used: '0' },
    ]).map(({ line: { pool: _, ...line } }) => line);
    const cancelled = all.map((line, index) =>
      index === 0 ? { ...line, period: { start: T('01'), end: T('16') } } : line,
    );
    expect(withPools(cancelled, poolsAmong(cancelled)).map(({ pool = [] }) => pool.length)).toEqual([0, 0]);
  });

  it('is in proportion to the excess, to the last decimal of the quantities, ties by the id of the line', () => {
    const pool = poolOf([
      { tenantId: 'a', used: '90.5' },
      { tenantId: 'b', used: '110' },
      { tenantId: 'c', used: '120' },
    ]);
    const used = new Map(pool.map(({ line, used: of }) => [line.lineId, decimal(of)]));
    const { members, ...all } = sharedOut(pool[0]?.line.pool ?? [], ({ lineId }) => used.get(lineId) ?? ZERO);
    const shareOf = new Map([...members.values()].map(({ line, share }) => [line.tenantId, text(share)]));
    // 9.5 unused for 10 + 20: 9.5 × 10 / 30 = 3.16 → 3.2 (the greater remainder), 9.5 × 20 / 30 = 6.33 → 6.3
    expect(Object.fromEntries(shareOf)).toEqual({ a: '0', b: '3.2', c: '6.3' });
    expect([all.included, all.used, all.unused, all.excess].map(text)).toEqual(['300', '320.5', '9.5', '30']);
  });

  const quantity = fc.integer({ min: 0, max: 300_00 }).map((hundredths) => (hundredths / 100).toFixed(2));
  const members = fc.array(
    fc.record({ used: quantity, included: fc.integer({ min: 0, max: 200 }), price: fc.integer({ min: 1, max: 999 }) }),
    { minLength: 2, maxLength: 6 },
  );
  const toMembers = (of: readonly { used: string; included: number; price: number }[]): Member[] =>
    of.map(({ used, included, price }, index) => ({
      ...{ tenantId: `t${index}`, used },
      item: pooled({
        included: String(included),
        price: { model: 'unit', unitAmount: (price / 1000).toFixed(3) },
      }),
    }));

  it('takes as many units off as it has, whatever is included and used in each part of the period', () => {
    const third = fc.record({ used: fc.nat({ max: 200 }), included: fc.nat({ max: 200 }), pooled: fc.boolean() });
    fc.assert(
      fc.property(third, third, third, fc.nat({ max: 300 }), (first, second, last, left) => {
        const { rating, alone, share } = ratedOver(
          String(left),
          [first, second, { ...last, pooled: true }].map(({ used, included, pooled: isPooled }, index) => ({
            ...{ until: [T('11'), T('21'), MAY][index] ?? MAY, used: String(used), unitAmount: '1' },
            ...{ included: String(included), pooled: isPooled },
          })),
        );
        // At 1.00 a unit, what the share takes off is its units.
        expect(text(netOf(alone).minus(netOf(rating)))).toBe(text(share));
      }),
      checkedOn(200),
    );
  });

  it('comes to what is unused, or to what is in excess, and never to more than an excess', () => {
    fc.assert(
      fc.property(members, (of) => {
        const pool = poolOf(toMembers(of));
        const used = new Map(pool.map(({ line, used: quantityOf }) => [line.lineId, decimal(quantityOf)]));
        const all = sharedOut(pool[0]?.line.pool ?? [], ({ lineId }) => used.get(lineId) ?? ZERO);
        expect(text(sum([...all.members.values()].map(({ share }) => share)))).toBe(text(min(all.unused, all.excess)));
        for (const { share, excess } of all.members.values()) expect(share.gte(ZERO) && share.lte(excess)).toBe(true);
      }),
      checkedOn(100),
    );
  });

  it('makes no line dearer, is the same in any order, and is what greater included units come to', () => {
    fc.assert(
      fc.property(members, (of) => {
        const all = toMembers(of);
        const [pool, reversed] = [poolOf(all), poolOf(all.toReversed())];
        for (const [index, { line, used }] of pool.entries()) {
          const net = netOf(ratedIn(pool, index));
          expect(text(netOf(ratedIn(reversed, pool.length - 1 - index)))).toBe(text(net));
          const { pool: _, ...alone } = line;
          expect(net.lte(netOf(ratedIn([{ line: alone, used }], 0)))).toBe(true);
          const usedBy = new Map(pool.map((each) => [each.line.lineId, decimal(each.used)]));
          const { members: shares } = sharedOut(line.pool ?? [], ({ lineId }) => usedBy.get(lineId) ?? ZERO);
          const share = shares.get(line.lineId)?.share ?? ZERO;
          const own = all[index]?.item ?? pooled();
          const [more] = poolOf([
            { tenantId: 'x', used, item: { ...own, included: text(decimal(own.included ?? '0').plus(share)) } },
          ]);
          expect(text(net)).toBe(text(netOf(ratedIn(more === undefined ? [] : [more], 0))));
        }
      }),
      checkedOn(100),
    );
  });
});
