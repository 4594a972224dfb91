import { describe, expect, it } from '@jest/globals';
import { DomainError } from '../errors.js';
import { decimal, text } from '../money/decimal.js';
import { billedWhen, components, parsePrice, type Price } from './price.js';

const printed = (price: Price, quantity: string): string[] =>
  components(price, decimal(quantity)).map(
    ({ ref, quantity: of, unitAmountText }) => `${ref}: ${text(of)} × ${unitAmountText}`,
  );

const tiers = [
  { upTo: '10', unitAmount: '1.00', flatAmount: '5' },
  { upTo: '20', unitAmount: '0.50', flatAmount: '3' },
  { upTo: null, unitAmount: '0.25' },
];

describe('the components of a cumulative quantity', () => {
  it('flat: the amount, for any quantity', () => {
    const price: Price = { model: 'flat', amount: '100.00', paymentTerm: 'in_advance' };
    expect(printed(price, '0')).toEqual(['flat: 1 × 100.00']);
    expect(printed(price, '7')).toEqual(['flat: 1 × 100.00']);
  });

  it('unit: Q × unit amount, in the price’s own text', () => {
    expect(printed({ model: 'unit', unitAmount: '0.0100' }, '2112')).toEqual(['usage: 2112 × 0.0100']);
  });

  it('graduated: each part at its tier; upTo is inclusive; tier 1’s flat at 0 already', () => {
    const price: Price = { model: 'graduated', tiers };
    expect(printed(price, '0')).toEqual(['tier-1: 0 × 1.00', 'tier-1-flat: 1 × 5']);
    expect(printed(price, '10')).toEqual(['tier-1: 10 × 1.00', 'tier-1-flat: 1 × 5']);
    expect(printed(price, '10.001')).toEqual([
      'tier-1: 10 × 1.00',
      'tier-1-flat: 1 × 5',
      'tier-2: 0.001 × 0.50',
      'tier-2-flat: 1 × 3',
    ]);
    expect(printed(price, '22.5')).toEqual([
      'tier-1: 10 × 1.00',
      'tier-1-flat: 1 × 5',
      'tier-2: 10 × 0.50',
      'tier-2-flat: 1 × 3',
      'tier-3: 2.5 × 0.25',
    ]);
  });

  it('volume: all of Q at the tier that contains it', () => {
    const price: Price = { model: 'volume', tiers };
    expect(printed(price, '0')).toEqual(['tier-1: 0 × 1.00', 'tier-1-flat: 1 × 5']);
    expect(printed(price, '20')).toEqual(['tier-2: 20 × 0.50', 'tier-2-flat: 1 × 3']);
    expect(printed(price, '20.1')).toEqual(['tier-3: 20.1 × 0.25']);
  });

  it('a tier with a flat amount alone has the unit amount 0', () => {
    const flat = [
      { upTo: '10', flatAmount: '5' },
      { upTo: null, flatAmount: '9' },
    ];
    expect(parsePrice({ model: 'volume', tiers: flat })).toEqual({
      model: 'volume',
      tiers: [
        { upTo: '10', unitAmount: '0', flatAmount: '5' },
        { upTo: null, unitAmount: '0', flatAmount: '9' },
      ],
    });
    expect(printed(parsePrice({ model: 'graduated', tiers: flat }), '12')).toEqual([
      'tier-1: 10 × 0',
      'tier-1-flat: 1 × 5',
      'tier-2: 2 × 0',
      'tier-2-flat: 1 × 9',
    ]);
  });

  it('package: whole packages', () => {
    const price: Price = { model: 'package', packageSize: '10', packageAmount: '15' };
    expect(printed(price, '0')).toEqual(['usage: 0 × 15']);
    expect(printed(price, '10')).toEqual(['usage: 1 × 15']);
    expect(printed(price, '10.000000000000000000000000000001')).toEqual(['usage: 2 × 15']);
    // 0.3 ÷ 0.1 = 3 exactly; 1 ÷ 3 is 0.333… and still one package
    expect(printed({ model: 'package', packageSize: '0.1', packageAmount: '15' }, '0.3')).toEqual(['usage: 3 × 15']);
    expect(printed({ model: 'package', packageSize: '3', packageAmount: '15' }, '1')).toEqual(['usage: 1 × 15']);
    // 10^-40 of a package: its quotient is 0 at 20 decimals, and it is a package all the same
    expect(printed({ model: 'package', packageSize: '1', packageAmount: '15' }, `0.${'0'.repeat(39)}1`)).toEqual([
      'usage: 1 × 15',
    ]);
  });

  it('dynamic: Q × multiplier', () => {
    expect(printed({ model: 'dynamic', multiplier: '1.33333' }, '10')).toEqual(['usage: 10 × 1.33333']);
  });

  it('percentage: Q × percent / 100, and the fixed amount once there is usage', () => {
    const price: Price = { model: 'percentage', percent: '5', fixedAmount: '0.30' };
    expect(printed(price, '0')).toEqual(['usage: 0 × 0.05']);
    expect(printed(price, '200')).toEqual(['usage: 200 × 0.05', 'fixed: 1 × 0.30']);
  });

  it('rate_card: a component per reference and unit amount, in order of appearance', () => {
    const usage = [
      { ref: 'VmCores', quantity: decimal('4'), unitAmount: decimal('0.000171296') },
      { ref: 'VmStorage', quantity: decimal('1'), unitAmount: decimal('0.50') },
      { ref: 'VmCores', quantity: decimal('6'), unitAmount: decimal('0.000171296') },
      { ref: 'VmCores', quantity: decimal('2'), unitAmount: decimal('0.0002') },
    ];
    const rows = components({ model: 'rate_card' }, usage);
    expect(rows.map(({ ref, quantity, unitAmountText }) => `${ref}: ${text(quantity)} × ${unitAmountText}`)).toEqual([
      'VmCores: 10 × 0.000171296',
      'VmStorage: 1 × 0.5',
      'VmCores: 2 × 0.0002',
    ]);
  });

  it('refuses usage of the wrong kind', () => {
    expect(() => components({ model: 'rate_card' }, decimal('1'))).toThrow(
      'a rate_card price needs usage divided by rate',
    );
    expect(() => components({ model: 'unit', unitAmount: '1' }, [])).toThrow('a unit price needs one quantity');
  });
});

it('states when each model may be billed', () => {
  const when = (price: unknown): string => billedWhen(parsePrice(price));
  expect(when({ model: 'flat', amount: '1', paymentTerm: 'in_advance' })).toBe('in_advance');
  expect(when({ model: 'flat', amount: '1', paymentTerm: 'in_arrears' })).toBe('at_period_end');
  expect(when({ model: 'volume', tiers })).toBe('at_period_end');
  expect(when({ model: 'graduated', tiers })).toBe('progressively');
  expect(when({ model: 'rate_card' })).toBe('progressively');
});

describe('an invalid price', () => {
  const refusal = (price: unknown): { code: string; fields: string[]; message: string } => {
    try {
      parsePrice(price);
    } catch (error) {
      if (error instanceof DomainError)
        return { code: error.code, fields: error.errors.map(({ field }) => field), message: error.message };
      throw error;
    }
    throw new Error('was accepted');
  };
  const tier = (upTo: string | null): object => ({ upTo, unitAmount: '1' });

  it.each<[string, unknown, string, string[]]>([
    ['a model that there is not', { model: 'tiered' }, 'invalid_price', ['model']],
    ['no object', 'unit', 'invalid_price', ['']],
    ['a JSON number', { model: 'unit', unitAmount: 1 }, 'invalid_price', ['unitAmount']],
    ['an exponent', { model: 'unit', unitAmount: '1e3' }, 'not_a_decimal', ['unitAmount']],
    ['a negative unit amount', { model: 'unit', unitAmount: '-1' }, 'negative_figure', ['unitAmount']],
    ['a missing figure', { model: 'dynamic' }, 'invalid_price', ['multiplier']],
    ['an unknown field', { model: 'unit', unitAmount: '1', amount: '2' }, 'unknown_field', ['amount']],
    [
      'a package of nothing',
      { model: 'package', packageSize: '0', packageAmount: '1' },
      'package_size_not_positive',
      ['packageSize'],
    ],
    [
      'a tier without an amount',
      { model: 'graduated', tiers: [{ upTo: '5', flatAmount: '1' }, { upTo: null }] },
      'tier_without_amount',
      ['tiers[1].unitAmount'],
    ],
    ['no tier', { model: 'volume', tiers: [] }, 'no_tiers', ['tiers']],
    [
      'a bounded last tier',
      { model: 'volume', tiers: [tier('1'), tier('2')] },
      'last_tier_not_open',
      ['tiers[1].upTo'],
    ],
    ['two open tiers', { model: 'volume', tiers: [tier(null), tier(null)] }, 'open_tier_not_last', ['tiers[0].upTo']],
    [
      'tiers that go down',
      { model: 'graduated', tiers: [tier('2'), tier('1'), tier(null)] },
      'tiers_out_of_order',
      ['tiers[1].upTo'],
    ],
    [
      'two equal tiers',
      { model: 'graduated', tiers: [tier('2'), tier('2.0'), tier(null)] },
      'tiers_out_of_order',
      ['tiers[1].upTo'],
    ],
    [
      'a bound that is no decimal',
      { model: 'graduated', tiers: [tier('x'), tier(null)] },
      'not_a_decimal',
      ['tiers[0].upTo'],
    ],
  ])('%s', (_name, price, code, fields) => {
    expect(refusal(price)).toMatchObject({ code, fields });
  });

  it('names the faulty field and the reason', () => {
    expect(refusal({ model: 'unit', unitAmount: '1,5' }).message).toBe(
      'price: unitAmount is not a plain decimal such as "12.50"',
    );
  });
});
