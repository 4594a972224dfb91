import type { ProviderKind } from '#domain/margin/kind-mapping';
import { type Decimal, decimal, sum } from '#domain/money/decimal';
import { monthNamed, type Period } from '#domain/time/period';
import type { History } from '#read-model/read-models';
import { type BilledDays, readBilledDays } from '#projections/costs/billed-days.read';
import { monthName } from '#projections/costs/charged.read';
import {
  type ChangedMonth,
  type CostGrain,
  type KeptCost,
  readChangedMonths,
  readKeptCosts,
  readKeptCostsBy,
  readKeptMonths,
} from '#projections/margins/kept-costs.read';
import type { KeptMonthRow } from '#projections/margins/kept-costs.table';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import { computedSums, type CostSum } from './cost-sums.js';

type Asked = Pick<QueryContext, 'core' | 'position'> & {
  /** It looks at so many changed resources. Computing the months costs less than looking at more. */
  readonly mostResources?: number;
};

const MOST_ASKED = 10_000;

/** The cost of a month, and its part of nobody. */
export interface CostTotal {
  readonly cogs: Decimal;
  readonly unattributed: Decimal;
}

export const totalOf = (sums: readonly CostSum[]): CostTotal => ({
  cogs: sum(sums.map(({ amount }) => amount)),
  unattributed: sum(sums.filter(({ tenantId }) => tenantId === null).map(({ amount }) => amount)),
});

/**
 * The cost without tax of each of these UTC months, summed by provider, kind, tenant and deployment, in the order of
 * kinds: kept, where it is proven for the position; otherwise computed. The only place that margins take cost from.
 * `grain`: what the sums are grouped by. Kept months are then added up in the database; their other fields are empty.
 */
export async function costSums(
  context: Asked,
  months: readonly Period[],
  currency: string,
  grain?: CostGrain,
): Promise<readonly (readonly CostSum[])[]> {
  const { db } = context.core;
  const kept = await keptAt(context, months, currency);
  const keptIds = [...kept.values()].map(({ kept_id }) => kept_id);
  const costs = await (grain === undefined ? readKeptCosts(db, keptIds) : readKeptCostsBy(db, keptIds, grain));
  const rows = Map.groupBy(costs, ({ month }) => month);
  const found = new Map([...rows].map(([month, of]) => [month, keptSums(of)]));
  return withComputed(context, months, currency, { found, of: grain === 'tenant_kind' ? tenantKinds : (sums) => sums });
}

/** Sums of all deployments of a tenant. */
const tenantKinds = (sums: readonly CostSum[]): CostSum[] =>
  [...Map.groupBy(sums, ({ provider, kind, tenantId }) => JSON.stringify([provider, kind, tenantId]))].flatMap(
    ([, of]) =>
      of.slice(0, 1).map((first) => ({
        ...{ ...first, deploymentId: null },
        amount: sum(of.map(({ amount }) => amount)),
      })),
  );

/** The sums of a kept month. */
export const keptSums = (rows: readonly KeptCost[]): CostSum[] =>
  rows.flatMap((row) => {
    if (row.provider === null) return [];
    const { provider, kind, tenant_id: tenantId, deployment_id: deploymentId } = row;
    return [{ provider, kind, tenantId, deploymentId, amount: decimal(row.amount) }];
  });

/** The cost of a provider's kind in a month, of tenants or of nobody. */
export interface KindTotal extends ProviderKind {
  readonly isOfNobody: boolean;
  readonly amount: Decimal;
}

export const kindTotals = (sums: readonly CostSum[]): KindTotal[] =>
  [...Map.groupBy(sums, ({ provider, kind, tenantId }) => JSON.stringify([provider, kind, tenantId === null]))].map(
    ([key, of]) => {
      const [provider, kind, isOfNobody] = JSON.parse(key) as [string, string, boolean];
      return { provider, kind, isOfNobody, amount: sum(of.map(({ amount }) => amount)) };
    },
  );

/** The same by provider, kind, and whether a tenant held it. */
export async function costKinds(
  context: Asked,
  months: readonly Period[],
  currency: string,
): Promise<readonly (readonly KindTotal[])[]> {
  const kept = await keptAt(context, months, currency);
  const found = new Map(
    [...kept].map(([month, { kinds }]) => [month, kinds.map((of) => ({ ...of, amount: decimal(of.amount) }))]),
  );
  return withComputed(context, months, currency, { found, of: kindTotals });
}

/** The same, in all. */
export async function costTotals(
  context: Asked,
  months: readonly Period[],
  currency: string,
): Promise<readonly CostTotal[]> {
  const kept = await keptAt(context, months, currency);
  const found = new Map(
    [...kept].map(([month, { cogs, unattributed }]) => [
      month,
      { cogs: decimal(cogs), unattributed: decimal(unattributed) },
    ]),
  );
  return withComputed(context, months, currency, { found, of: totalOf });
}

/** The days for which a bill has come: kept, where that is proven for the position; otherwise read from the lines. */
export async function billedDays(
  context: Asked,
  months: readonly Period[],
  currency: string,
): Promise<readonly BilledDays[]> {
  const { core, position } = context;
  const kept = await keptAt(context, months, currency);
  const missing = months.filter((month) => !kept.has(monthName(month)));
  const keptIds = [...kept.values()].map(({ kept_id }) => kept_id);
  const days = await readBilledDays(core.db, position, { months: missing, currency }, keptIds);
  // A worker has computed one of the months again meanwhile.
  return days ?? billedDays(context, months, currency);
}

/** What was found of each month, and what the others come to. */
async function withComputed<Of>(
  context: Asked,
  months: readonly Period[],
  currency: string,
  { found, of }: { readonly found: ReadonlyMap<string, Of>; readonly of: (sums: readonly CostSum[]) => Of },
): Promise<Of[]> {
  const missing = months.filter((month) => !found.has(monthName(month)));
  const sums = missing.length === 0 ? [] : await computedSums(context, missing, currency);
  const computed = new Map(missing.map((month, index) => [monthName(month), of(sums[index] ?? [])]));
  return months.map((month) => {
    const name = monthName(month);
    return found.get(name) ?? computed.get(name) ?? of([]);
  });
}

/** The kept months that are proven for the position, by name. */
async function keptAt(
  { core, position, mostResources = MOST_ASKED }: Asked,
  months: readonly Period[],
  currency: string,
): Promise<Map<string, History<KeptMonthRow>>> {
  const kept = (await readKeptMonths(core.db, { months, currency })).filter((row) => row.position_from <= position);
  const changed = await changedSince(core, { kept, position, mostResources });
  return new Map(kept.filter((row) => !changed(row)).map((row) => [row.month, row]));
}

/** Whether a kept month may have changed after what is proven of it, up to a position. */
async function changedSince(
  core: LedgerCore,
  {
    kept,
    position,
    mostResources,
  }: { readonly kept: readonly History<KeptMonthRow>[]; readonly position: number; readonly mostResources: number },
): Promise<(row: History<KeptMonthRow>) => boolean> {
  const open = kept.filter((row) => row.proven_to <= position);
  // All were read at once, so the same read models made them.
  const [madeBy] = open.map((row) => row.made_by);
  if (madeBy === undefined) return () => false;
  const first = Math.min(...open.map((row) => row.proven_to));
  const names = [...new Set(open.map(({ month }) => month))];
  const changed = await readChangedMonths(
    core.db,
    { first, last: position, madeBy, mostResources },
    names.map((name) => monthNamed(name)),
  );
  return (row) => row.proven_to <= position && (changed === null || changed.some(isChangeOf(row)));
}

export const isChangeOf =
  (row: History<KeptMonthRow>) =>
  ({ month, currency, position }: ChangedMonth): boolean =>
    month === row.month && (currency === null || currency === row.currency) && position >= row.proven_to;
