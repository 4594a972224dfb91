import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, sum, text, ZERO } from '../money/decimal.js';
import { instant } from '../time/instant.js';
import { type KindMapping, mappingAt } from './kind-mapping.js';
import { costsByKind, type Counted, type Sold, togetherByKind, type UnitCost, unitsOf } from './units.js';

const APRIL = instant('2026-04-01T00:00:00Z');
const MAY = instant('2026-05-01T00:00:00Z');
const mapping = (kind: string, ...billingKinds: string[]): KindMapping => ({
  ...{ provider: 'p', kind, billingKinds, period: { start: APRIL, end: null } },
});
const cost = (kind: string, amount: string, more: Partial<UnitCost> = {}): UnitCost => ({
  ...{ provider: 'p', kind, amount: decimal(amount), resourceId: null, at: APRIL },
  ...{ isShared: false, isUnattributed: false, idle: null, ...more },
});
const sold = (billingKind: string, amount: string, quantity: string, unit: string | null = null): Sold => ({
  ...{ billingKind, currency: 'USD', unit, amount: decimal(amount), quantity: decimal(quantity) },
});

const metered = (billingKind: string, quantity: string, unit: string | null = null): Counted => ({
  ...{ billingKind, unit, quantity: decimal(quantity) },
});

/** Seconds by resource and billing kind. */
const divided = (
  costs: readonly UnitCost[],
  mappings: readonly KindMapping[],
  times: Readonly<Record<string, string>> = {},
) =>
  costsByKind(costs, {
    mappedTo: mappingAt(mappings),
    usedTime: ({ resourceId }, kind) => decimal(times[`${resourceId} ${kind}`] ?? '0'),
    currency: 'USD',
  });
const shown = ({ kinds }: ReturnType<typeof divided>) =>
  kinds.map(({ kind, billingKind, basis, direct, shared }) => [kind, billingKind, basis, text(direct), text(shared)]);

describe('the cost of a provider’s kind', () => {
  it('is for the billing kind that it is mapped to', () => {
    expect(shown(divided([cost('vm', '5'), cost('vm', '2', { isShared: true })], [mapping('vm', 'cpu')]))).toEqual([
      ['vm', 'cpu', 'only', '5', '2'],
    ]);
  });

  it('is for the billing kind of the inventory kind of the same name, unless a mapping says otherwise', () => {
    const costs = [cost('droplet', '5'), cost('dns_zone', '1')];
    expect(shown(divided(costs, [mapping('droplet', 'cpu')]))).toEqual([
      ['dns_zone', 'dns_zones', 'only', '1', '0'],
      ['droplet', 'cpu', 'only', '5', '0'],
    ]);
    // From May on.
    const later = { ...mapping('droplet', 'cpu'), period: { start: MAY, end: null } };
    expect(shown(divided(costs, [later]))).toEqual([
      ['dns_zone', 'dns_zones', 'only', '1', '0'],
      ['droplet', 'droplet_hours', 'only', '5', '0'],
    ]);
  });

  it('without a mapping is for no kind, and not lost', () => {
    expect(shown(divided([cost('support', '7'), cost('constructor', '1')], []))).toEqual([
      ['constructor', null, null, '1', '0'],
      ['support', null, null, '7', '0'],
    ]);
  });

  it('with several billing kinds goes by how long its resource was used', () => {
    const mappings = [mapping('vm', 'cpu', 'gpu', 'disk')];
    // 10.00 × 1 / 3 = 3.33 and × 2 / 3 = 6.67; not used as a disk.
    const times = { 'r1 cpu': '3600', 'r1 gpu': '7200', 'r2 disk': '60' };
    const costs = [cost('vm', '10', { resourceId: 'r1' }), cost('vm', '4', { resourceId: 'r2' })];
    expect(shown(divided(costs, mappings, times))).toEqual([
      ['vm', 'cpu', 'usage', '3.33', '0'],
      ['vm', 'disk', 'usage', '4', '0'],
      ['vm', 'gpu', 'usage', '6.67', '0'],
    ]);
  });

  it('is divided evenly where nothing is known of its resource, and says so', () => {
    // 0.05 / 2: the first kind bears the odd cent, negative or not.
    const costs = [cost('vm', '0.05'), cost('vm', '-0.05', { resourceId: 'never used' })];
    expect(shown(divided(costs.slice(0, 1), [mapping('vm', 'gpu', 'cpu')]))).toEqual([
      ['vm', 'cpu', 'even', '0.02', '0'],
      ['vm', 'gpu', 'even', '0.03', '0'],
    ]);
    expect(shown(divided(costs.slice(1), [mapping('vm', 'gpu', 'cpu')]))).toEqual([
      ['vm', 'cpu', 'even', '-0.02', '0'],
      ['vm', 'gpu', 'even', '-0.03', '0'],
    ]);
  });

  it('that nobody bears is unattributed, mapped or not', () => {
    const nobodys = { isUnattributed: true };
    const { kinds, unattributed } = divided(
      [cost('droplet', '5', nobodys), cost('vat', '2', { ...nobodys, isShared: true })],
      [],
    );
    expect(kinds).toEqual([]);
    expect([text(unattributed.direct), text(unattributed.shared)]).toEqual(['5', '2']);
  });
});

it('cost while its resource is idle is for no kind, whoever bears it', () => {
  const { kinds, idle, unattributed } = divided(
    [
      cost('droplet', '5', { idle: 'off' }),
      cost('droplet', '3', { idle: 'unsold', isUnattributed: true }),
      cost('droplet', '2', { idle: 'unsold', isShared: true }),
    ],
    [],
  );
  expect(kinds).toEqual([]);
  expect(idle.map(({ reason, direct, shared }) => [reason, text(direct), text(shared)])).toEqual([
    ['off', '5', '0'],
    ['unsold', '3', '2'],
  ]);
  expect(text(unattributed.direct)).toBe('0');
});

describe('unit economics', () => {
  it('have what is sold, what it costs, and both per unit', () => {
    const costs = divided([cost('droplet', '30.53'), cost('support', '1', { isShared: true })], []);
    const { byKind, unmapped, overall } = unitsOf(
      {
        sold: [sold('base_fee', '50.00', '0'), sold('droplet_hours', '21.12', '2112')],
        // 1488 of them are included.
        metered: [metered('droplet_hours', '3600')],
      },
      costs,
      'USD',
    );
    expect(byKind).toEqual([
      {
        ...{ billingKind: 'base_fee', meteredQuantity: '0', meteredUnit: null, billedQuantity: '0', billedUnit: null },
        ...{ revenue: '50.00', cogs: '0.00', margin: '50.00' },
        ...{ marginPct: '100.0', directCogs: '0.00', sharedCogs: '0.00', directMargin: '50.00' },
        ...{ directMarginPct: '100.0', revenuePerMeteredUnit: null, cogsPerMeteredUnit: null },
        ...{ marginPerMeteredUnit: null, revenuePerBilledUnit: null },
      },
      {
        ...{ billingKind: 'droplet_hours', meteredQuantity: '3600', meteredUnit: null, billedQuantity: '2112' },
        ...{ billedUnit: null, revenue: '21.12', cogs: '30.53' },
        // 21.12 − 30.53 = −9.41; −9.41 / 21.12 = −44.55 %.
        ...{ margin: '-9.41', marginPct: '-44.6', directCogs: '30.53', sharedCogs: '0.00', directMargin: '-9.41' },
        // 21.12 / 3600 = 0.0058666…; 30.53 / 3600 = 0.0084805555…; −9.41 / 3600 = −0.0026138888…; 21.12 / 2112
        ...{ directMarginPct: '-44.6', revenuePerMeteredUnit: '0.005866666667', cogsPerMeteredUnit: '0.008480555556' },
        ...{ marginPerMeteredUnit: '-0.002613888889', revenuePerBilledUnit: '0.01' },
      },
    ]);
    expect(unmapped).toEqual({ cogs: '1.00', directCogs: '0.00', sharedCogs: '1.00' });
    // 71.12 − 31.53
    expect(overall).toMatchObject({ revenue: '71.12', cogs: '31.53', margin: '39.59', sharedCogs: '1.00' });
  });

  it('have the unit that rates name, and no quantity where there are several', () => {
    const units = (of: Sold[], used: Counted[] = []) =>
      unitsOf({ sold: of, metered: used }, togetherByKind([]), 'USD').byKind;
    expect(
      units([sold('cpu', '2', '0'), sold('cpu', '0', '40', 'minute')], [metered('cpu', '50', 'minute')]),
    ).toMatchObject([
      {
        ...{ billedQuantity: '40', billedUnit: 'minute', revenuePerBilledUnit: '0.05' },
        ...{ meteredQuantity: '50', meteredUnit: 'minute', revenuePerMeteredUnit: '0.04' },
      },
    ]);
    const several = [metered('cpu', '1', 'minute'), metered('cpu', '1')];
    expect(units([sold('cpu', '2', '4', 'hour'), sold('cpu', '1', '40', 'minute')], several)).toMatchObject([
      {
        ...{ billedQuantity: null, billedUnit: null, revenue: '3.00', revenuePerBilledUnit: null },
        ...{ meteredQuantity: null, meteredUnit: null, revenuePerMeteredUnit: null },
      },
    ]);
  });

  it('have a kind of which there is usage alone', () => {
    // 500 are included, and the kind of the provider is not mapped.
    const { byKind } = unitsOf({ sold: [], metered: [metered('mails', '500')] }, togetherByKind([]), 'USD');
    expect(byKind).toMatchObject([
      {
        ...{ billingKind: 'mails', meteredQuantity: '500', billedQuantity: '0', revenue: '0.00', cogs: '0.00' },
        ...{ revenuePerMeteredUnit: '0.00', cogsPerMeteredUnit: '0.00', revenuePerBilledUnit: null },
      },
    ]);
  });

  it('have no revenue per metered unit where units are billed in another currency, too', () => {
    const costs = divided([cost('droplet', '30.00')], []);
    const of = (...elsewhere: Sold[]) =>
      unitsOf(
        { sold: [sold('droplet_hours', '20.00', '800'), ...elsewhere], metered: [metered('droplet_hours', '1200')] },
        costs,
        'USD',
      );
    // 30.00 / 1200 = 0.025; 20.00 / 800 = 0.025. Of the 1200 hours, 400 earn their 9.00 in euros.
    const { byKind, overall } = of({ ...sold('droplet_hours', '9.00', '400'), currency: 'EUR' });
    expect(byKind).toMatchObject([
      {
        ...{ meteredQuantity: '1200', billedQuantity: '800', revenue: '20.00', cogsPerMeteredUnit: '0.025' },
        ...{ revenuePerMeteredUnit: null, marginPerMeteredUnit: null, revenuePerBilledUnit: '0.025' },
      },
    ]);
    expect(overall).toMatchObject({ revenue: '20.00', margin: '-10.00' });
    // What was billed in euros and taken back counts no more: 20.00 / 1200 = 0.0166…, −10.00 / 1200 = −0.0083…
    const takenBack = [sold('droplet_hours', '9.00', '400'), sold('droplet_hours', '-9.00', '-400')];
    expect(of(...takenBack.map((each) => ({ ...each, currency: 'EUR' }))).byKind).toMatchObject([
      { revenuePerMeteredUnit: '0.016666666667', marginPerMeteredUnit: '-0.008333333333' },
    ]);
  });

  it('have a cost per unit in a month of free allowance', () => {
    const costs = divided([cost('droplet', '30.00')], []);
    // 30.00 / 1200 = 0.025; nothing is billed.
    expect(unitsOf({ sold: [], metered: [metered('droplet_hours', '1200')] }, costs, 'USD').byKind).toMatchObject([
      {
        ...{ meteredQuantity: '1200', billedQuantity: '0', cogsPerMeteredUnit: '0.025' },
        ...{ revenuePerMeteredUnit: '0.00', marginPerMeteredUnit: '-0.025', revenuePerBilledUnit: null },
      },
    ]);
  });
});

it('loses no cent, whatever the costs, the mappings and the usage', () => {
  const kinds = ['droplet', 'vm', 'disk', 'other'];
  const amount = fc
    .tuple(fc.integer({ min: -(10 ** 6), max: 10 ** 6 }), fc.constantFrom('0.01', '0.00000001'))
    .map(([units, unit]) => decimal(String(units)).times(decimal(unit)));
  const costs = fc.array(
    fc.record({
      ...{ provider: fc.constantFrom('p', 'q'), kind: fc.constantFrom(...kinds), amount },
      ...{ resourceId: fc.constantFrom(null, 'r1', 'r2'), at: fc.constantFrom(APRIL, MAY) },
      ...{ isShared: fc.boolean(), isUnattributed: fc.boolean() },
      idle: fc.constantFrom(null, 'off', 'unsold'),
    }),
  );
  const mappings = fc.uniqueArray(
    fc.record({
      ...{ provider: fc.constantFrom('p', 'q'), kind: fc.constantFrom(...kinds) },
      billingKinds: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
      period: fc.constantFrom({ start: APRIL, end: null }, { start: APRIL, end: MAY }, { start: MAY, end: null }),
    }),
    { selector: ({ provider, kind }) => provider + kind },
  );
  const times = fc.dictionary(
    fc.tuple(fc.constantFrom('r1', 'r2'), fc.constantFrom('a', 'b', 'c')).map((of) => of.join(' ')),
    fc.nat(10 ** 6).map(String),
  );
  fc.assert(
    fc.property(costs, mappings, times, (spent, mapped, used) => {
      const { kinds: busy, idle, unattributed } = divided(spent, mapped, used);
      const rows = [...busy, ...idle];
      const all = [...rows, unattributed].map(({ direct, shared }) => direct.plus(shared));
      expect(text(sum(all))).toBe(text(sum(spent.map((each) => each.amount))));
      expect(text(sum(rows.map(({ shared }) => shared)).plus(unattributed.shared))).toBe(
        text(spent.filter(({ isShared }) => isShared).reduce((total, each) => total.plus(each.amount), ZERO)),
      );
    }),
    checkedOn(200),
  );
});
