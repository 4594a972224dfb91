import type { RecordedEvent } from '#domain/events';
import { naturalKey } from '../command.js';

/** Whether an event withdraws the command of another one, or states again what the other one withdrew. */
export const withdraws = (later: RecordedEvent, earlier: RecordedEvent): boolean =>
  isWithdrawnBy(earlier, later) || isWithdrawnBy(later, earlier);

const isWithdrawnBy = (event: RecordedEvent, { data }: RecordedEvent): boolean =>
  'withdrawn' in data && data.withdrawn !== undefined && isUnder(event, data.withdrawn);

/** Whether a withdrawal of this key is about the event. The tax of a registration counts as set. */
const isUnder = ({ type, data, metadata }: RecordedEvent, key: string): boolean =>
  metadata.command?.key === key ||
  (type === 'TenantTaxSet' && naturalKey('set-tax', [data.tenantId, data.from]) === key);

/** The event that withdrew the command of an event, among those after it; undefined: none did. */
export const withdrawalOf = <Event extends RecordedEvent>(
  event: RecordedEvent,
  events: readonly Event[],
): Event | undefined => events.find((later) => later.revision > event.revision && isWithdrawnBy(event, later));

/** The events that no later event of the list withdrew. */
export const notWithdrawn = <Event extends RecordedEvent>(events: readonly Event[]): Event[] =>
  events.filter((event, index) => !events.slice(index + 1).some((later) => isWithdrawnBy(event, later)));

/** The events that a command recorded under a key and that were not withdrawn. */
export const recordedUnder = <Event extends RecordedEvent>(
  events: readonly Event[],
  key: string | undefined,
): Event[] => notWithdrawn(events).filter((event) => key !== undefined && isUnder(event, key));

/** The events of the list that were withdrawn, and those recorded under a key. null: there are none of these. */
export function neverWith<Event extends RecordedEvent>(
  events: readonly Event[],
  key: string | undefined,
): ReadonlySet<Event> | null {
  const recorded = recordedUnder(events, key);
  const standing = new Set(notWithdrawn(events));
  return recorded.length === 0
    ? null
    : new Set(events.filter((event) => !standing.has(event) || recorded.includes(event)));
}
