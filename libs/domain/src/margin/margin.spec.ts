import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, sum, text } from '../money/decimal.js';
import { instant } from '../time/instant.js';
import { period } from '../time/period.js';
import { exactMoney, type MarginCost, marginOf, marginPercent, type RevenueShare } from './margin.js';
import { byMonth } from './months.js';

const RUNS = checkedOn(100);

const d = (value: string) => decimal(value);
const earned = (tenantId: string, deploymentId: string, billingKind: string, amount: string): RevenueShare => ({
  tenantId,
  deploymentId,
  billingKind,
  amount: d(amount),
});
const spent = (tenantId: string | null, deploymentId: string | null, kind: string, amount: string): MarginCost => ({
  tenantId,
  deploymentId,
  kind,
  amount: d(amount),
  sharedBy: null,
});

describe('the margin of April', () => {
  const april = marginOf(
    [earned('dashboard-pilot', 'd2', 'base_fee', '50.00'), earned('dashboard-pilot', 'd2', 'droplet_hours', '21.12')],
    // 4 × 6.00 + 6.53 = 30.53
    [
      ...['6.00', '6.00', '6.00', '6.00', '6.53'].map((amount) => spent('dashboard-pilot', 'd2', 'droplet', amount)),
      spent(null, null, 'support', '56.39'),
    ],
    'USD',
  );

  it('of the tenant is 40.59, 57.1 %', () => {
    // 71.12 − 30.53; 40.59 / 71.12 = 57.07 %
    expect(april.byTenant).toMatchObject([
      { tenantId: 'dashboard-pilot', revenue: '71.12', cogs: '30.53', margin: '40.59', marginPct: '57.1' },
    ]);
    expect(april.byDeployment).toMatchObject([
      {
        tenantId: 'dashboard-pilot',
        deploymentId: 'd2',
        revenue: '71.12',
        cogs: '30.53',
        margin: '40.59',
        marginPct: '57.1',
      },
    ]);
  });

  it('is −15.80 overall: 56.39 is unattributed', () => {
    // 30.53 + 56.39 = 86.92; 71.12 − 86.92; −15.80 / 71.12 = −22.2 %
    expect(april.overall).toMatchObject({ revenue: '71.12', cogs: '86.92', margin: '-15.80', marginPct: '-22.2' });
    expect(april.unattributed).toMatchObject({ cogs: '56.39' });
  });

  it('has billing kinds on one axis and the provider’s kinds on the other', () => {
    expect(april.byKind).toEqual({
      revenue: [
        { billingKind: 'base_fee', revenue: '50.00' },
        { billingKind: 'droplet_hours', revenue: '21.12' },
      ],
      cogs: [
        { kind: 'droplet', cogs: '30.53' },
        { kind: 'support', cogs: '56.39' },
      ],
    });
  });
});

describe('a margin', () => {
  it('of a tenant’s own resource is listed next to its deployments', () => {
    const costs = [spent('t1', null, 'bucket', '4'), spent('t1', 'd1', 'droplet', '3')];
    const margin = marginOf([earned('t1', 'd1', 'hours', '10')], costs, 'USD');
    expect(margin.byDeployment.map(({ deploymentId, margin: of }) => [deploymentId, of])).toEqual([
      ['d1', '7.00'],
      [null, '-4.00'],
    ]);
    expect(margin.byTenant[0]?.margin).toBe('3.00');
    expect(margin.unattributed.cogs).toBe('0.00');
  });

  it('has no percentage without revenue', () => {
    const margin = marginOf([], [spent('t1', 'd1', 'droplet', '3')], 'USD');
    expect(margin.overall).toMatchObject({ revenue: '0.00', cogs: '3.00', margin: '-3.00', marginPct: null });
    expect(marginPercent(d('0'), d('5'))).toBeNull();
    // taken back to the cent: still no revenue
    expect(
      marginOf([earned('t1', 'd1', 'x', '5'), earned('t1', 'd1', 'x', '-5')], [], 'USD').overall.marginPct,
    ).toBeNull();
  });

  it('has a percentage of one decimal, half away from zero', () => {
    // 0.15 / 100 = 0.15 %, 0.05 / 100 = 0.05 %, and below zero
    expect(['0.15', '0.05', '-0.05'].map((margin) => marginPercent(d('100'), d(margin)))).toEqual([
      '0.2',
      '0.1',
      '-0.1',
    ]);
    expect(['3', '1', '-0.0001'].map((margin) => marginPercent(d('3'), d(margin)))).toEqual(['100.0', '33.3', '0.0']);
    // what was given back more than earned: −1 of −10 is 10 %
    expect(marginPercent(d('-10'), d('-1'))).toBe('10.0');
  });

  it('is empty without data', () => {
    expect(marginOf([], [], 'JPY')).toEqual({
      overall: {
        ...{ revenue: '0', cogs: '0', margin: '0', marginPct: null },
        ...{ directCogs: '0', sharedCogs: '0', directMargin: '0', directMarginPct: null },
      },
      byTenant: [],
      byDeployment: [],
      byKind: { revenue: [], cogs: [] },
      unattributed: { cogs: '0', directCogs: '0', sharedCogs: '0' },
      shared: [],
    });
  });

  it('is exact: a provider’s fractions of a cent are kept', () => {
    const exact = ['1.5', '0.000000000000000001', '-0'].map((amount) => exactMoney(d(amount), 'USD'));
    expect([...exact, exactMoney(d('7'), 'JPY')]).toEqual(['1.50', '0.000000000000000001', '0.00', '7']);
    // 71.12 − 0.0001
    expect(marginOf([earned('t1', 'd1', 'x', '71.12')], [spent('t1', 'd1', 'x', '0.0001')], 'USD').overall.margin).toBe(
      '71.1199',
    );
  });

  it('adds up: tenants and unattributed to overall, deployments and standalone to the tenant, kinds to overall', () => {
    const amount = fc
      .tuple(fc.integer({ min: -(10 ** 6), max: 10 ** 6 }), fc.constantFrom('0.01', '0.000001'))
      .map(([units, unit]) => text(d(String(units)).times(d(unit))));
    const tenant = fc.constantFrom('t1', 't2', 't3');
    const deployment = fc.constantFrom('d1', 'd2', 'd"3');
    const kind = fc.constantFrom('a', 'b');
    const revenues = fc.array(
      fc.tuple(tenant, deployment, kind, amount).map((each) => earned(...each)),
      { maxLength: 8 },
    );
    const costs = fc.array(
      fc.oneof(
        fc.tuple(tenant, fc.option(deployment), kind, amount).map((each) => spent(...each)),
        fc.tuple(fc.constant(null), fc.constant(null), kind, amount).map((each) => spent(...each)),
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(revenues, costs, (revenue, cost) => {
        const { overall, byTenant, byDeployment, byKind, unattributed } = marginOf(revenue, cost, 'USD');
        const total = (values: readonly string[]): string => text(sum(values.map(d)));
        expect(total(byTenant.map((each) => each.revenue))).toBe(total([overall.revenue]));
        expect(total([...byTenant.map(({ cogs }) => cogs), unattributed.cogs])).toBe(total([overall.cogs]));
        expect(total([...byTenant.map(({ margin }) => margin), `-${unattributed.cogs}`.replace('--', '')])).toBe(
          total([overall.margin]),
        );
        for (const { tenantId, revenue: of, cogs, margin } of byTenant) {
          const own = byDeployment.filter((each) => each.tenantId === tenantId);
          expect(total(own.map((each) => each.revenue))).toBe(total([of]));
          expect(total(own.map((each) => each.cogs))).toBe(total([cogs]));
          expect(total(own.map((each) => each.margin))).toBe(total([margin]));
        }
        expect(total(byKind.revenue.map((each) => each.revenue))).toBe(total([overall.revenue]));
        expect(total(byKind.cogs.map((each) => each.cogs))).toBe(total([overall.cogs]));
      }),
      RUNS,
    );
  });
});

describe('an amount over several months', () => {
  const at = (text_: string) => instant(text_);
  const shown = (months: ReturnType<typeof byMonth>) => months.map(({ month, amount }) => [month, text(amount)]);

  it('is divided by time, telescoping', () => {
    // 90 days from 15 March: 17 + 30 + 31 + 12. 10 × 17/90 = 1.89, × 47/90 = 5.22, × 78/90 = 8.67, and the rest
    const over = period(at('2026-03-15T00:00:00Z'), at('2026-06-13T00:00:00Z'));
    expect(shown(byMonth(d('10.00'), over, 'USD'))).toEqual([
      ['2026-03', '1.89'],
      ['2026-04', '3.33'],
      ['2026-05', '3.45'],
      ['2026-06', '1.33'],
    ]);
  });

  it('within one month belongs to that month, unchanged', () => {
    const april = period(at('2026-04-01T00:00:00Z'), at('2026-05-01T00:00:00Z'));
    expect(shown(byMonth(d('0.005'), april, 'USD'))).toEqual([['2026-04', '0.005']]);
  });

  it('keeps its decimals', () => {
    // 1 day of 2: 0.0003 / 2 = 0.00015 → 0.0002 at its own four decimals
    const over = period(at('2026-04-30T00:00:00Z'), at('2026-05-02T00:00:00Z'));
    expect(shown(byMonth(d('0.0003'), over, 'USD'))).toEqual([
      ['2026-04', '0.0002'],
      ['2026-05', '0.0001'],
    ]);
    expect(shown(byMonth(d('-101'), over, 'JPY'))).toEqual([
      ['2026-04', '-51'],
      ['2026-05', '-50'],
    ]);
  });

  it('adds up for any period', () => {
    const second = fc
      .integer({ min: 1_760_000_000, max: 1_800_000_000 })
      .map((each) => at(new Date(each * 1000).toISOString()));
    const periods = fc
      .tuple(second, second)
      .filter(([a, b]) => a !== b)
      .map(([a, b]) => (a < b ? period(a, b) : period(b, a)));
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 8), max: 10 ** 8 }), periods, (cents, over) => {
        const amount = d(String(cents)).times(d('0.01'));
        expect(text(sum(byMonth(amount, over, 'USD').map((each) => each.amount)))).toBe(text(amount));
      }),
      RUNS,
    );
  });
});
