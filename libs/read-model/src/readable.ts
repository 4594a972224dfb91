import type { RecordedEvent } from '#domain/events';
import { EventCodec, UnreadableEvent } from '#event-store/codec';
import type { StoredEvent } from '#event-store/port';

const codec = new EventCodec();

/**
 * undefined: the event can't be read. Up to the position of the read models, such an event was skipped. After it, the
 * projections halt at it.
 */
export function ifReadable(
  stored: StoredEvent,
  decode: (stored: StoredEvent) => RecordedEvent = (each) => codec.decode(each),
): RecordedEvent | undefined {
  try {
    return decode(stored);
  } catch (error) {
    if (error instanceof UnreadableEvent) return undefined;
    throw error;
  }
}
