import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { fromMicros, instant, isBefore } from './instant.js';
import {
  comparePeriods,
  contains,
  cutAt,
  dayOf,
  hourOf,
  intersection,
  lengthMicros,
  monthOf,
  overlaps,
  parsePeriod,
  period,
  periodText,
  piecesOf,
  samePeriod,
} from './period.js';

const RUNS = checkedOn(200);

const at = (text: string) => instant(text);
const T = (day: string) => instant(`2026-04-${day}T00:00:00Z`);
const p = (start: string, end: string) => period(T(start), T(end));

/** Instants of some ten years around 2026, to the microsecond. */
const anInstant = fc.bigInt({ min: 1_600_000_000_000_000n, max: 1_900_000_000_000_000n }).map(fromMicros);
const aPeriod = fc
  .tuple(anInstant, anInstant)
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => (isBefore(a, b) ? period(a, b) : period(b, a)));

describe('a period', () => {
  it('is never empty', () => {
    expect(() => p('02', '02')).toThrow(expect.objectContaining({ code: 'empty_period' }));
    expect(() => parsePeriod({ start: '2026-04-02T00:00:00+02:00', end: '2026-04-01T22:00:00Z' })).toThrow(
      expect.objectContaining({ code: 'empty_period' }),
    );
    expect(() => parsePeriod({ start: 'now', end: '2026-04-01T22:00:00Z' }, 'usage.period')).toThrow(
      /^usage\.period\.start: /,
    );
  });

  it('contains its start and not its end', () => {
    const april = p('01', '30');
    expect(
      [T('01'), T('29'), at('2026-04-29T23:59:59.999999Z'), T('30'), at('2026-03-31T23:59:59.999999Z')].map((each) =>
        contains(april, each),
      ),
    ).toEqual([true, true, true, false, false]);
    expect(contains({ start: T('01'), end: null }, at('9999-12-31T00:00:00Z'))).toBe(true);
  });

  it('overlaps a period with a common instant, but not one that only touches it', () => {
    expect([
      overlaps(p('01', '10'), p('10', '20')),
      overlaps(p('01', '11'), p('10', '20')),
      overlaps(p('01', '30'), p('10', '20')),
    ]).toEqual([false, true, true]);
    expect([
      overlaps(p('01', '10'), { start: T('10'), end: null }),
      overlaps({ start: T('05'), end: null }, p('01', '10')),
    ]).toEqual([false, true]);
    expect(overlaps({ start: T('05'), end: null }, { start: T('20'), end: null })).toBe(true);
  });

  it('has a part within another, or none', () => {
    expect(intersection(p('01', '20'), p('10', '30'))).toEqual({ start: T('10'), end: T('20') });
    expect(intersection(p('01', '20'), { start: T('10'), end: null })).toEqual({ start: T('10'), end: T('20') });
    expect(intersection(p('01', '10'), p('10', '30'))).toBeNull();
  });

  it('is compared and printed', () => {
    expect([samePeriod(p('01', '10'), p('01', '10')), samePeriod(p('01', '10'), p('01', '11'))]).toEqual([true, false]);
    expect([p('02', '03'), p('01', '10'), p('01', '05')].sort(comparePeriods)).toEqual([
      p('01', '05'),
      p('01', '10'),
      p('02', '03'),
    ]);
    expect(periodText({ start: T('01'), end: null })).toBe('[2026-04-01T00:00:00Z, open)');
  });
});

describe('cutAt', () => {
  it('makes no empty piece from cuts at the edges, outside, or given twice', () => {
    expect(
      cutAt(p('01', '30'), [
        T('16'),
        T('01'),
        T('30'),
        at('2026-05-02T00:00:00Z'),
        at('2026-03-01T00:00:00Z'),
        T('16'),
        T('10'),
      ]),
    ).toEqual([
      { start: T('01'), end: T('10') },
      { start: T('10'), end: T('16') },
      { start: T('16'), end: T('30') },
    ]);
    expect(cutAt(p('01', '30'), [])).toEqual([p('01', '30')]);
  });

  it('tiles the whole for any cuts', () => {
    fc.assert(
      fc.property(aPeriod, fc.array(anInstant, { maxLength: 8 }), (whole, cuts) => {
        const pieces = cutAt(whole, [...cuts, whole.start, whole.end]);
        expect([pieces[0]?.start, pieces.at(-1)?.end]).toEqual([whole.start, whole.end]);
        for (const [index, piece] of pieces.entries()) {
          expect(isBefore(piece.start, piece.end)).toBe(true);
          if (index > 0) expect(piece.start).toBe(pieces[index - 1]?.end);
        }
        // each cut inside is a bound, so it begins a piece
        const bounds = new Set(pieces.map(({ start }) => start));
        expect(cuts.every((cut) => bounds.has(cut) || !contains(whole, cut))).toBe(true);
        // every instant of the whole is in exactly one piece
        for (const cut of cuts)
          expect(pieces.filter((piece) => contains(piece, cut))).toHaveLength(contains(whole, cut) ? 1 : 0);
        expect(pieces.reduce((sum, piece) => sum + lengthMicros(piece), 0n)).toBe(lengthMicros(whole));
      }),
      RUNS,
    );
  });
});

describe('days, hours and months', () => {
  it('are those in UTC that contain the instant', () => {
    expect(dayOf(at('2026-04-15T23:59:59.999999Z'))).toEqual({ start: T('15'), end: T('16') });
    expect(dayOf(T('15')).start).toBe(T('15'));
    expect(hourOf(at('1969-12-31T23:30:00Z'))).toEqual({ start: '1969-12-31T23:00:00Z', end: '1970-01-01T00:00:00Z' });
    expect(monthOf(at('2026-12-31T23:59:59Z'))).toEqual({ start: '2026-12-01T00:00:00Z', end: '2027-01-01T00:00:00Z' });
    expect(monthOf(at('2028-02-29T00:00:00Z'))).toEqual({ start: '2028-02-01T00:00:00Z', end: '2028-03-01T00:00:00Z' });
  });

  it('divide a period, with the first and the last cut at its edges', () => {
    expect(piecesOf(period(at('2026-04-29T12:00:00Z'), at('2026-05-01T06:00:00Z')), dayOf)).toEqual([
      { start: '2026-04-29T12:00:00Z', end: '2026-04-30T00:00:00Z' },
      { start: '2026-04-30T00:00:00Z', end: '2026-05-01T00:00:00Z' },
      { start: '2026-05-01T00:00:00Z', end: '2026-05-01T06:00:00Z' },
    ]);
    expect(piecesOf(monthOf(T('15')), dayOf)).toHaveLength(30);
    expect(piecesOf(dayOf(T('15')), hourOf)).toHaveLength(24);
  });

  it('tile the period', () => {
    fc.assert(
      fc.property(aPeriod, (whole) => {
        const months = piecesOf(whole, monthOf);
        expect(
          cutAt(
            whole,
            months.map(({ start }) => start),
          ),
        ).toEqual(months);
      }),
      RUNS,
    );
  });
});
