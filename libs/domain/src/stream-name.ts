import { derivedId } from './derived-id.js';

/** In characters: a longer name does not fit a Postgres index entry beside the revision. */
export const LONGEST_NAME = 500;

/** `usage-acme-prod-2026-04`: the stream of what has these ids. Ids that are too long for a name stand in it as one that is derived of them, behind a sign that no id has there. */
export function streamName(kind: string, ids: readonly string[], { separator = '-', end = '' } = {}): string {
  const name = `${kind}-${ids.map(encodeURIComponent).join(separator)}${end}`;
  return name.length <= LONGEST_NAME ? name : `${kind}-=${derivedId('stream', kind, ...ids)}${end}`;
}
