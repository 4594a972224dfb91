import { z } from 'zod';

/** The subjects that a command reads and writes, by name. */
interface Footprint {
  readonly reads: readonly string[];
  readonly writes: string;
}

const MOST_AT_ONCE = 32;
/** This many fit into one append. */
const MOST_READINGS = 100;

const zMonth = z.string().transform((start) => start.slice(0, 7));
const id = z.string();

/**
 * Small commands that files have many of, and whose fields name their subjects. Any other command runs alone. So do a
 * command with an idempotency key, which holds a lock, and readings of several months, which need several appends.
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
 * Divides commands in order into groups that can run at the same time: no command of a group reads or writes what
 * another of the group writes, so each has the same outcome as in sequence.
 */
export function* groupsAtOnce<Command>(commands: readonly Command[]): Generator<Command[]> {
  let group: Command[] = [];
  let written = new Set<string>();
  let read = new Set<string>();
  for (const command of commands) {
    const footprint = footprintOf(command);
    const isIndependent =
      footprint !== null &&
      group.length < MOST_AT_ONCE &&
      !written.has(footprint.writes) &&
      !read.has(footprint.writes) &&
      !footprint.reads.some((subject) => written.has(subject));
    if (group.length > 0 && !isIndependent) {
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
