import { compareText } from '../compare-text.js';
import { type Decimal, decimal, decimals, divide, max, ONE, sum, ZERO } from '../money/decimal.js';
import { allocate, scaleOf } from '../money/money.js';
import type { Instant } from '../time/instant.js';
import { contains } from '../time/period.js';
import type { Attribution } from './attribution.js';
import type { SharingMethod, SharingPolicy } from './sharing-policy.js';

/** Names a policy over one of its periods, whose cost is shared by itself. */
export const keyOfSharing = ({ policyId, period }: Pick<SharingPolicy, 'policyId' | 'period'>): string =>
  JSON.stringify([policyId, period.start]);

/** A share of a cost line, as policies match it. */
export interface MatchedCost {
  readonly provider: string;
  readonly kind: string;
  /** The tags of the line. */
  readonly tags: Readonly<Record<string, string>>;
  readonly tenantId: string | null;
  /** Where the charged time of the share begins: the policies in force then apply. */
  readonly at: Instant;
}

/** The tags of a line's details: a JSON object of texts, as FOCUS has them. Others have none. */
export function tagsOf(json: string | null): MatchedCost['tags'] {
  if (json === null) return {};
  try {
    const tags: unknown = JSON.parse(json);
    if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return {};
    return Object.fromEntries(
      Object.entries(tags).flatMap(([key, value]) => (isPlain(value) ? [[key, String(value)]] : [])),
    );
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return {};
  }
}

const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** The policy that shares a cost: the first that matches it. null: none does, or the first one says `none`. */
export function policyFor(policies: readonly SharingPolicy[], cost: MatchedCost): SharingPolicy | null {
  const first = policies.find((policy) => contains(policy.period, cost.at) && matches(policy.costs, cost));
  return first === undefined || first.method === 'none' ? null : first;
}

const matches = ({ provider, kind, tag, unattributed }: SharingPolicy['costs'], cost: MatchedCost): boolean =>
  (provider === undefined || provider === cost.provider) &&
  (kind === undefined || kind === cost.kind) &&
  (tag === undefined || (Object.hasOwn(cost.tags, tag.key) && cost.tags[tag.key] === tag.value)) &&
  (unattributed === undefined || cost.tenantId === null);

/** What a tenant (and deployment, where the basis knows it) has of a basis. */
export interface BasisPart {
  readonly tenantId: string;
  readonly deploymentId: string | null;
  readonly amount: Decimal;
}

/** What policies share by, of one month: one currency, and the usage of the billing kinds that they name. */
export interface Bases {
  /** The tenants that had a deployment in the month. */
  readonly tenants: readonly string[];
  /** Cost that is not shared and that a tenant held. */
  readonly directCost: readonly BasisPart[];
  readonly revenue: readonly BasisPart[];
  readonly usage: ReadonlyMap<string, readonly BasisPart[]>;
}

export interface SharedPart extends Attribution {
  /** Of the tenant: its parts come to `amount` × this / `basis` of the shared cost, within one unit. */
  readonly tenantBasis: Decimal;
  /** Of the deployment: the tenant's parts are in proportion to it. */
  readonly basis: Decimal;
  readonly amount: Decimal;
}

/** What a policy with a capacity selects: `cost` less its remainder is shared. */
export interface Pool {
  readonly cost: Decimal;
  readonly capacity: Decimal;
  /** What tenants used. It may be above the capacity: then there is no remainder. */
  readonly sold: Decimal;
  /** Nobody used it: it is idle. */
  readonly remainder: Decimal;
}

/** The cost that a policy shares, and the parts that it comes to. Their sum is the cost. */
export interface SharedCost {
  readonly policyId: string;
  readonly effectiveFrom: Instant;
  readonly method: SharingMethod;
  readonly billingKind: string | null;
  readonly amount: Decimal;
  /** The sum of the bases of the tenants. */
  readonly basis: Decimal;
  /** `even`: its basis was zero. `unattributed`: no tenant had a deployment either, so nobody bears it. */
  readonly fallback: 'even' | 'unattributed' | null;
  /** null: the policy has no capacity. */
  readonly pool: Pool | null;
  readonly parts: readonly SharedPart[];
}

/**
 * Shares a cost among tenants, exactly: in whole units of its last decimal, by largest remainder, ties by id. Each
 * tenant's part is divided among its deployments in the same way. A basis below zero counts as zero.
 * `remainder`: what nobody used of a pool, which is not in the amount.
 */
export function sharedCost(
  policy: SharingPolicy,
  amount: Decimal,
  bases: Bases,
  currency: string,
  remainder = ZERO,
): SharedCost {
  const scale = Math.max(scaleOf(currency), decimals(amount));
  const even = evenly(bases.tenants);
  const own = basisOf(policy, bases);
  // What nobody used of a pool is not among the cost: nothing else is shared evenly.
  const weighed =
    (policy.capacity === undefined ? [own, even] : [own]).map(byTenant).find((each) => each.length > 0) ?? [];
  const isOwn = byTenant(own).length > 0;
  const amounts =
    weighed.length === 0
      ? []
      : allocate(
          amount,
          weighed.map(({ basis }) => basis),
          scale,
        );
  return {
    policyId: policy.policyId,
    effectiveFrom: policy.period.start,
    method: policy.method,
    billingKind: policy.billingKind ?? null,
    amount,
    basis: sum(weighed.map(({ basis }) => basis)),
    fallback: isOwn || policy.capacity !== undefined ? null : weighed.length === 0 ? 'unattributed' : 'even',
    pool:
      policy.capacity === undefined
        ? null
        : {
            ...{ cost: amount.plus(remainder), capacity: decimal(policy.capacity, 'capacity') },
            ...{ sold: soldOf(own), remainder },
          },
    parts:
      weighed.length === 0
        ? [{ tenantId: null, deploymentId: null, tenantBasis: ZERO, basis: ZERO, amount }]
        : weighed.flatMap((tenant, index) => dividedWithin(tenant, amounts[index] ?? ZERO, scale)),
  };
}

/**
 * What nobody used of costs that a policy shares by the usage of a pool: each in proportion to the capacity that is
 * left. Exact: the first of them, however many, come to that part of their sum, rounded to the last decimal of all.
 */
export function remainders(
  policy: SharingPolicy,
  amounts: readonly Decimal[],
  bases: Bases,
  currency: string,
): Decimal[] {
  const capacity = decimal(policy.capacity ?? '0', 'capacity');
  const left = capacity.minus(soldOf(basisOf(policy, bases)));
  if (left.lte(ZERO)) return amounts.map(() => ZERO);
  const scale = Math.max(scaleOf(currency), decimals(sum(amounts)));
  let total = ZERO;
  let booked = ZERO;
  return amounts.map((amount) => {
    total = total.plus(amount);
    const part = divide(total.times(left), capacity, scale).minus(booked);
    booked = booked.plus(part);
    return part;
  });
}

const evenly = (tenants: readonly string[]): BasisPart[] =>
  tenants.map((tenantId) => ({ tenantId, deploymentId: null, amount: ONE }));

function basisOf(policy: SharingPolicy, bases: Bases): readonly BasisPart[] {
  switch (policy.method) {
    case 'none':
      return [];
    case 'even':
      return evenly(bases.tenants);
    case 'direct_cost':
      return bases.directCost;
    case 'revenue':
      return bases.revenue;
    case 'usage':
      return bases.usage.get(policy.billingKind ?? '') ?? [];
    case 'weights':
      return (policy.weights ?? []).map(({ tenantId, percent }) => ({
        tenantId,
        deploymentId: null,
        amount: decimal(percent),
      }));
  }
}

interface Weighed {
  readonly tenantId: string;
  readonly basis: Decimal;
  readonly parts: readonly BasisPart[];
}

/** The tenants whose basis is above zero, in the order of their ids. */
const byTenant = (parts: readonly BasisPart[]): Weighed[] =>
  [...Map.groupBy(parts, ({ tenantId }) => tenantId)]
    .map(([tenantId, of]) => ({ tenantId, basis: sum(of.map(({ amount }) => amount)), parts: of }))
    .filter(({ basis }) => basis.gt(ZERO))
    .sort((a, b) => compareText(a.tenantId, b.tenantId));

const soldOf = (parts: readonly BasisPart[]): Decimal => sum(byTenant(parts).map(({ basis }) => basis));

function dividedWithin({ tenantId, basis: tenantBasis, parts }: Weighed, amount: Decimal, scale: number): SharedPart[] {
  const deployments = [...Map.groupBy(parts, ({ deploymentId }) => deploymentId)]
    .map(([deploymentId, of]) => ({ deploymentId, basis: max(sum(of.map((each) => each.amount)), ZERO) }))
    .sort((a, b) => compareText(a.deploymentId ?? '', b.deploymentId ?? ''));
  const amounts = allocate(
    amount,
    deployments.map(({ basis }) => basis),
    scale,
  );
  return deployments.flatMap(({ deploymentId, basis }, index) =>
    basis.eq(ZERO) ? [] : [{ tenantId, deploymentId, tenantBasis, basis, amount: amounts[index] ?? ZERO }],
  );
}
