import { type Bridge, BRIDGE_PARTS, type BridgePart, type BridgeStep, marginBridge } from '#domain/margin/bridge';
import type { Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readCostChanges } from '#projections/costs/costs.read';
import { eventsBehind } from './bridge-events.js';
import { bridgeSide } from './bridge-side.js';

/** A month, and the log position that it is known at. */
export interface BridgeEnd {
  readonly month: Period;
  readonly position: number;
}

/** A bridge, its wanted steps, and the log positions of the events behind those of each part, in order. */
export interface KnownBridge extends Bridge {
  readonly positions: ReadonlyMap<BridgePart, readonly number[]>;
}

/**
 * The bridge between two months, or between a month at two positions. `isWanted`: whose steps and events are named; the
 * figures are those of all. Between two positions, an event is behind a step only if it was recorded between them.
 */
export async function bridgeBetween(
  context: QueryContext,
  [from, to]: readonly [BridgeEnd, BridgeEnd],
  { currency, isWanted }: { readonly currency: string; readonly isWanted: (step: BridgeStep) => boolean },
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
  const behind = eventsBehind([before, after], changes);
  const isBehind = (position: number): boolean => !isOneMonth || (position > first && position <= last);
  const steps = bridge.steps.filter(isWanted);
  const byPart = Map.groupBy(steps, ({ part }) => part);
  const positionsOf = (part: BridgePart): number[] =>
    [...new Set(behind(part, byPart.get(part) ?? []))].filter(isBehind).sort((a, b) => a - b);
  return { ...bridge, steps, positions: new Map(BRIDGE_PARTS.map((part) => [part, positionsOf(part)])) };
}
