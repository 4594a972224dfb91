import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Decimal, decimal, divide, integer, sum, text, ZERO } from '../money/decimal.js';
import { type BilledCell, type BorneCost, type Bridge, BRIDGE_PARTS, type BridgeSide, marginBridge } from './bridge.js';

const billed = (
  tenantId: string,
  billingKind: string,
  amount: string,
  quantity: string,
  more: object = {},
): BilledCell => ({
  ...{ tenantId, deploymentId: `${tenantId}-prod`, billingKind, isCorrection: false },
  amount: decimal(amount),
  quantity: decimal(quantity),
  isFee: quantity === '0',
  ...more,
});
const cost = (tenantId: string | null, amount: string, resourceId: string | null, more: object = {}): BorneCost => ({
  ...{
    tenantId,
    deploymentId: tenantId === null ? null : `${tenantId}-prod`,
    provider: 'aws',
    kind: 'ec2',
    resourceId,
  },
  ...{ amount: decimal(amount), isShared: false, ...more },
});
const held = (deploymentId: string, tenantId: string, days: number) => ({
  ...{ deploymentId, tenantId, time: integer(days) },
});
const side = (
  cells: readonly BilledCell[],
  costs: readonly BorneCost[] = [],
  holdings: BridgeSide['holdings'] = [],
) => ({
  ...{ billed: cells, costs, holdings },
});

/** The parts that are not 0: `price 20`. */
const parts = ({ parts: of }: Pick<Bridge['overall'], 'parts'>): string[] =>
  [...of].filter(([, amount]) => !amount.eq(ZERO)).map(([part, amount]) => `${part} ${text(amount)}`);
const ofTenant = (bridge: Bridge, tenantId: string): string[] =>
  bridge.byTenant.filter((each) => each.tenantId === tenantId).flatMap(parts);

it('divides a difference of revenue into price, volume and mix', () => {
  const bridge = marginBridge(
    // a pays 1.00 a unit, b 0.50: on average 150 / 200 = 0.75.
    side([billed('a', 'hours', '100', '100'), billed('b', 'hours', '50', '100')]),
    side([billed('a', 'hours', '220', '200'), billed('b', 'hours', '40', '80')]),
    'USD',
  );
  // a: price (1.10 − 1.00) × 200 = 20; volume 100 × 0.75 = 75; mix 100 × (1.00 − 0.75) = 25.
  expect(ofTenant(bridge, 'a')).toEqual(['price 20', 'volume 75', 'mix 25']);
  // b: the price stays 0.50; volume −20 × 0.75 = −15; mix −20 × (0.50 − 0.75) = 5.
  expect(ofTenant(bridge, 'b')).toEqual(['volume -15', 'mix 5']);
  // 260 − 150 = 110 = 20 + 60 + 30.
  expect([text(bridge.overall.difference), ...parts(bridge.overall)]).toEqual([
    '110',
    'price 20',
    'volume 60',
    'mix 30',
  ]);
});

it('takes a minimum, and what falls due once, for a fee', () => {
  const minimum = (amount: string) => billed('a', 'requests', amount, '0');
  const bridge = marginBridge(
    // 0.10 each, at least 100.00: 500 × 0.10 + 50.00, then 900 × 0.10 + 10.00.
    side([billed('a', 'requests', '50', '500'), minimum('50')]),
    side([billed('a', 'requests', '90', '900'), minimum('10')]),
    'USD',
  );
  // 400 × 0.10 = 40; 10 − 50 = −40.
  expect([text(bridge.overall.difference), ...parts(bridge.overall)]).toEqual(['0', 'volume 40', 'fees -40']);
  expect(
    bridge.steps.map(({ part, from, to }) => [part, text(from?.amount ?? ZERO), text(to?.amount ?? ZERO)]),
  ).toEqual([
    ['volume', '50', '90'],
    ['fees', '50', '10'],
  ]);
  // Nothing was used, and the minimum was due: 100 becomes 50 + 50.
  const unused = side([minimum('100')]);
  expect(
    parts(marginBridge(unused, side([billed('a', 'requests', '50', '500'), minimum('50')]), 'USD').overall),
  ).toEqual([]);
  // All of it is new, also the minimum.
  expect(
    parts(marginBridge(side([]), side([billed('a', 'requests', '1', '10'), minimum('99')]), 'USD').overall),
  ).toEqual(['new_business 100']);
});

it('rounds to the cent, and leaves the rest to price and mix', () => {
  const bridge = marginBridge(side([billed('a', 'hours', '10', '3')]), side([billed('a', 'hours', '20', '7')]), 'USD');
  // 10 × 7 / 3 = 23.333: price 20 − 23.33 = −3.33. Volume 4 × 10 / 3 = 13.33. Mix 23.33 − 10 − 13.33 = 0.
  expect(parts(bridge.overall)).toEqual(['price -3.33', 'volume 13.33']);
});

it('names what starts, what ends, fees and corrections', () => {
  const bridge = marginBridge(
    side([billed('a', 'base_fee', '50', '0'), billed('a', 'gone', '3', '1'), billed('old', 'hours', '8', '8')]),
    side([
      billed('a', 'base_fee', '60', '0'),
      billed('a', 'hours', '7', '7'),
      billed('a', 'hours', '-2', '-2', { isCorrection: true }),
      billed('new', 'hours', '4', '4'),
    ]),
    'USD',
  );
  expect(ofTenant(bridge, 'a')).toEqual(['new_business 7', 'lost_business -3', 'fees 10', 'corrections -2']);
  expect(ofTenant(bridge, 'old')).toEqual(['lost_business -8']);
  expect(bridge.byTenant.map(({ tenantId, is }) => `${tenantId} ${is}`)).toEqual(['a both', 'new new', 'old gone']);
  // 69 − 61 = 8
  expect([text(bridge.overall.difference), ...parts(bridge.overall)]).toEqual([
    ...['8', 'new_business 11', 'lost_business -11', 'fees 10', 'corrections -2'],
  ]);
});

it('names the causes of cost', () => {
  const shared = { isShared: true, provider: '', kind: 'support', deploymentId: null };
  const bridge = marginBridge(
    side([], [cost('a', '5', 'vm-1'), cost('a', '4', 'vm-2'), cost(null, '1', null), cost('a', '2', null, shared)]),
    side([], [cost('a', '7', 'vm-1'), cost('a', '6', 'vm-3'), cost(null, '1.5', null), cost('a', '1', null, shared)]),
    'USD',
  );
  expect(ofTenant(bridge, 'a')).toEqual(['new_resources -6', 'gone_resources 4', 'same_resources -2', 'shared_cost 1']);
  expect(parts(bridge.unattributed)).toEqual(['cost_without_resource -0.5']);
  // −15.5 + 12
  expect(text(bridge.overall.difference)).toBe('-3.5');
});

it('moves what a deployment earned and cost to its new tenant, for the time that it holds it', () => {
  const of = { deploymentId: 'd' };
  const from = side([billed('a', 'hours', '90', '30', of)], [cost('a', '30', 'vm', of)], [held('d', 'a', 30)]);
  const to = side(
    [billed('a', 'hours', '30', '10', of), billed('b', 'hours', '63', '21', of)],
    [cost('a', '10', 'vm', of), cost('b', '20', 'vm', of)],
    [held('d', 'a', 10), held('d', 'b', 20)],
  );
  const bridge = marginBridge(from, to, 'USD');
  // 90 − 30 = 60 of a, of which b takes 20 / 30: 40. Then a is billed 30 for 10 as before. b: 60 for 20 before, 63 for
  // 21 now, at 3.00: volume 1 × 3.00.
  expect(ofTenant(bridge, 'a')).toEqual(['moves -40']);
  expect(ofTenant(bridge, 'b')).toEqual(['volume 3', 'moves 40']);
  expect(parts(bridge.overall)).toEqual(['volume 3']);
});

const amounts = fc.integer({ min: -900, max: 900 }).map((value) => divide(integer(value), integer(100), 2));
const tenants = fc.constantFrom('a', 'b', 'c');
const deployments = fc.constantFrom('d1', 'd2', 'd3');
const sides = fc.record({
  billed: fc.array(
    fc.record({
      tenantId: tenants,
      deploymentId: deployments,
      billingKind: fc.constantFrom('x', 'y', 'base_fee'),
      amount: amounts,
      quantity: fc.integer({ min: 0, max: 7 }).map(integer),
      isFee: fc.boolean(),
      isCorrection: fc.boolean(),
    }),
    { maxLength: 12 },
  ),
  costs: fc.array(
    fc.record({
      tenantId: fc.option(tenants),
      deploymentId: fc.option(deployments),
      provider: fc.constantFrom('aws', 'gcp'),
      kind: fc.constantFrom('k', 'l'),
      resourceId: fc.option(fc.constantFrom('r', 's')),
      // A provider's cost may have more decimals than the currency.
      amount: fc.integer({ min: -9000, max: 9000 }).map((value) => divide(integer(value), integer(100_000), 5)),
      isShared: fc.boolean(),
    }),
    { maxLength: 12 },
  ),
  holdings: fc.uniqueArray(
    fc.record({ deploymentId: deployments, tenantId: tenants, time: fc.integer({ min: 1, max: 9 }).map(integer) }),
    { selector: ({ deploymentId, tenantId }) => `${deploymentId} ${tenantId}`, maxLength: 6 },
  ),
});

it('adds up at each level, whatever the months have, and is negated the other way', () => {
  const all = (values: Iterable<Decimal>): string => text(sum(values));
  fc.assert(
    fc.property(sides, sides, (from, to) => {
      const bridge = marginBridge(from, to, 'USD');
      for (const of of [bridge.overall, bridge.unattributed, ...bridge.byTenant])
        expect(all(of.parts.values())).toBe(text(of.difference));
      const shares = [...bridge.byTenant, bridge.unattributed];
      for (const part of BRIDGE_PARTS)
        expect(all(shares.map(({ parts: of }) => of.get(part) ?? ZERO))).toBe(
          text(bridge.overall.parts.get(part) ?? ZERO),
        );
      expect(all(shares.map(({ difference }) => difference))).toBe(text(bridge.overall.difference));
      expect(text(bridge.overall.parts.get('moves') ?? ZERO)).toBe('0');
      const back = marginBridge(to, from, 'USD');
      expect(text(back.overall.difference)).toBe(text(ZERO.minus(bridge.overall.difference)));
      expect(parts(marginBridge(from, from, 'USD').overall)).toEqual([]);
    }),
  );
});
