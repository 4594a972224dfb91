import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { billingPeriodAt, clockAt, plusDays } from './calendar.js';
import { fromMicros, instant } from './instant.js';

const at = (text: string) => instant(text);

describe('billingPeriodAt', () => {
  it('is the calendar month in UTC by default', () => {
    expect(billingPeriodAt(at('2026-04-15T12:00:00Z'), 'month', 'UTC', null)).toEqual({
      start: '2026-04-01T00:00:00Z',
      end: '2026-05-01T00:00:00Z',
    });
    expect(billingPeriodAt(at('2026-05-01T00:00:00Z'), 'month', 'UTC', null).start).toBe('2026-05-01T00:00:00Z');
    expect(billingPeriodAt(at('2028-02-29T23:59:59.999999Z'), 'month', 'UTC', null).end).toBe('2028-03-01T00:00:00Z');
  });

  it('starts at local midnight, also in summer time', () => {
    // Berlin is UTC+1 until 29 March 2026, 01:00 UTC, then UTC+2: March there is an hour short.
    expect(billingPeriodAt(at('2026-03-10T00:00:00Z'), 'month', 'Europe/Berlin', null)).toEqual({
      start: '2026-02-28T23:00:00Z',
      end: '2026-03-31T22:00:00Z',
    });
    // Half past midnight on 1 April in Berlin is still 31 March in UTC.
    expect(billingPeriodAt(at('2026-03-31T22:30:00Z'), 'month', 'Europe/Berlin', null).start).toBe(
      '2026-03-31T22:00:00Z',
    );
  });

  it('starts at the first instant after a midnight that does not exist', () => {
    // Beirut put its clocks forward from 00:00 to 01:00 on 29 March 2026, so the 29th began at 22:00 UTC of the 28th.
    expect(billingPeriodAt(at('2026-04-01T00:00:00Z'), 'month', 'Asia/Beirut', at('2026-01-28T22:00:00Z')).start).toBe(
      '2026-03-28T22:00:00Z',
    );
  });

  it('puts an anchor on the 31st on the last day of a shorter month, and back', () => {
    const anchor = at('2026-01-31T00:00:00Z');
    expect(billingPeriodAt(at('2026-02-15T00:00:00Z'), 'month', 'UTC', anchor)).toEqual({
      start: '2026-01-31T00:00:00Z',
      end: '2026-02-28T00:00:00Z',
    });
    expect(billingPeriodAt(at('2026-03-01T00:00:00Z'), 'month', 'UTC', anchor)).toEqual({
      start: '2026-02-28T00:00:00Z',
      end: '2026-03-31T00:00:00Z',
    });
  });

  it('runs years from an anchor on 29 February', () => {
    const anchor = at('2024-02-29T00:00:00Z');
    expect(billingPeriodAt(at('2026-01-01T00:00:00Z'), 'year', 'UTC', anchor)).toEqual({
      start: '2025-02-28T00:00:00Z',
      end: '2026-02-28T00:00:00Z',
    });
    expect(billingPeriodAt(at('2028-03-01T00:00:00Z'), 'year', 'UTC', anchor).start).toBe('2028-02-29T00:00:00Z');
  });

  it('counts in UTC like Intl, without using it', () => {
    // 1900 to 2100, in microseconds. Etc/UTC is another name of UTC, for which Intl is used.
    const instants = fc.bigInt({ min: -2_208_988_800_000_000n, max: 4_102_444_800_000_000n }).map(fromMicros);
    fc.assert(
      fc.property(instants, fc.option(instants), fc.constantFrom('month', 'year'), (time, anchor, interval) => {
        expect(billingPeriodAt(time, interval, 'UTC', anchor)).toEqual(
          billingPeriodAt(time, interval, 'Etc/UTC', anchor),
        );
      }),
      checkedOn(100),
    );
  });
});

describe('clockAt', () => {
  it('shows the local time of the zone, no finer than needed', () => {
    expect(clockAt(at('2026-04-01T00:00:00Z'), 'UTC')).toEqual({ date: '2026-04-01', time: '00:00' });
    expect(clockAt(at('2026-04-01T07:05:09.5Z'), 'UTC')).toEqual({ date: '2026-04-01', time: '07:05:09.5' });
    expect(clockAt(at('2026-04-01T07:05:00.000001Z'), 'UTC')).toEqual({ date: '2026-04-01', time: '07:05:00.000001' });
    // Kolkata is UTC+5:30.
    expect(clockAt(at('2026-03-31T18:30:00Z'), 'Asia/Kolkata')).toEqual({ date: '2026-04-01', time: '00:00' });
  });
});

describe('plusDays', () => {
  it('keeps the time of day in the zone, also over the end of a month and a change of clocks', () => {
    expect(plusDays(at('2026-04-20T08:00:00Z'), 14, 'UTC')).toBe('2026-05-04T08:00:00Z');
    // 09:00 in Berlin is 08:00 UTC before 29 March, and 07:00 UTC after it.
    expect(plusDays(at('2026-03-20T08:00:00Z'), 14, 'Europe/Berlin')).toBe('2026-04-03T07:00:00Z');
  });
});
