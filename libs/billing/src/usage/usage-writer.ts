import type { DomainError } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { isDomainError } from '#domain/schema';
import { packedReadings } from '#domain/usage/plain';
import { assertNear } from '#domain/usage/usage-span';
import {
  excludedGranularity,
  type NamedReading,
  type Observation,
  packed,
  type ReadingKey,
  usageMonth,
  type UsageOrigin,
  usageStream,
} from '#domain/usage/usage';
import { type CommandCall, stepOf } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import { dayKey, looseKey } from '#projections/usage-records/usage-records.lookups';
import {
  compare,
  type Compared,
  conflictOf,
  entriesOf,
  excluderOf,
  findIn,
  nothingCompared,
  take,
} from './compared-usage.js';
import { keyOfRow } from './known-usage.js';
import { assertFits } from './reading-size.js';
import { assertNoConflict, conflicting, type Indexed } from './usage-conflicts.js';
import { assertNoOverlap, type Overlapping, overlapWith } from './usage-overlaps.js';

export interface UsageWritten {
  readonly accepted: number;
  readonly duplicate: number;
  readonly corrected: number;
  /** What metering left out, as others recorded the day by its other granularity. */
  readonly overlapping: readonly Overlapping[];
  /** Known readings that were withdrawn, and stay so. */
  readonly withdrawn: readonly Observation[];
  /** Known readings that were corrected, and stay so. */
  readonly superseded: readonly Observation[];
  readonly position: number | null;
}

/** Readings of one deployment. */
export interface UsageToWrite {
  readonly deploymentId: string;
  readonly observations: readonly Observation[];
  readonly origin: UsageOrigin;
  /** Why another quantity is a correction. Without a reason it is refused. */
  readonly reason?: string | undefined;
}

/**
 * Appends readings. Known ones append nothing. A reading with another body is refused together with its whole batch
 * (`usage_conflict`). With a reason, another quantity becomes a correction instead. A day's reading and those of its
 * hours exclude each other (`usage_overlap`); metering leaves out what others recorded. A reading of a time far from
 * now is refused (`usage_out_of_range`). The keys of the batch are looked up set-wise.
 */
export async function writeUsage(core: LedgerCore, call: CommandCall, usage: UsageToWrite): Promise<UsageWritten> {
  const { deploymentId, observations, origin, reason } = usage;
  if (origin !== 'metering') assertNear(observations, call.caller.now, core.usageYears);
  assertFits(observations);
  const byMonth = Map.groupBy(
    observations.map((observation, index): Indexed => ({ observation, index })),
    ({ observation }) => usageMonth(observation.period.start),
  );
  // Several months are several appends: where one is refused, none is made.
  if (byMonth.size > 1) {
    await core.projector.catchUp();
    const compared = await compare(core, deploymentId, [...byMonth.values()].flat(), origin);
    assertRecordable(compared, { origin, reason });
  }
  let written: Counts & Pick<UsageWritten, 'position'> = { accepted: 0, duplicate: 0, corrected: 0, position: null };
  const overlapping: Overlapping[] = [];
  const [withdrawn, superseded]: [Observation[], Observation[]] = [[], []];
  const lastMonth = [...byMonth.keys()].at(-1);
  for (const [month, readings] of byMonth) {
    // The command's key goes with its last month: a command that stopped half-way is carried out again.
    const step = month === lastMonth ? call : stepOf(call);
    const before = written;
    let last = nothingCompared();
    const done = await core.book.decideOnReadModels(
      usageStream(deploymentId, month),
      step,
      async () => {
        const compared = await compare(core, deploymentId, readings, origin);
        last = compared;
        const delivered = { deploymentId, month, origin, ...(reason === undefined ? {} : { reason }) };
        const { events, ...counts } = decided(delivered, compared);
        // The answer counts all months so far: the last month records it.
        return { events, result: added(before, counts) };
      },
      touching(readings),
    );
    written = { ...(done.result as Counts), position: done.position ?? written.position };
    overlapping.push(...last.overlapping);
    withdrawn.push(...last.withdrawn);
    superseded.push(...last.superseded);
  }
  return { ...written, overlapping, withdrawn, superseded };
}

type Counts = Omit<UsageWritten, 'position' | 'overlapping' | 'withdrawn' | 'superseded'>;

/** Errors: `usage_conflict`, `usage_overlap`. */
function assertRecordable(
  { different, overlapping }: Compared,
  { origin, reason }: Pick<UsageToWrite, 'origin' | 'reason'>,
): void {
  assertNoConflict(conflicting(different, reason));
  if (origin !== 'metering') assertNoOverlap(overlapping);
}

const added = (a: Counts, b: Counts): Counts => ({
  accepted: a.accepted + b.accepted,
  duplicate: a.duplicate + b.duplicate,
  corrected: a.corrected + b.corrected,
});

/** What is delivered of one deployment and month. */
interface Delivered extends Omit<UsageToWrite, 'observations'> {
  readonly month: string;
}

export interface UsageDecided extends Counts {
  readonly events: readonly LedgerEvent[];
}

/**
 * Decides on the readings of one deployment and month. `isFirst`: no two have the same key and none is known, so
 * nothing is looked up. Errors as in writeUsage.
 */
export async function decideUsage(
  core: LedgerCore,
  delivered: Delivered,
  observations: readonly Observation[],
  isFirst: boolean,
): Promise<UsageDecided> {
  if (isFirst) return decided(delivered, { ...nothingCompared(), fresh: [...observations] });
  const readings = observations.map((observation, index): Indexed => ({ observation, index }));
  return decided(delivered, await compare(core, delivered.deploymentId, readings, delivered.origin));
}

function decided({ deploymentId, month, origin, reason }: Delivered, compared: Compared): UsageDecided {
  assertRecordable(compared, { origin, reason });
  const { fresh, same, different, named } = compared;
  const corrected = different.map(({ observation: { quantity }, known }) => ({ ...keyOfRow(known.last), quantity }));
  const events: LedgerEvent[] = [
    ...packedReadings(fresh).map((batch): LedgerEvent => ({
      type: 'UsageObserved',
      data: { deploymentId, month, origin, observations: batch },
    })),
    ...namings(deploymentId, month, named),
    ...packed(corrected).map((corrections): LedgerEvent => ({
      type: 'UsageCorrected',
      data: { deploymentId, month, origin, corrections, reason: reason ?? '' },
    })),
  ];
  return { events, accepted: fresh.length, duplicate: same, corrected: different.length };
}

/** What becomes of one reading of many that are decided on together. */
export type Verdict =
  | { readonly status: 'accepted' | 'duplicate' }
  | { readonly status: 'conflict' | 'rejected'; readonly error: DomainError };

/** The verdict on each reading, and the new readings and named providers by the number of their batch. */
export interface Verdicts {
  readonly verdicts: readonly Verdict[];
  readonly fresh: ReadonlyMap<number, readonly Observation[]>;
  readonly named: ReadonlyMap<number, readonly NamedReading[]>;
}

/**
 * Decides on each reading by itself, in order, while `writeUsage` refuses a whole batch for one. `batches`: of several
 * callers. `recent`: readings that are recorded and not projected; of each key there is one at most.
 */
export async function decideEach(
  core: LedgerCore,
  deploymentId: string,
  batches: readonly (readonly Observation[])[],
  origin: UsageOrigin,
  recent: readonly Observation[] = [],
): Promise<Verdicts> {
  const readings = batches.flatMap((observations, batch) =>
    observations.map((observation, index) => ({ observation, index, batch })),
  );
  const recorded = recent.map((observation, index) => ({ observation, index }));
  const entries = await entriesOf(core, deploymentId, [...recorded, ...readings]);
  for (const reading of recorded) take(nothingCompared(), entries, reading, findIn(entries, reading, origin));
  const [fresh, named] = [new Map<number, Observation[]>(), new Map<number, NamedReading[]>()];
  const verdicts = readings.map(({ batch, ...reading }): Verdict => {
    const compared = nothingCompared();
    try {
      const found = findIn(entries, reading, origin);
      const refused = conflictOf(found, reading.observation);
      // A refused reading is not recorded: no later reading of its key is compared with it, and it names no provider.
      if (refused !== null) return { status: 'conflict', error: refused };
      const other = excluderOf(entries, found, reading.observation);
      if (other !== undefined) return { status: 'conflict', error: overlapWith(reading.observation, other) };
      take(compared, entries, reading, found);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      return { status: 'rejected', error };
    }
    listFor(fresh, batch).push(...compared.fresh);
    listFor(named, batch).push(...compared.named);
    return { status: compared.fresh.length > 0 ? 'accepted' : 'duplicate' };
  });
  return { verdicts, fresh, named };
}

function listFor<Key, Value>(lists: Map<Key, Value[]>, key: Key): Value[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/**
 * Events of the same stream that concern a key of these readings, or a reading that excludes one of them. Other events
 * change nothing that is known of them.
 */
export function touching(readings: readonly Pick<Indexed, 'observation'>[]): (event: RecordedEvent) => boolean {
  const touches = touchingKeys(readings);
  const any = (named: readonly ReadingKey[]): boolean => named.some(touches);
  return ({ type, data }) => {
    if (type === 'UsageObserved') return any(data.observations);
    if (type === 'UsageCorrected') return any(data.corrections);
    if (type === 'UsageProviderNamed') return any(data.readings);
    return type !== 'CommandUnchanged';
  };
}

/** Keys of these readings, or of a reading that excludes one of them. */
export function touchingKeys(readings: readonly Pick<Indexed, 'observation'>[]): (key: ReadingKey) => boolean {
  const keys = new Set(readings.map(({ observation }) => looseKey(observation)));
  const days = Map.groupBy(
    readings.map(({ observation }) => observation),
    ({ granularity }) => excludedGranularity(granularity) ?? 'event',
  );
  const excluded = {
    day: new Set(days.get('day')?.map(dayKey)),
    hour: new Set(days.get('hour')?.map(dayKey)),
    event: new Set<string>(),
  };
  const excludes = (key: ReadingKey): boolean =>
    excluded[key.granularity].size > 0 && excluded[key.granularity].has(dayKey(key));
  return (key) => keys.has(looseKey(key)) || excludes(key);
}

export const namings = (deploymentId: string, month: string, named: readonly NamedReading[]): LedgerEvent[] =>
  packed(named).map((readings): LedgerEvent => ({
    type: 'UsageProviderNamed',
    data: { deploymentId, month, readings },
  }));
