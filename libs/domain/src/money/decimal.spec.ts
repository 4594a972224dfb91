import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import {
  canonicalText,
  ceiling,
  decimal,
  divide,
  floor,
  integer,
  isDecimalText,
  max,
  min,
  round,
  sum,
  text,
  ZERO,
} from './decimal.js';

const RUNS = checkedOn(200);

const d = (value: string) => decimal(value);

describe('a decimal', () => {
  it('has a canonical text, which is that of its value', () => {
    for (const [written, canonical] of [
      ['0.010', '0.01'],
      ['-007.50', '-7.5'],
      ['-0.00', '0'],
      ['000', '0'],
      ['100', '100'],
      ['10.0', '10'],
    ] as const)
      expect(canonicalText(written)).toBe(canonical);
    fc.assert(
      fc.property(fc.stringMatching(/^-?[0-3]{1,6}(\.[0-3]{1,6})?$/), (written) => {
        expect(canonicalText(written)).toBe(text(d(written)));
      }),
      RUNS,
    );
  });

  it.each(['0', '-0', '12.50', '-12.5', '007', '0.000171296', '9'.repeat(60), `0.${'0'.repeat(59)}1`])(
    'is written plainly: %s',
    (written) => {
      expect(isDecimalText(written)).toBe(true);
      expect(text(d(written))).not.toContain('e');
    },
  );

  it.each([
    '',
    ' 1',
    '1 ',
    '+1',
    '1e3',
    '1,000',
    '.5',
    '1.',
    '0x10',
    'NaN',
    'Infinity',
    '١',
    '--1',
    '1.2.3',
    '9'.repeat(61),
  ])('is not %j', (written) => {
    expect(isDecimalText(written)).toBe(false);
    expect(() => d(written)).toThrow(expect.objectContaining({ code: 'not_a_decimal', kind: 'invalid' }));
  });

  it('names its subject in the error', () => {
    expect(() => decimal('ten', 'items[2].quantity')).toThrow(
      'items[2].quantity: "ten" is not a plain decimal such as "12.50"',
    );
  });

  it('prints without trailing zeros, and never as minus zero', () => {
    expect(['0.010', '3600.000', '-1.50', '-0', '-0.000', '00.1'].map((each) => text(d(each)))).toEqual([
      '0.01',
      '3600',
      '-1.5',
      '0',
      '0',
      '0.1',
    ]);
    // 10^-59 stays plain: no exponent
    expect(text(d(`0.${'0'.repeat(58)}10`))).toBe(`0.${'0'.repeat(58)}1`);
  });

  it('adds and multiplies exactly', () => {
    // a float gives 0.30000000000000004
    expect(text(d('0.1').plus(d('0.2')))).toBe('0.3');
    // 0.000171296 × 4 × 1000
    expect(text(d('0.000171296').times(integer(4)).times(integer(1000n)))).toBe('0.685184');
    expect(text(sum([d('0.1'), d('0.2'), d('-0.3')]))).toBe('0');
    expect(text(sum([]))).toBe('0');
  });

  it('is never made from a JavaScript number by accident', () => {
    // arithmetic with a float is a defect: it throws
    const float = JSON.parse('0.1') as ReturnType<typeof d>;
    expect(() => d('1').plus(float)).toThrow();
  });
});

describe('rounding', () => {
  it('is half away from zero', () => {
    expect(['0.005', '0.0049', '-0.005', '-0.0049', '1.115', '2.5'].map((each) => text(round(d(each), 2)))).toEqual([
      '0.01',
      '0',
      '-0.01',
      '0',
      '1.12',
      '2.5',
    ]);
    expect(['0.5', '1.5', '-0.5', '-1.5'].map((each) => text(round(d(each), 0)))).toEqual(['1', '2', '-1', '-2']);
  });

  it('floor goes down and ceiling up, also below zero', () => {
    expect(['1.29', '-1.21', '1.2', '-1.2'].map((each) => text(floor(d(each), 1)))).toEqual([
      '1.2',
      '-1.3',
      '1.2',
      '-1.2',
    ]);
    expect(['1.21', '-1.29', '1.2', '-1.2'].map((each) => text(ceiling(d(each), 1)))).toEqual([
      '1.3',
      '-1.2',
      '1.2',
      '-1.2',
    ]);
  });

  it('of a quotient happens once, at the scale asked for', () => {
    // 1 / 31 = 0.0322580645161290…
    expect(text(divide(integer(1), integer(31), 12))).toBe('0.032258064516');
    // 2 / 3 at 20 decimals; at 2 decimals 0.67, and not 0.667 rounded again
    expect(text(divide(integer(2), integer(3), 20))).toBe('0.66666666666666666667');
    // 0.4449999 / 1 at 2 decimals is 0.44: rounding first to 3 decimals would give 0.445, then 0.45
    expect(text(divide(d('0.4449999'), integer(1), 2))).toBe('0.44');
    // −1 / 8 = −0.125
    expect(text(divide(integer(-1), integer(8), 2))).toBe('-0.13');
    expect(text(divide(integer(40), integer(1), 0))).toBe('40');
  });

  it('of a result of zero prints as zero', () => {
    // −0.00001 / 1 rounds to 0
    expect(divide(d('-0.00001'), integer(1), 1).toFixed(1)).toBe('0.0');
    expect(text(round(d('-0.001'), 2))).toBe('0');
  });

  it('is never off by more than half a unit', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
        fc.integer({ min: 1, max: 10 ** 9 }),
        fc.nat(12),
        (numerator, denominator, scale) => {
          const quotient = divide(integer(numerator), integer(denominator), scale);
          // |quotient × denominator − numerator| ≤ denominator × half a unit
          const off = quotient.times(integer(denominator)).minus(integer(numerator)).abs();
          const half = integer(denominator).times(d(scale === 0 ? '0.5' : `0.${'0'.repeat(scale)}5`));
          expect(off.lte(half)).toBe(true);
          expect(floor(quotient, scale).eq(quotient) && ceiling(quotient, scale).eq(quotient)).toBe(true);
        },
      ),
      RUNS,
    );
  });
});

describe('max and min', () => {
  it('return the greater and the lesser', () => {
    expect([text(max(d('-2'), d('-1'))), text(min(d('-2'), d('-1'))), text(max(ZERO, ZERO))]).toEqual([
      '-1',
      '-2',
      '0',
    ]);
  });
});
