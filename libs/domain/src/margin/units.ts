import { compareText } from '../compare-text.js';
import { type Decimal, decimals, divide, sum, text, ZERO } from '../money/decimal.js';
import { allocate, scaleOf, unitAmountText } from '../money/money.js';
import type { Instant } from '../time/instant.js';
import { added, type Cogs, cogsOf, type DirectAndShared, partOf, summed } from './direct-and-shared.js';
import type { IdleReason } from './idle.js';
import { type IdleCogs, type IdleCost, idleCosts, idleCogs, summedIdle } from './idle-cost.js';
import type { MappedTo, MappingSource, ProviderKind } from './kind-mapping.js';
import { type MarginFigures, marginFigures } from './margin.js';

/** Amounts per unit are rounded to so many decimals, half away from zero. */
export const PER_UNIT_SCALE = 12;

/** A share of the cost of one month. */
export interface UnitCost extends ProviderKind {
  readonly amount: Decimal;
  /** The resource that caused it. null: not known. */
  readonly resourceId: string | null;
  /** Where the charged time of the share begins: the mapping in force then applies. */
  readonly at: Instant;
  /** A policy shares it. */
  readonly isShared: boolean;
  /** No tenant bears it. */
  readonly isUnattributed: boolean;
  /** Why its resource was idle then. null: it was not. */
  readonly idle: IdleReason | null;
}

/** How the cost of a provider kind is divided: it has one billing kind; by the use of its resource; or evenly. */
export const KIND_BASES = ['only', 'usage', 'even'] as const;
export type KindBasis = (typeof KIND_BASES)[number];

/** The cost of a provider kind that is for a billing kind. null: its kind is not mapped. */
export interface KindCost extends ProviderKind, DirectAndShared {
  readonly source: MappingSource;
  readonly billingKind: string | null;
  readonly basis: KindBasis | null;
}

/** The cost of a month or several, by what it is for. */
export interface CostsByKind {
  readonly kinds: readonly KindCost[];
  /** Whether tenants bear it or nobody. */
  readonly idle: readonly IdleCost[];
  /** Of resources that were not idle, as far as is known. */
  readonly unattributed: DirectAndShared;
}

/** A quantity of a billing kind in one unit. `unit`: as its rates name it. null: they do not. */
export interface Counted {
  readonly billingKind: string;
  readonly unit: string | null;
  readonly quantity: Decimal;
}

/** What issued invoices bill of a billing kind. */
export interface Sold extends Counted {
  readonly amount: Decimal;
  readonly currency: string;
}

interface Dividing {
  readonly mappedTo: (of: ProviderKind, at: Instant) => MappedTo;
  /** How long a resource was used in the month, by the readings of a billing kind. */
  readonly usedTime: (of: { readonly provider: string; readonly resourceId: string }, billingKind: string) => Decimal;
  readonly currency: string;
}

/**
 * The cost of one month, each share for one billing kind or several: in proportion to how long its resource was used,
 * by the readings of each; evenly if it has none. Exact: in whole units of the last decimal, by largest remainder, ties
 * in the order of the mapping. Cost of idle resources, and cost that no tenant bears, is for no kind.
 */
export function costsByKind(costs: readonly UnitCost[], dividing: Dividing): CostsByKind {
  const busy = costs.filter((each) => each.idle === null);
  const [nobodys, borne] = [busy.filter((each) => each.isUnattributed), busy.filter((each) => !each.isUnattributed)];
  // Shares of one resource are divided together, so that less is left to remainders.
  const groups = Map.groupBy(
    borne.map((cost) => ({ cost, to: dividing.mappedTo(cost, cost.at) })),
    ({ cost, to }) =>
      JSON.stringify([
        cost.provider,
        cost.kind,
        to.billingKinds.length > 1 ? cost.resourceId : null,
        cost.isShared,
        to,
      ]),
  );
  const kinds = [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : divided(first, sum(group.map(({ cost }) => cost.amount)), dividing);
  });
  return { kinds: summedKinds(kinds), idle: idleCosts(costs), unattributed: directAndShared(nobodys) };
}

function divided(
  { cost, to }: { readonly cost: UnitCost; readonly to: MappedTo },
  amount: Decimal,
  { usedTime, currency }: Dividing,
): KindCost[] {
  const { provider, kind, resourceId, isShared } = cost;
  const { billingKinds, source } = to;
  const part = (billingKind: string | null, basis: KindBasis | null, of: Decimal): KindCost => ({
    ...{ provider, kind, source, billingKind, basis },
    ...partOf(isShared, of),
  });
  const [only = null] = billingKinds;
  if (billingKinds.length < 2) return [part(only, only === null ? null : 'only', amount)];
  const times = billingKinds.map((each) => (resourceId === null ? ZERO : usedTime({ provider, resourceId }, each)));
  const basis = times.some((time) => time.gt(ZERO)) ? 'usage' : 'even';
  const parts = allocate(amount, times, Math.max(scaleOf(currency), decimals(amount)));
  return billingKinds.flatMap((billingKind, index) =>
    basis === 'usage' && times[index]?.eq(ZERO) === true ? [] : [part(billingKind, basis, parts[index] ?? ZERO)],
  );
}

const directAndShared = (costs: readonly UnitCost[]): DirectAndShared =>
  added(costs.map(({ isShared, amount }) => partOf(isShared, amount)));

const summedKinds = (kinds: readonly KindCost[]): KindCost[] =>
  summed(kinds, ({ provider, kind, source, billingKind, basis }) =>
    JSON.stringify([kind, provider, billingKind, source, basis]),
  );

/** The costs of several months together. */
export const togetherByKind = (months: readonly CostsByKind[]): CostsByKind => ({
  kinds: summedKinds(months.flatMap(({ kinds }) => kinds)),
  idle: summedIdle(months.flatMap(({ idle }) => idle)),
  unattributed: added(months.map(({ unattributed }) => unattributed)),
});

/**
 * What is sold of a billing kind, what it costs, and both per metered unit: units that an allowance includes cost as
 * much as those that are billed.
 */
export interface UnitFigures extends MarginFigures {
  readonly billingKind: string;
  /** Usage. null: it is counted in several units, which can't be added. */
  readonly meteredQuantity: string | null;
  readonly meteredUnit: string | null;
  /** What invoices bill of it, after allowances and conversion. */
  readonly billedQuantity: string | null;
  readonly billedUnit: string | null;
  /**
   * To 12 decimals. null: no unit was metered, or several units. Revenue and margin also, if units are billed in other
   * currencies: the usage of their tenants is metered, too, and its revenue is not in this one.
   */
  readonly revenuePerMeteredUnit: string | null;
  readonly cogsPerMeteredUnit: string | null;
  readonly marginPerMeteredUnit: string | null;
  /** The average price. null: no unit was billed, or several units. */
  readonly revenuePerBilledUnit: string | null;
}

/** Unit economics in one currency. Kinds, `unmapped`, `idle` and `unattributed` come to `overall`, exactly. */
export interface Units {
  readonly overall: MarginFigures;
  readonly byKind: readonly UnitFigures[];
  /** Cost that tenants bear, of provider kinds without a mapping. */
  readonly unmapped: Cogs;
  /** Cost of resources while they were off or in no deployment. */
  readonly idle: IdleCogs;
  /** The other cost that no tenant bears. */
  readonly unattributed: Cogs;
  /** The cost of provider kinds, and what it is for. */
  readonly costs: readonly (Omit<KindCost, keyof DirectAndShared> & Cogs)[];
}

/** `sold`: in all currencies. */
export function unitsOf(
  { sold: soldInAll, metered }: { readonly sold: readonly Sold[]; readonly metered: readonly Counted[] },
  { kinds, idle, unattributed }: CostsByKind,
  currency: string,
): Units {
  const cogs = (of: DirectAndShared): Cogs => cogsOf(of, currency);
  const [sold, soldElsewhere] = [
    soldInAll.filter((each) => each.currency === currency),
    soldInAll.filter((each) => each.currency !== currency),
  ];
  const elsewhereOf = Map.groupBy(soldElsewhere, ({ billingKind }) => billingKind);
  const mapped = kinds.filter(({ billingKind }) => billingKind !== null);
  const names = [...new Set([...sold, ...metered, ...mapped].map(({ billingKind }) => billingKind ?? ''))].sort(
    compareText,
  );
  const soldOf = Map.groupBy(sold, ({ billingKind }) => billingKind);
  const meteredOf = Map.groupBy(metered, ({ billingKind }) => billingKind);
  const costOf = Map.groupBy(mapped, ({ billingKind }) => billingKind);
  const all = added([...kinds, ...idle, unattributed]);
  return {
    overall: marginFigures(sum(sold.map(({ amount }) => amount)), all.direct, all.shared, currency),
    byKind: names.map((name) =>
      unitFigures(
        {
          billingKind: name,
          sold: soldOf.get(name) ?? [],
          metered: meteredOf.get(name) ?? [],
          isSoldElsewhere: hasUnits(elsewhereOf.get(name) ?? []),
        },
        added(costOf.get(name) ?? []),
        currency,
      ),
    ),
    unmapped: cogs(added(kinds.filter(({ billingKind }) => billingKind === null))),
    idle: idleCogs(idle, currency),
    unattributed: cogs(unattributed),
    costs: kinds.map(({ direct, shared, ...of }) => ({ ...of, ...cogs({ direct, shared }) })),
  };
}

interface OfKind {
  readonly billingKind: string;
  readonly sold: readonly Sold[];
  readonly metered: readonly Counted[];
  /** Whether units of it are billed in another currency. */
  readonly isSoldElsewhere: boolean;
}

function unitFigures(
  { billingKind, sold, metered, isSoldElsewhere }: OfKind,
  { direct, shared }: DirectAndShared,
  currency: string,
): UnitFigures {
  const revenue = sum(sold.map(({ amount }) => amount));
  const [used, billed] = [quantityOf(metered), quantityOf(sold)];
  const cogs = direct.plus(shared);
  const per =
    ({ quantity }: Quantity) =>
    (amount: Decimal): string | null =>
      quantity === null || quantity.eq(ZERO)
        ? null
        : unitAmountText(divide(amount, quantity, PER_UNIT_SCALE), currency);
  const perMetered = per(used);
  return {
    billingKind,
    ...{ meteredQuantity: quantityText(used), meteredUnit: used.unit },
    ...{ billedQuantity: quantityText(billed), billedUnit: billed.unit },
    ...marginFigures(revenue, direct, shared, currency),
    revenuePerMeteredUnit: isSoldElsewhere ? null : perMetered(revenue),
    cogsPerMeteredUnit: perMetered(cogs),
    marginPerMeteredUnit: isSoldElsewhere ? null : perMetered(revenue.minus(cogs)),
    revenuePerBilledUnit: per(billed)(revenue),
  };
}

/** What was billed and taken back is none. */
const hasUnits = (of: readonly Sold[]): boolean =>
  [...Map.groupBy(of, ({ currency, unit }) => JSON.stringify([currency, unit])).values()].some(
    (own) => !sum(own.map(({ quantity }) => quantity)).eq(ZERO),
  );

/** The quantity of a kind. null: it is counted in several units. */
interface Quantity {
  readonly quantity: Decimal | null;
  readonly unit: string | null;
}

const quantityText = ({ quantity }: Quantity): string | null => (quantity === null ? null : text(quantity));

/** The quantity of a kind, if all of it is counted in one unit. */
function quantityOf(of: readonly Counted[]): Quantity {
  const counted = [...Map.groupBy(of, ({ unit }) => unit)]
    .map(([unit, own]) => ({ unit, quantity: sum(own.map(({ quantity }) => quantity)) }))
    .filter(({ quantity }) => !quantity.eq(ZERO));
  const [first] = counted;
  if (first === undefined) return { quantity: ZERO, unit: null };
  return counted.length === 1 ? first : { quantity: null, unit: null };
}
