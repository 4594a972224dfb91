import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { EventCodec } from '#event-store/codec';
import type { EventLog } from '#event-store/port';

/** The positions of the events that operators decided to skip. No read model applies them, even if it could by now. */
export async function skippedPositions(log: EventLog): Promise<ReadonlySet<number>> {
  const codec = new EventCodec();
  const positions = new Set<number>();
  for await (const stored of log.read(PROJECTIONS_STREAM)) {
    const event = codec.decode(stored);
    if (event.type === 'EventSkipped') positions.add(event.data.position);
  }
  return positions;
}
