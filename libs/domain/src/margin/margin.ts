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

/** The exact amount: at the currency's scale, or with all decimals that it has (a provider's cost may have 18). */
export const exactMoney = (amount: Decimal, currency: string): string =>
  amount.eq(ZERO)
    ? ZERO.toFixed(scaleOf(currency))
    : amount.toFixed(Math.max(scaleOf(currency), decimals(decimal(text(amount)))));

/**
 * Revenue against cost, exactly: tenants + unattributed = overall, deployments + standalone = tenant, kinds = overall
 * on each axis. Revenue and cost are of one month and one currency.
 */
export function marginOf(revenue: readonly RevenueShare[], costs: readonly CostShare[], currency: string): Margin {
  const figures = (earned: readonly { amount: Decimal }[], spent: readonly { amount: Decimal }[]): MarginFigures => {
    const revenueTotal = sum(earned.map(({ amount }) => amount));
    const cogs = sum(spent.map(({ amount }) => amount));
    const margin = revenueTotal.minus(cogs);
    return {
      revenue: exactMoney(revenueTotal, currency),
      cogs: exactMoney(cogs, currency),
      margin: exactMoney(margin, currency),
      marginPct: marginPercent(revenueTotal, margin),
    };
  };
  const attributed = costs.filter(({ tenantId }) => tenantId !== null);
  const tenants = ordered([
    ...revenue.map(({ tenantId }) => tenantId),
    ...attributed.map(({ tenantId }) => tenantId ?? ''),
  ]);
  const holders = ordered(
    [...revenue, ...attributed].map(({ tenantId, deploymentId }) => JSON.stringify([tenantId, deploymentId])),
  );
  const total = (shares: readonly { amount: Decimal }[]): string =>
    exactMoney(sum(shares.map(({ amount }) => amount)), currency);
  return {
    overall: figures(revenue, costs),
    byTenant: tenants.map((tenantId) => ({
      tenantId,
      ...figures(
        revenue.filter((each) => each.tenantId === tenantId),
        attributed.filter((each) => each.tenantId === tenantId),
      ),
    })),
    byDeployment: holders.map((key) => {
      const [tenantId, deploymentId] = JSON.parse(key) as [string, string | null];
      const of = (each: { tenantId: string | null; deploymentId: string | null }): boolean =>
        each.tenantId === tenantId && each.deploymentId === deploymentId;
      return { tenantId, deploymentId, ...figures(revenue.filter(of), attributed.filter(of)) };
    }),
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

const ordered = (values: readonly string[]): string[] => [...new Set(values)].sort();
