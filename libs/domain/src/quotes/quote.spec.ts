import { describe, expect, it } from '@jest/globals';
import { FROM_EVER } from '../time/instant.js';
import type { PlanItem, PlanVersion } from '../plans/plan.js';
import { quotePlan } from './quote.js';

const item = (billingKind: string, included: string, unitAmount: string): PlanItem => ({
  billingKind,
  included,
  price: { model: 'unit', unitAmount },
  aggregation: 'sum',
});
const STUDIO: PlanVersion = {
  planId: 'studio',
  effectiveFrom: FROM_EVER,
  effectiveUntil: null,
  name: 'Studio',
  currency: 'USD',
  baseFee: '50',
  paymentTerm: 'in_advance',
  interval: 'month',
  items: [
    item('droplet_hours', '1488', '0.01'),
    item('dns_zones', '10', '0.10'),
    item('snapshot_gb_month', '100', '0.06'),
    item('droplet_backup_gb_month', '100', '0.06'),
    item('spaces_gb_month', '250', '0.02'),
  ],
};

describe('a quote on Studio', () => {
  it('is 71.12 for 3600 droplet hours', () => {
    const quote = quotePlan(STUDIO, { droplet_hours: '3600' });
    // 3600 − 1488 = 2112; 2112 × 0.01 = 21.12; 50.00 + 21.12
    expect(quote).toMatchObject({
      planId: 'studio',
      currency: 'USD',
      subtotal: '71.12',
      tax: '0.00',
      total: '71.12',
      unbilled: [],
    });
    expect(quote.lines[1]).toEqual({
      billingKind: 'droplet_hours',
      quantity: '3600',
      included: '1488',
      billable: '2112',
      rows: [
        {
          ref: 'usage',
          quantity: '2112',
          unitAmount: '0.01',
          gross: '21.12',
          discount: '0.00',
          credit: '0.00',
          net: '21.12',
        },
      ],
      net: '21.12',
    });
  });

  it('is 50.00 for ten days of two droplets, two zones and three snapshots: no overage', () => {
    const quote = quotePlan(STUDIO, {
      droplet_hours: '480',
      dns_zones: '0.645161290322',
      snapshot_gb_month: '15.483870967743',
    });
    expect(quote.total).toBe('50.00');
    expect(quote.lines.map(({ net }) => net)).toEqual(['50.00', '0.00', '0.00', '0.00', '0.00', '0.00']);
  });

  it('bills nothing for exactly the included quantity, and the first unit above it', () => {
    expect(quotePlan(STUDIO, { droplet_hours: '1488' }).total).toBe('50.00');
    expect(quotePlan(STUDIO, { droplet_hours: '1489' }).total).toBe('50.01');
  });

  it('has tax on the net, rounded as a whole', () => {
    // 71.12 × 19 % = 13.5128; 71.12 + 13.51
    expect(quotePlan(STUDIO, { droplet_hours: '3600' }, '19')).toMatchObject({
      subtotal: '71.12',
      tax: '13.51',
      total: '84.63',
    });
  });

  it('lists usage without a plan item, unless it is zero', () => {
    expect(quotePlan(STUDIO, { VmCores: '4.50', gpu_hours: '0.0' }).unbilled).toEqual([
      { billingKind: 'VmCores', quantity: '4.5' },
    ]);
  });

  it('ignores usage with the name of the base fee', () => {
    expect(quotePlan(STUDIO, { base_fee: '7' }).total).toBe('50.00');
  });

  it('refuses an invalid quantity', () => {
    expect(() => quotePlan(STUDIO, { droplet_hours: 'many' })).toThrow(
      'usage.droplet_hours: "many" is not a plain decimal',
    );
    expect(() => quotePlan(STUDIO, { VmCores: 'many' })).toThrow(expect.objectContaining({ code: 'not_a_decimal' }));
  });

  it('does not read properties of every object as usage', () => {
    expect(quotePlan({ ...STUDIO, items: [item('constructor', '0', '1')] }, {}).total).toBe('50.00');
  });
});

describe('a quote on other plans', () => {
  it('prints unit amounts as invoices do: with the decimals of the currency', () => {
    const plan: PlanVersion = { ...STUDIO, items: [item('hours', '0', '0.5'), item('calls', '0', '0.0001250')] };
    const [fee, hours, calls] = quotePlan(plan, { hours: '3', calls: '1000' }).lines;
    expect([fee, hours, calls].map((line) => line?.rows[0]?.unitAmount)).toEqual(['50.00', '0.50', '0.000125']);
  });

  it('is in the plan’s currency', () => {
    // 12.5 × 3.7 = 46.25 → 46 JPY
    const yen: PlanVersion = { ...STUDIO, currency: 'JPY', baseFee: '5000', items: [item('hours', '0', '3.7')] };
    expect(quotePlan(yen, { hours: '12.5' })).toMatchObject({ subtotal: '5046', total: '5046' });
  });

  it('includes amounts due at the end of the period, because it covers a whole period', () => {
    const volume: PlanItem = {
      billingKind: 'hours',
      price: {
        model: 'volume',
        tiers: [
          { upTo: '10', unitAmount: '1.00' },
          { upTo: null, unitAmount: '0.50' },
        ],
      },
      aggregation: 'sum',
    };
    const minimum: PlanItem = { ...item('zones', '0', '0.10'), commitments: { minimum: '5.00' } };
    const quote = quotePlan(
      { ...STUDIO, paymentTerm: 'in_arrears', items: [volume, minimum] },
      { hours: '20', zones: '3' },
    );
    // 20 × 0.50 = 10.00; 3 × 0.10 = 0.30, and 4.70 to the minimum; 50.00 + 10.00 + 5.00
    expect(quote.lines.map(({ net }) => net)).toEqual(['50.00', '10.00', '5.00']);
    expect(quote.lines[2]?.rows.map(({ ref, net }) => [ref, net])).toEqual([
      ['usage', '0.30'],
      ['minimum-commitment', '4.70'],
    ]);
  });

  it('has nothing for an item priced by rate keys, and refuses its usage, because a usage map has no keys', () => {
    const card: PlanItem = {
      billingKind: 'VmCores',
      price: { model: 'rate_card' },
      aggregation: 'sum',
      commitments: { minimum: '5.00' },
    };
    const plan: PlanVersion = { ...STUDIO, items: [item('droplet_hours', '1488', '0.01'), card] };
    // 50.00 + 2112 × 0.01 + the minimum of 5.00
    expect(quotePlan(plan, { droplet_hours: '3600' })).toMatchObject({
      lines: [
        { net: '50.00' },
        { net: '21.12' },
        { billingKind: 'VmCores', quantity: '0', billable: '0', net: '5.00' },
      ],
      total: '76.12',
    });
    expect(quotePlan(plan, { VmCores: '0.0' }).total).toBe('55.00');
    expect(() => quotePlan(plan, { VmCores: '4' })).toThrow(
      expect.objectContaining({
        code: 'rate_card_quote',
        message:
          'VmCores is priced by rate keys, which a quantity does not name: quote without it, and query its rates',
        errors: [{ field: 'usage.VmCores', message: 'cannot be quoted by quantity' }],
      }),
    );
  });

  it('is refused for usage that several items divide by filters, because a usage map has no attributes', () => {
    const filtered = (region: string): PlanItem => ({ ...item('hours', '0', '1'), filter: { region } });
    const plan: PlanVersion = { ...STUDIO, items: [filtered('fra1'), filtered('nyc3')] };
    expect(quotePlan(plan, {}).total).toBe('50.00');
    expect(() => quotePlan(plan, { hours: '4' })).toThrow(
      expect.objectContaining({
        code: 'filtered_quote',
        errors: [{ field: 'usage.hours', message: 'has several items in the plan' }],
      }),
    );
    // One filter: the quantity is of what it lets through.
    expect(quotePlan({ ...plan, items: [filtered('fra1')] }, { hours: '4' }).total).toBe('54.00');
  });
});
