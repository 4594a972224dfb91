import type { RecordedEvent } from '#domain/events';
import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { EventCodec, UnreadableEvent } from '#event-store/codec';
import type { EventLog, StoredEvent } from '#event-store/port';

/**
 * The positions of the events that operators decided to skip. No read model applies them, even if it could by now. An
 * event in their stream that can't be read is no such decision; it is itself skipped by one.
 */
export async function skippedPositions(log: EventLog): Promise<ReadonlySet<number>> {
  const codec = new EventCodec();
  const positions = new Set<number>();
  for await (const stored of log.read(PROJECTIONS_STREAM)) {
    const event = readable(codec, stored);
    if (event?.type === 'EventSkipped') positions.add(event.data.position);
  }
  return positions;
}

function readable(codec: EventCodec, stored: StoredEvent): RecordedEvent | undefined {
  try {
    return codec.decode(stored);
  } catch (error) {
    if (error instanceof UnreadableEvent) return undefined;
    throw error;
  }
}
