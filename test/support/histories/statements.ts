import fc from 'fast-check';
import { compareInstants, type Instant, isBefore } from '#domain/time/instant';
import { ofDeployments, ofOverrides, ofSubscriptions, ofTenants, zones } from './contract-statements.js';
import { ofResources } from './resource-statements.js';
import {
  at,
  deploymentIds,
  effective,
  nth,
  oneOf,
  over,
  type Over,
  planIds,
  reason,
  type Stated,
  stated,
  type Weighted,
  withdrawalOf,
  withdrawn,
} from './statement.js';
import { begun, changed, joined, replaced } from './truth.js';
import { dayAt, feesOf, money, PRICE_STEP, RATE_KEY, unitPrice, type World } from './world.js';

const readings = fc
  .record({
    deploymentId: deploymentIds,
    on: fc.integer({ min: 1, max: 40 }),
    billingKind: fc.constantFrom('hours', 'cores'),
    r: fc.nat(1),
  })
  .map(({ on, r, ...key }) => ({
    ...{ ...key, resourceId: `r${r}`, granularity: 'day' },
    period: { start: dayAt(on), end: dayAt(on + 1) },
  }));
const quantities = fc.nat(60).map(String);

const ofUsage: Weighted[] = [
  stated(9, fc.tuple(readings, quantities), ([reading, quantity]) => {
    const { deploymentId, ...key } = reading;
    const keyed = key.billingKind === 'cores' ? { rateKey: RATE_KEY } : {};
    return {
      command: { command: 'observe-usage', deploymentId, observations: [{ ...key, quantity, ...keyed }] },
      becomesTrue: (truth) => truth.used(reading, quantity),
    };
  }),
  stated(3, fc.tuple(nth, fc.option(quantities)), ([n, quantity], { truth: known }) => {
    const found = oneOf(known.usage.values(), n);
    if (found === null) return null;
    const { quantity: _, ...reading } = found;
    return {
      command: { command: 'correct-usage', ...reading, quantity, ...reason },
      becomesTrue: (truth) => truth.used(reading, quantity),
    };
  }),
];

function ofPrices(world: World): Weighted[] {
  const prices = fc.integer({ min: 0, max: 8 }).map((n) => money(world, n * PRICE_STEP));
  return [
    stated(2, fc.tuple(prices, over), ([unitPrice, span]) => ({
      command: { command: 'correct-rate', ...RATE_KEY, unitPrice, ...effective(span), ...reason },
      becomesTrue: (truth) => {
        const isEdge = (instant: Instant) => instant === span.from || instant === endOf(before, span);
        const before = truth.rates;
        truth.rates = joined(replaced(before, span, unitPrice), isEdge);
      },
    })),
    stated(2, fc.tuple(planIds, prices, prices, over), ([planId, first, rest, span]) => {
      const tiers = [
        { upTo: '40', unitAmount: first },
        { upTo: null, unitAmount: rest },
      ];
      const price = { model: 'graduated', tiers };
      return {
        command: { command: 'correct-price', planId, billingKind: 'hours', price, ...effective(span), ...reason },
        becomesTrue: (truth) => {
          truth.plans[planId] = changed(truth.plans[planId], span, (terms) => ({ ...terms, price }));
        },
      };
    }),
    stated(2, fc.tuple(planIds, fc.nat(1), prices, at), ([planId, n, unitAmount, from], { truth: known }) => {
      const price = unitPrice(unitAmount);
      const terms = { baseFee: money(world, feesOf(world, planId)[n] ?? 0), included: null, price };
      return {
        command: known.publication(planId, { from, value: terms }),
        becomesTrue: (truth) => {
          truth.plans[planId] = begun(truth.plans[planId], from, terms);
        },
        ...withdrawalOf('publish-plan', { planId, effectiveFrom: from }),
      };
    }),
    stated(2, fc.tuple(planIds, fc.nat(1), fc.constantFrom(null, '10', '30'), over), ([planId, n, included, span]) => {
      const baseFee = money(world, feesOf(world, planId)[n] ?? 0);
      const items = [{ billingKind: 'hours', included }];
      return {
        command: { command: 'correct-plan', planId, baseFee, items, ...effective(span), ...reason },
        becomesTrue: (truth) => {
          const next = changed(truth.plans[planId], span, (terms) => ({ ...terms, baseFee, included }));
          truth.plans[planId] = joined(next);
        },
      };
    }),
  ];
}

/** Where a period ends that has no end of its own: at the next entry of the list. */
const endOf = (list: readonly { readonly from: Instant }[], { from, until }: Over): Instant | undefined =>
  until ??
  list
    .map((each) => each.from)
    .sort(compareInstants)
    .find((each) => isBefore(from, each));

/** What may be stated in a world. */
export const statementsIn = (world: World): fc.Arbitrary<Stated> =>
  fc.oneof(
    ...ofUsage,
    ...ofPrices(world),
    ...ofTenants(world),
    ...ofDeployments,
    ...ofSubscriptions(world),
    ...ofOverrides(world),
    ...(world.isMetered ? ofResources : []),
    ...(Object.values(world.zones).some((zone) => zone !== 'UTC') ? [zones] : []),
    withdrawn,
  );
