import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { ratesProjection } from './rates.projection.js';
import { rates } from './rates.table.js';

const { given, when, rows } = projected(ratesProjection);

const KEY = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
const month = (n: number): string => `2026-0${n}-01T00:00:00Z`;
const rateSet = (unitPrice: string, from: number) => ({
  RateSet: {
    ...KEY,
    unit: 'core·minute',
    unitPrice,
    currency: 'USD',
    basis: 'duration' as const,
    effectiveFrom: month(from),
    effectiveUntil: null,
  },
});
const rate = (unit_price: string, from: number, until?: number) => ({
  resource_type: 'VmCores',
  resource_family: 'standard',
  location: 'eu',
  unit: 'core·minute',
  unit_price,
  currency: 'USD',
  basis: 'duration',
  is_public: false,
  effective_from: month(from),
  ...(until === undefined ? {} : { effective_until: month(until) }),
});

it('ends a price at the start of the next one', async () => {
  await given(rateSet('0.3', 1));
  await when(rateSet('0.4', 7));

  expect(await rows(rates)).toEqual([rate('0.3', 1, 7), rate('0.4', 7)]);
  expect(await rows(rates, 1)).toEqual([rate('0.3', 1)]);
});

it('replaces a price only within the period of a correction', async () => {
  await given(rateSet('0.3', 1));
  const correction = { effectiveFrom: month(3), effectiveUntil: month(4), reason: 'ten times too high' };
  await when({ RateCorrected: { ...KEY, unitPrice: '0.03', ...correction } });

  expect(await rows(rates)).toEqual([rate('0.3', 1, 3), rate('0.03', 3, 4), rate('0.3', 4)]);
  expect(await rows(rates, 1)).toEqual([rate('0.3', 1)]);
});

it('keeps a corrected price public only where all of the period was public', async () => {
  const opened = (unitPrice: string, from: number) => ({
    RateSet: { ...rateSet(unitPrice, from).RateSet, public: true },
  });
  await given(opened('0.3', 1), opened('0.4', 3), rateSet('0.5', 5));
  const corrected = (from: number, until: number) => ({
    RateCorrected: {
      ...{ ...KEY, unitPrice: '0.1', reason: 'as agreed' },
      ...{ effectiveFrom: month(from), effectiveUntil: month(until) },
    },
  });
  await when(corrected(2, 4), corrected(4, 6));

  expect(await rows(rates)).toEqual([
    { ...rate('0.3', 1, 2), is_public: true },
    { ...rate('0.1', 2, 4), is_public: true },
    rate('0.1', 4, 6),
    rate('0.5', 6),
  ]);
});

it('has no price from the date of its withdrawal', async () => {
  await given(rateSet('0.3', 1), rateSet('0.4', 7));
  await when({ RateWithdrawn: { ...KEY, from: month(5), reason: 'the location closes' } });

  expect(await rows(rates)).toEqual([rate('0.3', 1, 5)]);
  expect(await rows(rates, 2)).toEqual([rate('0.3', 1, 7), rate('0.4', 7)]);
});
