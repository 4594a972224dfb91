import type { EventFilter } from './port.js';

/** Whether an event passes a filter. Without a filter, every event passes. An empty list passes none. */
export function passes(
  event: { readonly stream: string; readonly type: string },
  filter: EventFilter | undefined,
): boolean {
  const { streamPrefixes, types } = filter ?? {};
  if (types !== undefined && !types.includes(event.type)) return false;
  return streamPrefixes === undefined || streamPrefixes.some((prefix) => event.stream.startsWith(prefix));
}
