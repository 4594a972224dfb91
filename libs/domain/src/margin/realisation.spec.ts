import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import type { LineDefinition } from '../lines/line.js';
import { decimal, sum, text } from '../money/decimal.js';
import { cumulativeRows } from '../rating/cumulative.js';
import { capped, headroom } from '../rating/maximum.js';
import { netOf } from '../rating/row.js';
import type { ItemTerms } from '../rating/terms.js';
import { instant } from '../time/instant.js';
import { REALISATION_CAUSES, realisationsOf, stepsOfPrice } from './realisation.js';

const PERIOD = { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-05-01T00:00:00Z') };
const line = (...terms: ItemTerms[]): LineDefinition => ({
  ...{ lineId: 'l', tenantId: 't', subscriptionId: 's', deploymentId: 'd', billingKind: 'cpu', itemKey: 'cpu' },
  ...{ currency: 'USD', aggregation: 'sum', filter: null, uniqueBy: null, period: PERIOD, billingPeriod: PERIOD },
  segments: terms.map((each) => ({ period: PERIOD, planId: 'p', planEffectiveFrom: PERIOD.start, terms: each })),
});
const price: ItemTerms['price'] = { model: 'unit', unitAmount: '1.00' };
const conversion = { operation: 'divide', factor: '1000' } as const;

describe('the steps of a price', () => {
  it('add the terms one after another, from the list price on', () => {
    const all: ItemTerms = {
      ...{ price, unitConversion: conversion, included: '10', discounts: { percentage: '5', quantity: '2' } },
      commitments: { minimum: '1.00', maximum: '40.00' },
    };
    expect(stepsOfPrice(line(all)).map(({ segments }) => segments[0]?.terms)).toEqual([
      { price, unitConversion: conversion },
      { price, unitConversion: conversion, included: '10', discounts: { quantity: '2' } },
      { price, unitConversion: conversion, included: '10', discounts: { percentage: '5', quantity: '2' } },
      {
        ...{ price, unitConversion: conversion, included: '10', discounts: { percentage: '5', quantity: '2' } },
        commitments: { maximum: '40.00' },
      },
      all,
    ]);
  });

  it('are one line where nothing is added, so that it is rated once', () => {
    const plain = line({ price });
    expect(new Set(stepsOfPrice(plain))).toEqual(new Set([plain]));
    const capped = stepsOfPrice(line({ price, commitments: { maximum: '1.00' } }));
    expect(capped.map((each) => capped.indexOf(each))).toEqual([0, 0, 0, 3, 3]);
    const changed = stepsOfPrice(line({ price }, { price, included: '5' }));
    expect(changed.map((each) => changed.indexOf(each))).toEqual([0, 1, 1, 1, 1]);
  });

  it('only take off, up to the minimum', () => {
    const optional = (of: fc.Arbitrary<string>) => fc.option(of, { nil: undefined });
    const amount = fc.nat(10 ** 4).map((cents) => text(decimal(String(cents)).times(decimal('0.01'))));
    const terms = fc.record({
      ...{ included: optional(amount), percentage: optional(fc.nat(100).map(String)), quantity: optional(amount) },
      ...{ maximum: optional(amount), used: amount },
    });
    fc.assert(
      fc.property(terms, ({ included, percentage, quantity, maximum, used }) => {
        const defined = <Of extends object>(of: Of): Of =>
          Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as Of;
        const all = {
          ...{ price, ...defined({ included }), discounts: defined({ percentage, quantity }) },
          commitments: defined({ maximum }),
        } as ItemTerms;
        const nets = stepsOfPrice(line(all)).map(({ segments: [segment] }) => {
          const own = segment?.terms ?? { price };
          return netOf(capped(cumulativeRows(own, decimal(used), 2), headroom(own, decimal('0'), 'USD')));
        });
        for (const [index, net] of nets.entries()) expect(net.lte(nets[index - 1] ?? net)).toBe(true);
        expect(text(nets[0] ?? decimal('0'))).toBe(used);
      }),
      checkedOn(100),
    );
  });
});

describe('price realisation', () => {
  it('explains the difference exactly, by kind and in all', () => {
    const parts = [
      { billingKind: 'cpu', list: decimal('100'), allowance: decimal('-10'), coupon: decimal('-45.005') },
      { billingKind: 'cpu', quantity: decimal('50'), billed: decimal('40'), creditNotes: decimal('-5') },
      { billingKind: 'base_fee', billed: decimal('10') },
    ];
    const { overall, byKind } = realisationsOf(parts, 'USD');
    expect(byKind.map((each) => [each.billingKind, each.quantity, each.realisationPct, each.other])).toEqual([
      ['base_fee', '0', null, '10.00'],
      // 40 − 100 = −60 = −10 − 45.005 − 5 + 0.005
      ['cpu', '50', '40.0', '0.005'],
    ]);
    for (const { difference, list, billed, ...causes } of [overall, ...byKind]) {
      const explained = sum(REALISATION_CAUSES.map((cause) => decimal(causes[cause])));
      expect(text(explained)).toBe(text(decimal(difference)));
      expect(text(decimal(list).plus(explained))).toBe(text(decimal(billed)));
    }
  });
});
