import { compareText } from '#domain/compare-text';
import { keyOfKind, mappingAt, type ProviderKind } from '#domain/margin/kind-mapping';
import { type Decimal, sum, text, ZERO } from '#domain/money/decimal';
import { earlier, type Instant } from '#domain/time/instant';
import { contains, cutAt, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readAssignments } from '#projections/deployments/deployments.read';
import { readKindMappings } from '#projections/kind-mappings/kind-mappings.read';
import { type CostLineShare, costLinesIn } from '../costs/cost-lines.js';
import { cutsOfMappings } from '../costs/idle.js';
import { quarantinedParts } from '../invoices/line-views.js';
import { unbilledUsage } from '../retention/unbilled.js';
import { monthByResource } from './resources.js';

/** What a month's cost, inventory and usage leave open, in the order of the answer. */
export const OPEN_LISTS = [
  'kinds_not_metered',
  'kinds_not_mapped',
  'usage_without_price',
  'usage_unbilled',
  'cost_without_inventory',
  'inventory_without_cost',
  'usage_without_cost',
  'cost_without_usage',
] as const;
export type OpenList = (typeof OPEN_LISTS)[number];

/** One thing that is open. What does not apply to it is null. */
export interface OpenItem {
  readonly provider: string | null;
  /** Of the inventory, or of the provider's line. */
  readonly kind: string | null;
  readonly resourceId: string | null;
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
  readonly billingKind: string | null;
  readonly lineId: string | null;
  readonly quantity: string | null;
  /** Of cost. */
  readonly amount: Decimal | null;
  /** How many cost lines, readings or resources. */
  readonly count: number;
  readonly reason: string | null;
  /** Where in the month its cost lines are charged. null: anywhere. */
  readonly within: readonly Period[] | null;
}

const NOTHING = {
  provider: null,
  kind: null,
  resourceId: null,
  tenantId: null,
  deploymentId: null,
  billingKind: null,
  lineId: null,
  quantity: null,
  amount: null,
  count: 1,
  reason: null,
  within: null,
} satisfies OpenItem;

/** A month, the currency of its cost, and the other currencies with cost in it. */
export interface OpenMonth {
  readonly month: Period;
  readonly currency: string;
  readonly others: readonly string[];
}

interface Asked extends OpenMonth {
  readonly context: QueryContext;
  readonly byResource: () => Promise<ByResource>;
}

/** Open things of a month by list. What several lists need is read once. */
export async function openLists(
  context: QueryContext,
  of: OpenMonth,
  lists: readonly OpenList[] = OPEN_LISTS,
): Promise<ReadonlyMap<OpenList, readonly OpenItem[]>> {
  let read: Promise<ByResource> | null = null;
  const byResource = async (): Promise<ByResource> => (read ??= monthByResource(context, of.month, of));
  const found = new Map<OpenList, readonly OpenItem[]>();
  for (const list of lists) found.set(list, await LISTS[list]({ ...of, context, byResource }));
  return found;
}

const LISTS: Readonly<Record<OpenList, (asked: Asked) => Promise<OpenItem[]>>> = {
  kinds_not_metered: async ({ byResource }) => kindsNotMetered((await byResource()).resources),
  kinds_not_mapped: async ({ context, month, currency, byResource }) =>
    kindsNotMapped(context, { month, currency }, (await byResource()).kinds),
  usage_without_price: async ({ context, month, currency }) => withoutPrice(context, month, currency),
  usage_unbilled: async ({ context, month }) => unbilled(context, month),
  cost_without_inventory: async ({ byResource }) => (await byResource()).costWithoutInventory.map(ofCost),
  inventory_without_cost: async ({ byResource }) =>
    (await byResource()).inventoryWithoutCost.map(({ provider, resourceId, kind, deploymentId, tenantId }) => ({
      ...NOTHING,
      ...{ provider, resourceId, kind, deploymentId, tenantId },
    })),
  usage_without_cost: async ({ byResource }) =>
    (await byResource()).usageWithoutCost.map(({ provider, quantity, readings, ...usage }) => ({
      ...NOTHING,
      ...usage,
      provider: provider === '' ? null : provider,
      quantity: text(quantity),
      count: readings,
    })),
  cost_without_usage: async ({ byResource }) =>
    (await byResource()).costWithoutUsage.map((cost) => ({ ...ofCost(cost), reason: cost.reason })),
};

type ByResource = Awaited<ReturnType<typeof monthByResource>>;

const ofCost = ({
  provider,
  resourceId,
  kind,
  amount,
  lines,
}: ByResource['costWithoutInventory'][number]): OpenItem => ({
  ...NOTHING,
  ...{ provider, resourceId, kind, amount, count: lines },
});

/** Kinds of resources that were in a deployment and are not metered. */
function kindsNotMetered(resources: ByResource['resources']): OpenItem[] {
  const found = resources.filter((each) => each.isThere && !each.isMetered && each.deploymentId !== null);
  return [...Map.groupBy(found, keyOfKind)]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([, of]) => {
      const [first] = of;
      if (first === undefined) return [];
      return [{ ...NOTHING, provider: first.provider, kind: first.kind, count: of.length }];
    });
}

/**
 * The provider’s kinds with cost while they have no billing kind. Where a mapping begins or ends within the month, each
 * line is divided by time there.
 */
async function kindsNotMapped(
  context: QueryContext,
  { month, currency }: Pick<OpenMonth, 'month' | 'currency'>,
  kinds: ByResource['kinds'],
): Promise<OpenItem[]> {
  const mappings = await readKindMappings(context.core.db, context.position);
  const mappedTo = mappingAt(mappings);
  const cutsOf = ({ provider, kind }: ProviderKind): Instant[] =>
    cutsOfMappings(
      [month],
      mappings.filter((each) => each.provider === provider && each.kind === kind),
    );
  const found = kinds.flatMap((each) => {
    const stretches = cutAt(month, cutsOf(each));
    const within = stretches.filter(({ start }) => mappedTo(each, start).source === 'none');
    return within.length === 0 ? [] : [{ ...each, within, isCut: within.length < stretches.length }];
  });
  const cut = found.filter(({ isCut }) => isCut);
  const shares = await costsOfKinds(context, { month, currency }, cut, cut.flatMap(cutsOf));
  return found
    .map(({ isCut, within, lines, ...of }) => {
      if (!isCut) return { ...NOTHING, ...of, within, count: lines };
      const own = (shares.get(keyOfKind(of)) ?? []).filter(({ at }) => within.some((each) => contains(each, at)));
      const amount = sum(own.map((share) => share.amount));
      return { ...NOTHING, ...of, within, amount, count: new Set(own.map(({ costLine }) => costLine)).size };
    })
    .filter(({ amount }) => !amount.eq(ZERO));
}

/** The cost of kinds in a month, line by line, divided at some instants; by `keyOfKind`. */
async function costsOfKinds(
  context: QueryContext,
  { month, currency }: Pick<OpenMonth, 'month' | 'currency'>,
  kinds: readonly ProviderKind[],
  cuts: readonly Instant[],
): Promise<ReadonlyMap<string, readonly CostLineShare[]>> {
  if (kinds.length === 0) return new Map();
  const [lines = []] = await costLinesIn(context, [month], currency, { cuts, select: { kinds } });
  return Map.groupBy(lines, keyOfKind);
}

/** Lines and parts of the month that can't be rated, up to now or the end of the month. */
async function withoutPrice(context: QueryContext, month: Period, currency: string): Promise<OpenItem[]> {
  const found = await quarantinedParts(context, { month, currency, at: earlier(month.end, context.caller.now) });
  return found.map((part) => ({ ...NOTHING, ...part }));
}

/** Usage of the month that no line covers and nothing waives. */
async function unbilled(context: QueryContext, month: Period): Promise<OpenItem[]> {
  const assignments = await readAssignments(context.core.db, context.position, null);
  const deployments = [...new Set(assignments.map((row) => row.deployment_id))];
  const found = await unbilledUsage(
    context,
    deployments.map((deploymentId) => ({ deploymentId, period: month })),
  );
  return found.map(({ deploymentId, billingKind, quantity, readings, reason }) => ({
    ...NOTHING,
    ...{ deploymentId, billingKind, quantity, count: readings, reason },
  }));
}

const OF_COST: readonly OpenList[] = ['kinds_not_mapped', 'cost_without_inventory', 'cost_without_usage'];

/** What the items of a list cost together. null: they have no cost. */
export const amountOf = (list: OpenList, items: readonly OpenItem[]): Decimal | null =>
  OF_COST.includes(list) ? sum(items.flatMap(({ amount }) => amount ?? [])) : null;
