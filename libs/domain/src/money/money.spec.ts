import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, integer, sum, text } from './decimal.js';
import { allocate, isCurrency, money, moneyText, scaleOf, toMoney } from './money.js';

const RUNS = checkedOn(200);

const d = (value: string) => decimal(value);
const shares = (amount: string, weights: readonly string[], scale = 2): string[] =>
  allocate(d(amount), weights.map(d), scale).map(text);

describe('a currency', () => {
  it('has its own number of decimals', () => {
    expect(['USD', 'EUR', 'JPY', 'KRW', 'KWD', 'TND', 'CLF'].map(scaleOf)).toEqual([2, 2, 0, 0, 3, 3, 4]);
  });

  it('must be in ISO 4217, in capitals', () => {
    expect(['USD', 'XYZ', 'usd', '', 'DEM', 'constructor'].map(isCurrency)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(() => scaleOf('toString')).toThrow(expect.objectContaining({ code: 'unknown_currency' }));
  });
});

describe('money', () => {
  it('is rounded to its currency, half away from zero', () => {
    expect(['0.005', '-0.005', '21.1249'].map((each) => text(toMoney(d(each), 'USD')))).toEqual([
      '0.01',
      '-0.01',
      '21.12',
    ]);
    expect([text(money('454.5', 'JPY')), text(money('0.0005', 'KWD'))]).toEqual(['455', '0.001']);
    expect(() => money('ten', 'USD', 'commitments.minimum')).toThrow(/^commitments\.minimum: /);
  });

  it('prints at the scale of its currency, and never as minus zero', () => {
    expect([moneyText(d('50'), 'USD'), moneyText(d('455'), 'JPY'), moneyText(d('-1.5'), 'KWD')]).toEqual([
      '50.00',
      '455',
      '-1.500',
    ]);
    expect([moneyText(d('0').neg(), 'USD'), moneyText(d('0').neg(), 'JPY')]).toEqual(['0.00', '0']);
  });
});

describe('allocate', () => {
  it('gives the remainder to the largest fractions, ties in order', () => {
    // 0.10 / 3 = 0.0333…: 0.03 each, and one cent left
    expect(shares('0.10', ['1', '1', '1'])).toEqual(['0.04', '0.03', '0.03']);
    // 100 × 1/6, 2/6, 3/6 = 16.666, 33.333, 50: the cent goes to the first
    expect(shares('100.00', ['1', '2', '3'])).toEqual(['16.67', '33.33', '50']);
    // 5 × 0.3, 0.3, 0.4 = 1.5, 1.5, 2
    expect(shares('5', ['3', '3', '4'], 0)).toEqual(['2', '1', '2']);
  });

  it('mirrors a negative amount', () => {
    expect(shares('-0.10', ['1', '1', '1'])).toEqual(['-0.04', '-0.03', '-0.03']);
  });

  it('is even if all weights are 0, and otherwise gives a weight of 0 nothing', () => {
    expect(shares('0.05', ['0', '0'])).toEqual(['0.03', '0.02']);
    expect(shares('0.05', ['0', '1', '0'])).toEqual(['0', '0.05', '0']);
  });

  it('refuses weights that it can’t divide by', () => {
    expect(() => shares('1', [])).toThrow(expect.objectContaining({ code: 'nothing_to_allocate_to' }));
    expect(() => shares('1', ['1', '-1'])).toThrow(expect.objectContaining({ code: 'negative_weight' }));
    expect(() => shares('0.005', ['1'])).toThrow(expect.objectContaining({ code: 'amount_not_at_scale' }));
  });

  it('adds up, keeps the sign, and is never a unit off', () => {
    const weight = fc.oneof(
      fc.nat(9).map(String),
      fc.nat(10 ** 9).map((digits) => `0.${String(digits).padStart(12, '0')}`),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: -(10 ** 9), max: 10 ** 9 }),
        fc.array(weight, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(0, 2, 3),
        (units, weights, scale) => {
          const unit = d(scale === 0 ? '1' : `0.${'0'.repeat(scale - 1)}1`);
          const amount = integer(units).times(unit);
          const given = weights.map(d);
          const parts = allocate(amount, given, scale);
          expect(text(sum(parts))).toBe(text(amount));
          expect(parts.every((part) => part.times(amount).gte(integer(0)))).toBe(true);
          const whole = sum(given);
          // |part × Σ weights − amount × weight| < unit × Σ weights
          const near = parts.every((part, index) =>
            part
              .times(whole)
              .minus(amount.times(given[index] ?? whole))
              .abs()
              .lt(unit.times(whole)),
          );
          expect(near || whole.eq(integer(0))).toBe(true);
        },
      ),
      RUNS,
    );
  });

  it('gives the greater weight at least as much', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 6), fc.array(fc.nat(50), { minLength: 2, maxLength: 8 }), (cents, weights) => {
        const sorted = weights.sort((a, b) => b - a);
        const parts = allocate(
          integer(cents).times(d('0.01')),
          sorted.map((each) => integer(each)),
          2,
        );
        expect(parts.every((part, index) => index === 0 || parts[index - 1]?.gte(part) === true)).toBe(true);
      }),
      RUNS,
    );
  });
});
