import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import type { PlanItem, PlanVersion } from '../plans/plan.js';
import { fromMicros, type Instant, instant, isBefore, micros } from '../time/instant.js';
import { lengthMicros, type Period } from '../time/period.js';
import { type LineDefinition, linesOf, partIdOf } from './line.js';
import { duePartsOf, type RecordedPart, splitParts, tiles } from './parts.js';

const RUNS = checkedOn(150);

const T = (day: string) => instant(`2026-04-${day}T00:00:00Z`);
const MAY = instant('2026-05-01T00:00:00Z');
const APRIL: Period = { start: T('01'), end: MAY };

/** April's line of one item. */
function lineOf(price: PlanItem['price'], cancelledAt: Instant | null = null): LineDefinition {
  const plan: PlanVersion = {
    planId: 'p1',
    effectiveFrom: T('01'),
    effectiveUntil: null,
    name: 'p1',
    currency: 'USD',
    baseFee: '50',
    paymentTerm: 'in_advance',
    interval: 'month',
    items: [{ billingKind: 'requests', price, aggregation: 'sum' }],
  };
  const plans = [{ planId: 'p1', from: T('01') }];
  const subscription = { subscriptionId: 's1', deploymentId: 'd1', from: T('01'), anchor: null, plans, cancelledAt };
  const [, line] = linesOf(
    subscription,
    { assignments: [{ tenantId: 't1', from: T('01') }], plans: new Map([['p1', [plan]]]), timeZoneOf: () => 'UTC' },
    T('01'),
  );
  if (line === undefined) throw new Error('the plan has no line');
  return line;
}
const METERED = lineOf({ model: 'unit', unitAmount: '0.50' });

interface Stored {
  readonly partId: string;
  readonly period: Period;
  readonly invoiceId: string | null;
}
const recorded = (parts: readonly Stored[]): RecordedPart[] =>
  parts.map(({ partId, period, invoiceId }) => ({
    partId,
    start: period.start,
    invoiceId,
    issued: invoiceId !== null,
    claimedUntil: invoiceId === null ? null : period.end,
    claimedAsOf: invoiceId === null ? null : MAY,
  }));

/** Bills up to an instant: the cut is recorded, what is due is claimed. */
function billed(line: LineDefinition, parts: readonly Stored[], asOf: Instant, invoiceId: string): Stored[] {
  const due = duePartsOf(line, recorded(parts), asOf);
  if (due === null) return [...parts];
  const before = parts.length === 0 ? [{ partId: line.lineId, period: line.period }] : parts;
  const after = due.cut === null ? before : splitParts(line.lineId, before, due.cut);
  const claimed = due.due;
  const claimedBy = new Map(parts.map(({ partId, invoiceId: by }) => [partId, by]));
  return after.map((part) => ({
    ...part,
    invoiceId: claimed.has(part.partId) ? invoiceId : (claimedBy.get(part.partId) ?? null),
  }));
}
const voided = (parts: readonly Stored[], invoiceId: string): Stored[] =>
  parts.map((part) => (part.invoiceId === invoiceId ? { ...part, invoiceId: null } : part));
const shown = (parts: readonly Stored[]) =>
  parts.map(({ period, invoiceId }) => [period.start.slice(8, 10), period.end.slice(8, 10), invoiceId]);

describe('a line that is billed in parts', () => {
  it('is one part, with its own id, until it is cut', () => {
    expect(tiles(METERED, [])).toEqual([{ partId: METERED.lineId, period: APRIL, invoiceId: null, issued: false }]);
  });

  it('is cut where it is billed up to: the part behind stays gathered', () => {
    const first = billed(METERED, [], T('16'), 'i1');
    expect(shown(first)).toEqual([
      ['01', '16', 'i1'],
      ['16', '01', null],
    ]);
    const second = billed(METERED, first, T('23'), 'i2');
    expect(shown(second)).toEqual([
      ['01', '16', 'i1'],
      ['16', '23', 'i2'],
      ['23', '01', null],
    ]);
    // one level: each is a part of the line, and the one that was shortened kept its id
    expect(second[1]?.partId).toBe(first[1]?.partId);
    expect(new Set(second.map(({ partId }) => partId)).size).toBe(3);
    expect(second.map(({ partId }) => partId)).not.toContain(METERED.lineId);
  });

  it('is whole where it was never cut', () => {
    expect(billed(METERED, [], MAY, 'i1')).toEqual([{ partId: METERED.lineId, period: APRIL, invoiceId: 'i1' }]);
  });

  it('has no empty part: a cut at its start, its end, or outside makes none', () => {
    expect(duePartsOf(METERED, [], T('01'))).toBeNull();
    expect(duePartsOf(METERED, [], instant('2026-03-15T00:00:00Z'))).toBeNull();
    expect(duePartsOf(METERED, [], instant('2026-07-01T00:00:00Z'))?.cut).toBeNull();
    const once = billed(METERED, [], T('16'), 'i1');
    expect(duePartsOf(METERED, recorded(once), T('16'))).toBeNull();
    expect(duePartsOf(METERED, recorded(once), T('10'))).toBeNull();
  });

  it('states each cut with ids that are derived from where the parts begin', () => {
    expect(duePartsOf(METERED, [], T('16'))?.cut).toEqual({
      lineId: METERED.lineId,
      at: T('16'),
      billedPartId: partIdOf(METERED.lineId, T('01')),
      remainingPartId: partIdOf(METERED.lineId, T('16')),
    });
  });

  it('bills again what a voided invoice gave back, in the parts that there are', () => {
    const twice = billed(METERED, billed(METERED, [], T('16'), 'i1'), T('23'), 'i2');
    const due = duePartsOf(METERED, recorded(voided(twice, 'i1')), T('30'));
    expect(due?.parts.map(({ partId, period }) => [period.start, period.end, due.due.has(partId)])).toEqual([
      [T('01'), T('16'), true],
      [T('16'), T('23'), false],
      [T('23'), T('30'), true],
      [T('30'), MAY, false],
    ]);
  });

  it('is cut within a part that was given back, also where others follow', () => {
    const back = voided(billed(METERED, [], T('16'), 'i1'), 'i1');
    const earlier = billed(METERED, back, T('10'), 'i2');
    expect(shown(earlier)).toEqual([
      ['01', '10', 'i2'],
      ['10', '16', null],
      ['16', '01', null],
    ]);
    expect(shown(billed(METERED, earlier, T('20'), 'i3'))).toEqual([
      ['01', '10', 'i2'],
      ['10', '16', 'i3'],
      ['16', '20', 'i3'],
      ['20', '01', null],
    ]);
  });

  it('has shorter parts, or fewer, where it turns out to end early', () => {
    const twice = billed(METERED, billed(METERED, [], T('16'), 'i1'), T('23'), 'i2');
    const ends = (day: string) => tiles(lineOf({ model: 'unit', unitAmount: '0.50' }, T(day)), recorded(twice));
    expect(ends('20').map(({ period }) => [period.start, period.end])).toEqual([
      [T('01'), T('16')],
      [T('16'), T('20')],
    ]);
    expect(ends('16').map(({ period }) => [period.start, period.end])).toEqual([[T('01'), T('16')]]);
    expect(ends('05').map(({ period }) => [period.start, period.end])).toEqual([[T('01'), T('05')]]);
  });
});

describe('a line that is billed whole', () => {
  it('is due with its period’s start where it is paid in advance', () => {
    const flat = lineOf({ model: 'flat', amount: '5.00', paymentTerm: 'in_advance' });
    expect(duePartsOf(flat, [], instant('2026-03-31T23:59:59Z'))).toBeNull();
    expect(duePartsOf(flat, [], T('01'))).toMatchObject({
      parts: [{ partId: flat.lineId, period: APRIL }],
      due: new Set([flat.lineId]),
      cut: null,
    });
    expect(duePartsOf(flat, recorded([{ partId: flat.lineId, period: APRIL, invoiceId: 'i1' }]), MAY)).toBeNull();
  });

  it('is due when its period has ended otherwise, and is never cut', () => {
    for (const price of [
      { model: 'flat', amount: '5.00', paymentTerm: 'in_arrears' },
      { model: 'volume', tiers: [{ upTo: null, unitAmount: '1' }] },
    ] satisfies PlanItem['price'][]) {
      const line = lineOf(price);
      expect(duePartsOf(line, [], instant('2026-04-30T23:59:59.999999Z'))).toBeNull();
      expect(duePartsOf(line, [], MAY)).toMatchObject({
        parts: [{ period: APRIL }],
        due: new Set([line.lineId]),
        cut: null,
      });
    }
  });
});

describe('splitParts', () => {
  it('of a line without parts is a defect', () => {
    expect(() => splitParts('l', [], { at: T('16'), billedPartId: 'a', remainingPartId: 'b' })).toThrow(
      'line l has no part to split at 2026-04-16T00:00:00Z',
    );
  });
});

describe('any row of invoices, some of them voided,', () => {
  const second = fc
    .integer({ min: -100_000, max: 2_700_000 })
    .map((each) => fromMicros(micros(T('01')) + BigInt(each) * 1_000_000n));
  const step = fc.oneof(
    { weight: 3, arbitrary: second.map((asOf) => ({ asOf, voids: null })) },
    { weight: 1, arbitrary: fc.nat(9).map((voids) => ({ asOf: null, voids })) },
  );

  it('leaves parts that tile the line, each with an id of its own', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let parts: Stored[] = [];
        for (const [index, { asOf, voids }] of steps.entries()) {
          parts = asOf === null ? voided(parts, `i${voids}`) : billed(METERED, parts, asOf, `i${index}`);
          const tiled = tiles(METERED, recorded(parts));
          expect([tiled[0]?.period.start, tiled.at(-1)?.period.end]).toEqual([APRIL.start, APRIL.end]);
          for (const [place, { period }] of tiled.entries()) {
            expect(isBefore(period.start, period.end)).toBe(true);
            if (place > 0) expect(period.start).toBe(tiled[place - 1]?.period.end);
          }
          expect(tiled.reduce((sum, { period }) => sum + lengthMicros(period), 0n)).toBe(lengthMicros(APRIL));
          expect(new Set(tiled.map(({ partId }) => partId)).size).toBe(tiled.length);
          // what is stored of each part's end is what the starts of the parts say
          if (parts.length > 0) expect(tiled.map(({ period }) => period)).toEqual(parts.map(({ period }) => period));
        }
        // nothing is left over once the period is billed to its end, and nothing is due twice
        const all = billed(METERED, parts, MAY, 'last');
        expect(all.every(({ invoiceId }) => invoiceId !== null)).toBe(true);
        expect(duePartsOf(METERED, recorded(all), MAY)).toBeNull();
      }),
      RUNS,
    );
  });
});
