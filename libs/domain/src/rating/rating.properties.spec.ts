import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, type Decimal, text, ZERO } from '../money/decimal.js';
import { scaleOf, toMoney } from '../money/money.js';
import type { CardUsage, Usage } from '../prices/model.js';
import { isPerPeriod, type Price } from '../prices/price.js';
import { quoteItem } from './quote.js';
import { type RatedPart, ratedParts, type Segment } from './rate-line.js';
import { rateRequest } from './request.js';
import { netOf, type RatedRow } from './row.js';
import { add } from './subtract.js';
import type { ItemTerms } from './terms.js';

const RUNS = checkedOn(250);

/** Decimals in text, built digit by digit: 1234 at scale 2 is "12.34". */
const written = (digits: number, scale: number): string => {
  const padded = String(Math.abs(digits)).padStart(scale + 1, '0');
  const sign = digits < 0 ? '-' : '';
  return scale === 0 ? `${sign}${padded}` : `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
};
const figure = (max: number): fc.Arbitrary<string> =>
  fc.tuple(fc.nat(max), fc.nat(4)).map(([digits, scale]) => written(digits, scale));
const positive = (max: number): fc.Arbitrary<string> =>
  fc.tuple(fc.integer({ min: 1, max }), fc.nat(2)).map(([digits, scale]) => written(digits, scale));
/** Readings may be taken back, so a cumulative may go down, and below 0. */
const quantity: fc.Arbitrary<string> = fc
  .tuple(fc.integer({ min: -500, max: 6000 }), fc.nat(3))
  .map(([digits, scale]) => written(digits, scale));

const tierAmounts = fc.record({ unitAmount: figure(500), flatAmount: figure(9000) });
const tiers = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 0, max: 900 }), { maxLength: 4 }),
    fc.array(tierAmounts, { minLength: 5, maxLength: 5 }),
  )
  .map(([bounds, amounts]) => {
    const upTos = [...bounds.sort((a, b) => a - b).map((bound) => written(bound, 1)), null];
    return upTos.map((upTo, index) => ({ upTo, ...(amounts[index] ?? { unitAmount: '1', flatAmount: '0' }) }));
  });
const paymentTerm = fc.constantFrom('in_advance' as const, 'in_arrears' as const);
const price: fc.Arbitrary<Price> = fc.oneof(
  fc.record({ model: fc.constant('flat' as const), amount: figure(9999), paymentTerm }),
  fc.record({ model: fc.constant('unit' as const), unitAmount: figure(500) }),
  fc.record({ model: fc.constant('graduated' as const), tiers }),
  fc.record({ model: fc.constant('volume' as const), tiers }),
  fc.record({ model: fc.constant('package' as const), packageSize: positive(500), packageAmount: figure(5000) }),
  fc.record({ model: fc.constant('dynamic' as const), multiplier: figure(500) }),
  fc.record({ model: fc.constant('percentage' as const), percent: figure(1000), fixedAmount: figure(500) }),
);
const which = fc.constantFrom('none', 'minimum', 'maximum', 'both');
const commitments = fc.tuple(fc.nat(20_000), fc.nat(20_000), which).map(([a, b, given]) => ({
  ...(given === 'minimum' || given === 'both' ? { minimum: written(Math.min(a, b), 3) } : {}),
  ...(given === 'maximum' || given === 'both' ? { maximum: written(Math.max(a, b), 3) } : {}),
}));
const conversion = fc.record({
  operation: fc.constantFrom('divide' as const, 'multiply' as const),
  factor: fc.constantFrom('3', '10', '0.7'),
  rounding: fc.constantFrom('none' as const, 'ceiling' as const, 'floor' as const, 'half_up' as const),
  precision: fc.nat(2),
});
const discounts = fc.record(
  { percentage: fc.constantFrom('0', '12.5', '33', '50', '100'), quantity: figure(50) },
  { requiredKeys: [] },
);
const termsOf = (prices: fc.Arbitrary<Price>): fc.Arbitrary<ItemTerms> =>
  fc.record(
    { price: prices, included: figure(300), unitConversion: conversion, discounts, commitments },
    { requiredKeys: ['price'] },
  );
const terms = termsOf(price);
const currency = fc.constantFrom('USD', 'JPY', 'KWD');

const money = (rows: readonly RatedRow[]): string[] =>
  rows
    .map((row) => `${row.ref} ${[row.quantity, row.unitAmount, row.gross, row.discount, row.net].map(text).join(' ')}`)
    .sort();
const together = (parts: readonly RatedPart[]): RatedRow[] =>
  parts.reduce<RatedRow[]>((rows, part) => add(rows, part.rows), []);
const rowsHold = (rows: readonly RatedRow[]): boolean =>
  rows.every(({ gross, discount, credit, net }) => gross.minus(discount).minus(credit).eq(net));

const segmentOf = (
  of: ItemTerms,
  usedBefore: Usage | null,
  cumulatives: readonly Usage[],
  firstPart: number,
): Segment => ({
  terms: of,
  usedBefore,
  pieces: cumulatives.map((cumulative, index) => ({ part: firstPart + index, cumulative })),
});

describe('whatever the cuts', () => {
  it('the parts’ rows add up to the unsplit line’s, and in each row gross − discount − credit = net', () => {
    fc.assert(
      fc.property(
        terms,
        currency,
        fc.array(quantity, { minLength: 1, maxLength: 6 }),
        (of, inCurrency, cumulatives) => {
          const used = cumulatives.map((each) => decimal(each));
          const parts = ratedParts({ currency: inCurrency, segments: [segmentOf(of, null, used, 1)], final: true });
          const whole = ratedParts({
            currency: inCurrency,
            segments: [segmentOf(of, null, used.slice(-1), 1)],
            final: true,
          });
          expect(money(together(parts))).toEqual(money(together(whole)));
          expect(parts.map(({ part }) => part)).toEqual(used.map((_each, index) => index + 1));
          expect(parts.every(({ rows }) => rowsHold(rows))).toBe(true);
        },
      ),
      RUNS,
    );
  });

  it('also where the terms change within the period', () => {
    const cuts = fc.array(quantity, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(terms, terms, currency, cuts, cuts, (first, second, inCurrency, before, after) => {
        const [early, late] = [before.map((each) => decimal(each)), after.map((each) => decimal(each))];
        const change: Decimal = early.at(-1) ?? ZERO;
        const cut = [segmentOf(first, null, early, 1), segmentOf(second, change, late, early.length)];
        const whole = [segmentOf(first, null, early.slice(-1), 1), segmentOf(second, change, late.slice(-1), 1)];
        const parts = ratedParts({ currency: inCurrency, segments: cut, final: true });
        expect(money(together(parts))).toEqual(
          money(together(ratedParts({ currency: inCurrency, segments: whole, final: true }))),
        );
      }),
      RUNS,
    );
  });

  it('also for a rate card', () => {
    const usage: fc.Arbitrary<CardUsage[]> = fc.array(
      fc.record({
        ref: fc.constantFrom('cores', 'storage'),
        quantity: quantity.map((each) => decimal(each)),
        unitAmount: figure(500).map((each) => decimal(each)),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(
        termsOf(fc.constant<Price>({ model: 'rate_card' })),
        fc.array(usage, { minLength: 1, maxLength: 5 }),
        (of, used) => {
          const parts = ratedParts({ currency: 'USD', segments: [segmentOf(of, null, used, 1)], final: true });
          const whole = quoteItem(of, used.at(-1) ?? [], 'USD');
          expect(text(netOf(together(parts)))).toBe(text(whole.net));
        },
      ),
      RUNS,
    );
  });
});

/**
 * Steps in which every reading may turn out otherwise than it first looked, the last one final, then once more the
 * same.
 */
const readings = fc
  .integer({ min: 1, max: 5 })
  .chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_step, index) =>
        fc.array(quantity, { minLength: index + 1, maxLength: index + 1 }),
      ),
    ),
  );

const stepsOf = (cumulatives: readonly string[][], final: boolean): object[] =>
  cumulatives.map((each, index) => ({
    cumulatives: each,
    ...(final && index === cumulatives.length - 1 ? { final: true } : {}),
  }));

interface StepRow {
  readonly part: number;
  readonly gross: Decimal;
  readonly discount: Decimal;
  readonly net: Decimal;
}

function ratedSteps(of: ItemTerms, inCurrency: string, steps: readonly object[]): StepRow[][] {
  const answer = rateRequest({ id: 'x', currency: inCurrency, ...of, steps });
  if ('error' in answer) throw new Error(answer.error.message);
  return answer.steps.map(({ rows }) =>
    rows.map(({ part, net, gross, discount }) => ({
      part,
      net: decimal(net),
      gross: decimal(gross),
      discount: decimal(discount),
    })),
  );
}
const total = (rows: readonly { net: Decimal }[]): Decimal => rows.reduce((sum, { net }) => sum.plus(net), ZERO);

describe('late readings', () => {
  it('all steps together come to what is known at the end: part by part, and in all', () => {
    fc.assert(
      fc.property(terms, currency, readings, fc.boolean(), (of, inCurrency, cumulatives, final) => {
        const rows = ratedSteps(of, inCurrency, stepsOf(cumulatives, final)).flat();
        const known = (cumulatives.at(-1) ?? []).map((each) => decimal(each));
        const parts = ratedParts({ currency: inCurrency, segments: [segmentOf(of, null, known, 1)], final });
        for (const { part, rows: owed } of parts)
          expect(text(total(rows.filter((row) => row.part === part)))).toBe(text(netOf(owed)));
        if (final) expect(text(total(rows))).toBe(text(quoteItem(of, known.at(-1) ?? ZERO, inCurrency).net));
      }),
      RUNS,
    );
  });

  it('billing the same twice books nothing', () => {
    fc.assert(
      fc.property(terms, currency, readings, (of, inCurrency, cumulatives) => {
        const again = [...stepsOf(cumulatives, true), { cumulatives: cumulatives.at(-1) ?? [] }];
        expect(ratedSteps(of, inCurrency, again).at(-1)).toEqual([]);
      }),
      RUNS,
    );
  });

  it('no maximum is ever exceeded, and each row holds', () => {
    const cappedTerms = fc
      .tuple(terms, fc.nat(20_000))
      .filter(([of]) => !isPerPeriod(of.price))
      .map(([of, maximum]): [ItemTerms, string] => [
        { ...of, commitments: { maximum: written(maximum, 3) } },
        written(maximum, 3),
      ]);
    fc.assert(
      fc.property(cappedTerms, currency, readings, ([of, maximum], inCurrency, cumulatives) => {
        const atMost = toMoney(decimal(maximum), inCurrency);
        let soFar = ZERO;
        for (const rows of ratedSteps(of, inCurrency, stepsOf(cumulatives, true))) {
          soFar = soFar.plus(total(rows));
          expect(soFar.lte(atMost)).toBe(true);
          expect(rows.every(({ gross, discount, net }) => gross.minus(discount).eq(net))).toBe(true);
          expect(rows.every(({ net }) => net.eq(net.round(scaleOf(inCurrency), 0)))).toBe(true);
        }
      }),
      RUNS,
    );
  });
});
