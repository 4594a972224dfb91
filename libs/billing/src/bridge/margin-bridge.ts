import { type Bridge, BRIDGE_PARTS, type BridgePart, COST_PARTS, marginBridge } from '#domain/margin/bridge';
import type { Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readCostChanges } from '#projections/costs/costs.read';
import { type BridgeSources, bridgeSide, type Source } from './bridge-side.js';

/** A month, and the log position that it is known at. */
export interface BridgeEnd {
  readonly month: Period;
  readonly position: number;
}

/** A bridge, and the log positions of the events behind each part, in order. */
export interface KnownBridge extends Bridge {
  readonly positions: ReadonlyMap<BridgePart, readonly number[]>;
}

/**
 * The bridge between two months, or between a month at two positions. `tenantId`: only events of this tenant; null:
 * all. Between two positions, an event is behind a part only if it was recorded between them.
 */
export async function bridgeBetween(
  context: QueryContext,
  [from, to]: readonly [BridgeEnd, BridgeEnd],
  { currency, tenantId }: { readonly currency: string; readonly tenantId: string | null },
): Promise<KnownBridge> {
  const before = await bridgeSide({ ...context, position: from.position }, from.month, currency);
  const after = await bridgeSide({ ...context, position: to.position }, to.month, currency);
  const bridge = marginBridge(before.side, after.side, currency);
  const isOneMonth = from.month.start === to.month.start;
  const [first, last] = [Math.min(from.position, to.position), Math.max(from.position, to.position)];
  const changes =
    isOneMonth && first < last
      ? await readCostChanges(context.core.db, { first: first + 1, last }, { period: to.month, currency })
      : [];
  const isBehind = (position: number): boolean => !isOneMonth || (position > first && position <= last);
  const sources = [before.sources, after.sources];
  const of = (pick: (from: BridgeSources) => readonly Source[], part: BridgePart): number[] => {
    const tenants = new Set(bridge.steps.filter((step) => step.part === part).map((step) => step.tenantId));
    return sources
      .flatMap(pick)
      .filter((source) => tenants.has(source.tenantId) && (tenantId === null || source.tenantId === tenantId))
      .map(({ position }) => position);
  };
  const positionsOf = (part: BridgePart): readonly number[] => {
    const steps = bridge.steps.filter(
      (step) => step.part === part && (tenantId === null || step.tenantId === tenantId),
    );
    if (steps.length === 0) return [];
    if (part === 'corrections') return of(({ corrections }) => corrections, part);
    if (part === 'shared_cost')
      return [...sources.flatMap(({ policies }) => policies.map((each) => each.position)), ...changes];
    if (part === 'moves')
      return [...new Set(steps.flatMap(({ deploymentId }) => deploymentId ?? []))].flatMap((deploymentId) =>
        sources.flatMap(({ assignments }) => assignments.get(deploymentId) ?? []),
      );
    if (!COST_PARTS.includes(part)) return of(({ billed }) => billed, part);
    const pick = part === 'cost_without_resource' ? 'withoutResource' : 'ofResources';
    return [...of((each) => each[pick], part), ...changes];
  };
  const inOrder = (positions: readonly number[]): number[] =>
    [...new Set(positions)].filter(isBehind).sort((a, b) => a - b);
  return { ...bridge, positions: new Map(BRIDGE_PARTS.map((part) => [part, inOrder(positionsOf(part))])) };
}
