import type { EventData } from '#domain/events';
import { type DomainError, notFound } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import { EventCodec, ofType } from '#event-store/codec';
import type { LedgerCore } from '#ledger/ledger-core';
import { readSightings } from '#projections/inventory/inventory.read';
import type { SightingRow } from '#projections/inventory/inventory.table';
import type { History } from '#read-model/read-models';

/** A sighting of a resource, or (`gone`) its removal. */
export interface SightingKey {
  readonly provider: string;
  readonly providerId: string;
  readonly at: Instant;
  readonly gone: boolean;
}

type LastSeen = EventData<'ResourceSightingWithdrawn'>['lastSeen'];

/**
 * A recorded sighting: its log position, and the resource as last seen without it. Errors: `unknown_sighting`.
 */
export async function withoutSighting(
  core: LedgerCore,
  position: number,
  key: SightingKey,
): Promise<{ readonly recordedAt: number; readonly lastSeen: LastSeen }> {
  const { provider, providerId } = key;
  const sightings = await readSightings(core.db, position, { provider, providerIds: [providerId] });
  const found = sightings.find(({ seen_at, gone }) => seen_at === key.at && gone === key.gone);
  if (found === undefined) throw unknownSighting(key);
  const left = sightings.filter((each) => each !== found);
  return { recordedAt: found.position_from, lastSeen: await lastSeenIn(core, providerId, left) };
}

const unknownSighting = ({ provider, providerId, at, gone }: SightingKey): DomainError =>
  notFound(
    'unknown_sighting',
    `resource ${providerId} of provider ${provider} was not recorded as ${gone ? 'removed' : 'seen'} at ${at}`,
  );

/** `sightings`: in order of time, then of recording. */
async function lastSeenIn(
  core: LedgerCore,
  providerId: string,
  sightings: readonly History<SightingRow>[],
): Promise<LastSeen> {
  const first = sightings.find(({ gone }) => !gone);
  const last = sightings.findLast(({ gone }) => !gone);
  if (first === undefined || last === undefined) return null;
  const removal = sightings.slice(sightings.indexOf(last) + 1)[0];
  const resource = await observedAt(core, last.position_from, providerId);
  return { firstSeenAt: first.seen_at, seenAt: last.seen_at, deletedAt: removal?.seen_at ?? null, resource };
}

/** The resource as the event at a log position has it, with the fields that no sighting has. */
async function observedAt({ log }: LedgerCore, position: number, providerId: string) {
  const codec = new EventCodec();
  for await (const stored of log.readAt([position])) {
    const { data } = ofType(codec.decode(stored), 'ResourcesObserved');
    const found = data.resources.find((each) => each.providerId === providerId);
    if (found !== undefined) return found;
  }
  throw new Error(`the event at position ${position} does not observe resource ${providerId}`);
}
