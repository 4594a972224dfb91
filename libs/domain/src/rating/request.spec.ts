import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { decimal, type Decimal, text, ZERO } from '../money/decimal.js';
import { type RateAnswer, rateRequest, rateRequests } from './request.js';

interface Vector {
  readonly name: string;
  readonly request: Readonly<Record<string, unknown>>;
  /** At each step the net of each part; parts of 0 are not listed. */
  readonly expect: readonly Readonly<Record<string, string>>[];
  readonly total: string;
}

function answered(answer: RateAnswer): Extract<RateAnswer, { net: string }> {
  if ('error' in answer) throw new Error(`${answer.error.code}: ${answer.error.message}`);
  return answer;
}

const plain = (amount: string): string => text(decimal(amount));

function netsByPart(answer: RateAnswer): Record<string, string>[] {
  return answered(answer).steps.map(({ rows }) => {
    const nets = new Map<string, Decimal>();
    for (const { part, net } of rows) nets.set(String(part), (nets.get(String(part)) ?? ZERO).plus(decimal(net)));
    return Object.fromEntries([...nets].filter(([, net]) => !net.eq(ZERO)).map(([part, net]) => [part, text(net)]));
  });
}

const checked = (vector: Vector): void => {
  const answer = answered(rateRequest({ id: vector.name, ...vector.request }));
  const expected = vector.expect.map((nets) =>
    Object.fromEntries(Object.entries(nets).map(([part, net]) => [part, plain(net)])),
  );
  expect(netsByPart(answer)).toEqual(expected);
  expect(plain(answer.net)).toBe(plain(vector.total));
};

/** '4 | 4 14 | 5 15 20!': three steps, the last one final. */
const steps = (written: string): object[] =>
  written
    .split(' | ')
    .map((step) => ({ cumulatives: step.replace('!', '').split(' '), ...(step.endsWith('!') ? { final: true } : {}) }));

type Nets = Vector['expect'];
const vector = (
  name: string,
  price: object,
  terms: object,
  written: string,
  nets: Nets,
  total: string,
  currency = 'USD',
): Vector => ({
  name,
  request: { currency, price, ...terms, steps: steps(written) },
  expect: nets,
  total,
});

const unit = (unitAmount: string): object => ({ model: 'unit', unitAmount });
const graduated = {
  model: 'graduated',
  tiers: [
    { upTo: '10', unitAmount: '1.00', flatAmount: '2' },
    { upTo: null, unitAmount: '0.50', flatAmount: '3' },
  ],
};
const volume = {
  model: 'volume',
  tiers: [
    { upTo: '10', unitAmount: '2', flatAmount: '4' },
    { upTo: null, unitAmount: '1' },
  ],
};
const flat = (paymentTerm: string): object => ({ model: 'flat', amount: '30', paymentTerm });

const VECTORS: readonly Vector[] = [
  // 0.001 × 333 = 0.333 → 0.33; × 666 = 0.666 → 0.67
  vector('rounds the cumulative', unit('0.001'), {}, '333 | 333 666', [{ 1: '0.33' }, { 2: '0.34' }], '0.67'),
  // 0.005 → 0.01, 0.010 → 0.01, 0.015 → 0.02
  vector(
    'rounds half away from zero',
    unit('0.005'),
    {},
    '1 | 1 2 | 1 2 3',
    [{ 1: '0.01' }, {}, { 3: '0.01' }],
    '0.02',
  ),
  // 455.5 → 456
  vector('yen have no decimals', unit('455.5'), {}, '1!', [{ 1: '456' }], '456', 'JPY'),
  // 0.0005 → 0.001
  vector('dinars have three', unit('0.0005'), {}, '1!', [{ 1: '0.001' }], '0.001', 'KWD'),
  // 2 at 0; at 12 10 × 1 + 2 × 0.5 + 3 = 14
  vector('tier 1’s flat falls due at 0', graduated, {}, '0 | 0 12!', [{ 1: '2' }, { 2: '14' }], '16'),
  // at 4: 4 + 2 = 6; at 12: 10 + 2 + 1 + 3 = 16, so 10 more; then 9: 9 + 2 = 11, so part 2 is 5, 5 less than booked
  vector(
    'a tier that is left again gives its flat back',
    graduated,
    {},
    '4 | 4 12 | 4 9 9!',
    [{ 1: '6' }, { 2: '10' }, { 2: '-5' }],
    '11',
  ),
  // 10 × 2 + 4 = 24 would have been more than 11 × 1
  vector('volume waits for the end', volume, {}, '8 | 8 11 | 8 11 11!', [{}, {}, { 3: '11' }], '11'),
  // 11 × 1 = 11, restated as 10 × 2 + 4 = 24
  vector('volume is restated in the last part', volume, {}, '8 | 8 11! | 8 10', [{}, { 2: '11' }, { 2: '13' }], '24'),
  vector('flat in advance', flat('in_advance'), {}, '0 | 0 0!', [{ 1: '30' }, {}], '30'),
  // 10 % of 30 = 3
  vector(
    'flat in arrears',
    flat('in_arrears'),
    { discounts: { percentage: '10' } },
    '0 | 0 0!',
    [{}, { 2: '27' }],
    '27',
  ),
  // ceil(10.5 / 10) = 2, ceil(20 / 10) = 2, ceil(20.1 / 10) = 3
  vector(
    'packages',
    { model: 'package', packageSize: '10', packageAmount: '7' },
    {},
    '10.5 | 10.5 20 | 10.5 20 20.1!',
    [{ 1: '14' }, {}, { 3: '7' }],
    '21',
  ),
  // 10 × 1.23456 = 12.3456
  vector('dynamic', { model: 'dynamic', multiplier: '1.23456' }, {}, '10!', [{ 1: '12.35' }], '12.35'),
  // nothing within the 100 included; then 50 × 5 % + 0.30 = 2.80; then 200 more × 5 % = 10
  vector(
    'percentage',
    { model: 'percentage', percent: '5', fixedAmount: '0.30' },
    { included: '100' },
    '100 | 100 150 | 100 150 350!',
    [{}, { 2: '2.80' }, { 3: '10' }],
    '12.80',
  ),
  // 1400 → 2, 2700 → 3
  vector(
    'conversion rounds the cumulative',
    unit('10'),
    { unitConversion: { operation: 'divide', factor: '1000', rounding: 'ceiling' } },
    '1400 | 1400 2700!',
    [{ 1: '20' }, { 2: '10' }],
    '30',
  ),
  // 5 × 10 = 50 capped at 45; a late unit in part 1 moves 10 from part 2 to it
  vector(
    'a maximum, and late usage',
    unit('10'),
    { commitments: { maximum: '45' } },
    '2 | 2 5 | 3 6 6!',
    [{ 1: '20' }, { 2: '25' }, { 1: '10', 2: '-10' }],
    '45',
  ),
  // minimum 20 − 12 = 8; restated with 15: 20 − 15 = 5
  vector(
    'the minimum is restated',
    unit('1'),
    { commitments: { minimum: '20' } },
    '5 | 5 12! | 5 15',
    [{ 1: '5' }, { 2: '15' }, {}],
    '20',
  ),
  // 50 % of 12 = 6, and 4 to the minimum of 10, which has no discount
  vector(
    'the minimum takes no discount',
    unit('1'),
    { discounts: { percentage: '50' }, commitments: { minimum: '10' } },
    '12!',
    [{ 1: '10' }],
    '10',
  ),
  vector('usage below 0 is 0', unit('1'), {}, '-5 | -5 3!', [{}, { 2: '3' }], '3'),
];

describe('requests as they are billed, step by step', () => {
  for (const each of VECTORS) it(each.name, () => checked(each));
});

// Published vectors, where they stand beside the checkout.
const published = resolve('../shared/vectors-sample.jsonl');
if (existsSync(published)) {
  describe('published vectors', () => {
    const lines = readFileSync(published, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    for (const each of lines.map((line) => JSON.parse(line) as Vector)) it(each.name, () => checked(each));
  });
}

it('answers with the rows of each part, and corrects earlier parts', () => {
  const answer = rateRequest({
    id: 'x1',
    currency: 'USD',
    price: {
      model: 'graduated',
      tiers: [
        { upTo: '10', unitAmount: '1.00', flatAmount: '0' },
        { upTo: null, unitAmount: '0.50' },
      ],
    },
    steps: steps('4 | 4 14 | 5 15 20!'),
  });
  const row = (part: number, ref: string, quantity: string, unitAmount: string, net: string): object => ({
    part,
    ref,
    quantity,
    unitAmount,
    gross: net,
    discount: '0.00',
    credit: '0.00',
    net,
  });
  expect(answer).toEqual({
    id: 'x1',
    steps: [
      { rows: [row(1, 'tier-1', '4', '1.00', '4.00')], net: '4.00' },
      { rows: [row(2, 'tier-1', '6', '1.00', '6.00'), row(2, 'tier-2', '4', '0.50', '2.00')], net: '8.00' },
      {
        rows: [
          row(1, 'tier-1', '1', '1.00', '1.00'),
          // 11 to 15 instead of 11 to 14 are tier 2's
          row(2, 'tier-1', '-1', '1.00', '-1.00'),
          row(2, 'tier-2', '1', '0.50', '0.50'),
          row(3, 'tier-2', '5', '0.50', '2.50'),
        ],
        net: '3.00',
      },
    ],
    net: '15.00',
  });
});

it('leaves rows without money out, and books their quantity once there is money to it', () => {
  const answer = answered(
    rateRequest({ id: 'x', currency: 'USD', price: unit('0.001'), steps: steps('1 | 2 2 | 6 6 6!') }),
  );
  // 0.001 and 0.002 are 0.00; 0.006 is 0.01, for all six
  const shown = answer.steps.map(({ rows }) => rows.map(({ part, quantity, net }) => [part, quantity, net]));
  expect(shown).toEqual([[], [], [[1, '6', '0.01']]]);
});

it('a restated minimum is reversed, and booked as it should be', () => {
  const request = {
    id: 'x',
    currency: 'USD',
    price: unit('1'),
    commitments: { minimum: '20' },
    steps: steps('12! | 15'),
  };
  const answer = answered(rateRequest(request));
  expect(answer.steps[1]?.rows.map(({ ref, quantity, unitAmount, net }) => [ref, quantity, unitAmount, net])).toEqual([
    ['usage', '3', '1', '3.00'],
    ['minimum-commitment', '1', '5.00', '5.00'],
    ['minimum-commitment', '-1', '8.00', '-8.00'],
  ]);
});

describe('what can’t be rated', () => {
  const good = { id: 'x', currency: 'USD', price: unit('1'), steps: steps('1!') };
  it.each<[string, unknown, string | null, string]>([
    ['no object', 7, null, 'invalid_request'],
    ['null', null, null, 'invalid_request'],
    ['no id', { ...good, id: undefined }, null, 'invalid_request'],
    ['an id that is a number', { ...good, id: 7 }, '7', 'invalid_request'],
    ['an unknown currency', { ...good, currency: 'USX' }, 'x', 'unknown_currency'],
    ['an unknown field', { ...good, credits: [] }, 'x', 'unknown_field'],
    ['an unknown field of a step', { ...good, steps: [{ cumulatives: ['1'], over: true }] }, 'x', 'unknown_field'],
    ['a cumulative as a number', { ...good, steps: [{ cumulatives: [1] }] }, 'x', 'invalid_request'],
    ['a cumulative that is no decimal', { ...good, steps: [{ cumulatives: ['one'] }] }, 'x', 'not_a_decimal'],
    ['too many cumulatives', { ...good, steps: steps('1 2') }, 'x', 'wrong_number_of_cumulatives'],
    ['too few cumulatives', { ...good, steps: steps('1 | 1') }, 'x', 'wrong_number_of_cumulatives'],
    ['a new part after the end', { ...good, steps: steps('1! | 1 2') }, 'x', 'wrong_number_of_cumulatives'],
    ['a rate card', { ...good, price: { model: 'rate_card' } }, 'x', 'rate_card_not_rated_here'],
    [
      'a minimum above the maximum',
      { ...good, commitments: { minimum: '2', maximum: '1' } },
      'x',
      'minimum_above_maximum',
    ],
    ['a price that is none', { ...good, price: { model: 'volume', tiers: [] } }, 'x', 'no_tiers'],
  ])('%s', (_name, request, id, code) => {
    expect(rateRequest(request)).toEqual({ id, error: { code, message: expect.any(String) } });
  });

  it('does not stop the others', () => {
    const answers = rateRequests([good, 'no request', { ...good, id: 'y' }]);
    expect(answers.map(({ id }) => id)).toEqual(['x', null, 'y']);
    expect(answers.map((answer) => 'error' in answer)).toEqual([false, true, false]);
  });

  it('a document that is no array is refused as a whole', () => {
    expect(() => rateRequests(good)).toThrow(expect.objectContaining({ code: 'not_an_array' }));
  });

  it('a step after the final one may say so again', () => {
    expect(answered(rateRequest({ ...good, steps: steps('1! | 2! | 2') })).steps.map(({ net }) => net)).toEqual([
      '1.00',
      '1.00',
      '0.00',
    ]);
  });
});
