import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import type { ResourceState, ResourceTimeline } from '../inventory/resource.js';
import { decimal, sum, text } from '../money/decimal.js';
import type { Assignment } from '../tenants/deployment.js';
import { type Instant, instant } from '../time/instant.js';
import { cutAt, type Period } from '../time/period.js';
import { type AttributableCost, attributedShares } from './attribution.js';

const RUNS = checkedOn(100);

const T = (day: string) => instant(`2026-${day}T00:00:00Z`);
const APRIL: Period = { start: T('04-01'), end: T('05-01') };
const MAY: Period = { start: T('05-01'), end: T('06-01') };
const state = (deploymentId: string | null, tenantId: string | null = null): ResourceState => ({
  kind: 'droplet',
  status: 'active',
  sizeGb: null,
  deploymentId,
  tenantId,
});
const timeline = (...sightings: readonly [string, ResourceState | null][]): ResourceTimeline => ({
  sightings: sightings.map(([day, of], index) => ({ seenAt: T(day), state: of, position: index + 1 })),
  corrections: [],
});
const cost = (resource: ResourceTimeline | null, more: Partial<AttributableCost> = {}): AttributableCost => ({
  amount: decimal('30.00'),
  currency: 'USD',
  chargePeriod: APRIL,
  tenantId: null,
  resource,
  ...more,
});

const HELD: Record<string, readonly Assignment[]> = {
  d1: [{ tenantId: 't1', from: T('01-01') }],
  d2: [{ tenantId: 't2', from: T('01-01') }],
  moving: [
    { tenantId: 't1', from: T('01-01') },
    { tenantId: 't2', from: T('04-11') },
  ],
  later: [{ tenantId: 't1', from: T('04-21') }],
};
const held = (deploymentId: string): readonly Assignment[] => HELD[deploymentId] ?? [];
const shares = (of: AttributableCost, within: Period = APRIL) =>
  attributedShares(of, within, held).map(({ tenantId, deploymentId, amount }) => [
    tenantId,
    deploymentId,
    text(amount),
  ]);

describe('a cost', () => {
  it('belongs to the deployment that held the resource, and to that deployment’s tenant', () => {
    expect(shares(cost(timeline(['01-01', state('d1', 't9')])))).toEqual([['t1', 'd1', '30']]);
  });

  it('otherwise belongs to the resource’s tenant, else to the tenant on its line, else to nobody', () => {
    expect(shares(cost(timeline(['01-01', state(null, 't3')]), { tenantId: 't4' }))).toEqual([['t3', null, '30']]);
    expect(shares(cost(timeline(['01-01', state(null)]), { tenantId: 't4' }))).toEqual([['t4', null, '30']]);
    expect(shares(cost(null, { tenantId: 't4' }))).toEqual([['t4', null, '30']]);
    expect(shares(cost(null))).toEqual([[null, null, '30']]);
    expect(shares(cost(timeline(['01-01', state('unknown')])))).toEqual([[null, null, '30']]);
  });

  it('is divided by time if the resource moved within its charge period', () => {
    // 30.00 × 10/30 and 20/30
    expect(shares(cost(timeline(['01-01', state('d1')], ['04-11', state('d2')])))).toEqual([
      ['t1', 'd1', '10'],
      ['t2', 'd2', '20'],
    ]);
    expect(shares(cost(timeline(['01-01', state('d1')], ['04-21', state(null)])))).toEqual([
      ['t1', 'd1', '20'],
      [null, null, '10'],
    ]);
  });

  it('is divided if the deployment moved', () => {
    expect(shares(cost(timeline(['01-01', state('moving')])))).toEqual([
      ['t1', 'moving', '10'],
      ['t2', 'moving', '20'],
    ]);
    // nobody’s deployment before the 21st
    expect(shares(cost(timeline(['01-01', state('later')])))).toEqual([
      [null, null, '20'],
      ['t1', 'later', '10'],
    ]);
  });

  it('is divided if a correction names another owner', () => {
    const corrected: ResourceTimeline = {
      ...timeline(['01-01', state('d1')]),
      corrections: [{ from: T('04-11'), until: T('04-21'), changes: { deploymentId: 'd2' }, position: 9 }],
    };
    expect(shares(cost(corrected))).toEqual([
      ['t1', 'd1', '10'],
      ['t2', 'd2', '10'],
      ['t1', 'd1', '10'],
    ]);
  });

  it('stays unchanged when the resource moves later', () => {
    const before = timeline(['01-01', state('d1')]);
    const after = timeline(['01-01', state('d1')], ['05-01', state('d2')]);
    expect(shares(cost(after))).toEqual(shares(cost(before)));
  });

  it('of a time after the deletion of the resource belongs to its last holder', () => {
    const gone = timeline(['01-01', state('d1')], ['04-11', null]);
    expect(shares(cost(gone)).map(([tenantId, deploymentId]) => [tenantId, deploymentId])).toEqual([
      ['t1', 'd1'],
      ['t1', 'd1'],
    ]);
    // it came back as another's: each has its time, 10/30 gone before and 20/30
    const back = timeline(['01-01', state('d1')], ['04-01', null], ['04-11', state('d2')]);
    expect(shares(cost(back))).toEqual([
      ['t1', 'd1', '10'],
      ['t2', 'd2', '20'],
    ]);
  });

  it('of a time before the first sighting counts for the first state', () => {
    expect(shares(cost(timeline(['06-15', state('d1')])))).toEqual([['t1', 'd1', '30']]);
    expect(shares(cost(timeline(['04-21', state('d1')])))).toEqual([
      ['t1', 'd1', '20'],
      ['t1', 'd1', '10'],
    ]);
  });
});

describe('a cost that crosses a month', () => {
  const quarter: Period = { start: T('03-15'), end: T('06-13') };

  it('has in each month the share of that time', () => {
    const over = cost(timeline(['01-01', state('d1')]), { amount: decimal('10.00'), chargePeriod: quarter });
    // 90 days: 10 × 17/90 = 1.89 by April, 10 × 47/90 = 5.22 by May, 10 × 78/90 = 8.67 by June
    expect([shares(over, APRIL), shares(over, MAY)]).toEqual([[['t1', 'd1', '3.33']], [['t1', 'd1', '3.45']]]);
    expect(shares(over, { start: T('07-01'), end: T('08-01') })).toEqual([]);
  });

  it('keeps all decimals of the provider', () => {
    const chargePeriod = { start: T('04-30'), end: T('05-02') };
    const over = cost(timeline(['01-01', state('d1')]), { amount: decimal('0.0003'), chargePeriod });
    // half of 0.0003 at its own four decimals: 0.0002, and the rest
    expect([shares(over, APRIL), shares(over, MAY)]).toEqual([[['t1', 'd1', '0.0002']], [['t1', 'd1', '0.0001']]]);
  });

  it('adds up over its months for any holders', () => {
    const day = fc.integer({ min: 1, max: 30 }).map((each) => String(each).padStart(2, '0'));
    const instants = fc
      .tuple(fc.constantFrom('03', '04', '05', '06'), day)
      .map(([month, each]): Instant => T(`${month}-${each}`));
    const holder = fc.constantFrom(
      state('d1'),
      state('d2'),
      state('moving'),
      state('later'),
      state(null),
      state(null, 't3'),
      null,
    );
    const moves = fc
      .uniqueArray(instants, { maxLength: 6 })
      .chain((times) =>
        fc.tuple(
          ...times.toSorted().map((seenAt, index) => holder.map((of) => ({ seenAt, state: of, position: index + 1 }))),
        ),
      );
    const edges = fc.tuple(instants, instants).filter(([a, b]) => a !== b);
    fc.assert(
      fc.property(moves, fc.integer({ min: -(10 ** 6), max: 10 ** 6 }), edges, (sightings, cents, [a, b]) => {
        const chargePeriod = a < b ? { start: a, end: b } : { start: b, end: a };
        const amount = decimal(String(cents)).times(decimal('0.01'));
        const of = cost({ sightings, corrections: [] }, { amount, chargePeriod });
        const months = cutAt({ start: T('03-01'), end: T('07-01') }, [T('04-01'), T('05-01'), T('06-01')]);
        const all = months.flatMap((month) => attributedShares(of, month, held));
        expect(text(sum(all.map((share) => share.amount)))).toBe(text(amount));
      }),
      RUNS,
    );
  });
});
