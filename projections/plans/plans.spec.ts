import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { plansProjection } from './plans.projection.js';
import { planVersions } from './plans.table.js';

const { given, when, rows, versions } = projected(plansProjection);

const month = (n: number): string => `2026-0${n}-01T00:00:00Z`;
const published = (baseFee: string, unitAmount: string, from: number) => ({
  PlanPublished: {
    planId: 'p',
    name: 'Studio',
    currency: 'USD',
    baseFee,
    paymentTerm: 'in_advance' as const,
    interval: 'month' as const,
    effectiveFrom: month(from),
    items: [{ billingKind: 'cpu', price: { model: 'unit' as const, unitAmount } }],
  },
});
const version = (base_fee: string, unitAmount: string, from: number, until?: number) => ({
  plan_id: 'p',
  name: 'Studio',
  currency: 'USD',
  base_fee,
  payment_term: 'in_advance',
  interval: 'month',
  is_public: false,
  effective_from: month(from),
  ...(until === undefined ? {} : { effective_until: month(until) }),
  items: [{ billingKind: 'cpu', price: { model: 'unit', unitAmount }, aggregation: 'sum' }],
});

it('ends the terms of a plan at the start of the next ones', async () => {
  await given(published('50', '0.01', 1));
  await when(published('60', '0.02', 7));

  expect(await rows(planVersions)).toEqual([version('50', '0.01', 1, 7), version('60', '0.02', 7)]);
  expect(await rows(planVersions, 1)).toEqual([version('50', '0.01', 1)]);
});

it('replaces a price only within the period of a correction', async () => {
  await given(published('50', '0.1', 1));
  await when({
    PlanPriceCorrected: {
      planId: 'p',
      billingKind: 'cpu',
      price: { model: 'unit', unitAmount: '0.01' },
      effectiveFrom: month(3),
      effectiveUntil: month(4),
      reason: 'ten times too high',
    },
  });

  expect(await rows(planVersions)).toEqual([
    version('50', '0.1', 1, 3),
    version('50', '0.01', 3, 4),
    version('50', '0.1', 4),
  ]);
  expect(await rows(planVersions, 1)).toEqual([version('50', '0.1', 1)]);
});

it('keeps which terms are public', async () => {
  await given({ PlanPublished: { ...published('50', '0.1', 1).PlanPublished, public: true } });
  await when(published('60', '0.1', 7));

  expect(await rows(planVersions)).toEqual([
    { ...version('50', '0.1', 1, 7), is_public: true },
    version('60', '0.1', 7),
  ]);
});

it('keeps the versions that a correction repeats as they are', async () => {
  // Postgres keeps `price` before `billingKind`: shorter keys come first.
  const items = [
    { billingKind: 'cpu', price: { model: 'unit' as const, unitAmount: '0.01' }, aggregation: 'sum' as const },
  ];
  const stated = { name: 'Studio', currency: 'USD', paymentTerm: 'in_advance', interval: 'month', items } as const;
  await given(published('50', '0.01', 1));
  await when({
    PlanCorrected: {
      planId: 'p',
      versions: [
        { ...stated, baseFee: '50', effectiveFrom: month(1), effectiveUntil: month(3) },
        { ...stated, baseFee: '60', effectiveFrom: month(3), effectiveUntil: null },
      ],
      changedFrom: month(3),
      reason: 'raised in March',
    },
  });
  await when({
    PlanCorrected: {
      planId: 'p',
      versions: [
        { ...stated, baseFee: '50', effectiveFrom: month(1), effectiveUntil: month(3) },
        { ...stated, baseFee: '70', effectiveFrom: month(3), effectiveUntil: null },
      ],
      changedFrom: month(3),
      reason: 'raised more',
    },
  });

  expect(await versions(planVersions)).toEqual([
    { ...version('50', '0.01', 1), position_from: 1, position_to: 2 },
    { ...version('50', '0.01', 1, 3), position_from: 2 },
    { ...version('60', '0.01', 3), position_from: 2, position_to: 3 },
    { ...version('70', '0.01', 3), position_from: 3 },
  ]);
});
