import type { RecordedEvent } from '#domain/events';

/** Whether an event withdraws the command of another one, or states again what the other one withdrew. */
export const withdraws = (later: RecordedEvent, earlier: RecordedEvent): boolean =>
  isWithdrawnBy(earlier, later) || isWithdrawnBy(later, earlier);

const isWithdrawnBy = ({ metadata }: RecordedEvent, { data }: RecordedEvent): boolean =>
  metadata.command !== undefined && 'withdrawn' in data && data.withdrawn === metadata.command.key;

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
): Event[] => notWithdrawn(events).filter(({ metadata }) => metadata.command?.key === key && key !== undefined);
