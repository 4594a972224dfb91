import { compareText } from '../compare-text.js';
import { type Decimal, decimal, decimals, divide, sum, text, ZERO } from '../money/decimal.js';
import { scaleOf } from '../money/money.js';
import type { Attribution } from './attribution.js';
import type { Pool, SharedCost } from './sharing.js';

export interface RevenueShare {
  readonly tenantId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly amount: Decimal;
}

export interface CostShare extends Attribution {
  /** The provider's kind. It does not map one to one to billing kinds. */
  readonly kind: string;
  readonly amount: Decimal;
}

/** A cost, and the policy that shares it. */
export interface MarginCost extends CostShare {
  /** `keyOfSharing`: then nobody bears it directly. null: none does. */
  readonly sharedBy: string | null;
  /** The policy (`keyOfSharing`) of whose pool nobody used it. Nobody bears it. */
  readonly remainderOf?: string;
}

type Holder = Pick<CostShare, 'tenantId' | 'deploymentId'>;

/** Direct and shared cost come to `cogs`. */
export interface MarginFigures {
  readonly revenue: string;
  readonly cogs: string;
  readonly margin: string;
  readonly marginPct: string | null;
  readonly directCogs: string;
  readonly sharedCogs: string;
  /** Revenue less direct cost. */
  readonly directMargin: string;
  readonly directMarginPct: string | null;
}

/** A policy's shared cost, and what each bears of it. */
export interface MarginShared extends Pick<SharedCost, 'policyId' | 'effectiveFrom' | 'method' | 'billingKind'> {
  readonly amount: string;
  readonly basis: string;
  readonly fallback: SharedCost['fallback'];
  readonly pool: Readonly<Record<keyof Pool, string>> | null;
  readonly parts: readonly (Attribution & Readonly<Record<'tenantBasis' | 'basis' | 'amount', string>>)[];
}

export interface Margin {
  readonly overall: MarginFigures;
  readonly byTenant: readonly ({ readonly tenantId: string } & MarginFigures)[];
  readonly byDeployment: readonly ({
    readonly tenantId: string;
    readonly deploymentId: string | null;
  } & MarginFigures)[];
  readonly byKind: {
    readonly revenue: readonly { readonly billingKind: string; readonly revenue: string }[];
    readonly cogs: readonly { readonly kind: string; readonly cogs: string }[];
  };
  /** What no tenant bears: direct cost without a tenant, and shared cost that found none. */
  readonly unattributed: Pick<MarginFigures, 'cogs' | 'directCogs' | 'sharedCogs'>;
  /** By policy. */
  readonly shared: readonly MarginShared[];
}

/** margin / revenue in percent, to one decimal, half away from zero; null where revenue is 0. */
export const marginPercent = (revenue: Decimal, margin: Decimal): string | null =>
  revenue.eq(ZERO) ? null : divide(margin.times(decimal('100')), revenue, 1).toFixed(1);

/** attributed cost / all cost in percent, to one decimal, half away from zero; null where there is no cost. */
export const coveragePercent = (cogs: Decimal, unattributed: Decimal): string | null =>
  marginPercent(cogs, cogs.minus(unattributed));

/** The exact amount: at the currency's scale, or with all decimals that it has (a provider's cost may have 18). */
export const exactMoney = (amount: Decimal, currency: string): string =>
  amount.eq(ZERO) ? ZERO.toFixed(scaleOf(currency)) : amount.toFixed(Math.max(scaleOf(currency), decimals(amount)));

/** Revenue against direct and shared cost, all of them in all. */
export function marginFigures(
  revenue: Decimal,
  directCogs: Decimal,
  sharedCogs: Decimal,
  currency: string,
): MarginFigures {
  const money = (amount: Decimal): string => exactMoney(amount, currency);
  const directMargin = revenue.minus(directCogs);
  const margin = directMargin.minus(sharedCogs);
  return {
    revenue: money(revenue),
    cogs: money(directCogs.plus(sharedCogs)),
    margin: money(margin),
    marginPct: marginPercent(revenue, margin),
    directCogs: money(directCogs),
    sharedCogs: money(sharedCogs),
    directMargin: money(directMargin),
    directMarginPct: marginPercent(revenue, directMargin),
  };
}

/**
 * Revenue against cost, exactly: tenants + unattributed = overall, deployments + standalone = tenant, kinds = overall
 * on each axis, direct + shared = cost. Revenue and cost are of one month and one currency. `shared`: what the costs
 * with `sharedBy` come to, by policy.
 */
export function marginOf(
  revenue: readonly RevenueShare[],
  costs: readonly MarginCost[],
  currency: string,
  shared: readonly SharedCost[] = [],
): Margin {
  const money = (amount: Decimal): string => exactMoney(amount, currency);
  const total = (shares: readonly { readonly amount: Decimal }[]): Decimal => sum(shares.map(({ amount }) => amount));
  const figures = (earned: Amounts, direct: Amounts, parts: Amounts): MarginFigures =>
    marginFigures(total(earned), total(direct), total(parts), currency);
  const direct = costs.filter(({ sharedBy }) => sharedBy === null);
  const parts = shared.flatMap((each) => each.parts);
  const ofTenants = <Share extends Holder>(shares: readonly Share[]): Share[] =>
    shares.filter(({ tenantId }) => tenantId !== null);
  /** The figures of each holder, in the order of its key. */
  const figuresBy = (keyOf: (share: Holder) => string): [key: string, MarginFigures][] => {
    const earned = Map.groupBy(revenue, keyOf);
    const [spent, borne] = [Map.groupBy(ofTenants(direct), keyOf), Map.groupBy(ofTenants(parts), keyOf)];
    const keys = [...new Set([...earned.keys(), ...spent.keys(), ...borne.keys()])].sort();
    return keys.map((key) => [key, figures(earned.get(key) ?? [], spent.get(key) ?? [], borne.get(key) ?? [])]);
  };
  const { cogs, directCogs, sharedCogs } = figures([], direct.filter(isOfNobody), parts.filter(isOfNobody));
  return {
    overall: figures(revenue, direct, parts),
    byTenant: figuresBy(({ tenantId }) => tenantId ?? '').map(([tenantId, of]) => ({ tenantId, ...of })),
    byDeployment: figuresBy(({ tenantId, deploymentId }) => JSON.stringify([tenantId, deploymentId])).map(
      ([key, of]) => {
        const [tenantId, deploymentId] = JSON.parse(key) as [string, string | null];
        return { tenantId, deploymentId, ...of };
      },
    ),
    byKind: {
      revenue: [...Map.groupBy(revenue, ({ billingKind }) => billingKind)].map(([billingKind, shares]) => ({
        billingKind,
        revenue: money(total(shares)),
      })),
      cogs: [...Map.groupBy(costs, ({ kind }) => kind)]
        .sort(([a], [b]) => compareText(a, b))
        .map(([kind, shares]) => ({ kind, cogs: money(total(shares)) })),
    },
    unattributed: { cogs, directCogs, sharedCogs },
    shared: shared.map(({ amount, basis, pool, parts: of, ...policy }) => ({
      ...policy,
      amount: money(amount),
      basis: text(basis),
      pool:
        pool === null
          ? null
          : {
              ...{ cost: money(pool.cost), capacity: text(pool.capacity) },
              ...{ sold: text(pool.sold), remainder: money(pool.remainder) },
            },
      parts: of.map((part) => ({
        ...part,
        tenantBasis: text(part.tenantBasis),
        basis: text(part.basis),
        amount: money(part.amount),
      })),
    })),
  };
}

type Amounts = readonly { readonly amount: Decimal }[];

const isOfNobody = ({ tenantId }: Holder): boolean => tenantId === null;
