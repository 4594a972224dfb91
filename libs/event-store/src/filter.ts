import { EventCodec } from './codec.js';
import type { EventFilter, StoredEvent } from './port.js';

const codec = new EventCodec();

/** Whether an event passes a filter. Without a filter, every event passes. An empty list passes none. */
export function passes(
  event: Pick<StoredEvent, 'stream' | 'type' | 'metadata'>,
  filter: EventFilter | undefined,
): boolean {
  const { streamPrefixes, types, actors } = filter ?? {};
  if (types !== undefined && !types.includes(event.type)) return false;
  if (actors !== undefined && !isBy(actors, event)) return false;
  return streamPrefixes === undefined || streamPrefixes.some((prefix) => event.stream.startsWith(prefix));
}

function isBy(actors: readonly string[], event: Pick<StoredEvent, 'metadata'>): boolean {
  const known = codec.metadataIfReadable(event);
  return known !== undefined && actors.includes(known.actor);
}
