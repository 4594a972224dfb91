import { type Decimal, decimal, decimals, divide, sum, text, ZERO } from '../money/decimal.js';
import { scaleOf } from '../money/money.js';
import type { Attribution } from './attribution.js';

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

type Holder = Pick<CostShare, 'tenantId' | 'deploymentId'>;

export interface MarginFigures {
  readonly revenue: string;
  readonly cogs: string;
  readonly margin: string;
  readonly marginPct: string | null;
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
  readonly unattributed: { readonly cogs: string };
}

/** margin / revenue in percent, to one decimal, half away from zero; null where revenue is 0. */
export const marginPercent = (revenue: Decimal, margin: Decimal): string | null =>
  revenue.eq(ZERO) ? null : divide(margin.times(decimal('100')), revenue, 1).toFixed(1);

/** attributed cost / all cost in percent, to one decimal, half away from zero; null where there is no cost. */
export const coveragePercent = (cogs: Decimal, unattributed: Decimal): string | null =>
  marginPercent(cogs, cogs.minus(unattributed));

/** The exact amount: at the currency's scale, or with all decimals that it has (a provider's cost may have 18). */
export const exactMoney = (amount: Decimal, currency: string): string =>
  amount.eq(ZERO)
    ? ZERO.toFixed(scaleOf(currency))
    : amount.toFixed(Math.max(scaleOf(currency), decimals(decimal(text(amount)))));

/** Revenue against cost, both in all. */
export function marginFigures(revenue: Decimal, cogs: Decimal, currency: string): MarginFigures {
  const margin = revenue.minus(cogs);
  return {
    revenue: exactMoney(revenue, currency),
    cogs: exactMoney(cogs, currency),
    margin: exactMoney(margin, currency),
    marginPct: marginPercent(revenue, margin),
  };
}

/**
 * Revenue against cost, exactly: tenants + unattributed = overall, deployments + standalone = tenant, kinds = overall
 * on each axis. Revenue and cost are of one month and one currency.
 */
export function marginOf(revenue: readonly RevenueShare[], costs: readonly CostShare[], currency: string): Margin {
  const figures = (earned: readonly { amount: Decimal }[], spent: readonly { amount: Decimal }[]): MarginFigures =>
    marginFigures(sum(earned.map(({ amount }) => amount)), sum(spent.map(({ amount }) => amount)), currency);
  const attributed = costs.filter(({ tenantId }) => tenantId !== null);
  /** The figures of each holder, in the order of its key. */
  const figuresBy = (keyOf: (share: Holder) => string): [key: string, MarginFigures][] => {
    const [earned, spent] = [Map.groupBy(revenue, keyOf), Map.groupBy(attributed, keyOf)];
    const keys = [...new Set([...earned.keys(), ...spent.keys()])].sort();
    return keys.map((key) => [key, figures(earned.get(key) ?? [], spent.get(key) ?? [])]);
  };
  const total = (shares: readonly { amount: Decimal }[]): string =>
    exactMoney(sum(shares.map(({ amount }) => amount)), currency);
  return {
    overall: figures(revenue, costs),
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
        revenue: total(shares),
      })),
      cogs: [...Map.groupBy(costs, ({ kind }) => kind)].map(([kind, shares]) => ({ kind, cogs: total(shares) })),
    },
    unattributed: { cogs: total(costs.filter(({ tenantId }) => tenantId === null)) },
  };
}
