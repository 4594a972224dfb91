import { compareText } from '../compare-text.js';
import { type Decimal, decimals, divide, sum, ZERO } from '../money/decimal.js';
import { allocate, scaleOf } from '../money/money.js';

/** What an invoice bills of a billing kind, charged in the month. */
export interface BilledCell {
  readonly tenantId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly amount: Decimal;
  /** Billed units. Of fees: 0. */
  readonly quantity: Decimal;
  /** It is for no units: a base fee, a minimum commitment, or what falls due once. */
  readonly isFee: boolean;
  /** It corrects what an earlier invoice billed, or is of a credit note. */
  readonly isCorrection: boolean;
}

/** A cost of the month and who bears it. */
export interface BorneCost {
  /** null: nobody. */
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
  /** Of shared cost: ''. */
  readonly provider: string;
  /** The provider’s kind, or the policy that shares the cost. */
  readonly kind: string;
  readonly resourceId: string | null;
  readonly amount: Decimal;
  readonly isShared: boolean;
}

/** Who held a deployment in the month, and for how long. */
export interface Holding {
  readonly deploymentId: string;
  readonly tenantId: string;
  readonly time: Decimal;
}

/** A month as it is known at a moment, in one currency. */
export interface BridgeSide {
  readonly billed: readonly BilledCell[];
  readonly costs: readonly BorneCost[];
  readonly holdings: readonly Holding[];
}

/** The parts of a difference, in the order in which they are shown. */
export const BRIDGE_PARTS = [
  'price',
  'volume',
  'mix',
  'new_business',
  'lost_business',
  'fees',
  'corrections',
  'new_resources',
  'gone_resources',
  'same_resources',
  'cost_without_resource',
  'shared_cost',
  'moves',
] as const;
export type BridgePart = (typeof BRIDGE_PARTS)[number];

/** The parts that are cost. */
export const COST_PARTS: readonly BridgePart[] = [
  'new_resources',
  'gone_resources',
  'same_resources',
  'cost_without_resource',
  'shared_cost',
];

/** A cause of the difference. All steps come to it. What does not apply is null. */
export interface BridgeStep {
  readonly part: BridgePart;
  /** What it adds to the margin. */
  readonly amount: Decimal;
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
  readonly billingKind: string | null;
  readonly provider: string | null;
  readonly kind: string | null;
  readonly resourceId: string | null;
  /** The amounts (of cost: above 0) and quantities that it follows from. */
  readonly from: BridgeFigure | null;
  readonly to: BridgeFigure | null;
}

export interface BridgeFigure {
  readonly amount: Decimal;
  readonly quantity: Decimal | null;
}

/** A difference of margin, and its parts. */
export interface BridgeOf {
  readonly from: Decimal;
  readonly to: Decimal;
  readonly difference: Decimal;
  readonly parts: ReadonlyMap<BridgePart, Decimal>;
}

export interface Bridge {
  readonly overall: BridgeOf;
  readonly byTenant: readonly ({ readonly tenantId: string; readonly is: 'new' | 'gone' | 'both' } & BridgeOf)[];
  /** Cost that nobody bears. */
  readonly unattributed: BridgeOf;
  readonly steps: readonly BridgeStep[];
}

/**
 * Divides the difference of two margins into steps, exactly: at each level, the parts add up to the difference. First,
 * what a moved deployment earned and cost goes to its new holders (`moves`). Then the cells of a tenant are compared.
 * docs/domain.md has the formulas.
 */
export function marginBridge(from: BridgeSide, to: BridgeSide, currency: string): Bridge {
  const { side, moves } = moved(from, to, currency);
  const steps = [
    ...moves,
    ...revenueSteps(side.billed, to.billed, currency),
    ...costSteps(side.costs, to.costs),
  ].filter(({ amount }) => !amount.eq(ZERO));
  const ofTenants = new Set([...from.billed, ...from.costs, ...to.billed, ...to.costs, ...steps].map(tenantOf));
  const named = [...ofTenants].filter((tenantId) => tenantId !== null).sort(compareText);
  const byTenant = Map.groupBy(steps, tenantOf);
  const bridgeOf = (a: BridgeSide, b: BridgeSide, of: readonly BridgeStep[]): BridgeOf => {
    const [before, after] = [marginOf(a), marginOf(b)];
    return { from: before, to: after, difference: after.minus(before), parts: partsOf(of) };
  };
  return {
    overall: bridgeOf(from, to, steps),
    byTenant: named.map((tenantId) => {
      const [a, b] = [sideOf(from, tenantId), sideOf(to, tenantId)];
      return {
        tenantId,
        is: isEmpty(a) === isEmpty(b) ? 'both' : isEmpty(a) ? 'new' : 'gone',
        ...bridgeOf(a, b, byTenant.get(tenantId) ?? []),
      };
    }),
    unattributed: bridgeOf(sideOf(from, null), sideOf(to, null), byTenant.get(null) ?? []),
    steps,
  };
}

const tenantOf = ({ tenantId }: { readonly tenantId: string | null }): string | null => tenantId;

const marginOf = ({ billed, costs }: BridgeSide): Decimal => amountOf(billed).minus(amountOf(costs));

const amountOf = (of: readonly { readonly amount: Decimal }[]): Decimal => sum(of.map(({ amount }) => amount));

const sideOf = ({ billed, costs }: BridgeSide, tenantId: string | null): BridgeSide => ({
  billed: billed.filter((each) => each.tenantId === tenantId),
  costs: costs.filter((each) => each.tenantId === tenantId),
  holdings: [],
});

const isEmpty = ({ billed, costs }: BridgeSide): boolean => billed.length === 0 && costs.length === 0;

const partsOf = (steps: readonly BridgeStep[]): ReadonlyMap<BridgePart, Decimal> => {
  const of = Map.groupBy(steps, ({ part }) => part);
  return new Map(BRIDGE_PARTS.map((part) => [part, amountOf(of.get(part) ?? [])]));
};

const NOTHING = {
  tenantId: null,
  deploymentId: null,
  billingKind: null,
  provider: null,
  kind: null,
  resourceId: null,
  from: null,
  to: null,
} satisfies Omit<BridgeStep, 'part' | 'amount'>;

/**
 * The first side as if the holders of the second one had held its deployments: what each deployment earned and cost is
 * divided by the time that they hold it. The steps are what this takes from tenants and gives to others.
 */
function moved(from: BridgeSide, to: BridgeSide, currency: string): { side: BridgeSide; moves: BridgeStep[] } {
  const after = holdersOf(to);
  const isMoved = movedBetween(from, to);
  const rehomed = <Of extends BilledCell | BorneCost>(cells: readonly Of[], keyOf: (cell: Of) => unknown[]): Of[] => {
    const kept = cells.filter(({ deploymentId }) => !isMoved(deploymentId));
    const going = Map.groupBy(
      cells.filter(({ deploymentId }) => isMoved(deploymentId)),
      (cell) => JSON.stringify([cell.deploymentId, ...keyOf(cell)]),
    );
    return [
      ...kept,
      ...[...going.values()].flatMap((of) => divided(of, after.get(of[0]?.deploymentId ?? '') ?? [], currency)),
    ];
  };
  const billed = rehomed(from.billed, (cell) => [...[cell.billingKind, cell.isCorrection, cell.isFee]]);
  const direct = rehomed(
    from.costs.filter(({ isShared }) => !isShared),
    (cost) => [cost.provider, cost.kind, cost.resourceId],
  );
  const side = { billed, costs: [...direct, ...from.costs.filter(({ isShared }) => isShared)], holdings: to.holdings };
  const marginsOf = ({ billed: earned, costs }: BridgeSide) =>
    Map.groupBy(
      [
        ...earned.map(({ tenantId, deploymentId, amount }) => ({ tenantId, deploymentId, amount })),
        ...costs.map(({ tenantId, deploymentId, amount }) => ({ tenantId, deploymentId, amount: ZERO.minus(amount) })),
      ].filter(({ deploymentId }) => isMoved(deploymentId)),
      ({ tenantId, deploymentId }) => JSON.stringify([tenantId, deploymentId]),
    );
  const [old, now] = [marginsOf(from), marginsOf(side)];
  const moves = [...new Set([...old.keys(), ...now.keys()])].sort(compareText).map((key): BridgeStep => {
    const [tenantId, deploymentId] = JSON.parse(key) as [string | null, string];
    const [a, b] = [amountOf(old.get(key) ?? []), amountOf(now.get(key) ?? [])];
    return { ...NOTHING, part: 'moves', amount: b.minus(a), tenantId, deploymentId, from: figure(a), to: figure(b) };
  });
  return { side, moves };
}

/** Whether others hold a deployment on the second side, or each for another part of the time. */
export function movedBetween(
  from: BridgeSide,
  to: BridgeSide,
): (deploymentId: string | null) => deploymentId is string {
  const [before, after] = [holdersOf(from), holdersOf(to)];
  const moved = new Set(
    [...before].flatMap(([deploymentId, of]) => (isOtherwise(of, after.get(deploymentId) ?? []) ? [deploymentId] : [])),
  );
  return (deploymentId): deploymentId is string => deploymentId !== null && moved.has(deploymentId);
}

const holdersOf = ({ holdings }: BridgeSide): Map<string, Holding[]> =>
  Map.groupBy(holdings, ({ deploymentId }) => deploymentId);

function isOtherwise(before: readonly Holding[], after: readonly Holding[]): boolean {
  if (before.length === 0 || after.length === 0) return false;
  const [all, allAfter] = [sum(before.map(({ time }) => time)), sum(after.map(({ time }) => time))];
  const timeOf = (of: readonly Holding[], tenantId: string): Decimal =>
    sum(of.filter((each) => each.tenantId === tenantId).map(({ time }) => time));
  return [...before, ...after].some(
    ({ tenantId }) => !timeOf(before, tenantId).times(allAfter).eq(timeOf(after, tenantId).times(all)),
  );
}

const QUANTITY_SCALE = 12;

/** Cells of one deployment and kind, divided among holders by time, by largest remainder. */
function divided<Of extends BilledCell | BorneCost>(
  cells: readonly Of[],
  holders: readonly Holding[],
  currency: string,
): Of[] {
  const [first] = cells;
  if (first === undefined) return [];
  const inOrder = [...holders].sort((a, b) => compareText(a.tenantId, b.tenantId));
  const times = inOrder.map(({ time }) => time);
  const share = (whole: Decimal, scale: number): Decimal[] => allocate(whole, times, Math.max(scale, decimals(whole)));
  const amounts = share(amountOf(cells), scaleOf(currency));
  const quantities = share(sum(cells.map((cell) => ('quantity' in cell ? cell.quantity : ZERO))), QUANTITY_SCALE);
  return inOrder.map(({ tenantId }, index) => ({
    ...first,
    ...('quantity' in first ? { quantity: quantities[index] ?? ZERO } : {}),
    tenantId,
    amount: amounts[index] ?? ZERO,
  }));
}

const figure = (amount: Decimal, quantity: Decimal | null = null): BridgeFigure => ({ amount, quantity });

interface Total {
  readonly amount: Decimal;
  readonly quantity: Decimal;
}

/** What a tenant is billed of a kind on both sides. */
interface Compared {
  readonly tenantId: string;
  readonly billingKind: string;
  readonly from: Total;
  readonly to: Total;
}

/** With fees, and units and fees by themselves. */
interface ComparedKind extends Compared {
  readonly units: Compared;
  readonly fees: Compared;
}

function revenueSteps(from: readonly BilledCell[], to: readonly BilledCell[], currency: string): BridgeStep[] {
  const ordinary = compared(from, to, false);
  const byKind = Map.groupBy(
    ordinary.filter((each) => causeOf(each) === 'sold').map(({ units }) => units),
    ({ billingKind }) => billingKind,
  );
  return [
    ...ordinary.flatMap((each) => {
      const cause = causeOf(each);
      return cause === 'sold'
        ? [...soldSteps(each.units, byKind.get(each.billingKind) ?? [], currency), changeOf(each.fees, 'fees')]
        : [changeOf(each, cause)];
    }),
    ...compared(from, to, true).map((each) => changeOf(each, 'corrections')),
  ];
}

const step = ({ tenantId, billingKind, from, to }: Compared, part: BridgePart, amount: Decimal): BridgeStep => ({
  ...NOTHING,
  ...{ part, amount, tenantId, billingKind, from, to },
});

const changeOf = (of: Compared, part: BridgePart): BridgeStep => step(of, part, of.to.amount.minus(of.from.amount));

function compared(from: readonly BilledCell[], to: readonly BilledCell[], isCorrection: boolean): ComparedKind[] {
  const cellsOf = (cells: readonly BilledCell[]) =>
    Map.groupBy(
      cells.filter((each) => each.isCorrection === isCorrection),
      ({ tenantId, billingKind }) => JSON.stringify([tenantId, billingKind]),
    );
  const totals = (cells: readonly BilledCell[]): Total => ({
    amount: amountOf(cells),
    quantity: sum(cells.map(({ quantity }) => quantity)),
  });
  const [before, after] = [cellsOf(from), cellsOf(to)];
  return [...new Set([...before.keys(), ...after.keys()])].sort(compareText).map((key) => {
    const [tenantId, billingKind] = JSON.parse(key) as [string, string];
    const of = (isCounted: (cell: BilledCell) => boolean): Compared => ({
      ...{ tenantId, billingKind },
      from: totals((before.get(key) ?? []).filter(isCounted)),
      to: totals((after.get(key) ?? []).filter(isCounted)),
    });
    return { ...of(() => true), units: of(({ isFee }) => !isFee), fees: of(({ isFee }) => isFee) };
  });
}

/** `sold`: there is an average price on both sides. */
function causeOf({ from, to, units }: ComparedKind): 'sold' | 'new_business' | 'lost_business' | 'fees' {
  if (units.from.quantity.gt(ZERO) && units.to.quantity.gt(ZERO)) return 'sold';
  if (from.quantity.eq(ZERO) && from.amount.eq(ZERO)) return 'new_business';
  return to.quantity.eq(ZERO) && to.amount.eq(ZERO) ? 'lost_business' : 'fees';
}

/**
 * With the old average price of the tenant, p = from.amount / from.quantity, and that of all who are sold the kind on
 * both sides, P: volume = Δquantity × P, mix = Δquantity × (p − P), price = Δp × the new quantity. The products are
 * rounded to the scale of the old amount, and the next part takes what that leaves.
 */
function soldSteps(each: Compared, ofKind: readonly Compared[], currency: string): BridgeStep[] {
  const { from, to } = each;
  const total = {
    amount: sum(ofKind.map((of) => of.from.amount)),
    quantity: sum(ofKind.map((of) => of.from.quantity)),
  };
  const scale = Math.max(scaleOf(currency), decimals(from.amount));
  const atOldPrice = divide(from.amount.times(to.quantity), from.quantity, scale);
  const volume = divide(to.quantity.minus(from.quantity).times(total.amount), total.quantity, scale);
  return [
    step(each, 'price', to.amount.minus(atOldPrice)),
    step(each, 'volume', volume),
    step(each, 'mix', atOldPrice.minus(from.amount).minus(volume)),
  ];
}

function costSteps(from: readonly BorneCost[], to: readonly BorneCost[]): BridgeStep[] {
  const cellsOf = (costs: readonly BorneCost[]) =>
    Map.groupBy(costs, ({ tenantId, provider, kind, resourceId, isShared }) =>
      JSON.stringify([tenantId, provider, kind, resourceId, isShared]),
    );
  const charged = (costs: readonly BorneCost[]): ReadonlySet<string> => new Set(costs.map(keyOfResource));
  const [before, after] = [cellsOf(from), cellsOf(to)];
  const [known, still] = [charged(from), charged(to)];
  return [...new Set([...before.keys(), ...after.keys()])].sort(compareText).flatMap((key): BridgeStep[] => {
    const [cost] = [...(before.get(key) ?? []), ...(after.get(key) ?? [])];
    if (cost === undefined) return [];
    const { tenantId, provider, kind, resourceId, isShared } = cost;
    const [a, b] = [amountOf(before.get(key) ?? []), amountOf(after.get(key) ?? [])];
    const resource = keyOfResource(cost);
    const part = isShared
      ? 'shared_cost'
      : resourceId === null
        ? 'cost_without_resource'
        : !known.has(resource)
          ? 'new_resources'
          : still.has(resource)
            ? 'same_resources'
            : 'gone_resources';
    return [
      {
        ...NOTHING,
        ...{ part, amount: a.minus(b), tenantId, kind, resourceId, from: figure(a), to: figure(b) },
        provider: isShared ? null : provider,
      },
    ];
  });
}

/** A resource is new to a tenant that did not bear its cost before. */
const keyOfResource = ({ tenantId, provider, resourceId }: BorneCost): string =>
  JSON.stringify([tenantId, provider, resourceId]);
