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

async function explaining({ context, from, to }: Span, positions: Iterable<number>): Promise<Explaining> {
  const within = [...new Set(positions)].filter((position) => position > from && position <= to).sort((a, b) => a - b);
  const events = await eventsOf(context.core.log, to, within.slice(0, MOST_EVENTS), []);
  return { events: events.map(reference), eventCount: within.length };
}

/** Each difference with the events that explain it, one after the other. `positions`: where it changed. */
export async function explained<Difference extends object>(
  span: Span,
  differences: readonly { readonly difference: Difference; readonly positions: Iterable<number> }[],
): Promise<(Difference & Explaining)[]> {
  const all: (Difference & Explaining)[] = [];
  for (const { difference, positions } of differences)
    all.push({ ...difference, ...(await explaining(span, positions)) });
  return all;
}
