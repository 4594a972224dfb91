import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, sum, text } from '../money/decimal.js';
import { scaleOf } from '../money/money.js';
import type { PlanItem, PlanVersion } from '../plans/plan.js';
import type { Assignment, Subscription } from '../tenants/deployment.js';
import { type Instant, instant } from '../time/instant.js';
import { contains, cutAt, monthOf, type OpenPeriod, type Period } from '../time/period.js';
import { coveredBy } from './covered.js';
import { billedHow, feeTerms, isBaseFee, type LineDefinition, linesOf, prorated } from './line.js';
import { hasDueAtPeriodEnd } from './rate.js';

const RUNS = checkedOn(200);

const T = (day: string) => instant(`2026-${day}T00:00:00Z`);
const hours: PlanItem = {
  billingKind: 'droplet_hours',
  included: '1488',
  price: { model: 'unit', unitAmount: '0.01' },
  aggregation: 'sum',
};
const zones: PlanItem = { billingKind: 'dns_zones', price: { model: 'unit', unitAmount: '0.10' }, aggregation: 'sum' };
const version = (planId: string, more: Partial<PlanVersion> = {}): PlanVersion => ({
  planId,
  effectiveFrom: T('01-01'),
  effectiveUntil: null,
  name: planId,
  currency: 'USD',
  baseFee: '50',
  paymentTerm: 'in_advance',
  interval: 'month',
  items: [hours],
  ...more,
});
const subscription = (more: Partial<Subscription> = {}): Subscription => ({
  subscriptionId: 's1',
  deploymentId: 'd1',
  from: T('04-01'),
  anchor: null,
  plans: [{ planId: 'studio', from: T('04-01') }],
  cancelledAt: null,
  ...more,
});
const T1: Assignment[] = [{ tenantId: 't1', from: T('01-01') }];

interface Given {
  readonly subscription?: Partial<Subscription>;
  readonly assignments?: readonly Assignment[];
  readonly versions?: readonly PlanVersion[];
  readonly timeZone?: string;
  readonly until?: Instant;
}
const lines = ({
  subscription: of = {},
  assignments = T1,
  versions = [version('studio')],
  timeZone = 'UTC',
  until = T('04-01'),
}: Given): LineDefinition[] =>
  linesOf(
    subscription(of),
    { assignments, plans: Map.groupBy(versions, ({ planId }) => planId), timeZoneOf: () => timeZone },
    until,
  );

const shown = (of: readonly LineDefinition[]) =>
  of.map(({ tenantId, billingKind, period }) => [
    tenantId,
    billingKind,
    period.start.slice(5, 10),
    period.end.slice(5, 10),
  ]);
const fees = (of: readonly LineDefinition[]): (string | undefined)[] =>
  of.filter(isBaseFee).flatMap((line) =>
    line.segments.map((segment) => {
      const { price } = feeTerms(line, segment, segment.period);
      return 'amount' in price ? price.amount : undefined;
    }),
  );
const only = (of: readonly LineDefinition[], billingKind: string): LineDefinition => {
  const [found, ...more] = of.filter((line) => line.billingKind === billingKind);
  if (found === undefined || more.length > 0) throw new Error(`${more.length + 1} lines of ${billingKind}`);
  return found;
};

describe('the lines of a subscription', () => {
  it('are the base fee and each item of its plan, a billing period each', () => {
    expect(shown(lines({ until: T('05-01') }))).toEqual([
      ['t1', 'base_fee', '04-01', '05-01'],
      ['t1', 'droplet_hours', '04-01', '05-01'],
      ['t1', 'base_fee', '05-01', '06-01'],
      ['t1', 'droplet_hours', '05-01', '06-01'],
    ]);
    expect(lines({ until: instant('2026-03-31T23:59:59.999999Z') })).toEqual([]);
  });

  it('have ids that are derived: the same wherever they are computed, and no two alike', () => {
    const ids = lines({ until: T('09-01') }).map(({ lineId }) => lineId);
    expect(
      lines({ until: T('10-01') })
        .slice(0, ids.length)
        .map(({ lineId }) => lineId),
    ).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('end where it is cancelled, and are none where it never ran', () => {
    expect(shown(lines({ subscription: { cancelledAt: T('04-16') }, until: T('06-01') }))).toEqual([
      ['t1', 'base_fee', '04-01', '04-16'],
      ['t1', 'droplet_hours', '04-01', '04-16'],
    ]);
    expect(lines({ subscription: { cancelledAt: T('04-01') }, until: T('06-01') })).toEqual([]);
  });

  it('end for one tenant and begin for the next where the deployment is assigned', () => {
    const assignments = [...T1, { tenantId: 't2', from: T('04-16') }];
    const both = lines({ assignments, until: T('04-20') });
    expect(shown(both)).toEqual([
      ['t1', 'base_fee', '04-01', '04-16'],
      ['t1', 'droplet_hours', '04-01', '04-16'],
      ['t2', 'base_fee', '04-16', '05-01'],
      ['t2', 'droplet_hours', '04-16', '05-01'],
    ]);
    // 50.00 × 15/30 each
    expect(fees(both)).toEqual(['25.00', '25.00']);
  });

  it('of two tenants are never one line, even if the deployment was the other’s from the start', () => {
    const before = lines({}).map(({ lineId }) => lineId);
    const after = lines({ assignments: [{ tenantId: 't2', from: T('01-01') }] }).map(({ lineId }) => lineId);
    expect(after.filter((lineId) => before.includes(lineId))).toEqual([]);
  });

  it('begin where its plan has terms', () => {
    expect(shown(lines({ versions: [version('studio', { effectiveFrom: T('04-11') })], until: T('04-01') }))).toEqual([
      ['t1', 'base_fee', '04-11', '05-01'],
      ['t1', 'droplet_hours', '04-11', '05-01'],
    ]);
    expect(lines({ versions: [] })).toEqual([]);
  });
});

describe('a billing period', () => {
  it('is the month in the tenant’s time zone', () => {
    // Berlin is two hours ahead of UTC in April
    const from = instant('2026-03-31T22:00:00Z');
    const berlin = lines({
      subscription: { from, plans: [{ planId: 'studio', from }] },
      timeZone: 'Europe/Berlin',
      until: from,
    });
    expect(berlin[0]?.period).toEqual({ start: '2026-03-31T22:00:00Z', end: '2026-04-30T22:00:00Z' });
    expect(fees(berlin)).toEqual(['50.00']);
  });

  it('is moved by the subscription’s anchor, so that it starts whole', () => {
    const from = T('04-15');
    const anchored = lines({
      subscription: { from, anchor: from, plans: [{ planId: 'studio', from }] },
      until: T('05-15'),
    });
    expect(shown(anchored.filter(isBaseFee))).toEqual([
      ['t1', 'base_fee', '04-15', '05-15'],
      ['t1', 'base_fee', '05-15', '06-15'],
    ]);
    expect(fees(anchored)).toEqual(['50.00', '50.00']);
  });

  it('falls on the last day of a month that is shorter than its anchor', () => {
    const from = T('01-31');
    const anchored = lines({
      subscription: { from, anchor: from, plans: [{ planId: 'studio', from }] },
      until: T('03-31'),
    });
    expect(shown(anchored.filter(isBaseFee)).map(([, , start, end]) => [start, end])).toEqual([
      ['01-31', '02-28'],
      ['02-28', '03-31'],
      ['03-31', '04-30'],
    ]);
  });

  it('is a year for a plan that is billed by the year', () => {
    const from = T('01-01');
    const yearly = lines({
      subscription: { from, plans: [{ planId: 'studio', from }] },
      versions: [version('studio', { interval: 'year' })],
      until: from,
    });
    expect(only(yearly, 'base_fee').period).toEqual({ start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' });
  });
});

describe('a plan of another interval', () => {
  const yearly = version('yearly', { interval: 'year', baseFee: '1200' });
  const change = (at: string) => [
    { planId: 'studio', from: T('04-01') },
    { planId: 'yearly', from: T(at) },
  ];

  it('begins a billing period of its own: no time is billed twice', () => {
    const changed = lines({
      subscription: { plans: change('04-16') },
      versions: [version('studio'), yearly],
      until: T('08-01'),
    });
    expect(changed.filter(isBaseFee).map(({ period }) => [period.start, period.end])).toEqual([
      ['2026-04-01T00:00:00Z', '2026-04-16T00:00:00Z'],
      ['2026-04-16T00:00:00Z', '2027-01-01T00:00:00Z'],
    ]);
    // 50.00 × 15/30; 105 days of the year are over by 16 April: 1200.00 − R(1200.00 × 105/365) = 1200.00 − 345.21
    expect(fees(changed)).toEqual(['25.00', '854.79']);
  });

  it('follows from the end of a period where it begins there', () => {
    const changed = lines({
      subscription: { plans: change('05-01') },
      versions: [version('studio'), yearly],
      until: T('08-01'),
    });
    // 120 days of the year are over by 1 May: 1200.00 − R(1200.00 × 120/365) = 1200.00 − 394.52
    expect(fees(changed)).toEqual(['50.00', '805.48']);
  });

  it('leaves the lines of an item without overlap, whatever the changes', () => {
    const day = fc
      .integer({ min: 2, max: 270 })
      .map((each) => instant(new Date(Date.UTC(2026, 3, each)).toISOString()));
    const plans = fc.uniqueArray(fc.record({ planId: fc.constantFrom('studio', 'yearly'), from: day }), {
      maxLength: 6,
      selector: ({ from }) => from,
    });
    fc.assert(
      fc.property(plans, (changes) => {
        const inOrder = [
          { planId: 'studio', from: T('04-01') },
          ...changes.toSorted((a, b) => (a.from < b.from ? -1 : 1)),
        ];
        const all = lines({
          subscription: { plans: inOrder },
          versions: [version('studio'), yearly],
          until: T('12-31'),
        });
        for (const [, ofItem] of Map.groupBy(all, ({ itemKey }) => itemKey)) {
          const bounds = ofItem.map(({ period }) => period);
          expect(bounds[0]?.start).toBe(T('04-01'));
          expect(bounds.slice(1).map(({ start }) => start)).toEqual(bounds.slice(0, -1).map(({ end }) => end));
        }
      }),
      checkedOn(50),
    );
  });
});

describe('what a subscription covers', () => {
  const covered = ({ subscription: of = {}, assignments = T1, versions = [version('studio')] }: Given) =>
    coveredBy(subscription(of), { assignments, plans: Map.groupBy(versions, ({ planId }) => planId) });

  it('goes on over billing periods, until the item leaves the plan or the subscription ends', () => {
    const versions = [
      version('studio', { items: [hours, zones], effectiveUntil: T('07-11') }),
      version('studio', { items: [hours], effectiveFrom: T('07-11') }),
    ];
    expect(covered({ versions }).map(({ billingKind, period }) => [billingKind, period])).toEqual([
      ['base_fee', { start: T('04-01'), end: null }],
      ['droplet_hours', { start: T('04-01'), end: null }],
      ['dns_zones', { start: T('04-01'), end: T('07-11') }],
    ]);
    expect(covered({ versions, subscription: { cancelledAt: T('05-02') } }).map(({ period }) => period)).toEqual(
      Array(3).fill({ start: T('04-01'), end: T('05-02') }),
    );
  });

  it('is what its lines cover, at every instant', () => {
    const day = fc
      .integer({ min: 1, max: 300 })
      .map((each) => instant(new Date(Date.UTC(2026, 0, each)).toISOString()));
    const inOrder = <Each extends { from: Instant }>(changes: readonly Each[]) =>
      changes.toSorted((a, b) => (a.from < b.from ? -1 : 1));
    const byTime = { maxLength: 4, selector: ({ from }: { from: Instant }) => from };
    const plans = fc.uniqueArray(fc.record({ planId: fc.constantFrom('studio', 'yearly'), from: day }), byTime);
    const moves = fc.uniqueArray(fc.record({ tenantId: fc.constantFrom('t1', 't2'), from: day }), byTime);
    const versions = [
      version('studio', { items: [hours, { ...zones, filter: { region: 'fra1' } }], effectiveUntil: T('05-07') }),
      version('studio', { items: [zones], effectiveFrom: T('05-07') }),
      version('yearly', { interval: 'year', effectiveFrom: T('03-01') }),
    ];
    fc.assert(
      fc.property(plans, moves, fc.option(day), fc.array(day), (changes, assigned, cancelledAt, days) => {
        const given = {
          subscription: {
            ...{ from: T('02-01'), cancelledAt },
            plans: [{ planId: 'studio', from: T('02-01') }, ...inOrder(changes)],
          },
          assignments: [...T1, ...inOrder(assigned)],
          versions,
        };
        const shownAt = (
          of: readonly { billingKind: string; filter: object | null; period: OpenPeriod }[],
          at: Instant,
        ) =>
          of
            .filter(({ period }) => contains(period, at))
            .map(({ billingKind, filter }) => JSON.stringify([billingKind, filter]))
            .sort();
        const ofLines = lines({ ...given, until: T('12-31') });
        for (const at of days) expect(shownAt(covered(given), at)).toEqual(shownAt(ofLines, at));
      }),
      checkedOn(50),
    );
  });
});

describe('a base fee', () => {
  it('is prorated by seconds where the subscription starts or ends within the period', () => {
    const from = T('04-11');
    // 50.00 × 20/30 = 33.333 → 33.34 in all with what came before: 50.00 − R(50.00 × 10/30) = 50.00 − 16.67
    expect(fees(lines({ subscription: { from, plans: [{ planId: 'studio', from }] }, until: from }))).toEqual([
      '33.33',
    ]);
    expect(fees(lines({ subscription: { cancelledAt: T('04-11') } }))).toEqual(['16.67']);
    // one second of 30 days of 86,400: 50.00 / 2592000 rounds to 0.00
    expect(fees(lines({ subscription: { cancelledAt: instant('2026-04-01T00:00:01Z') } }))).toEqual(['0.00']);
  });

  it('that changes within the period is the pieces of both, in one line', () => {
    const versions = [
      version('studio', { effectiveUntil: T('04-11') }),
      version('studio', { baseFee: '80', effectiveFrom: T('04-11') }),
    ];
    const changed = lines({ versions });
    expect(shown(changed.filter(isBaseFee))).toEqual([['t1', 'base_fee', '04-01', '05-01']]);
    // 50.00 × 10/30 = 16.67; 80.00 − R(80.00 × 10/30) = 80.00 − 26.67
    expect(fees(changed)).toEqual(['16.67', '53.33']);
  });

  it('is one piece where a new version or plan leaves it as it was', () => {
    const versions = [
      version('studio', { effectiveUntil: T('04-11') }),
      version('studio', { items: [zones], effectiveFrom: T('04-11') }),
    ];
    expect(fees(lines({ versions }))).toEqual(['50.00']);
    const plans = [
      { planId: 'studio', from: T('04-01') },
      { planId: 'other', from: T('04-16') },
    ];
    expect(fees(lines({ subscription: { plans }, versions: [version('studio'), version('other')] }))).toEqual([
      '50.00',
    ]);
  });

  it('that becomes due at another time is another line, from there on', () => {
    const versions = [
      version('studio', { effectiveUntil: T('04-16') }),
      version('studio', { paymentTerm: 'in_arrears', effectiveFrom: T('04-16') }),
    ];
    const both = lines({ versions }).filter(isBaseFee);
    expect(both.map((line) => [billedHow(line), line.period.start.slice(5, 10), line.period.end.slice(5, 10)])).toEqual(
      [
        ['in_advance', '04-01', '04-16'],
        ['at_period_end', '04-16', '05-01'],
      ],
    );
    expect(fees(both)).toEqual(['25.00', '25.00']);
  });

  it('is whole in a light month', () => {
    expect(
      fees(
        lines({
          subscription: { from: T('02-01'), plans: [{ planId: 'studio', from: T('02-01') }] },
          until: T('02-01'),
        }),
      ),
    ).toEqual(['50.00']);
  });

  it('has no decimals in a currency without', () => {
    // 5000 × 15/30
    const yen = version('studio', { currency: 'JPY', baseFee: '5001' });
    // 5001 × 15/30 = 2500.5
    expect(fees(lines({ versions: [yen], subscription: { cancelledAt: T('04-16') } }))).toEqual(['2501']);
  });

  it('telescopes: the pieces of a period add up to the fee, whatever the cuts', () => {
    const april = monthOf(T('04-01'));
    const day = fc
      .integer({ min: 0, max: 2_591_999 })
      .map((second) => instant(new Date(Date.parse(april.start) + second * 1000).toISOString()));
    fc.assert(
      fc.property(
        fc.nat(10 ** 7),
        fc.constantFrom('USD', 'JPY', 'KWD'),
        fc.array(day, { maxLength: 8 }),
        (units, currency, cuts) => {
          const scale = scaleOf(currency);
          const fee = decimal(String(units)).times(decimal(scale === 0 ? '1' : `0.${'0'.repeat(scale - 1)}1`));
          const pieces = cutAt(april, cuts).map((piece: Period) => prorated(fee, currency, piece, april));
          expect(text(sum(pieces))).toBe(text(fee));
          expect(pieces.every((piece) => piece.gte(decimal('0')))).toBe(true);
        },
      ),
      RUNS,
    );
  });
});

describe('an item', () => {
  it('missing from the next plan ends there; one that is new begins', () => {
    const plans = [
      { planId: 'studio', from: T('04-01') },
      { planId: 'zones', from: T('04-16') },
    ];
    const changed = lines({
      subscription: { plans },
      versions: [version('studio'), version('zones', { items: [zones] })],
    });
    expect(shown(changed)).toEqual([
      ['t1', 'base_fee', '04-01', '05-01'],
      ['t1', 'droplet_hours', '04-01', '04-16'],
      ['t1', 'dns_zones', '04-16', '05-01'],
    ]);
  });

  it('that comes back is another line', () => {
    const plans = [
      { planId: 'studio', from: T('04-01') },
      { planId: 'zones', from: T('04-11') },
      { planId: 'studio', from: T('04-21') },
    ];
    const changed = lines({
      subscription: { plans },
      versions: [version('studio'), version('zones', { items: [zones] })],
    });
    expect(shown(changed.filter(({ billingKind }) => billingKind === 'droplet_hours'))).toEqual([
      ['t1', 'droplet_hours', '04-01', '04-11'],
      ['t1', 'droplet_hours', '04-21', '05-01'],
    ]);
    expect(new Set(changed.map(({ lineId }) => lineId)).size).toBe(4);
  });

  it('of both plans is one line in two segments: its counter goes on', () => {
    const plans = [
      { planId: 'studio', from: T('04-01') },
      { planId: 'more', from: T('04-16') },
    ];
    const more = version('more', { items: [{ ...hours, included: '2000' }] });
    const line = only(lines({ subscription: { plans }, versions: [version('studio'), more] }), 'droplet_hours');
    expect(
      line.segments.map(({ period, planId, terms }) => [period.start, period.end, planId, terms.included]),
    ).toEqual([
      [T('04-01'), T('04-16'), 'studio', '1488'],
      [T('04-16'), T('05-01'), 'more', '2000'],
    ]);
  });

  it('that a new version leaves as it was is one segment', () => {
    const versions = [
      version('studio', { effectiveUntil: T('04-11') }),
      version('studio', { baseFee: '80', effectiveFrom: T('04-11') }),
    ];
    expect(only(lines({ versions }), 'droplet_hours').segments).toHaveLength(1);
  });

  it('that is measured otherwise is another line', () => {
    const versions = [
      version('studio', { effectiveUntil: T('04-11') }),
      version('studio', { items: [{ ...hours, aggregation: 'max' }], effectiveFrom: T('04-11') }),
    ];
    expect(shown(lines({ versions })).slice(1)).toEqual([
      ['t1', 'droplet_hours', '04-01', '04-11'],
      ['t1', 'droplet_hours', '04-11', '05-01'],
    ]);
  });

  it('has a minimum that is prorated where the subscription covers part of a period, and a maximum that is not', () => {
    const committed = version('studio', {
      items: [{ ...hours, commitments: { minimum: '10.00', maximum: '100.00' } }],
    });
    const terms = (of: readonly LineDefinition[]) => only(of, 'droplet_hours').segments[0]?.terms.commitments;
    // 10.00 × 10/30 = 3.33
    expect(terms(lines({ versions: [committed], subscription: { cancelledAt: T('04-11') } }))).toEqual({
      minimum: '3.33',
      maximum: '100.00',
    });
    expect(terms(lines({ versions: [committed] }))).toEqual({ minimum: '10.00', maximum: '100.00' });
  });

  it('has a minimum that is prorated exactly and rounded once', () => {
    const yen = version('studio', {
      ...{ currency: 'JPY', baseFee: '0', items: [{ ...hours, commitments: { minimum: '5.55' } }] },
    });
    const line = only(lines({ versions: [yen], subscription: { cancelledAt: T('04-09') } }), 'droplet_hours');
    // 5.55 × 8/30 = 1.48; rounded before, 6 × 8/30 = 1.6 would be 2
    expect(line.segments[0]?.terms.commitments).toEqual({ minimum: '1' });
  });

  it('has no minimum where it leaves the plan before the period ends: the minimum is the one in force then', () => {
    const committed = version('studio', {
      items: [{ ...hours, commitments: { minimum: '10.00', maximum: '100.00' } }],
      effectiveUntil: T('04-11'),
    });
    const without = version('studio', { items: [zones], effectiveFrom: T('04-11') });
    const line = only(lines({ versions: [committed, without] }), 'droplet_hours');
    expect(line.segments.map(({ terms }) => terms.commitments)).toEqual([{ maximum: '100.00' }]);
  });

  it('tells apart two of a billing kind by their filters', () => {
    const items = [
      { ...hours, filter: { region: 'fra1' } },
      { ...hours, filter: { region: 'nyc3' } },
    ];
    const two = lines({ versions: [version('studio', { items })] }).slice(1);
    expect(two.map(({ filter }) => filter)).toEqual([{ region: 'fra1' }, { region: 'nyc3' }]);
    expect(new Set(two.map(({ lineId }) => lineId)).size).toBe(2);
  });
});

describe('when a line is billed', () => {
  const of = (price: PlanItem['price'], aggregation: PlanItem['aggregation'] = 'sum') =>
    billedHow(
      only(lines({ versions: [version('studio', { items: [{ billingKind: 'x', price, aggregation }] })] }), 'x'),
    );
  const open = [{ upTo: null, unitAmount: '1' }];

  it('follows from its price and from what its readings are made into', () => {
    expect(of({ model: 'flat', amount: '5', paymentTerm: 'in_advance' })).toBe('in_advance');
    expect(of({ model: 'flat', amount: '5', paymentTerm: 'in_arrears' })).toBe('at_period_end');
    expect(of({ model: 'volume', tiers: open })).toBe('at_period_end');
    expect(of({ model: 'graduated', tiers: open })).toBe('progressively');
    expect(
      (['sum', 'count', 'max', 'unique_count'] as const).map((each) => of({ model: 'unit', unitAmount: '1' }, each)),
    ).toEqual(Array(4).fill('progressively'));
    expect(
      (['average', 'minimum', 'latest'] as const).map((each) => of({ model: 'unit', unitAmount: '1' }, each)),
    ).toEqual(Array(3).fill('at_period_end'));
  });

  it('is up to any instant where some stretch of it bills so: a volume price from mid-month on waits alone', () => {
    const versions = [
      version('studio', { effectiveUntil: T('04-11') }),
      version('studio', { items: [{ ...hours, price: { model: 'volume', tiers: open } }], effectiveFrom: T('04-11') }),
    ];
    expect(billedHow(only(lines({ versions }), 'droplet_hours'))).toBe('progressively');
  });

  it('may have an amount due at its end: an arrears fee, a volume price, an average, or a minimum', () => {
    const has = (terms: Pick<PlanItem, 'price' | 'commitments'>, aggregation: PlanItem['aggregation'] = 'sum') =>
      hasDueAtPeriodEnd(
        only(lines({ versions: [version('studio', { items: [{ billingKind: 'x', aggregation, ...terms }] })] }), 'x'),
      );
    const unit = { model: 'unit', unitAmount: '1' } as const;
    expect([
      has({ price: { model: 'flat', amount: '5', paymentTerm: 'in_advance' } }),
      has({ price: unit }),
      has({ price: unit, commitments: { maximum: '9.00' } }),
      has({ price: { model: 'flat', amount: '5', paymentTerm: 'in_arrears' } }),
      has({ price: { model: 'volume', tiers: open } }),
      has({ price: unit }, 'average'),
      has({ price: unit, commitments: { minimum: '9.00' } }),
    ]).toEqual([false, false, false, true, true, true, true]);
  });
});
