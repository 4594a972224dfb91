import { z } from 'zod';
import { zId } from '#domain/schema';
import { keyOfIdempotency } from '../command.js';

/** A lock that a command takes: exclusively, or together with others. */
export interface NamedLock {
  readonly name: string;
  readonly isShared: boolean;
}

/** The subjects that a command reads and writes, by name, and the locks that it takes, in its order. */
interface Footprint {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly locks: readonly NamedLock[];
}

/** A command of a group. */
export interface Grouped<Command> {
  readonly command: Command;
  /** The places in the group of earlier commands that this one depends on. */
  readonly needs: readonly number[];
  /** The places of all earlier commands that must have ended before this one starts. */
  readonly after: readonly number[];
}

/** Commands that are carried out together, and the locks that they take. */
export interface Group<Command> {
  readonly commands: readonly Grouped<Command>[];
  readonly locks: readonly NamedLock[];
}

/** So many commands start at the same time. */
const MOST_AT_ONCE = 32;
/** A group holds its locks until all of it has ended. */
const MOST_IN_GROUP = 128;
/** This many fit into one append. */
const MOST_READINGS = 100;

/** Taken by commands that let a subscription use a plan. */
export const USES_OF_PLANS = 'uses of plans';
/** The key itself is locked. */
export const lockOfKey = keyOfIdempotency;
export const isLockOfKey = (name: string): boolean => name.startsWith(lockOfKey(''));
export const lockOfSubscription = (subscriptionId: string): string => `subscription:${subscriptionId}`;

const zMonth = z.string().transform((start) => start.slice(0, 7));
const id = z.string();
const footprint = (
  reads: readonly string[],
  writes: readonly string[],
  locks: readonly NamedLock[] = [],
): Footprint => ({
  ...{ reads, writes, locks },
});

/**
 * Small commands that lists have many of, and whose fields name their subjects. Any other command runs alone: also
 * readings of several months, which need several appends, and corrections, which look at what is appended meanwhile.
 */
const FOOTPRINTS = z.discriminatedUnion('command', [
  z
    .looseObject({ command: z.literal('register-tenant'), tenantId: id })
    .transform(({ tenantId }) => footprint([], [`tenant ${tenantId}`])),
  z
    .looseObject({ command: z.literal('register-deployment'), deploymentId: id, tenantId: id })
    .transform(({ deploymentId, tenantId }) => footprint([`tenant ${tenantId}`], [`deployment ${deploymentId}`])),
  z
    .looseObject({ command: z.literal('start-subscription'), deploymentId: id, subscriptionId: id })
    .transform(({ deploymentId, subscriptionId }) =>
      footprint(
        [`deployment ${deploymentId}`],
        [`subscriptions of ${deploymentId}`, `subscription ${subscriptionId}`],
        [
          { name: lockOfSubscription(subscriptionId), isShared: false },
          { name: USES_OF_PLANS, isShared: true },
        ],
      ),
    ),
  z
    .looseObject({
      command: z.literal('observe-usage'),
      deploymentId: id,
      observations: z.array(z.looseObject({ period: z.looseObject({ start: zMonth }) })).max(MOST_READINGS),
    })
    .refine(({ observations }) => new Set(observations.map(({ period }) => period.start)).size === 1)
    .transform(({ deploymentId }) => footprint([`deployment ${deploymentId}`], [`usage ${deploymentId}`])),
  z
    .looseObject({ command: z.literal('observe-resource'), provider: id })
    .transform(({ provider }) => footprint([], [`inventory of ${provider}`])),
  z
    .looseObject({ command: z.literal('set-rate'), resourceType: id, resourceFamily: id, location: id })
    .transform(({ resourceType, resourceFamily, location }) =>
      footprint([], [`rate ${JSON.stringify([resourceType, resourceFamily, location])}`]),
    ),
]);

const zKeyed = z.object({ idempotencyKey: zId.optional() });

/** `keyOf`: the key under which an idempotency key of the caller is recorded. */
function footprintOf(command: unknown, keyOf: (key: string) => string): Footprint | null {
  const found = FOOTPRINTS.safeParse(command).data;
  const keyed = zKeyed.safeParse(command).data;
  if (found === undefined || keyed === undefined) return null;
  if (keyed.idempotencyKey === undefined) return found;
  const lock = lockOfKey(keyOf(keyed.idempotencyKey));
  return footprint(found.reads, [...found.writes, lock], [{ name: lock, isShared: false }, ...found.locks]);
}

/**
 * Divides commands in order into groups that are carried out together. A command starts after the commands before it
 * that write what it reads or writes, or read what it writes. So each has the same outcome as in sequence.
 */
export function* groupsAtOnce<Command>(
  commands: readonly Command[],
  keyOf: (key: string) => string = (key) => key,
): Generator<Group<Command>> {
  let group = new GroupOfCommands<Command>();
  for (const command of commands) {
    const of = footprintOf(command, keyOf);
    if (group.commands.length > 0 && (of === null || group.commands.length === MOST_IN_GROUP)) {
      yield group;
      group = new GroupOfCommands();
    }
    if (of === null) yield { commands: [{ command, needs: [], after: [] }], locks: [] };
    else group.add(command, of);
  }
  if (group.commands.length > 0) yield group;
}

class GroupOfCommands<Command> implements Group<Command> {
  readonly commands: Grouped<Command>[] = [];
  private readonly taken = new Map<string, NamedLock>();
  /** The last command that writes a subject, and those that read it since. */
  private readonly writer = new Map<string, number>();
  private readonly readers = new Map<string, number[]>();

  get locks(): readonly NamedLock[] {
    return [...this.taken.values()];
  }

  add(command: Command, { reads, writes, locks }: Footprint): void {
    const index = this.commands.length;
    const needs = new Set<number>();
    // They start together, so that they share look-ups and appends.
    const first = index - (index % MOST_AT_ONCE);
    for (const subject of [...reads, ...writes]) {
      const writer = this.writer.get(subject);
      if (writer !== undefined) needs.add(writer);
    }
    for (const subject of writes) for (const reader of this.readers.get(subject) ?? []) needs.add(reader);
    for (const subject of reads) this.readers.set(subject, [...(this.readers.get(subject) ?? []), index]);
    for (const subject of writes) {
      this.writer.set(subject, index);
      this.readers.delete(subject);
    }
    for (const lock of locks) this.taken.set(lock.name, lock);
    const after = new Set([...needs, ...(first > 0 ? [first - 1] : [])]);
    const ascending = (places: ReadonlySet<number>): number[] => [...places].sort((a, b) => a - b);
    this.commands.push({ command, needs: ascending(needs), after: ascending(after) });
  }
}
