import { z } from 'zod';
import { invalid } from '../errors.js';
import { type IdSchema, zDecimal, zId, zInstant, zJsonObject, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';

/**
 * The inventory: the resources that a provider runs for us. Each provider has one stream, so a complete listing and the
 * resources it lacks are decided in one order.
 */
export const inventoryStream = (provider: string): string => streamName('inventory', [provider]);

/** A resource as it was seen. Fields that an observation left out are copied from the one before. */
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

// Stored permanently. `missed` and `removed` are decided when a complete listing is recorded: a missing resource gets a
// strike, and its last strike removes it.
export const inventoryEventsWith = (zId: IdSchema) => ({
  ResourcesObserved: z.object({
    provider: zId,
    seenAt: zInstant,
    resources: z.array(observedResourceWith(zId)),
    missed: z.array(zId).optional(),
    removed: z.array(zId).optional(),
  }),
  ResourceRemoved: z.object({ provider: zId, providerId: zId, at: zInstant }),
  /** A sighting never was, or (`gone`) a removal. `lastSeen`: the resource as last seen without it; null: never. */
  ResourceSightingWithdrawn: z.object({
    provider: zId,
    providerId: zId,
    at: zInstant,
    gone: z.boolean(),
    lastSeen: z
      .object({
        firstSeenAt: zInstant,
        seenAt: zInstant,
        deletedAt: zInstant.nullable(),
        resource: observedResourceWith(zId),
      })
      .nullable(),
    withdrawn: z.string().optional(),
    reason: zText,
  }),
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

/** The state of a resource at an instant, as metering and attribution need it. */
export interface ResourceState {
  readonly kind: string;
  readonly status: string;
  readonly sizeGb: string | null;
  readonly deploymentId: string | null;
  readonly tenantId: string | null;
}

/** The state of a resource from `seenAt` on; null: it was gone. `position` orders the records. */
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

/**
 * The state at an instant: the last sighting at or before it, corrected. Undefined before the first, null when gone.
 */
export function stateAt(timeline: ResourceTimeline, at: Instant): ResourceState | null | undefined {
  const last = timeline.sightings.findLast(({ seenAt }) => !isBefore(at, seenAt));
  if (last === undefined) return undefined;
  return last.state === null ? null : corrected(timeline, last.state, last.position, at);
}

/** The state of a resource when it was last there, also if it is gone now. Undefined before the first sighting. */
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

/** Whether corrections change what was seen at an instant, over the time until the next sighting. */
export function isSightingCorrected(timeline: ResourceTimeline, seenAt: Instant): boolean {
  const next = timeline.sightings.find((sighting) => isBefore(seenAt, sighting.seenAt))?.seenAt ?? null;
  const seen = { ...timeline, corrections: [] };
  return [seenAt, ...timeline.corrections.map(({ from }) => from)].some(
    (at) =>
      !isBefore(at, seenAt) &&
      (next === null || isBefore(at, next)) &&
      JSON.stringify(stateAt(timeline, at)) !== JSON.stringify(stateAt(seen, at)),
  );
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
 * The result of a complete listing for the resources that it lacks: one strike each, and removal at the last strike. It
 * does not change resources that were seen later or are already gone.
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
