import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dateFormat } from './date-format.js';

const read = (format: string, text: string): string | null => {
  const found = dateFormat(format);
  if (typeof found === 'string') throw new Error(`the format must ${found}`);
  return found.read(text);
};

describe('a date in the format of a mapping', () => {
  it.each([
    ['DD/MM/YYYY', '21/09/2023', '2023-09-21T00:00:00'],
    ['M/D/YYYY h:mm A', '9/1/2023 12:05 AM', '2023-09-01T00:05:00'],
    ['MM/DD/YYYY hh:mm A', '09/21/2023 01:30 pm', '2023-09-21T13:30:00'],
    ['DD-MMM-YYYY HH:mm:ss', '01-Apr-2026 07:08:09', '2026-04-01T07:08:09'],
    ['YYYYMMDD[T]HHmmss', '20260401T070809', '2026-04-01T07:08:09'],
    ['YYYY.MM.DD HH:mm:ss.SSS', '2026.04.01 07:08:09.123456', '2026-04-01T07:08:09.123456'],
    ['YYYYMMDDTHHmmZ', '20260401T0708Z', '2026-04-01T07:08:00Z'],
    // 1,775,026,800 s are 20,544 days and 7 hours: 1 April 2026, 07:00 UTC.
    ['unix', '1775026800', '2026-04-01T07:00:00Z'],
    ['unix', '1775026800.25', '2026-04-01T07:00:00.25Z'],
    ['unix-ms', '1775026800250', '2026-04-01T07:00:00.25Z'],
    ['unix', '-1', '1969-12-31T23:59:59Z'],
  ])('%s reads %s', (format, text, expected) => {
    expect(read(format, text)).toBe(expected);
  });

  it.each([
    ['DD/MM/YYYY', '2023-09-21'],
    ['DD/MM/YYYY', '1/09/2023'],
    ['MM/DD/YYYY hh:mm A', '09/21/2023 13:30 pm'],
    ['DD-MMM-YYYY', '01-Avr-2026'],
    ['YYYY.MM.DD', '2026x04x01'],
    ['unix', '2026-04-01'],
    ['unix', '99999999999999'],
    ['unix-ms', '1.2345'],
  ])('%s does not read %s', (format, text) => {
    expect(read(format, text)).toBeNull();
  });

  it.each([
    ['DD/MM', 'have YYYY, MM and DD: the year is missing'],
    ['YYYY-MM-DD hh:mm', 'have hh and A together: 01:00 PM'],
    ['YYYY-MM-DD HH hh A', 'have HH, or hh and A, not both'],
    ['YYYY-MM-DD YYYY', 'name the year once, not twice'],
    ['HH:mmZ DD/MM/YYYY', 'have Z only at its end'],
    [
      'YY/MM/DD',
      'have only the tokens YYYY, MMM, MM, M, DD, D, HH, H, hh, h, A, mm, ss, SSS, T, Z, and other letters in' +
        ' [brackets]: YY is none',
    ],
  ])('the format %s is refused', (format, reason) => {
    expect(dateFormat(format)).toBe(reason);
  });

  it('reads any day as it was written', () => {
    const day = fc.date({
      min: new Date('1970-01-01T00:00:00Z'),
      max: new Date('2099-12-31T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(day, (date) => {
        const iso = date.toISOString();
        const [year, month, dayOfMonth] = iso.slice(0, 10).split('-');
        const text = `${dayOfMonth}.${month}.${year} ${iso.slice(11, 19)}`;
        expect(read('DD.MM.YYYY HH:mm:ss', text)).toBe(iso.slice(0, 19));
        expect(read('unix-ms', String(date.getTime()))?.slice(0, 19)).toBe(iso.slice(0, 19));
      }),
    );
  });
});
