import { type BridgePart, type BridgeSide, type BridgeStep, COST_PARTS, movedBetween } from '#domain/margin/bridge';
import type { CostChange } from '#projections/costs/costs.read';
import type { BilledSource, BridgeSources, CostSource, Source } from './bridge-side.js';

/** A month as it is known at a moment, and the events behind it. */
interface KnownSide {
  readonly side: BridgeSide;
  readonly sources: BridgeSources;
}

const keyOf = (...parts: readonly (string | null)[]): string => JSON.stringify(parts);

/** Of a bridge: the log positions of the events behind some steps of a part, in no order, some of them twice. */
export function eventsBehind(
  [before, after]: readonly [KnownSide, KnownSide],
  changes: readonly CostChange[],
): (part: BridgePart, of: readonly BridgeStep[]) => readonly number[] {
  const own = ({ tenantId }: Borne): (string | null)[] => [tenantId];
  const sides = [
    { ...before, borneBy: rehomed(before.side, after.side) },
    { ...after, borneBy: own },
  ];
  const deploymentsOf = deploymentsOfCosts(sides);
  const sources = sides.map((each) => each.sources);
  /** Those of which a bearer has one of the keys. */
  const borne = <Of extends Source>(pick: (of: BridgeSources) => readonly Of[], isBehind: (of: Of) => boolean) =>
    sides.flatMap(({ sources: of, borneBy }) =>
      positions(pick(of), (source) => borneBy(source).some((tenantId) => isBehind({ ...source, tenantId }))),
    );
  return (part, of) => {
    if (of.length === 0) return [];
    if (part === 'moves') {
      const moved = new Set(of.map(({ deploymentId }) => deploymentId));
      const assignments = sources.flatMap((each) => each.assignments);
      return positions(assignments, ({ deploymentId }) => moved.has(deploymentId));
    }
    if (part === 'shared_cost') {
      const policyIds = new Set(of.map(({ kind }) => kind));
      const shared = sources.flatMap((each) => each.shared);
      // What changes the cost of one tenant may change what another one shares.
      return [...positions(shared, ({ policyId }) => policyIds.has(policyId)), ...positions(changes, () => true)];
    }
    if (!COST_PARTS.includes(part)) {
      const keys = new Set(of.map(keyOfBilled));
      const pick = part === 'corrections' ? 'corrections' : 'billed';
      return borne<BilledSource>(
        (each) => each[pick],
        (source) => keys.has(keyOfBilled(source)),
      );
    }
    const keys = new Set(of.map(keyOfCost));
    const changed = new Set(of.flatMap((step) => changesOf(step, deploymentsOf.get(keyOfCost(step)) ?? [])));
    return [
      ...borne<CostSource>(
        ({ costs }) => costs,
        (source) => keys.has(keyOfCost(source)),
      ),
      ...positions(changes, (change) => changed.has(keyOfChange(change))),
    ];
  };
}

const positions = <Of extends { readonly position: number }>(
  of: readonly Of[],
  isBehind: (each: Of) => boolean,
): number[] => of.filter(isBehind).map(({ position }) => position);

type Borne = Omit<Source, 'position'>;
type BorneBy = (of: Borne) => readonly (string | null)[];

/** Whose steps have something of the first side: what was of a moved deployment is of those who hold it after. */
function rehomed(before: BridgeSide, after: BridgeSide): BorneBy {
  const isMoved = movedBetween(before, after);
  const holders = Map.groupBy(after.holdings, ({ deploymentId }) => deploymentId);
  return ({ tenantId, deploymentId }) =>
    isMoved(deploymentId) ? (holders.get(deploymentId) ?? []).map((each) => each.tenantId) : [tenantId];
}

const keyOfBilled = ({ tenantId, billingKind }: Pick<BridgeStep | BilledSource, 'tenantId' | 'billingKind'>): string =>
  keyOf(tenantId, billingKind);

type CostKey = Pick<BridgeStep | CostSource, 'tenantId' | 'provider' | 'kind' | 'resourceId'>;
const keyOfCost = ({ tenantId, provider, kind, resourceId }: CostKey): string =>
  keyOf(tenantId, provider, kind, resourceId);

/** The deployments whose cost each step of cost has, by its key. */
function deploymentsOfCosts(
  sides: readonly (KnownSide & { readonly borneBy: BorneBy })[],
): ReadonlyMap<string, readonly string[]> {
  const deployments = new Map<string, Set<string>>();
  for (const { side, borneBy } of sides)
    for (const cost of side.costs) {
      if (cost.isShared || cost.deploymentId === null) continue;
      for (const tenantId of borneBy(cost)) {
        const key = keyOfCost({ ...cost, tenantId });
        deployments.set(key, (deployments.get(key) ?? new Set()).add(cost.deploymentId));
      }
    }
  return new Map([...deployments].map(([key, of]) => [key, [...of]]));
}

/** The keys of the changes that may have changed a step of cost. */
const changesOf = (
  { tenantId, provider, kind, resourceId }: BridgeStep,
  deploymentIds: readonly string[],
): string[] => [
  keyOf('line', provider, kind, resourceId, resourceId === null ? tenantId : null),
  ...(resourceId === null ? [] : [keyOf('resource', provider, resourceId)]),
  ...deploymentIds.map((deploymentId) => keyOf('deployment', deploymentId)),
];

function keyOfChange({ of, provider, kind, resource_id, tenant_id, deployment_id }: CostChange): string {
  switch (of) {
    case 'line':
      return keyOf('line', provider, kind, resource_id, resource_id === null ? tenant_id : null);
    case 'resource':
      return keyOf('resource', provider, resource_id);
    case 'deployment':
      return keyOf('deployment', deployment_id);
  }
}
