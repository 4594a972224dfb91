import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, divide, integer, sum, text } from '../money/decimal.js';
import { taxShares } from './tax.js';

const RUNS = checkedOn(200);

const shares = (nets: readonly string[], ratePercent: string, currency = 'USD'): string[] =>
  taxShares(
    nets.map((net) => decimal(net)),
    ratePercent,
    currency,
  ).map(text);

describe('tax on lines', () => {
  it('adds up to the header’s: what rounding leaves goes to the largest remainders, ties in order', () => {
    // 0.05 × 10 % = 0.005 each, 0.01 in all
    expect(shares(['0.05', '0.05'], '10')).toEqual(['0.01', '0']);
    // 10.01 × 19 % = 1.9019, 20.03 × 19 % = 3.8057, 5.05 × 19 % = 0.9595; together 6.6671 → 6.67, floors 1.90 + 3.80 +
    // 0.95 = 6.65
    expect(shares(['10.01', '20.03', '5.05'], '19')).toEqual(['1.9', '3.81', '0.96']);
  });

  it('is negative on what is given back', () => {
    // −3.12 × 19 % = −0.5928, 3.36 × 19 % = 0.6384; together 0.0456 → 0.05
    expect(shares(['-3.12', '3.36'], '19')).toEqual(['-0.59', '0.64']);
    expect(shares(['-0.05', '-0.05'], '10')).toEqual(['0', '-0.01']);
  });

  it('is nothing at 0 %, on nothing, and for no line', () => {
    expect(shares(['71.12'], '0')).toEqual(['0']);
    expect(shares(['0'], '19')).toEqual(['0']);
    expect(shares([], '19')).toEqual([]);
  });

  it('has the decimals of its currency', () => {
    // 105 × 10 % = 10.5, twice: 21 in all
    expect(shares(['105', '105'], '10', 'JPY')).toEqual(['11', '10']);
    expect(shares(['1.005'], '10', 'KWD')).toEqual(['0.101']);
  });

  it('is the rounded tax on the sum, and each share less than a unit from its own', () => {
    const cents = fc.integer({ min: -(10 ** 7), max: 10 ** 7 });
    fc.assert(
      fc.property(fc.array(cents, { minLength: 1, maxLength: 12 }), fc.nat(3000), (units, rate) => {
        const nets = units.map((each) => integer(each).times(decimal('0.01')));
        const percent = integer(rate).times(decimal('0.01'));
        const taxes = taxShares(nets, text(percent), 'USD');
        expect(text(sum(taxes))).toBe(text(divide(sum(nets).times(percent), decimal('100'), 2)));
        const exact = nets.map((net) => net.times(percent).times(decimal('0.01')));
        expect(
          taxes.every((tax, index) =>
            tax
              .minus(exact[index] ?? tax)
              .abs()
              .lt(decimal('0.01')),
          ),
        ).toBe(true);
      }),
      RUNS,
    );
  });
});
