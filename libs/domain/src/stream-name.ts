import { derivedId } from './derived-id.js';

/** In characters: a longer name and the revision do not fit into one Postgres index entry. */
export const LONGEST_NAME = 500;

/** What the names of streams begin with, before "-" and an id. */
export const STREAM_KINDS = [
  ...['alert', 'backfill', 'bill', 'billing', 'books', 'budget', 'consolidated', 'cost', 'credits', 'deployment'],
  ...['estimate', 'inventory', 'line'],
  ...['metering', 'plan', 'proposal', 'rate', 'tenant', 'token', 'unbillable', 'usage', 'webhook'],
] as const;

/**
 * The name of a stream with these ids, such as `usage-acme-prod-2026-04`. If the ids are too long for a name, it has an
 * id derived from them, behind a sign that no id contains.
 */
export function streamName(
  kind: (typeof STREAM_KINDS)[number],
  ids: readonly string[],
  { separator = '-', end = '' } = {},
): string {
  const name = `${kind}-${ids.map(encodeURIComponent).join(separator)}${end}`;
  return name.length <= LONGEST_NAME ? name : `${kind}-=${derivedId('stream', kind, ...ids)}${end}`;
}
