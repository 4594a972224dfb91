import { z } from 'zod';
import { invalid } from '../errors.js';
import { type IdSchema, zDecimal, zId, zInstant, zJsonObject, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';

/**
 * The inventory: what a provider runs for us. One stream a provider, so that a complete listing and what it misses are
 * decided in one order.
 */
export const inventoryStream = (provider: string): string => streamName('inventory', [provider]);

/** A resource as it was seen, with what an observation left out already carried over from the one before. */
const observedResourceWith = (zId: IdSchema) =>
  z.object({
    providerId: zId,
    kind: zId,
    name: zText,
    status: zId,
    region: zText.optional(),
    project: zText.optional(),
    sizeSlug: zText.optional(),
    sizeGb: zDecimal.optional(),
    tenantId: zId.optional(),
    deploymentId: zId.optional(),
    tags: z.array(zText).optional(),
    attrs: zJsonObject.optional(),
  });
export const zObservedResource = observedResourceWith(zId);

const resourceChangesWith = (zId: IdSchema) =>
  z.object({
    status: zId.optional(),
    sizeGb: zDecimal.nullable().optional(),
    deploymentId: zId.nullable().optional(),
    tenantId: zId.nullable().optional(),
  });
export const zResourceChanges = resourceChangesWith(zId);

// Stored for ever. `missed` and `removed` are decided when a complete listing is taken: a strike, or the last of them.
export const inventoryEventsWith = (zId: IdSchema) => ({
  ResourcesObserved: z.object({
    provider: zId,
    seenAt: zInstant,
    resources: z.array(observedResourceWith(zId)),
    missed: z.array(zId).optional(),
    removed: z.array(zId).optional(),
  }),
  ResourceRemoved: z.object({ provider: zId, providerId: zId, at: zInstant }),
  ResourceCorrected: z.object({
    provider: zId,
    providerId: zId,
    from: zInstant,
    until: zInstant.nullable(),
    changes: resourceChangesWith(zId),
    reason: zText,
  }),
});

export type ObservedResource = z.infer<typeof zObservedResource>;
export type ResourceChanges = z.infer<typeof zResourceChanges>;

/** What metering and attribution need to know of a resource at an instant. */
export interface ResourceState {
  readonly kind: string;
  readonly status: string;
  readonly sizeGb: string | null;
  readonly deploymentId: string | null;
  readonly tenantId: string | null;
}

/** From `seenAt` on the resource was so; null: it was gone. `position` orders what was recorded. */
export interface Sighting {
  readonly seenAt: Instant;
  readonly state: ResourceState | null;
  readonly position: number;
}

/** A correction holds over its period for every sighting recorded before it. */
export interface ResourceCorrection {
  readonly from: Instant;
  readonly until: Instant | null;
  readonly changes: ResourceChanges;
  readonly position: number;
}

export interface ResourceTimeline {
  /** In order of seenAt. */
  readonly sightings: readonly Sighting[];
  /** In order of position. */
  readonly corrections: readonly ResourceCorrection[];
}

/** The state at an instant: the last sighting at or before it, corrected. Undefined before the first, null when gone. */
export function stateAt(timeline: ResourceTimeline, at: Instant): ResourceState | null | undefined {
  const last = timeline.sightings.findLast(({ seenAt }) => !isBefore(at, seenAt));
  if (last === undefined) return undefined;
  return last.state === null ? null : corrected(timeline, last.state, last.position, at);
}

/** The same of a resource that is gone: the state in which it was last there. Undefined before the first sighting. */
export function lastStateAt(timeline: ResourceTimeline, at: Instant): ResourceState | undefined {
  const last = timeline.sightings.findLast(({ seenAt, state }) => state !== null && !isBefore(at, seenAt));
  return last === undefined || last.state === null ? undefined : corrected(timeline, last.state, last.position, at);
}

function corrected(
  { corrections }: ResourceTimeline,
  seen: ResourceState,
  position: number,
  at: Instant,
): ResourceState {
  let state = seen;
  for (const correction of corrections) {
    const holds =
      compareInstants(correction.from, at) <= 0 && (correction.until === null || isBefore(at, correction.until));
    if (holds && correction.position > position) state = { ...state, ...definedOnly(correction.changes) };
  }
  return state;
}

function definedOnly(changes: ResourceChanges): Partial<ResourceState> {
  const { status, sizeGb, deploymentId, tenantId } = changes;
  return {
    ...(status === undefined ? {} : { status }),
    ...(sizeGb === undefined ? {} : { sizeGb }),
    ...(deploymentId === undefined ? {} : { deploymentId }),
    ...(tenantId === undefined ? {} : { tenantId }),
  };
}

/** The instants strictly within a period at which a resource's state may have changed. */
export function changesWithin(timeline: ResourceTimeline, start: Instant, end: Instant): Instant[] {
  const instants = [
    ...timeline.sightings.map(({ seenAt }) => seenAt),
    ...timeline.corrections.flatMap(({ from, until }) => (until === null ? [from] : [from, until])),
  ];
  return [...new Set(instants)].filter((at) => isBefore(start, at) && isBefore(at, end)).sort(compareInstants);
}

export const DEFAULT_STRIKES_UNTIL_REMOVED = 3;

/**
 * What a complete listing means for the resources that it does not name: a strike each, and removal at the last one.
 * Resources seen later than the listing, or gone already, are none of its business.
 */
export function strikesOf(
  known: readonly { providerId: string; lastSeenAt: Instant; staleStrikeCount: number; deletedAt: Instant | null }[],
  listed: ReadonlySet<string>,
  seenAt: Instant,
  strikesUntilRemoved = DEFAULT_STRIKES_UNTIL_REMOVED,
): { missed: string[]; removed: string[] } {
  if (strikesUntilRemoved < 1)
    throw invalid('strikes_not_positive', 'the number of strikes until removal must be at least 1');
  const missing = known.filter(
    (each) => each.deletedAt === null && !listed.has(each.providerId) && isBefore(each.lastSeenAt, seenAt),
  );
  const removed = missing
    .filter((each) => each.staleStrikeCount + 1 >= strikesUntilRemoved)
    .map(({ providerId }) => providerId);
  const gone = new Set(removed);
  return {
    missed: missing
      .map(({ providerId }) => providerId)
      .filter((id) => !gone.has(id))
      .sort(),
    removed: removed.sort(),
  };
}
