import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import type { EventLog } from '#event-store/port';
import { ifReadable } from './readable.js';

/**
 * The positions of the events that operators decided to skip. No read model applies them, even if it could by now. An
 * event in their stream that can't be read is no such decision; it is itself skipped by one.
 */
export async function skippedPositions(log: EventLog): Promise<ReadonlySet<number>> {
  const positions = new Set<number>();
  for await (const stored of log.read(PROJECTIONS_STREAM)) {
    const event = ifReadable(stored);
    if (event?.type === 'EventSkipped') positions.add(event.data.position);
  }
  return positions;
}
