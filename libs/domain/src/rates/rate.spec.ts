import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, sum, text } from '../money/decimal.js';
import { isDomainError } from '../schema.js';
import { fromMicros, type Instant, instant, isBefore } from '../time/instant.js';
import { overlaps, period } from '../time/period.js';
import {
  applyRateEvent,
  correctRate,
  divideAtRateChanges,
  foldRates,
  type RateEvent,
  rateAt,
  type RateSegment,
  rateStream,
  rateTotal,
  setRate,
  withdrawRate,
} from './rate.js';

const RUNS = checkedOn(200);

const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hetzner-fsn1' };
const T = (day: string) => instant(`2026-${day}T00:00:00Z`);
const orNull = (day: string | null): Instant | null => (day === null ? null : T(day));
const price = (unitPrice: string, from: string, until: string | null = null) => ({
  ...KEY,
  unit: null,
  unitPrice,
  currency: 'USD',
  basis: 'duration' as const,
  effectiveFrom: T(from),
  effectiveUntil: orNull(until),
});
const right = (unitPrice: string, from: string, until: string | null = null) => ({
  ...KEY,
  unitPrice,
  effectiveFrom: T(from),
  effectiveUntil: orNull(until),
  reason: 'a typo',
});
const ended = (from: string) => ({ ...KEY, from: T(from), reason: 'no longer offered' });

type Decision = (segments: readonly RateSegment[]) => RateEvent[];
const set =
  (...given: Parameters<typeof price>): Decision =>
  (segments) =>
    setRate(segments, price(...given));
const correct =
  (...given: Parameters<typeof right>): Decision =>
  (segments) =>
    correctRate(segments, right(...given));
const withdraw =
  (from: string): Decision =>
  (segments) =>
    withdrawRate(segments, ended(from));

/** The segments after a row of decisions, each applied before the next. */
const after = (...decisions: readonly Decision[]): RateSegment[] =>
  decisions.reduce<RateSegment[]>(
    (segments, decide) => decide(segments).reduce<RateSegment[]>(applyRateEvent, segments),
    [],
  );
const shown = (segments: readonly RateSegment[]) =>
  segments.map(({ unitPrice, effectiveFrom, effectiveUntil }) => [
    unitPrice,
    effectiveFrom.slice(5, 10),
    effectiveUntil?.slice(5, 10) ?? null,
  ]);

describe('set-rate', () => {
  it('closes the price before it', () => {
    expect(shown(after(set('0.10', '01-01'), set('0.12', '04-01'), set('0.15', '07-01')))).toEqual([
      ['0.10', '01-01', '04-01'],
      ['0.12', '04-01', '07-01'],
      ['0.15', '07-01', null],
    ]);
  });

  it('closes the price before it permanently: after its own end there is none', () => {
    expect(shown(after(set('0.10', '01-01'), set('0.12', '04-01', '05-01')))).toEqual([
      ['0.10', '01-01', '04-01'],
      ['0.12', '04-01', '05-01'],
    ]);
  });

  it('has the decided end in its event', () => {
    // the key begins on 1 April: a price set before that holds until then
    expect(setRate(after(set('0.12', '04-01')), price('0.10', '01-01'))).toEqual([
      { type: 'RateSet', data: expect.objectContaining({ effectiveUntil: '2026-04-01T00:00:00Z' }) },
    ]);
    expect(setRate([], price('0.10', '01-01'))[0]?.data).toMatchObject({ effectiveUntil: null });
  });

  it('is refused for a period that has a price and starts before the latest change', () => {
    const refused = expect.objectContaining({ code: 'rate_overlap', kind: 'conflict' });
    expect(() => after(set('0.10', '01-01'), set('0.12', '04-01'), set('0.11', '02-01'))).toThrow(refused);
    expect(() => after(set('0.10', '01-01', '04-01'), set('0.11', '02-01'))).toThrow(refused);
    // it begins where there is no price, but reaches over one
    expect(() => after(set('0.10', '02-01', '04-01'), set('0.11', '01-01', '03-01'))).toThrow(refused);
  });

  it('is accepted for a period without a price, before, between or after others', () => {
    expect(shown(after(set('0.10', '04-01'), set('0.08', '01-01')))).toEqual([
      ['0.08', '01-01', '04-01'],
      ['0.10', '04-01', null],
    ]);
    expect(shown(after(set('0.10', '01-01', '02-01'), set('0.12', '04-01'), set('0.11', '03-01')))).toEqual([
      ['0.10', '01-01', '02-01'],
      ['0.11', '03-01', '04-01'],
      ['0.12', '04-01', null],
    ]);
    expect(shown(after(set('0.10', '01-01', '02-01'), set('0.11', '03-01')))).toEqual([
      ['0.10', '01-01', '02-01'],
      ['0.11', '03-01', null],
    ]);
  });

  it('accepts a price of 0: it is a price', () => {
    const segments = after(set('0', '01-01'));
    expect(rateAt(segments, T('02-01'))?.unitPrice).toBe('0');
    expect(() => after(set('0', '01-01', '04-01'), set('0.10', '02-01', '03-01'))).toThrow(
      expect.objectContaining({ code: 'rate_overlap' }),
    );
  });

  it('at the price already in force is a separate rate: its date stays the key’s latest change', () => {
    const segments = after(set('0.10', '01-01'), set('0.10', '04-01'));
    expect(shown(segments)).toEqual([
      ['0.10', '01-01', '04-01'],
      ['0.10', '04-01', null],
    ]);
    // It would silently end what was said of April.
    expect(() => setRate(segments, price('0.12', '02-01'))).toThrow(expect.objectContaining({ code: 'rate_overlap' }));
  });

  it('is refused if it would end before it starts', () => {
    expect(() => after(set('0.10', '02-01', '02-01'))).toThrow(
      expect.objectContaining({
        code: 'empty_period',
        errors: [{ field: 'effectiveUntil', message: 'must be after effectiveFrom' }],
      }),
    );
  });
});

describe('correct-rate', () => {
  const history = [set('0.10', '01-01'), set('1.20', '04-01'), set('0.15', '07-01')];

  it('lasts until the key’s next change by default', () => {
    expect(shown(after(...history, correct('0.12', '04-01')))).toEqual([
      ['0.10', '01-01', '04-01'],
      ['0.12', '04-01', '07-01'],
      ['0.15', '07-01', null],
    ]);
    expect(shown(after(...history, correct('0.16', '08-01'))).at(-1)).toEqual(['0.16', '08-01', null]);
  });

  it('covers its own period, across other prices, and does not change the prices around it', () => {
    expect(shown(after(...history, correct('0.11', '02-01', '05-01')))).toEqual([
      ['0.10', '01-01', '02-01'],
      ['0.11', '02-01', '05-01'],
      ['1.20', '05-01', '07-01'],
      ['0.15', '07-01', null],
    ]);
  });

  it('of a correction is another correction', () => {
    expect(shown(after(...history, correct('12.00', '04-01'), correct('0.12', '04-01'))).at(1)).toEqual([
      '0.12',
      '04-01',
      '07-01',
    ]);
  });

  it('keeps unit, currency and basis of the price that it corrects', () => {
    const gigabytes = setRate([], { ...price('0.10', '01-01'), unit: 'GB', currency: 'EUR', basis: 'amount' });
    const [, corrected] = correctRate(foldRates(gigabytes), right('0.11', '02-01')).reduce<RateSegment[]>(
      applyRateEvent,
      foldRates(gigabytes),
    );
    expect(corrected).toMatchObject({ unitPrice: '0.11', unit: 'GB', currency: 'EUR', basis: 'amount' });
  });

  it('to the price already in force changes nothing', () => {
    expect(correctRate(after(...history), right('0.100', '02-01', '03-01'))).toEqual([]);
    expect(correctRate(after(...history), right('0.15', '07-01'))).toEqual([]);
    // the price that it would extend is over by then
    expect(correctRate(after(set('0.10', '01-01', '02-01')), right('0.10', '02-01', '03-01'))).toHaveLength(1);
    // a part of the stretch has another price
    expect(correctRate(after(...history), right('0.10', '03-01', '05-01'))).toHaveLength(1);
  });

  it('leaves no trace when it is reversed: equal neighbours become one price again', () => {
    expect(
      shown(after(set('0.10', '01-01'), correct('0.12', '02-01', '03-01'), correct('0.10', '02-01', '03-01'))),
    ).toEqual([['0.10', '01-01', null]]);
    // The next change after 15 January is then not 1 February, where none is.
    expect(
      shown(
        after(
          set('0.10', '01-01'),
          correct('0.12', '02-01', '03-01'),
          correct('0.10', '02-01', '03-01'),
          correct('0.11', '01-15'),
        ),
      ),
    ).toEqual([
      ['0.10', '01-01', '01-15'],
      ['0.11', '01-15', null],
    ]);
  });

  it('keeps different prices separate: another unit', () => {
    const gigabytes: Decision = (segments) => setRate(segments, { ...price('0.10', '04-01'), unit: 'GB' });
    expect(shown(after(set('0.20', '01-01'), gigabytes, correct('0.10', '01-01', '04-01')))).toEqual([
      ['0.10', '01-01', '04-01'],
      ['0.10', '04-01', null],
    ]);
  });

  it('restores a key whose prices were all withdrawn, with its last terms', () => {
    const gigabytes = setRate([], { ...price('0.20', '01-01'), unit: 'GB' });
    expect(
      correctRate([], right('0.20', '01-01'), [...gigabytes, ...withdrawRate(foldRates(gigabytes), ended('01-01'))]),
    ).toEqual([{ type: 'RateSet', data: { ...price('0.20', '01-01'), unit: 'GB' } }]);
  });

  it('is refused if the key never had a price', () => {
    expect(() => after(correct('0.12', '04-01'))).toThrow(
      expect.objectContaining({ code: 'unknown_rate', kind: 'not_found' }),
    );
    expect(() => after(...history, correct('0.12', '04-01', '03-01'))).toThrow(
      expect.objectContaining({ code: 'empty_period' }),
    );
  });
});

describe('withdraw-rate', () => {
  it('ends the key: it then has no price', () => {
    const segments = after(set('0.10', '01-01'), set('0.12', '04-01'), withdraw('06-01'));
    expect(shown(segments)).toEqual([
      ['0.10', '01-01', '04-01'],
      ['0.12', '04-01', '06-01'],
    ]);
    expect([rateAt(segments, instant('2026-05-31T23:59:59.999999Z'))?.unitPrice, rateAt(segments, T('06-01'))]).toEqual(
      ['0.12', undefined],
    );
  });

  it('withdraws future prices', () => {
    expect(shown(after(set('0.10', '01-01'), set('0.12', '04-01'), withdraw('02-01')))).toEqual([
      ['0.10', '01-01', '02-01'],
    ]);
  });

  it('is not final: a price can be set again', () => {
    expect(shown(after(set('0.10', '01-01'), withdraw('02-01'), set('0.20', '03-01')))).toEqual([
      ['0.10', '01-01', '02-01'],
      ['0.20', '03-01', null],
    ]);
  });

  it('is refused if there is nothing to end', () => {
    expect(() => after(withdraw('02-01'))).toThrow(expect.objectContaining({ code: 'unknown_rate' }));
    expect(() => after(set('0.10', '01-01'), withdraw('02-01'), withdraw('02-01'))).toThrow(
      expect.objectContaining({ code: 'rate_ended' }),
    );
  });
});

describe('the rate in force', () => {
  it('is the new one exactly at its effectiveFrom', () => {
    const segments = after(set('0.10', '01-01'), set('0.12', '04-01'));
    expect(
      [rateAt(segments, instant('2026-03-31T23:59:59.999999Z')), rateAt(segments, T('04-01'))].map(
        (each) => each?.unitPrice,
      ),
    ).toEqual(['0.10', '0.12']);
  });

  it('is missing, not 0, if there is none', () => {
    expect(rateAt(after(set('0.10', '02-01')), T('01-31'))).toBeUndefined();
    expect(rateAt([], T('01-31'))).toBeUndefined();
  });

  it('is found by a key that is compared byte by byte', () => {
    const streams = [
      KEY,
      { ...KEY, resourceType: 'vmvcpu' },
      { ...KEY, location: 'hetzner-fsn1 ' },
      { resourceType: 'VmVCpu/standard', resourceFamily: 'x', location: '' },
    ];
    expect(new Set(streams.map(rateStream)).size).toBe(4);
    expect(rateStream({ resourceType: 'a/b', resourceFamily: 'c', location: 'd' })).not.toBe(
      rateStream({ resourceType: 'a', resourceFamily: 'b/c', location: 'd' }),
    );
  });
});

describe('a total', () => {
  it('is unit price × amount × duration, exactly', () => {
    // 0.000171296 × 4 cores × 1000 minutes
    expect(text(rateTotal('0.000171296', '4', '1000'))).toBe('0.685184');
    expect(text(rateTotal('0', '4', '1000'))).toBe('0');
    expect(() => rateTotal('0.1', 'four', '1')).toThrow(/^amount: /);
  });
});

describe('a reading across price changes', () => {
  const segments = after(set('0.10', '01-01'), set('0.12', '04-01'), withdraw('04-02'));

  it('is divided at them in proportion to time', () => {
    // of 4 days, 2 + 1 + 1: 10 × 2/4, 10 × 1/4, 10 × 1/4
    const pieces = divideAtRateChanges(decimal('10'), period(T('03-30'), T('04-03')), segments);
    expect(
      pieces.map((piece) => [text(piece.quantity), piece.period.start.slice(5, 10), piece.segment?.unitPrice]),
    ).toEqual([
      ['5', '03-30', '0.10'],
      ['2.5', '04-01', '0.12'],
      ['2.5', '04-02', undefined],
    ]);
  });

  it('telescopes to 12 decimals', () => {
    // 1 × 1/3 = 0.333333333333, and the rest to 1 is in the second piece
    const pieces = divideAtRateChanges(
      decimal('1'),
      period(T('03-31'), T('04-03')),
      after(set('0.10', '01-01'), set('0.12', '04-01')),
    );
    expect(pieces.map(({ quantity }) => text(quantity))).toEqual(['0.333333333333', '0.666666666667']);
  });

  it('is one piece if no price changes strictly within it', () => {
    const pieces = divideAtRateChanges(decimal('10'), period(T('04-01'), T('04-02')), segments);
    expect(pieces.map((piece) => [text(piece.quantity), piece.segment?.unitPrice])).toEqual([['10', '0.12']]);
  });

  it('is one piece with the first price if the same price is set again', () => {
    const again = after(set('0.10', '01-01'), set('0.10', '04-01'), set('0.12', '05-01'));
    const pieces = divideAtRateChanges(decimal('10'), period(T('03-31'), T('04-03')), again);
    expect(pieces.map((piece) => [text(piece.quantity), piece.segment?.effectiveFrom])).toEqual([
      ['10', '2026-01-01T00:00:00Z'],
    ]);
    const later = divideAtRateChanges(decimal('10'), period(T('04-10'), T('04-11')), again);
    expect(later.map((piece) => piece.segment?.effectiveFrom)).toEqual(['2026-01-01T00:00:00Z']);
  });

  it('adds up for any changes', () => {
    const instants = fc
      .integer({ min: 0, max: 10 ** 9 })
      .map((each) => fromMicros(1_774_000_000_000_000n + BigInt(each) * 1_000n));
    fc.assert(
      fc.property(
        fc.uniqueArray(instants, { minLength: 2, maxLength: 8 }),
        fc.integer({ min: -(10 ** 9), max: 10 ** 9 }),
        (bounds, units) => {
          const [a, b, ...changes] = bounds;
          if (a === undefined || b === undefined) return;
          const over = isBefore(a, b) ? period(a, b) : period(b, a);
          const quantity = decimal(String(units)).times(decimal('0.000001'));
          const priced = changes
            .sort()
            .flatMap((at, index) => setRate([], { ...price(`0.${index + 1}`, '01-01'), effectiveFrom: at }))
            .reduce<RateSegment[]>(applyRateEvent, []);
          const pieces = divideAtRateChanges(quantity, over, priced);
          expect(text(sum(pieces.map((piece) => piece.quantity)))).toBe(text(quantity));
          expect(pieces.map(({ segment }) => segment)).toEqual(
            pieces.map(({ period: { start } }) => rateAt(priced, start)),
          );
        },
      ),
      RUNS,
    );
  });
});

describe('any sequence of commands', () => {
  const day = fc
    .integer({ min: 0, max: 40 })
    .map((each) => fromMicros(1_774_000_000_000_000n + BigInt(each) * 86_400_000_000n));
  const end = fc.oneof(fc.constant(null), day);
  const unitPrice = fc.constantFrom('0', '0.1', '0.2', '3');
  const command = fc.oneof(
    fc.tuple(day, end, unitPrice).map(
      ([effectiveFrom, effectiveUntil, each]): Decision =>
        (segments) =>
          setRate(segments, { ...price(each, '01-01'), effectiveFrom, effectiveUntil }),
    ),
    fc.tuple(day, end, unitPrice).map(
      ([effectiveFrom, effectiveUntil, each]): Decision =>
        (segments) =>
          correctRate(segments, { ...right(each, '01-01'), effectiveFrom, effectiveUntil }),
    ),
    day.map(
      (from): Decision =>
        (segments) =>
          withdrawRate(segments, { ...ended('01-01'), from }),
    ),
  );

  it('leaves segments in order that never overlap, none of them empty', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 15 }), (commands) => {
        const events: RateEvent[] = [];
        for (const decide of commands) {
          try {
            events.push(...decide(foldRates(events)));
          } catch (error) {
            if (!isDomainError(error)) throw error;
          }
        }
        const segments = foldRates(events);
        for (const [index, { effectiveFrom, effectiveUntil }] of segments.entries()) {
          expect(effectiveUntil === null || isBefore(effectiveFrom, effectiveUntil)).toBe(true);
          const next = segments[index + 1];
          const span = { start: effectiveFrom, end: effectiveUntil };
          if (next !== undefined)
            expect(overlaps(span, { start: next.effectiveFrom, end: next.effectiveUntil })).toBe(false);
          if (next !== undefined) expect(isBefore(effectiveFrom, next.effectiveFrom)).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('changes a price only by a decision', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 10 }),
        command,
        fc.array(day, { minLength: 1, maxLength: 10 }),
        (commands, last, instants) => {
          let segments: RateSegment[] = [];
          const apply = (decide: Decision): RateEvent[] => {
            try {
              const events = decide(segments);
              segments = events.reduce<RateSegment[]>(applyRateEvent, segments);
              return events;
            } catch (error) {
              if (!isDomainError(error)) throw error;
              return [];
            }
          };
          commands.forEach(apply);
          const before = segments;
          const [event] = apply(last);
          for (const at of instants) {
            const was = rateAt(before, at)?.unitPrice;
            const is = rateAt(segments, at)?.unitPrice;
            if (event === undefined) expect(is).toBe(was);
            else if (event.type === 'RateWithdrawn') expect(is).toBe(isBefore(at, event.data.from) ? was : undefined);
            else if (event.type !== 'RateKeyCorrected') {
              const { effectiveFrom, effectiveUntil } = event.data;
              const within = !isBefore(at, effectiveFrom) && (effectiveUntil === null || isBefore(at, effectiveUntil));
              // A price that is set closes the one that it follows: after an end of its own there is none.
              const closed =
                event.type === 'RateSet' &&
                !isBefore(at, effectiveFrom) &&
                rateAt(before, effectiveFrom) === rateAt(before, at);
              expect(is).toBe(within ? event.data.unitPrice : closed ? undefined : was);
            }
          }
        },
      ),
      RUNS,
    );
  });
});
