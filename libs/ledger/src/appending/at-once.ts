import { z } from 'zod';

/** What a command decides on and changes: its subjects, by name. */
interface Footprint {
  readonly reads: readonly string[];
  readonly writes: string;
}

const MOST_AT_ONCE = 32;
/** One append holds them for sure. */
const MOST_READINGS = 100;

const zMonth = z.string().transform((start) => start.slice(0, 7));
const id = z.string();

/**
 * Small commands of which a file may hold very many, and whose subjects their fields name. Any other is carried out alone: one with an
 * idempotency key too, since it holds a lock, and readings of several months, which are several appends.
 */
const FOOTPRINTS = z.discriminatedUnion('command', [
  z
    .looseObject({ command: z.literal('register-tenant'), tenantId: id })
    .transform(({ tenantId }): Footprint => ({ reads: [], writes: `tenant ${tenantId}` })),
  z
    .looseObject({ command: z.literal('register-deployment'), deploymentId: id, tenantId: id })
    .transform(({ deploymentId, tenantId }): Footprint => ({
      reads: [`tenant ${tenantId}`],
      writes: `deployment ${deploymentId}`,
    })),
  z
    .looseObject({
      command: z.literal('observe-usage'),
      deploymentId: id,
      observations: z.array(z.looseObject({ period: z.looseObject({ start: zMonth }) })).max(MOST_READINGS),
    })
    .refine(({ observations }) => new Set(observations.map(({ period }) => period.start)).size === 1)
    .transform(({ deploymentId }): Footprint => ({
      reads: [`deployment ${deploymentId}`],
      writes: `usage ${deploymentId}`,
    })),
  z
    .looseObject({ command: z.literal('set-rate'), resourceType: id, resourceFamily: id, location: id })
    .transform(({ resourceType, resourceFamily, location }): Footprint => ({
      reads: [],
      writes: `rate ${JSON.stringify([resourceType, resourceFamily, location])}`,
    })),
]);

function footprintOf(command: unknown): Footprint | null {
  if (typeof command !== 'object' || command === null || 'idempotencyKey' in command) return null;
  return FOOTPRINTS.safeParse(command).data ?? null;
}

/**
 * Divides commands, in their order, into groups of which each may be carried out at once: none of a group reads or writes what another of
 * it writes, so that each comes to what it would come to after the ones before it.
 */
export function* groupsAtOnce<Command>(commands: readonly Command[]): Generator<Command[]> {
  let group: Command[] = [];
  let written = new Set<string>();
  let read = new Set<string>();
  for (const command of commands) {
    const footprint = footprintOf(command);
    const isApart =
      footprint !== null &&
      group.length < MOST_AT_ONCE &&
      !written.has(footprint.writes) &&
      !read.has(footprint.writes) &&
      !footprint.reads.some((subject) => written.has(subject));
    if (group.length > 0 && !isApart) {
      yield group;
      group = [];
      [written, read] = [new Set(), new Set()];
    }
    group.push(command);
    if (footprint === null) {
      yield group;
      group = [];
      continue;
    }
    written.add(footprint.writes);
    for (const subject of footprint.reads) read.add(subject);
  }
  if (group.length > 0) yield group;
}
