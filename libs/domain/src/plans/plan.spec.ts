import { describe, expect, it } from '@jest/globals';
import { instant, isBefore } from '../time/instant.js';
import {
  applyPlanEvent,
  correctPrice,
  foldPlan,
  itemKey,
  planAt,
  type PlanEvent,
  type PlanItem,
  type PlanVersion,
  publishPlan,
  zPlanItem,
} from './plan.js';

const T = (day: string) => instant(`2026-${day}T00:00:00Z`);
const hours = (unitAmount: string, more: Partial<PlanItem> = {}): PlanItem => ({
  billingKind: 'droplet_hours',
  included: '1488',
  price: { model: 'unit', unitAmount },
  aggregation: 'sum',
  ...more,
});
const studio = (
  from: string,
  more: Partial<Parameters<typeof publishPlan>[1]> = {},
): Parameters<typeof publishPlan>[1] => ({
  planId: 'studio',
  name: 'Studio',
  currency: 'USD',
  baseFee: '50',
  paymentTerm: 'in_advance',
  interval: 'month',
  effectiveFrom: T(from),
  items: [hours('0.01')],
  ...more,
});
const right = (
  billingKind: string,
  price: PlanItem['price'],
  from: string,
  until: string | null = null,
): Parameters<typeof correctPrice>[1] => ({
  planId: 'studio',
  billingKind,
  price,
  effectiveFrom: T(from),
  effectiveUntil: until === null ? null : T(until),
  reason: 'a typo',
});
const perUnit = (unitAmount: string): PlanItem['price'] => ({ model: 'unit', unitAmount });

type Decision = (versions: readonly PlanVersion[]) => PlanEvent[];
const publish =
  (...given: Parameters<typeof studio>): Decision =>
  (versions) =>
    publishPlan(versions, studio(...given));
const correct =
  (...given: Parameters<typeof right>): Decision =>
  (versions) =>
    correctPrice(versions, right(...given));
const after = (...decisions: readonly Decision[]): PlanVersion[] =>
  decisions.reduce<PlanVersion[]>(
    (versions, decide) => decide(versions).reduce<PlanVersion[]>(applyPlanEvent, versions),
    [],
  );
/** Base fee and the price of hours, with the stretch over which they hold. */
const shown = (versions: readonly PlanVersion[]) =>
  versions.map(({ baseFee, items, effectiveFrom, effectiveUntil }) => [
    baseFee,
    items.map(({ price }) => ('unitAmount' in price ? price.unitAmount : price.model)).join(),
    effectiveFrom.slice(5, 10),
    effectiveUntil?.slice(5, 10) ?? null,
  ]);

describe('a plan', () => {
  it('has versions that follow one another', () => {
    const versions = after(publish('01-01'), publish('04-01', { baseFee: '60' }), publish('07-01', { baseFee: '70' }));
    expect(shown(versions)).toEqual([
      ['50', '0.01', '01-01', '04-01'],
      ['60', '0.01', '04-01', '07-01'],
      ['70', '0.01', '07-01', null],
    ]);
    expect(
      [
        planAt(versions, instant('2026-03-31T23:59:59.999999Z')),
        planAt(versions, T('04-01')),
        planAt(versions, instant('2025-12-31T00:00:00Z')),
      ].map((version) => version?.baseFee),
    ).toEqual(['50', '60', undefined]);
  });

  it('may begin earlier than first published, until its first version', () => {
    expect(shown(after(publish('04-01'), publish('01-01', { baseFee: '40' })))).toEqual([
      ['40', '0.01', '01-01', '04-01'],
      ['50', '0.01', '04-01', null],
    ]);
  });

  it('is not published over terms that a later version follows: that is a correction', () => {
    expect(() => after(publish('01-01'), publish('04-01'), publish('02-01'))).toThrow(
      expect.objectContaining({ code: 'plan_overlap', kind: 'conflict' }),
    );
  });

  it('keeps its currency and interval', () => {
    expect(() => after(publish('01-01'), publish('04-01', { currency: 'EUR' }))).toThrow(
      expect.objectContaining({ code: 'currency_mismatch' }),
    );
    expect(() => after(publish('01-01'), publish('04-01', { interval: 'year' }))).toThrow(
      expect.objectContaining({ code: 'interval_mismatch' }),
    );
  });

  it('has one item a billing kind and filter', () => {
    const items = [
      hours('0.01'),
      hours('0.02', { filter: { region: 'fra1' } }),
      hours('0.03', { filter: { region: 'nyc3' } }),
    ];
    expect(after(publish('01-01', { items }))[0]?.items).toHaveLength(3);
    expect(() => after(publish('01-01', { items: [...items, hours('0.04', { filter: { region: 'fra1' } })] }))).toThrow(
      expect.objectContaining({
        code: 'duplicate_plan_item',
        errors: [{ field: 'items[3].billingKind', message: 'has an item already' }],
      }),
    );
  });

  it('has no item whose minimum is above its maximum, as money', () => {
    const item = (minimum: string, maximum: string) => [hours('0.01', { commitments: { minimum, maximum } })];
    expect(() => after(publish('01-01', { items: item('10.01', '10.00') }))).toThrow(
      expect.objectContaining({ code: 'minimum_above_maximum' }),
    );
    // 10.004 USD is 10.00
    expect(after(publish('01-01', { items: item('10.004', '10.00') }))).toHaveLength(1);
  });

  it.each<[string, Partial<PlanItem>, string, string]>([
    ['unique_count of nothing', { aggregation: 'unique_count' }, 'unique_by_missing', 'items[1].uniqueBy'],
    [
      'unique_count of an attribute without a name',
      { aggregation: 'unique_count', uniqueBy: '' },
      'unique_by_missing',
      'items[1].uniqueBy',
    ],
    ['a sum of unique values', { uniqueBy: 'user' }, 'unique_by_unused', 'items[1].uniqueBy'],
    ['a count of unique values', { aggregation: 'count', uniqueBy: 'user' }, 'unique_by_unused', 'items[1].uniqueBy'],
    [
      'the greatest reading at its rate',
      { aggregation: 'max', price: { model: 'rate_card' } },
      'rate_card_aggregation',
      'items[1].aggregation',
    ],
    ['a filter that names no attribute', { filter: {} }, 'empty_filter', 'items[1].filter'],
    [
      'a minimum above its maximum',
      { commitments: { minimum: '2', maximum: '1' } },
      'minimum_above_maximum',
      'items[1].commitments.minimum',
    ],
  ])('has no item of %s', (_name, more, code, field) => {
    const items = [hours('0.01'), hours('0.01', { billingKind: 'calls', ...more })];
    expect(() => after(publish('01-01', { items }))).toThrow(
      expect.objectContaining({ code, kind: 'invalid', errors: [expect.objectContaining({ field })] }),
    );
  });

  it('has an item of unique values of an attribute, and one of a rate card’s sum', () => {
    const items = [
      hours('0.01', { aggregation: 'unique_count', uniqueBy: 'user' }),
      hours('0.01', { billingKind: 'vm', price: { model: 'rate_card' } }),
    ];
    expect(after(publish('01-01', { items }))[0]?.items).toHaveLength(2);
  });

  it('tells items apart by their filter, however it is written', () => {
    expect(itemKey(hours('0.01'))).toBe('droplet_hours');
    expect(itemKey(hours('0.01', { filter: { b: '2', a: '1' } }))).toBe(
      itemKey(hours('0.01', { filter: { a: '1', b: '2' } })),
    );
    expect(itemKey(hours('0.01', { filter: {} }))).not.toBe(itemKey(hours('0.01')));
  });

  it('has a base fee of its own, not as an item', () => {
    expect(zPlanItem.safeParse({ billingKind: 'base_fee', price: { model: 'unit', unitAmount: '1' } }).success).toBe(
      false,
    );
    expect(zPlanItem.parse({ billingKind: 'hours', price: { model: 'unit', unitAmount: '1' } }).aggregation).toBe(
      'sum',
    );
  });
});

describe('correct-price', () => {
  const history = [publish('01-01'), publish('07-01', { items: [hours('0.02')] })];

  it('holds until the plan’s next version where no end is given', () => {
    expect(shown(after(...history, correct('droplet_hours', perUnit('0.03'), '04-01')))).toEqual([
      ['50', '0.01', '01-01', '04-01'],
      ['50', '0.03', '04-01', '07-01'],
      ['50', '0.02', '07-01', null],
    ]);
    expect(correctPrice(after(...history), right('droplet_hours', perUnit('0.03'), '04-01'))[0]?.data).toMatchObject({
      effectiveUntil: '2026-07-01T00:00:00Z',
    });
  });

  it('reaches over several versions, and leaves what is around as it was', () => {
    expect(shown(after(...history, correct('droplet_hours', perUnit('0.03'), '06-01', '08-01')))).toEqual([
      ['50', '0.01', '01-01', '06-01'],
      ['50', '0.03', '06-01', '07-01'],
      ['50', '0.03', '07-01', '08-01'],
      ['50', '0.02', '08-01', null],
    ]);
  });

  it('corrects a base fee with a flat price', () => {
    const flat: PlanItem['price'] = { model: 'flat', amount: '55.00', paymentTerm: 'in_advance' };
    expect(shown(after(...history, correct('base_fee', flat, '01-01', '02-01')))[0]).toEqual([
      '55.00',
      '0.01',
      '01-01',
      '02-01',
    ]);
    expect(() => after(...history, correct('base_fee', perUnit('1'), '01-01'))).toThrow(
      expect.objectContaining({ code: 'base_fee_is_flat' }),
    );
  });

  it('corrects when a base fee is due', () => {
    const flat: PlanItem['price'] = { model: 'flat', amount: '50', paymentTerm: 'in_arrears' };
    expect(after(...history, correct('base_fee', flat, '01-01', '02-01'))[0]).toMatchObject({
      baseFee: '50',
      paymentTerm: 'in_arrears',
    });
  });

  it('to what it is changes nothing', () => {
    expect(correctPrice(after(...history), right('droplet_hours', perUnit('0.01'), '02-01', '03-01'))).toEqual([]);
    expect(correctPrice(after(...history), right('droplet_hours', perUnit('0.01'), '02-01', '08-01'))).toHaveLength(1);
  });

  it('names the filter where the plan has several items of the billing kind', () => {
    const items = ['fra1', 'nyc3'].map((region) => hours('0.01', { filter: { region } }));
    const two = after(publish('01-01', { items }));
    expect(() => correctPrice(two, right('droplet_hours', perUnit('0.03'), '02-01'))).toThrow(
      expect.objectContaining({ code: 'ambiguous_plan_item' }),
    );
    const corrected = correctPrice(two, {
      ...right('droplet_hours', perUnit('0.03'), '02-01'),
      filter: { region: 'nyc3' },
    }).reduce<PlanVersion[]>(applyPlanEvent, two);
    expect(corrected[1]?.items.map(({ price }) => price)).toEqual([perUnit('0.01'), perUnit('0.03')]);
  });

  it('is refused where there is nothing to correct', () => {
    expect(() => after(correct('droplet_hours', perUnit('1'), '01-01'))).toThrow(
      expect.objectContaining({ code: 'unknown_plan', kind: 'not_found' }),
    );
    expect(() => after(...history, correct('dns_zones', perUnit('1'), '01-01'))).toThrow(
      expect.objectContaining({ code: 'unknown_plan_item' }),
    );
    expect(() => after(...history, correct('droplet_hours', perUnit('1'), '02-01', '02-01'))).toThrow(
      expect.objectContaining({ code: 'empty_period' }),
    );
  });

  it('is refused where the item could not have been published with that price', () => {
    const counted = [hours('0.01', { aggregation: 'count' })];
    expect(() =>
      after(publish('01-01', { items: counted }), correct('droplet_hours', { model: 'rate_card' }, '01-01')),
    ).toThrow(
      expect.objectContaining({ code: 'rate_card_aggregation', errors: [expect.objectContaining({ field: 'price' })] }),
    );
  });

  it('is refused before the plan’s first version, of the base fee too', () => {
    const flat: PlanItem['price'] = { model: 'flat', amount: '55', paymentTerm: 'in_advance' };
    expect(() => after(publish('04-01'), correct('base_fee', flat, '01-01', '02-01'))).toThrow(
      expect.objectContaining({ code: 'unknown_plan_item' }),
    );
  });

  it('leaves versions that never overlap', () => {
    const versions = after(
      ...history,
      correct('droplet_hours', perUnit('0.03'), '03-01', '09-01'),
      correct('droplet_hours', perUnit('0.04'), '02-01', '08-01'),
    );
    expect(shown(versions).map(([, unitAmount, from, until]) => [unitAmount, from, until])).toEqual([
      ['0.01', '01-01', '02-01'],
      ['0.04', '02-01', '03-01'],
      ['0.04', '03-01', '07-01'],
      ['0.04', '07-01', '08-01'],
      ['0.03', '08-01', '09-01'],
      ['0.02', '09-01', null],
    ]);
    expect(
      versions.every(
        ({ effectiveFrom, effectiveUntil }) => effectiveUntil === null || isBefore(effectiveFrom, effectiveUntil),
      ),
    ).toBe(true);
  });
});

describe('foldPlan', () => {
  it('is the versions that the events decided', () => {
    expect(foldPlan([])).toEqual([]);
    expect(foldPlan(publishPlan([], studio('01-01')))).toEqual([{ ...studio('01-01'), effectiveUntil: null }]);
  });
});
