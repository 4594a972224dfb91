import { eventsOf, reference, type Reference } from '../explain/evidence.js';
import type { QueryContext } from '#ledger/query';
import type { Positions } from '#read-model/at';

/** What was known at one position is compared with what was known at a later one. */
export interface Span {
  readonly context: QueryContext;
  readonly from: number;
  readonly to: number;
}

/** The positions after `from`, up to `to`. */
export const changedIn = ({ from, to }: Span): Positions => ({ first: from + 1, last: to });

/** If a difference has more events, only the first ones are listed, and all are counted. */
const MOST_EVENTS = 50;

/** The events that explain a difference, in order, with who and why. */
export interface Explaining {
  readonly events: readonly Reference[];
  readonly eventCount: number;
}

/** Each difference with the events that explain it. `positions`: where it changed. The events are read once for all. */
export async function explained<Difference extends object>(
  { context, from, to }: Span,
  differences: readonly { readonly difference: Difference; readonly positions: Iterable<number> }[],
): Promise<(Difference & Explaining)[]> {
  const all = differences.map(({ difference, positions }) => ({
    difference,
    within: [...new Set(positions)].filter((position) => position > from && position <= to).sort((a, b) => a - b),
  }));
  const shown = new Set(all.flatMap(({ within }) => within.slice(0, MOST_EVENTS)));
  const events = await eventsOf(context.core.log, to, shown, []);
  const referenceAt = new Map(events.map((event) => [event.position, reference(event)]));
  return all.map(({ difference, within }) => ({
    ...difference,
    events: within.slice(0, MOST_EVENTS).flatMap((position) => referenceAt.get(position) ?? []),
    eventCount: within.length,
  }));
}
