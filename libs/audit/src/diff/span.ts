import { rowsInForce } from '#read-model/table';
import { eventsOf, reference, type Reference } from '../explain/evidence.js';
import type { QueryContext } from '#ledger/query';

/** What was known at one position, against what was known at a later one. */
export interface Span {
  readonly context: QueryContext;
  readonly from: number;
  readonly to: number;
}

/** Of more events than these, the first are named, and the number of all. */
const MOST_EVENTS = 50;

/** The events that explain a difference, in order, with who and why. */
export interface Explaining {
  readonly events: readonly Reference[];
  readonly eventCount: number;
}

export async function explaining({ context, from, to }: Span, positions: Iterable<number>): Promise<Explaining> {
  const within = [...new Set(positions)].filter((position) => position > from && position <= to).sort((a, b) => a - b);
  const events = await eventsOf(context.core.log, to, within.slice(0, MOST_EVENTS), []);
  return { events: events.map(reference), eventCount: within.length };
}

/** SQL: a version began or ended within (`$1`, `$2`]. */
export const CHANGED = '((position_from > $1 AND position_from <= $2) OR (position_to > $1 AND position_to <= $2))';
export const at = (table: string, position: '$1' | '$2'): string => rowsInForce(table, position);

export async function inTurn<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
