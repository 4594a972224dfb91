import fc from 'fast-check';
import { compareInstants, type Instant, isBefore } from '#domain/time/instant';
import {
  at,
  day,
  deploymentIds,
  effective,
  nth,
  oneOf,
  over,
  planIds,
  reason,
  type Statement,
  stated,
  tenantIds,
  type Weighted,
  withdrawalOf,
} from './statement.js';
import { begun, heldAt, joined, replaced, type Subscribed } from './truth.js';
import { dayAt, feesOf, money, PRICE_STEP, unitPrice, type World, type Zone } from './world.js';

/** What is stated of tenants, their deployments and subscriptions. */

const percents = fc.constantFrom('0', '10', '20');

export const ofTenants = ({ currency }: World): Weighted[] => [
  stated(3, fc.tuple(tenantIds, percents, over), ([tenantId, ratePercent, span]) => ({
    command: { command: 'correct-tax', tenantId, ratePercent, ...effective(span), ...reason },
    becomesTrue: (truth) => {
      truth.taxes[tenantId] = replaced(truth.taxes[tenantId], span, ratePercent);
    },
  })),
  stated(2, fc.tuple(tenantIds, percents, at), ([tenantId, ratePercent, from]) => ({
    command: { command: 'set-tax', tenantId, name: 'VAT', ratePercent, from },
    becomesTrue: (truth) => {
      truth.taxes[tenantId] = begun(truth.taxes[tenantId], from, ratePercent);
    },
    ...withdrawalOf('set-tax', { tenantId, from }),
  })),
  // All periods are over when the last invoices are made, whatever the grace.
  stated(2, fc.tuple(tenantIds, at, fc.constantFrom(6, 24, 48)), ([tenantId, from, hours]) => ({
    command: { command: 'set-grace-period', tenantId, hours, from },
    becomesTrue: () => undefined,
    ...withdrawalOf('set-grace-period', { tenantId, from }),
  })),
  stated(3, fc.tuple(tenantIds, fc.nat(3), over), ([tenantId, n, { from, until }]) => {
    const key = { tenantId, creditId: `half-${n}`, currency };
    const name = `${tenantId} ${n}`;
    return {
      command: {
        ...{ command: 'grant-coupon', ...key, percent: '50', billingKinds: ['hours'], from },
        ...(until === null ? {} : { until }),
      },
      becomesTrue: (truth) => truth.coupons.set(name, { ...key, from, until, revokedAt: null }),
      ...withdrawalOf('grant-coupon', key),
    };
  }),
  stated(2, fc.tuple(nth, at), ([n, revokedAt], { truth: known }) => {
    const found = oneOf(known.coupons, n);
    if (found === null) return null;
    const [name, { tenantId, creditId }] = found;
    const key = { tenantId, creditId, currency };
    return {
      command: { command: 'revoke-credit', ...key, at: revokedAt, ...reason },
      becomesTrue: (truth) => truth.revoked(name, revokedAt),
      ...withdrawalOf('revoke-credit', key),
    };
  }),
];

export const zones: Weighted = stated(
  2,
  fc.tuple(tenantIds, fc.constantFrom<Zone>('UTC', 'Europe/Paris', 'America/New_York')),
  ([tenantId, timeZone]) => ({
    command: { command: 'correct-tenant', tenantId, timeZone, ...reason },
    becomesTrue: (truth) => {
      truth.zones[tenantId] = timeZone;
    },
  }),
);

export const ofDeployments: Weighted[] = [
  stated(3, fc.tuple(deploymentIds, tenantIds, over), ([deploymentId, tenantId, span]) => ({
    command: { command: 'correct-assignment', deploymentId, tenantId, ...effective(span), ...reason },
    becomesTrue: (truth) => {
      truth.holders[deploymentId] = joined(replaced(truth.holders[deploymentId] ?? [], span, tenantId));
    },
  })),
  stated(3, fc.tuple(deploymentIds, tenantIds, at), ([deploymentId, tenantId, from]) => ({
    command: { command: 'assign-deployment', deploymentId, tenantId, from },
    becomesTrue: (truth) => {
      truth.holders[deploymentId] = begun(truth.holders[deploymentId] ?? [], from, tenantId);
    },
    ...withdrawalOf('assign-deployment', { deploymentId, from }),
  })),
];

const laterPlans = fc
  .tuple(day, day, planIds, planIds)
  .map(([one, other, first, second]) => [
    { planId: first, at: dayAt(Math.min(one, other)) },
    ...(one === other ? [] : [{ planId: second, at: dayAt(Math.max(one, other)) }]),
  ]);

/** The first plan holds from the start on. */
const startingAt = (plans: Subscribed['plans'], from: Instant): Subscribed['plans'] => {
  const dated = plans.map(({ planId, at: since }) => ({ from: since, value: planId }));
  return [{ planId: heldAt(dated, from), at: from }, ...plans.slice(1).filter((plan) => isBefore(from, plan.at))];
};

/** What is agreed with a tenant. Fees are of months only: those of a year are not exact for a month. */
export function ofOverrides(world: World): Weighted[] {
  const terms = fc.oneof(
    fc.nat(8).map((n) => ofHours({ price: unitPrice(money(world, n * PRICE_STEP)) })),
    fc.constantFrom(null, '5', '25').map((included) => ofHours({ included })),
    fc.constant({ items: [] }),
    ...(world.interval === 'month'
      ? [fc.constantFrom(...feesOf(world, 'p')).map((fee) => ({ baseFee: money(world, fee) }))]
      : []),
  );
  const agreed = (weight: number, command: string, more: object): Weighted =>
    stated(weight, fc.tuple(nth, tenantIds, terms, over), ([n, tenantId, own, span], { truth: known }) => {
      const [id, subscribed] = oneOf(known.subscriptions, n) ?? [];
      if (id === undefined || subscribed === undefined) return null;
      const interval = known.intervalOf(subscribed, span.from);
      return {
        command: { command, subscriptionId: id, tenantId, ...own, ...effective(span), ...more },
        becomesTrue: (truth) => truth.agreedOver(id, tenantId, span, { terms: own, interval }),
        ...(command === 'set-overrides'
          ? withdrawalOf(command, { subscriptionId: id, tenantId, effectiveFrom: span.from })
          : {}),
      };
    });
  return [agreed(3, 'set-overrides', {}), agreed(2, 'correct-overrides', reason)];
}

const ofHours = (terms: object): object => ({ items: [{ billingKind: 'hours', ...terms }] });

export function ofSubscriptions({ anchor: given }: World): Weighted[] {
  const anchors = fc.option(fc.constantFrom(given ?? dayAt(-60), dayAt(14)));
  const corrected = <Values>(
    values: fc.Arbitrary<Values>,
    state: (values: Values) => { readonly changes: object; readonly change: (before: Subscribed) => Subscribed },
  ): Weighted =>
    stated(2, fc.tuple(nth, values), ([n, of], { truth: known }) => {
      const [id] = oneOf(known.subscriptions, n) ?? [];
      if (id === undefined) return null;
      const { changes, change } = state(of);
      return {
        command: { command: 'correct-subscription', subscriptionId: id, ...changes, ...reason },
        becomesTrue: (truth) => truth.subscribed(id, change),
      };
    });
  return [
    stated(
      2,
      fc.tuple(fc.constantFrom('s3', 's4'), deploymentIds, planIds, at, anchors),
      ([id, deploymentId, planId, from, anchor]): Statement => {
        const key = { subscriptionId: id };
        return {
          command: {
            ...{ command: 'start-subscription', ...key, deploymentId, planId, from },
            ...(anchor === null ? {} : { anchor }),
          },
          becomesTrue: (truth) => {
            const plans = [{ planId, at: from }];
            truth.subscriptions.set(id, { deploymentId, from, anchor, plans, cancelledAt: null });
          },
          ...withdrawalOf('start-subscription', key),
        };
      },
    ),
    // Those that every history begins with never were, either.
    stated(1, fc.constantFrom('s1', 's2'), (id) => ({
      command: { command: 'withdraw', what: 'start-subscription', subscriptionId: id, ...reason },
      becomesTrue: (truth) => truth.subscriptions.delete(id),
    })),
    stated(3, fc.tuple(nth, planIds, at), ([n, planId, since], { truth: known }) => {
      const [id] = oneOf(known.subscriptions, n) ?? [];
      if (id === undefined) return null;
      const key = { subscriptionId: id, at: since };
      return {
        command: { command: 'change-plan', ...key, planId },
        becomesTrue: (truth) => truth.subscribed(id, (before) => withPlan(before, planId, since)),
        ...withdrawalOf('change-plan', key),
      };
    }),
    stated(3, fc.tuple(nth, at), ([n, end], { truth: known }) => {
      const [id] = oneOf(known.subscriptions, n) ?? [];
      if (id === undefined) return null;
      const key = { subscriptionId: id, at: end };
      return {
        command: { command: 'cancel-subscription', ...key },
        becomesTrue: (truth) => truth.subscribed(id, (before) => ({ ...before, cancelledAt: end })),
        ...withdrawalOf('cancel-subscription', key),
      };
    }),
    corrected(at, (from) => ({
      changes: { from },
      change: (before) => ({ ...before, from, plans: startingAt(before.plans, from) }),
    })),
    corrected(anchors, (anchor) => ({ changes: { anchor }, change: (before) => ({ ...before, anchor }) })),
    corrected(planIds, (planId) => ({
      changes: { planId },
      change: (before) => ({ ...before, plans: [{ planId, at: before.from }, ...before.plans.slice(1)] }),
    })),
    corrected(fc.option(at, { freq: 2 }), (cancelledAt) => ({
      changes: { cancelledAt },
      change: (before) => ({ ...before, cancelledAt }),
    })),
    corrected(laterPlans, (plans) => ({
      changes: { plans },
      change: (before) => ({ ...before, plans: [...before.plans.slice(0, 1), ...plans] }),
    })),
  ];
}

const withPlan = (before: Subscribed, planId: Subscribed['plans'][number]['planId'], since: Instant): Subscribed => ({
  ...before,
  plans: [...before.plans.filter((plan) => plan.at !== since), { planId, at: since }].sort((a, b) =>
    compareInstants(a.at, b.at),
  ),
});
