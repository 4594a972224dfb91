import { compareText } from '#domain/compare-text';
import { type KindMapping, mappingAt, type ProviderKind } from '#domain/margin/kind-mapping';
import { keyOfSharing } from '#domain/margin/sharing';
import {
  costsByKind,
  type Counted,
  type CostsByKind,
  type Sold,
  togetherByKind,
  type UnitCost,
  type Units,
  unitsOf,
} from '#domain/margin/units';
import { type Decimal, decimal, ZERO } from '#domain/money/decimal';
import { overlaps, type Period, spanOf } from '#domain/time/period';
import { monthName } from '#projections/costs/charged.read';
import { readKindMappings } from '#projections/kind-mappings/kind-mappings.read';
import { readSoldUnits } from '#projections/margins/margins.read';
import { readUsedTime } from '#projections/usage-records/used-time.read';
import type { QueryContext } from '#ledger/query';
import { withPrunedWithin } from '../usage/pruned-usage.js';
import { cutsOfMappings, idleReasons, type MayBeIdle, mayBeIdleIn } from './idle.js';
import { figuresBy, type MonthSums, sharingIn } from './margin-month.js';

/** Unit economics of neighbouring months: of each, and of all together. */
export interface UnitsOver {
  readonly months: readonly Units[];
  readonly together: Units;
}

/**
 * What is sold of each billing kind in neighbouring UTC months, and what it costs, in one currency. `metered`: the
 * usage of each month, for amounts per metered unit. Default: there are none.
 */
export async function unitsIn(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
  metered: readonly (readonly Counted[])[] = [],
): Promise<UnitsOver> {
  const mappings = await readKindMappings(context.core.db, context.position);
  return unitsBy(context, months, currency, { mappings, metered });
}

interface UnitsOf {
  readonly mappings: readonly KindMapping[];
  readonly metered: readonly (readonly Counted[])[];
}

/** The same, if these mappings were recorded. */
export async function unitsBy(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
  { mappings, metered }: UnitsOf,
): Promise<UnitsOver> {
  const policies = await sharingIn(context, months);
  const idle = await mayBeIdleIn(context, months);
  const figures = await figuresBy(context, months, currency, policies, { ...finerFor(months, mappings), ...idle });
  const sold = await soldIn(context, figures, currency);
  const costs = await costsIn(context, figures, { currency, mappedTo: mappingAt(mappings), spansOf: idle.spansOf });
  return {
    months: figures.map((_, index) =>
      unitsOf({ sold: sold[index] ?? [], metered: metered[index] ?? [] }, costs[index] ?? togetherByKind([]), currency),
    ),
    together: unitsOf({ sold: sold.flat(), metered: metered.flat() }, togetherByKind(costs), currency),
  };
}

/** Lines of kinds with several billing kinds are seen with their resources. New mappings divide a month. */
function finerFor(months: readonly Period[], mappings: readonly KindMapping[]) {
  const inForce = mappings.filter(({ period }) => months.some((month) => overlaps(period, month)));
  const several = inForce.filter(({ billingKinds }) => billingKinds.length > 1);
  return {
    cuts: cutsOfMappings(months, mappings),
    kinds: several.map(({ provider, kind }): ProviderKind => ({ provider, kind })),
  };
}

/** The revenue of each month by billing kind, in one currency, and the billed units in all. */
async function soldIn(
  { core, position }: QueryContext,
  figures: readonly MonthSums[],
  currency: string,
): Promise<Sold[][]> {
  const months = figures.map(({ month }) => monthName(month));
  const units = Map.groupBy(await readSoldUnits(core.db, position, months), ({ month }) => month);
  return figures.map(({ month, revenue }) => [
    ...revenue.map(({ billingKind, amount }) => ({ billingKind, currency, unit: null, amount, quantity: ZERO })),
    ...(units.get(monthName(month)) ?? []).map((row) => ({
      ...{ billingKind: row.billing_kind, currency: row.currency, unit: row.unit === '' ? null : row.unit },
      ...{ amount: ZERO, quantity: decimal(row.quantity) },
    })),
  ]);
}

interface Mapped extends Pick<MayBeIdle, 'spansOf'> {
  readonly currency: string;
  readonly mappedTo: ReturnType<typeof mappingAt>;
}

/** The cost of each month by what it is for. */
const costsIn = async (
  context: QueryContext,
  figures: readonly MonthSums[],
  mapped: Mapped,
): Promise<readonly CostsByKind[]> =>
  dividedByKind(
    context,
    figures.map((of) => ({ month: of.month, costs: unitCosts(of, mapped) })),
    mapped,
  );

/** Costs of UTC months, in the order of time, each by what they are for. */
export async function dividedByKind(
  context: QueryContext,
  of: readonly { readonly month: Period; readonly costs: readonly UnitCost[] }[],
  { currency, mappedTo }: Pick<Mapped, 'currency' | 'mappedTo'>,
): Promise<readonly CostsByKind[]> {
  const divided = of.flatMap(({ costs }) =>
    costs.flatMap((cost) => {
      const { billingKinds } = mappedTo(cost, cost.at);
      const { resourceId, isUnattributed, idle } = cost;
      const isDivided = billingKinds.length > 1 && resourceId !== null && !isUnattributed && idle === null;
      return isDivided ? [{ resourceId, billingKinds }] : [];
    }),
  );
  const used = await usedTimeIn(
    context,
    of.map(({ month }) => month),
    divided,
  );
  return of.map(({ month, costs }) =>
    costsByKind(costs, { mappedTo, currency, usedTime: (resource, kind) => used({ ...resource, month, kind }) }),
  );
}

/** What a policy shares is nobody's if no tenant had a deployment in the month. */
function unitCosts({ costs, shared }: MonthSums, { mappedTo, spansOf }: Mapped): UnitCost[] {
  const nobodys = new Set(
    shared
      .filter(({ fallback }) => fallback === 'unattributed')
      .map(({ policyId, effectiveFrom: start }) => keyOfSharing({ policyId, period: { start, end: null } })),
  );
  const reasonOf = idleReasons(spansOf, mappedTo);
  return costs.map((cost) => {
    const { provider, kind, amount, resourceId, at, sharedBy, tenantId } = cost;
    return {
      ...{ provider, kind, amount, resourceId, at, isShared: sharedBy !== null },
      isUnattributed: sharedBy === null ? tenantId === null : nobodys.has(sharedBy),
      idle: reasonOf(cost),
    };
  });
}

interface UseOf {
  readonly provider: string;
  readonly resourceId: string;
  readonly month: Period;
  readonly kind: string;
}

/** How long resources were used in each month, by the readings of billing kinds. */
async function usedTimeIn(
  { core, position }: QueryContext,
  months: readonly Period[],
  of: readonly { readonly resourceId: string; readonly billingKinds: readonly string[] }[],
): Promise<(use: UseOf) => Decimal> {
  const within = spanOf(months);
  if (of.length === 0 || within === null) return () => ZERO;
  const readings = {
    resourceIds: [...new Set(of.map(({ resourceId }) => resourceId))].sort(compareText),
    billingKinds: [...new Set(of.flatMap(({ billingKinds }) => billingKinds))].sort(compareText),
    within,
  };
  const rows = await withPrunedWithin(core, readings.within, readings.billingKinds, async (logged) =>
    readUsedTime(core.db, position, readings, logged),
  );
  const keyOf = (...parts: readonly string[]): string => JSON.stringify(parts);
  const seconds = new Map(
    rows.map((row) => [keyOf(row.provider, row.resource_id, row.month, row.billing_kind), decimal(row.seconds)]),
  );
  // A reading without a provider is of the resource with its id.
  return ({ provider, resourceId, month, kind }) =>
    [provider, ''].reduce(
      (sum, by) => sum.plus(seconds.get(keyOf(by, resourceId, monthName(month), kind)) ?? ZERO),
      ZERO,
    );
}
