import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import {
  compareInstants,
  earlier,
  FROM_EVER,
  fromMicros,
  instant,
  isBefore,
  isInstant,
  later,
  micros,
} from './instant.js';

const RUNS = checkedOn(200);

describe('an instant', () => {
  it.each([
    ['2026-04-01T00:00:00Z', '2026-04-01T00:00:00Z'],
    ['2026-04-01t00:00:00z', '2026-04-01T00:00:00Z'],
    ['2026-04-01 00:00:00Z', '2026-04-01T00:00:00Z'],
    // an offset is taken off: two hours ahead of UTC
    ['2026-04-01T00:00:00+02:00', '2026-03-31T22:00:00Z'],
    ['2026-02-28T23:30:00-00:45', '2026-03-01T00:15:00Z'],
    ['2026-04-01T05:30:00+05:30', '2026-04-01T00:00:00Z'],
    ['2026-04-01T00:00:00-00:00', '2026-04-01T00:00:00Z'],
    // microseconds, without trailing zeros
    ['2026-04-01T00:00:00.500Z', '2026-04-01T00:00:00.5Z'],
    ['2026-04-01T00:00:00.000001+00:00', '2026-04-01T00:00:00.000001Z'],
    ['2026-04-01T00:00:00.123456000Z', '2026-04-01T00:00:00.123456Z'],
    ['2026-04-01T00:00:00.000000Z', '2026-04-01T00:00:00Z'],
    ['2028-02-29T12:00:00Z', '2028-02-29T12:00:00Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
    ['0099-06-01T00:00:00Z', '0099-06-01T00:00:00Z'],
  ])('%s is %s', (written, canonical) => {
    expect(instant(written)).toBe(canonical);
    expect(isInstant(instant(written))).toBe(true);
  });

  it.each([
    ['no zone', '2026-04-01T00:00:00'],
    ['a date alone', '2026-04-01'],
    ['no seconds', '2026-04-01T00:00Z'],
    ['nanoseconds', '2026-04-01T00:00:00.0000001Z'],
    ['a point without digits', '2026-04-01T00:00:00.Z'],
    ['31 February', '2026-02-31T00:00:00Z'],
    ['29 February of another year', '2026-02-29T00:00:00Z'],
    ['month 13', '2026-13-01T00:00:00Z'],
    ['day 0', '2026-04-00T00:00:00Z'],
    ['hour 24', '2026-04-01T24:00:00Z'],
    ['minute 60', '2026-04-01T00:60:00Z'],
    ['a leap second', '2016-12-31T23:59:60Z'],
    ['an offset of a day', '2026-04-01T00:00:00+24:00'],
    ['an offset of 60 minutes', '2026-04-01T00:00:00+01:60'],
    ['year 0', '0000-12-31T00:00:00Z'],
    ['year 0 by its offset', '0001-01-01T00:00:00+01:00'],
    ['year 10000 by its offset', '9999-12-31T23:59:59-01:00'],
    ['a year of five digits', '12026-04-01T00:00:00Z'],
    ['words', 'yesterday'],
  ])('is refused with %s', (_what, written) => {
    expect(() => instant(written)).toThrow(expect.objectContaining({ code: 'not_an_instant', kind: 'invalid' }));
  });

  it('names its subject in the error', () => {
    expect(() => instant('2026-02-31T00:00:00Z', 'period.start')).toThrow(
      'period.start: "2026-02-31T00:00:00Z" does not exist in the calendar',
    );
  });

  it('is canonical only in its one form', () => {
    expect(
      ['2026-04-01T00:00:00Z', '2026-04-01T00:00:00.5Z', '2026-04-01T00:00:00.50Z', '2026-04-01T00:00:00+00:00'].map(
        isInstant,
      ),
    ).toEqual([true, true, false, false]);
  });
});

describe('the order of instants', () => {
  const inOrder = [
    '0001-01-01T00:00:00Z',
    '2026-04-01T00:00:00Z',
    '2026-04-01T00:00:00.000001Z',
    '2026-04-01T00:00:00.1Z',
    '2026-04-01T00:00:01Z',
  ];

  it('is that of time: a whole second comes before its fractions', () => {
    const texts = inOrder.map((each) => instant(each));
    expect(texts.toReversed().sort(compareInstants)).toEqual(inOrder);
  });

  it('has an earlier and a later of two, and FROM_EVER before all others', () => {
    const [a, b] = [instant('2026-04-01T00:00:00Z'), instant('2026-04-01T00:00:00.5Z')];
    expect([earlier(a, b), earlier(b, a), later(a, b), later(b, a)]).toEqual([a, a, b, b]);
    expect([isBefore(a, a), isBefore(a, b), isBefore(FROM_EVER, a), compareInstants(a, a)]).toEqual([
      false,
      true,
      true,
      0,
    ]);
  });

  it('is that of the microseconds since 1970, which are the instant again', () => {
    expect(micros(instant('1970-01-01T00:00:00.000001Z'))).toBe(1n);
    expect(fromMicros(-1n)).toBe('1969-12-31T23:59:59.999999Z');
    // 9999-12-31T23:59:59.999999Z is 253402300800 seconds less a microsecond
    const within = fc.bigInt({ min: micros(FROM_EVER), max: 253_402_300_799_999_999n });
    fc.assert(
      fc.property(within, within, (a, b) => {
        expect(micros(fromMicros(a))).toBe(a);
        expect(instant(fromMicros(a))).toBe(fromMicros(a));
        expect(Math.sign(compareInstants(fromMicros(a), fromMicros(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
      RUNS,
    );
  });
});
