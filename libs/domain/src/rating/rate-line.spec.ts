import { describe, expect, it } from '@jest/globals';
import { decimal, text } from '../money/decimal.js';
import type { CardUsage } from '../prices/model.js';
import { quoteItem } from './quote.js';
import { type LineUsage, ratedParts, type Segment } from './rate-line.js';
import { printRow, type RatedRow, rowsWithMoney } from './row.js';
import { type ItemTerms, parseTerms } from './terms.js';

const shown = (rows: readonly RatedRow[], currency = 'USD'): string[] =>
  rowsWithMoney(rows).map((row) => {
    const { ref, quantity, unitAmount, gross, discount, net } = printRow(row, currency);
    const priced = `${ref}: ${quantity} × ${unitAmount}`;
    return discount === '0.00' ? `${priced} = ${net}` : `${priced} = ${gross} − ${discount} = ${net}`;
  });

const parts = (line: Omit<LineUsage, 'currency'>): Record<number, string[]> =>
  Object.fromEntries(ratedParts({ currency: 'USD', ...line }).map(({ part, rows }) => [part, shown(rows)]));

/** `upTo` as '1:4 2:14': part 1 ends at a cumulative 4, part 2 at 14. */
const segment = (terms: ItemTerms, usedBefore: string | null, upTo: string): Segment => ({
  terms,
  usedBefore: usedBefore === null ? null : decimal(usedBefore),
  pieces: upTo.split(' ').map((piece) => {
    const [part = '', cumulative = ''] = piece.split(':');
    return { part: Number(part), cumulative: decimal(cumulative) };
  }),
});

const unit = (unitAmount: string, more: Omit<ItemTerms, 'price'> = {}): ItemTerms => ({
  price: { model: 'unit', unitAmount },
  ...more,
});

describe('the Studio plan', () => {
  const dropletHours = unit('0.01', { included: '1488' });
  it('3600 droplet hours, 1488 included', () => {
    const { quantity, included, billable, rows, net } = quoteItem(dropletHours, decimal('3600'), 'USD');
    // 3600 − 1488 = 2112; 2112 × 0.01 = 21.12
    expect([quantity, included, billable, net].map(text)).toEqual(['3600', '1488', '2112', '21.12']);
    expect(shown(rows)).toEqual(['usage: 2112 × 0.01 = 21.12']);
  });
  it('480 droplet hours are all included', () => {
    const { billable, rows, net } = quoteItem(dropletHours, decimal('480'), 'USD');
    expect([text(billable), rows, text(net)]).toEqual(['0', [], '0']);
  });
});

describe('the order of the steps', () => {
  it('converts, then takes the allowance off, prices, discounts', () => {
    const terms = unit('2.00', {
      unitConversion: { operation: 'divide', factor: '1000', rounding: 'ceiling' },
      included: '3',
      discounts: { percentage: '10', quantity: '1' },
    });
    // 9200 / 1000 → 10; 10 − 3 − 1 = 6; 6 × 2.00 = 12.00; 10 % = 1.20
    expect(shown(quoteItem(terms, decimal('9200'), 'USD').rows)).toEqual(['usage: 6 × 2.00 = 12.00 − 1.20 = 10.80']);
  });
  it('a dividing conversion keeps 20 decimals, half away from zero', () => {
    const terms = unit('3', { unitConversion: { operation: 'divide', factor: '3' } });
    expect(text(quoteItem(terms, decimal('2'), 'USD').billable)).toBe('0.66666666666666666667');
  });
  it.each([
    ['ceiling', '2.4'],
    ['floor', '2.3'],
    ['half_up', '2.4'],
  ] as const)('rounds %s to its precision', (rounding, expected) => {
    // 2.35
    const terms = unit('1', { unitConversion: { operation: 'multiply', factor: '0.1', rounding, precision: 1 } });
    expect(text(quoteItem(terms, decimal('23.5'), 'USD').billable)).toBe(expected);
  });
  it('a flat price takes of the terms only the percentage', () => {
    const terms: ItemTerms = {
      price: { model: 'flat', amount: '40.00', paymentTerm: 'in_arrears' },
      included: '5',
      discounts: { percentage: '25', quantity: '1' },
      commitments: { minimum: '35.00', maximum: '36.00' },
    };
    const { included, billable, rows } = quoteItem(terms, decimal('9'), 'USD');
    // 25 % of 40.00 = 10.00; neither the minimum nor the maximum
    expect(shown(rows)).toEqual(['flat: 1 × 40.00 = 40.00 − 10.00 = 30.00']);
    expect([text(included), text(billable)]).toEqual(['0', '0']);
  });
  it('the maximum stands in the discount of the row that crosses it and of all after', () => {
    const terms: ItemTerms = {
      price: {
        model: 'graduated',
        tiers: [
          { upTo: '10', unitAmount: '6', flatAmount: '20' },
          { upTo: null, unitAmount: '3', flatAmount: '15' },
        ],
      },
      commitments: { maximum: '75.00' },
    };
    // 60 + 20 crosses 75 by 5; tier 2 comes to nothing
    expect(shown(quoteItem(terms, decimal('14'), 'USD').rows)).toEqual([
      'tier-1: 10 × 6 = 60.00',
      'tier-1-flat: 1 × 20 = 20.00 − 5.00 = 15.00',
      'tier-2: 4 × 3 = 12.00 − 12.00 = 0.00',
      'tier-2-flat: 1 × 15 = 15.00 − 15.00 = 0.00',
    ]);
  });
  it('the minimum tops the net up, when the period ends, without discount', () => {
    const terms = unit('1', { discounts: { percentage: '50' }, commitments: { minimum: '9.995' } });
    const line = { segments: [segment(terms, null, '1:4 2:6')] };
    // 6 × 1 − 50 % = 3.00; the minimum is 10.00 once rounded
    expect(parts({ ...line, final: false })).toEqual({
      1: ['usage: 4 × 1 = 4.00 − 2.00 = 2.00'],
      2: ['usage: 2 × 1 = 2.00 − 1.00 = 1.00'],
    });
    expect(parts({ ...line, final: true })[2]).toEqual([
      'usage: 2 × 1 = 2.00 − 1.00 = 1.00',
      'minimum-commitment: 1 × 7.00 = 7.00',
    ]);
  });
  it('minimum and maximum are compared as money of the currency', () => {
    const terms = unit('1', { commitments: { minimum: '10.004', maximum: '10.00' } });
    expect(text(quoteItem(terms, decimal('1'), 'USD').net)).toBe('10');
    expect(() => quoteItem(terms, decimal('1'), 'KWD')).toThrow('the minimum 10.004 is above the maximum 10.00');
  });
});

describe('parts', () => {
  it('with 50 % off and a maximum of 100 the parts come to 100', () => {
    const terms = unit('10', { discounts: { percentage: '50' }, commitments: { maximum: '100' } });
    // 7 × 10 − 50 % = 35; 27 × 10 − 50 % = 135, capped at 100: 65 are left, and 35 more off
    expect(parts({ segments: [segment(terms, null, '1:7 2:27')], final: false })).toEqual({
      1: ['usage: 7 × 10 = 70.00 − 35.00 = 35.00'],
      2: ['usage: 20 × 10 = 200.00 − 135.00 = 65.00'],
    });
  });
  it('a flat amount in advance in the first part, in arrears and volume in the last, not before the end', () => {
    const advance: ItemTerms = { price: { model: 'flat', amount: '9', paymentTerm: 'in_advance' } };
    const arrears: ItemTerms = { price: { model: 'flat', amount: '9', paymentTerm: 'in_arrears' } };
    const volume: ItemTerms = {
      price: {
        model: 'volume',
        tiers: [
          { upTo: '5', unitAmount: '2' },
          { upTo: null, unitAmount: '1' },
        ],
      },
    };
    expect(parts({ segments: [segment(advance, null, '1:0 2:0')], final: false })).toEqual({
      1: ['flat: 1 × 9 = 9.00'],
      2: [],
    });
    expect(parts({ segments: [segment(arrears, null, '1:0 2:0')], final: false })).toEqual({ 1: [], 2: [] });
    expect(parts({ segments: [segment(arrears, null, '1:0 2:0')], final: true })).toEqual({
      1: [],
      2: ['flat: 1 × 9 = 9.00'],
    });
    expect(parts({ segments: [segment(volume, null, '1:4 2:8')], final: true })).toEqual({
      1: [],
      2: ['tier-2: 8 × 1 = 8.00'],
    });
  });
  it('an average is billed when the period ends, whatever its price', () => {
    const average = { ...segment(unit('3'), null, '1:4 2:2'), billedAtPeriodEnd: true };
    expect(parts({ segments: [average], final: false })).toEqual({ 1: [], 2: [] });
    expect(parts({ segments: [average], final: true })).toEqual({ 1: [], 2: ['usage: 2 × 3 = 6.00'] });
  });
});

describe('terms that change within the period', () => {
  it('quantities already used keep counting towards the new tiers, and flats entered are not billed again', () => {
    const oldTiers = [
      { upTo: '10', unitAmount: '2', flatAmount: '5' },
      { upTo: null, unitAmount: '1' },
    ];
    const old: ItemTerms = { price: { model: 'graduated', tiers: oldTiers } };
    const next: ItemTerms = {
      price: {
        model: 'graduated',
        tiers: [
          { upTo: '6', unitAmount: '4', flatAmount: '7' },
          { upTo: '12', unitAmount: '3', flatAmount: '8' },
          { upTo: null, unitAmount: '1', flatAmount: '9' },
        ],
      },
    };
    // 8 of the old tier 1; from 8 to 14 in the new tiers: 4 of tier 2 (its flat was entered at 6 already), 2 of tier 3
    expect(parts({ segments: [segment(old, null, '1:8'), segment(next, '8', '2:14')], final: true })).toEqual({
      1: ['tier-1: 8 × 2 = 16.00', 'tier-1-flat: 1 × 5 = 5.00'],
      2: ['tier-2: 4 × 3 = 12.00', 'tier-3: 2 × 1 = 2.00', 'tier-3-flat: 1 × 9 = 9.00'],
    });
  });
  it('used quantity counts against a new allowance', () => {
    const segments = [
      segment(unit('1', { included: '10' }), null, '1:15'),
      segment(unit('1', { included: '18' }), '15', '2:20'),
    ];
    // 15 − 10 = 5; then (20 − 18) − (15 − 18 → 0) = 2
    expect(parts({ segments, final: true })).toEqual({ 1: ['usage: 5 × 1 = 5.00'], 2: ['usage: 2 × 1 = 2.00'] });
  });
  it('a flat price is not billed twice', () => {
    const flat = (amount: string): ItemTerms => ({ price: { model: 'flat', amount, paymentTerm: 'in_advance' } });
    expect(
      parts({ segments: [segment(flat('9'), null, '1:0'), segment(flat('12'), '0', '2:0')], final: true }),
    ).toEqual({
      1: ['flat: 1 × 9 = 9.00'],
      2: [],
    });
  });
  it('money booked counts against the maximum in force', () => {
    const segments = [
      segment(unit('10'), null, '1:8'),
      segment(unit('10', { commitments: { maximum: '100' } }), '8', '1:9 2:20'),
    ];
    // 80, then 20 are left of 100: 10 in part 1, and 10 of 110 in part 2
    expect(parts({ segments, final: true })).toEqual({
      1: ['usage: 9 × 10 = 90.00'],
      2: ['usage: 11 × 10 = 110.00 − 100.00 = 10.00'],
    });
  });
  it('a maximum that is already exceeded lets nothing more through, and takes nothing back', () => {
    const segments = [
      segment(unit('10'), null, '1:8'),
      segment(unit('10', { commitments: { maximum: '50' } }), '8', '2:9'),
    ];
    expect(parts({ segments, final: true })).toEqual({
      1: ['usage: 8 × 10 = 80.00'],
      2: ['usage: 1 × 10 = 10.00 − 10.00 = 0.00'],
    });
  });
  it('the minimum is the one in force at the period’s end', () => {
    const old = unit('1', { commitments: { minimum: '90' } });
    const next = unit('2', { commitments: { minimum: '20' } });
    const segments = [segment(old, null, '1:8'), segment(next, '8', '2:9')];
    // 8 × 1 + 1 × 2 = 10; 20 − 10 = 10
    expect(parts({ segments, final: true })[2]).toEqual([
      'usage: 1 × 2 = 2.00',
      'minimum-commitment: 1 × 10.00 = 10.00',
    ]);
  });
  it('volume of an earlier segment is booked last, within the maximum then in force', () => {
    const volume: ItemTerms = { price: { model: 'volume', tiers: [{ upTo: null, unitAmount: '5' }] } };
    const segments = [
      segment(volume, null, '1:8'),
      segment(unit('10', { commitments: { maximum: '60' } }), '8', '2:11'),
    ];
    expect(parts({ segments, final: false })).toEqual({ 1: [], 2: ['usage: 3 × 10 = 30.00'] });
    // 8 × 5 = 40, of which 60 − 30 = 30 fit
    expect(parts({ segments, final: true })).toEqual({
      1: [],
      2: ['usage: 3 × 10 = 30.00', 'tier-1: 8 × 5 = 40.00 − 10.00 = 30.00'],
    });
  });
  it('is refused where the start of a segment or the order of parts is not known', () => {
    const rating =
      (...segments: Segment[]): (() => unknown) =>
      () =>
        parts({ segments, final: true });
    expect(rating(segment(unit('1'), '3', '1:8'))).toThrow('is needed for every segment but the first');
    expect(rating(segment(unit('1'), null, '1:8'), segment(unit('1'), null, '2:9'))).toThrow(
      'is needed for every segment but the first',
    );
    expect(rating(segment(unit('1'), null, '2:8 1:9'))).toThrow('part 1 comes after part 2');
  });
});

describe('a rate card', () => {
  const used = (...rows: [ref: string, quantity: string, unitAmount: string][]): CardUsage[] =>
    rows.map(([ref, quantity, unitAmount]) => ({ ref, quantity: decimal(quantity), unitAmount: decimal(unitAmount) }));
  it('has a row per reference and unit amount; discount and maximum apply as to all', () => {
    const terms: ItemTerms = {
      price: { model: 'rate_card' },
      discounts: { percentage: '50' },
      commitments: { maximum: '1.00' },
    };
    // 4000 × 0.000171296 = 0.685184 → 0.69 − 0.35 (0.345) = 0.34; then 2 × 1 − 1.00 = 1.00, of which 0.66 fit
    const pieces = [
      { part: 1, cumulative: used(['cores', '4000', '0.000171296']) },
      { part: 2, cumulative: used(['cores', '4000', '0.000171296'], ['cores', '2', '1']) },
    ];
    expect(parts({ segments: [{ terms, usedBefore: null, pieces }], final: true })).toEqual({
      1: ['cores: 4000 × 0.000171296 = 0.69 − 0.35 = 0.34'],
      2: ['cores: 2 × 1 = 2.00 − 1.34 = 0.66'],
    });
  });
  it('a maximum takes nothing off a row that gives back', () => {
    const rates: ItemTerms = { price: { model: 'rate_card' } };
    const before = used(['a', '5', '1']);
    const segments: Segment[] = [
      { terms: rates, usedBefore: null, pieces: [{ part: 1, cumulative: before }] },
      {
        terms: { ...rates, commitments: { maximum: '9' } },
        usedBefore: before,
        pieces: [{ part: 2, cumulative: used(['b', '10', '1'], ['a', '3', '1']) }],
      },
    ];
    // 9 − 5 = 4 are left; 10 − 2 = 8 came, so 4 go off, all of them from b
    expect(parts({ segments, final: true })).toEqual({
      1: ['a: 5 × 1 = 5.00'],
      2: ['b: 10 × 1 = 10.00 − 4.00 = 6.00', 'a: -2 × 1 = -2.00'],
    });
  });
  it('converts what was used at a rate in all, and lets a reading below zero count', () => {
    const thousands: ItemTerms = {
      price: { model: 'rate_card' },
      unitConversion: { operation: 'divide', factor: '1000', rounding: 'ceiling' },
    };
    // 400 + 400 are 0.8 of a thousand: one
    expect(shown(quoteItem(thousands, used(['a', '400', '1'], ['a', '400', '1']), 'USD').rows)).toEqual([
      'a: 1 × 1 = 1.00',
    ]);
    expect(
      shown(quoteItem({ price: { model: 'rate_card' } }, used(['a', '10', '1'], ['a', '-4', '1']), 'USD').rows),
    ).toEqual(['a: 6 × 1 = 6.00']);
  });
  it('uses the allowance up in the order of the usage', () => {
    const terms: ItemTerms = { price: { model: 'rate_card' }, included: '5' };
    const { quantity, billable, rows } = quoteItem(terms, used(['a', '3', '1'], ['b', '4', '2']), 'USD');
    // 3 of a and 2 of b are included: 2 × 2 = 4.00
    expect([text(quantity), text(billable), shown(rows)]).toEqual(['7', '2', ['b: 2 × 2 = 4.00']]);
  });
});

it('terms name an unknown field, and what is wrong with a known one', () => {
  const price = { model: 'unit', unitAmount: '1' };
  expect(() => parseTerms({ price, free: '3' })).toThrow('terms: free is not a known field');
  expect(() => parseTerms({ price, commitments: { max: '3' } })).toThrow('terms: commitments.max is not a known field');
  expect(() => parseTerms({ price, discounts: { percentage: '100.5' } })).toThrow(
    'terms: discounts.percentage must be at most 100',
  );
  expect(() => parseTerms({ price, unitConversion: { operation: 'divide', factor: '0' } })).toThrow(
    'factor must be greater than 0',
  );
  expect(() => parseTerms({ price: { ...price, unitAmount: 'x' } })).toThrow(
    'terms: price.unitAmount is not a plain decimal',
  );
});
