import { describe, expect, it } from '@jest/globals';
import type { FrozenRow } from '#domain/invoices/invoice';
import { decimal } from '#domain/money/decimal';
import { instant } from '#domain/time/instant';
import type { ItemTerms } from '#domain/rating/terms';
import { arithmeticOf, type Counted, poolArithmeticOf, shareArithmeticOf, taxArithmeticOf } from './arithmetic.js';
import { sumText } from './documents.js';

const ROW: FrozenRow = {
  rowId: 'r1',
  lineId: 'l1',
  partId: 'l1',
  subscriptionId: 's',
  deploymentId: 'd',
  billingKind: 'droplet_hours',
  chargePeriod: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-05-01T00:00:00Z') },
  ref: 'usage',
  quantity: '0',
  unitAmount: '0',
  gross: '0',
  discount: '0',
  credit: '0',
  net: '0',
  taxRatePercent: '19',
  tax: '0',
  planId: 'studio',
  planEffectiveFrom: instant('2026-01-01T00:00:00Z'),
  kind: 'charge',
};

/** A row of these figures. What is not given of gross and net is the gross. */
const row = (figures: Partial<FrozenRow> & { readonly gross: string }): FrozenRow => ({
  ...ROW,
  net: figures.gross,
  ...figures,
});
const counted = (before: string, upTo: string): Counted => ({ before: decimal(before), upTo: decimal(upTo) });

const perUnit: ItemTerms = { price: { model: 'unit', unitAmount: '0.01' } };
const withAllowance: ItemTerms = { ...perUnit, included: '1488' };

describe('the arithmetic of a row', () => {
  it('is usage × unit amount', () => {
    // 2112 × 0.01 = 21.12
    const usage = row({ quantity: '2112', unitAmount: '0.01', gross: '21.12' });
    expect(arithmeticOf(usage, 'USD', perUnit, counted('0', '2112'))).toBe('2112 × 0.01 = 21.12');
  });

  it('deducts included units and a discount of units from the usage', () => {
    // 3600 − 1488 = 2112
    const usage = row({ quantity: '2112', unitAmount: '0.01', gross: '21.12' });
    expect(arithmeticOf(usage, 'USD', withAllowance, counted('0', '3600'))).toBe('(3600 − 1488) × 0.01 = 21.12');
    // 3600 − (1488 + 112) = 2000
    const less = row({ quantity: '2000', unitAmount: '0.01', gross: '20.00' });
    const discounted: ItemTerms = { ...withAllowance, discounts: { quantity: '112' } };
    expect(arithmeticOf(less, 'USD', discounted, counted('0', '3600'))).toBe('(3600 − 1600) × 0.01 = 20.00');
  });

  it('of a part is what it adds to the part before', () => {
    // 300 − 100 = 200
    const part = row({ quantity: '200', unitAmount: '0.01', gross: '2.00' });
    expect(arithmeticOf(part, 'USD', perUnit, counted('100', '300'))).toBe('(300 − 100) × 0.01 = 2.00');
    // (1700 − 1488) − (1500 − 1488) = 200
    expect(arithmeticOf(part, 'USD', withAllowance, counted('1500', '1700'))).toBe(
      '((1700 − 1488) − (1500 − 1488)) × 0.01 = 2.00',
    );
  });

  it('of a tier, a package, a flat amount or a rate is quantity × unit amount', () => {
    const graduated: ItemTerms = {
      price: {
        model: 'graduated',
        tiers: [
          { upTo: '100', unitAmount: '0.50' },
          { upTo: null, unitAmount: '0.40' },
        ],
      },
    };
    const tier = row({ ref: 'tier-2', quantity: '50', unitAmount: '0.4', gross: '20.00' });
    expect(arithmeticOf(tier, 'USD', graduated, counted('0', '150'))).toBe('50 × 0.40 = 20.00');
    const packages: ItemTerms = { price: { model: 'package', packageSize: '100', packageAmount: '5' } };
    // 250 units are 3 packages of 100
    const pack = row({ quantity: '3', unitAmount: '5', gross: '15.00' });
    expect(arithmeticOf(pack, 'USD', packages, counted('0', '250'))).toBe('3 × 5.00 = 15.00');
    const fee = row({ ref: 'flat', quantity: '1', unitAmount: '50', gross: '50.00' });
    expect(arithmeticOf(fee, 'USD', { price: { model: 'flat', amount: '50', paymentTerm: 'in_advance' } }, null)).toBe(
      '1 × 50.00 = 50.00',
    );
    // A rate per key is no single quantity of the line: 4000 × 0.000171296 = 0.685184
    const rate = row({
      ref: 'VmVCpu/standard/hel1@2026-01-01',
      quantity: '4000',
      unitAmount: '0.000171296',
      gross: '0.69',
    });
    expect(arithmeticOf(rate, 'USD', { price: { model: 'rate_card' } }, null)).toBe(
      '4000 × 0.000171296 = 0.685184, booked 0.69',
    );
  });

  it('of a volume price, a dynamic one and a percentage has the usage of the period', () => {
    const volume: ItemTerms = {
      price: {
        model: 'volume',
        tiers: [
          { upTo: '100', unitAmount: '1' },
          { upTo: null, unitAmount: '0.9' },
        ],
      },
    };
    const all = row({ ref: 'tier-2', quantity: '150', unitAmount: '0.9', gross: '135.00' });
    expect(arithmeticOf(all, 'USD', volume, counted('0', '150'))).toBe('150 × 0.90 = 135.00');
    const dynamic = row({ quantity: '80', unitAmount: '1.2', gross: '96.00' });
    expect(arithmeticOf(dynamic, 'USD', { price: { model: 'dynamic', multiplier: '1.2' } }, counted('0', '80'))).toBe(
      '80 × 1.20 = 96.00',
    );
    // 3 % of 200
    const percent = row({ quantity: '200', unitAmount: '0.03', gross: '6.00' });
    expect(arithmeticOf(percent, 'USD', { price: { model: 'percentage', percent: '3' } }, counted('0', '200'))).toBe(
      '200 × 0.03 = 6.00',
    );
  });

  it('shows the deducted discount and credit', () => {
    // 30.00 − 3.00 − 2.00 = 25.00
    const less = row({ quantity: '300', unitAmount: '0.1', gross: '30.00', discount: '3', credit: '2', net: '25.00' });
    expect(arithmeticOf(less, 'USD', null, null)).toBe('300 × 0.10 = 30.00; 30.00 − 3.00 − 2.00 = 25.00');
    // What is taken back has the minus sign of arithmetic, in brackets.
    const back = row({ quantity: '-300', unitAmount: '0.1', gross: '-30.00', discount: '-3', net: '-27.00' });
    expect(arithmeticOf(back, 'USD', null, null)).toBe('−300 × 0.10 = −30.00; −30.00 − (−3.00) = −27.00');
  });

  it('has amounts at the scale of the currency', () => {
    expect(arithmeticOf(row({ quantity: '3', unitAmount: '120', gross: '360' }), 'JPY', null, null)).toBe(
      '3 × 120 = 360',
    );
    expect(arithmeticOf(row({ quantity: '2', unitAmount: '0.5', gross: '1' }), 'KWD', null, null)).toBe(
      '2 × 0.500 = 1.000',
    );
  });
});

describe('the arithmetic of tax', () => {
  it('is the rate on the net amount, or the booked amount', () => {
    // 19 % of 100.00 = 19.00; 19 % of 0.33 = 0.0627
    expect(taxArithmeticOf(row({ gross: '100.00', tax: '19.00' }), 'USD')).toBe('19 % of 100.00 = 19.00');
    expect(taxArithmeticOf(row({ gross: '0.33', tax: '0.07' }), 'USD')).toBe('19 % of 0.33 = 0.0627, booked 0.07');
  });
});

describe('the arithmetic of a document', () => {
  it('adds the tax to the rows, or subtracts it on a credit note', () => {
    expect(sumText(decimal('58.74'), decimal('11.16'), 'USD')).toBe('58.74 + 11.16 = 69.90');
    expect(sumText(decimal('-2'), decimal('-0.38'), 'USD')).toBe('−2.00 − 0.38 = −2.38');
    expect(sumText(decimal('58.74'), decimal('0'), 'USD')).toBe('58.74');
  });
});

describe('the arithmetic of a tenant’s parts of a shared cost', () => {
  const ofTenant = (amount: string, basis: string, tenantBasis: string, ...borne: string[]) =>
    shareArithmeticOf(
      {
        ...{ policyId: 'p', effectiveFrom: instant('2026-04-01T00:00:00Z'), method: 'even', billingKind: null },
        ...{ amount, basis, fallback: null, pool: null },
        parts: borne.map((of) => ({ tenantId: 't', deploymentId: null, tenantBasis, basis: '1', amount: of })),
      },
      'USD',
    );

  it.each([
    // Deployments of 50 and −20: the first bears all of what the tenant’s 30 of 90 come to.
    [ofTenant('300.00', '90', '30', '100.00'), '300.00 × 30 / 90 = 100.00'],
    // Of two deployments: 66.67 + 33.33
    [ofTenant('300.00', '90', '30', '66.67', '33.33'), '300.00 × 30 / 90 = 100.00'],
    // 10.00 / 3 = 3.333…: two bear 3.33, the first one the cent that is left.
    [ofTenant('10.00', '3', '1', '3.33'), '10.00 × 1 / 3 = 3.33'],
    [ofTenant('10.00', '3', '1', '3.34'), '10.00 × 1 / 3 = 3.33, and 0.01 of the remainder: 3.34'],
    [ofTenant('-0.01', '3', '1', '-0.01'), '−0.01 × 1 / 3 = 0.00, and −0.01 of the remainder: −0.01'],
    // 0.0005 × 1 / 2 = 0.00025
    [ofTenant('0.0005', '2', '1', '0.0003'), '0.0005 × 1 / 2 = 0.0002, and 0.0001 of the remainder: 0.0003'],
  ])('%s', (written, expected) => {
    expect(written).toBe(expected);
  });
});

describe('the arithmetic of a pool', () => {
  const ofPool = (amount: string, cost: string, remainder: string, sold: string) =>
    poolArithmeticOf(
      {
        ...{ policyId: 'p', effectiveFrom: instant('2026-04-01T00:00:00Z'), method: 'usage', billingKind: 'cpu' },
        ...{ amount, basis: sold, fallback: null, pool: { cost, capacity: '9000', sold, remainder }, parts: [] },
      },
      'USD',
    );

  it.each([
    // Of 9,000 that cost 90.00, 3,600 are sold: 90.00 × 5400 / 9000 = 54.00 are idle.
    [ofPool('36.00', '90.00', '54.00', '3600'), '90.00 × (9000 − 3600) / 9000 = 54.00 idle; 90.00 − 54.00 = 36.00'],
    // A refund of 9.00
    [ofPool('-3.60', '-9.00', '-5.40', '3600'), '−9.00 × (9000 − 3600) / 9000 = −5.40 idle; −9.00 − (−5.40) = −3.60'],
    [ofPool('90.00', '90.00', '0.00', '9001'), '90.00 for 9000, of which 9001 are sold'],
  ])('%s', (written, expected) => {
    expect(written).toBe(expected);
  });
});
