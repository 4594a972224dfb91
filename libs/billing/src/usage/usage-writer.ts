import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { conflict, type DomainError, type FieldError, invalid } from '#domain/errors';
import { isDomainError } from '#domain/schema';
import { packedReadings } from '#domain/usage/plain';
import {
  type NamedReading,
  type Observation,
  packed,
  type ReadingKey,
  usageMonth,
  type UsageOrigin,
  usageStream,
} from '#domain/usage/usage';
import { canonicalJson, type CommandCall, stepOf } from '#ledger/command';
import {
  ambiguousProvider,
  type Body,
  bodyOf,
  bodyOfRow,
  fitting,
  type Held,
  keyOfRow,
  knownReadings,
  type KnownReading,
  sameBody,
} from './known-usage.js';
import type { LedgerCore } from '#ledger/ledger-core';
import { looseKey } from '#projections/usage-records/usage-records.lookups';

export interface UsageWritten {
  readonly accepted: number;
  readonly duplicate: number;
  readonly corrected: number;
  readonly position: number | null;
}

interface Indexed {
  readonly index: number;
  readonly observation: Observation;
}

/**
 * Appends readings of one deployment. Known ones append nothing. One with another body is refused, with all of its batch
 * (`usage_conflict`); where `reason` is given, one of another quantity becomes a correction. To decide, the batch's keys are
 * looked up set-wise.
 */
export async function writeUsage(
  core: LedgerCore,
  call: CommandCall,
  deploymentId: string,
  observations: readonly Observation[],
  origin: UsageOrigin,
  reason?: string,
): Promise<UsageWritten> {
  const byMonth = Map.groupBy(
    observations.map((observation, index): Indexed => ({ observation, index })),
    ({ observation }) => usageMonth(observation.period.start),
  );
  // Several months are several appends: none of them where another is refused.
  if (byMonth.size > 1) {
    await core.projector.catchUp();
    refuse(contradicting((await classify(core, deploymentId, [...byMonth.values()].flat(), origin)).different, reason));
  }
  let written: UsageWritten = { accepted: 0, duplicate: 0, corrected: 0, position: null };
  const lastMonth = [...byMonth.keys()].at(-1);
  for (const [month, readings] of byMonth) {
    // The command's key goes with its last month: half done, it is done again.
    const step = month === lastMonth ? call : stepOf(call);
    const before = written;
    const done = await core.book.decideOnReadModels(
      usageStream(deploymentId, month),
      step,
      async () => {
        const sorted = await classify(core, deploymentId, readings, origin);
        const { events, accepted, duplicate, corrected } = decided(
          { deploymentId, month, origin, ...(reason === undefined ? {} : { reason }) },
          sorted,
        );
        // Of all months so far: with the last one the answer is recorded.
        return {
          events,
          result: {
            accepted: before.accepted + accepted,
            duplicate: before.duplicate + duplicate,
            corrected: before.corrected + corrected,
          },
        };
      },
      touching(readings),
    );
    written = { ...(done.result as Omit<UsageWritten, 'position'>), position: done.position ?? written.position };
  }
  return written;
}

interface Delivered {
  readonly deploymentId: string;
  readonly month: string;
  readonly origin: UsageOrigin;
  /** Why another quantity is a correction; without one it is refused. */
  readonly reason?: string;
}

export interface UsageDecided extends Omit<UsageWritten, 'position'> {
  readonly events: readonly LedgerEvent[];
}

/**
 * What readings of one deployment and month come to, beside what the read models know of their keys; `isFirst`: no two of them have the
 * same key, nothing is known of any, and nothing is looked up. Errors as in writeUsage.
 */
export async function decideUsage(
  core: LedgerCore,
  delivered: Delivered,
  observations: readonly Observation[],
  isFirst: boolean,
): Promise<UsageDecided> {
  if (isFirst) return decided(delivered, { fresh: [...observations], different: [], named: [], same: 0 });
  const readings = observations.map((observation, index): Indexed => ({ observation, index }));
  return decided(delivered, await classify(core, delivered.deploymentId, readings, delivered.origin));
}

function decided(
  { deploymentId, month, origin, reason }: Delivered,
  { fresh, same, different, named }: Sorted,
): UsageDecided {
  refuse(contradicting(different, reason));
  const events: LedgerEvent[] = [
    ...packedReadings(fresh).map((batch): LedgerEvent => ({
      type: 'UsageObserved',
      data: { deploymentId, month, origin, observations: batch },
    })),
    ...namings(deploymentId, month, named),
    ...packed(
      different.map(({ observation, known }) => ({ ...keyOfRow(known.last), quantity: observation.quantity })),
    ).map((corrections): LedgerEvent => ({
      type: 'UsageCorrected',
      data: { deploymentId, month, origin, corrections, reason: reason ?? '' },
    })),
  ];
  return { events, accepted: fresh.length, duplicate: same, corrected: different.length };
}

function listFor<Key, Value>(lists: Map<Key, Value[]>, key: Key): Value[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** What becomes of one reading of many that are decided on together. */
export type Verdict =
  | { readonly status: 'accepted' | 'duplicate' }
  | { readonly status: 'conflict' | 'rejected'; readonly error: DomainError };

/** What is decided on readings one by one: the verdict on each, and the new ones and namings by the number of their batch. */
export interface Verdicts {
  readonly verdicts: readonly Verdict[];
  readonly fresh: ReadonlyMap<number, readonly Observation[]>;
  readonly named: ReadonlyMap<number, readonly NamedReading[]>;
}

/** Decides on each reading by itself, in order, where `writeUsage` refuses all of a batch for one; `batches` are those of several callers. */
export async function decideEach(
  core: LedgerCore,
  deploymentId: string,
  batches: readonly (readonly Observation[])[],
  origin: UsageOrigin,
): Promise<Verdicts> {
  const readings = batches.flatMap((observations, batch) =>
    observations.map((observation, index) => ({ observation, index, batch })),
  );
  const entries = await entriesOf(core, deploymentId, readings);
  const [fresh, named] = [new Map<number, Observation[]>(), new Map<number, NamedReading[]>()];
  const verdicts = readings.map(({ batch, ...reading }): Verdict => {
    const sorted: Sorted = { fresh: [], different: [], named: [], same: 0 };
    try {
      const ofKey = ofSameKey(entries, reading);
      const found = heldAgainst(ofKey, reading, origin);
      const refused = refusalOf(found, reading.observation);
      // What is refused is not recorded: neither the next of its key is held against it, nor is a provider named by it.
      if (refused !== null) return { status: 'conflict', error: refused };
      take(sorted, ofKey, reading, found);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      return { status: 'rejected', error };
    }
    listFor(fresh, batch).push(...sorted.fresh);
    listFor(named, batch).push(...sorted.named);
    return { status: sorted.fresh.length > 0 ? 'accepted' : 'duplicate' };
  });
  return { verdicts, fresh, named };
}

/** Events of the same stream that say something of one of these readings' keys: what is known of the others, they leave as it is. */
export function touching(readings: readonly Pick<Indexed, 'observation'>[]): (event: RecordedEvent) => boolean {
  const keys = new Set(readings.map(({ observation }) => looseKey(observation)));
  const touches = (named: readonly ReadingKey[]): boolean => named.some((key) => keys.has(looseKey(key)));
  return ({ type, data }) => {
    if (type === 'UsageObserved') return touches(data.observations);
    if (type === 'UsageCorrected') return touches(data.corrections);
    if (type === 'UsageProviderNamed') return touches(data.readings);
    return type !== 'CommandUnchanged';
  };
}

export const namings = (deploymentId: string, month: string, named: readonly NamedReading[]): LedgerEvent[] =>
  packed(named).map((readings): LedgerEvent => ({
    type: 'UsageProviderNamed',
    data: { deploymentId, month, readings },
  }));

interface Different extends Indexed {
  readonly known: KnownReading;
}

/** Without a reason all of them; with one, those that differ in what no correction changes. */
const contradicting = (different: readonly Different[], reason: string | undefined): readonly Different[] =>
  reason === undefined
    ? different
    : different.filter(
        ({ observation, known }) => !sameBody({ ...known.last, quantity: observation.quantity }, observation),
      );

function refuse(different: readonly Different[]): void {
  if (different.length === 0) return;
  const errors = different.map((each): FieldError => ({
    field: `observations[${each.index}]`,
    message: contradictionText(each),
  }));
  const message = `${different.length} of the observations contradict what is recorded; nothing was appended. ${errors[0]?.message ?? ''}`;
  throw conflict('usage_conflict', message, errors);
}

export const contradiction = (different: Pick<Different, 'observation' | 'known'>): DomainError =>
  conflict('usage_conflict', contradictionText(different));

const contradictionText = ({
  observation,
  known: { last, isWithdrawn },
}: Pick<Different, 'observation' | 'known'>): string => {
  const apart = differences(bodyOfRow(last), bodyOf(observation));
  return contradictionOf(
    observation,
    isWithdrawn ? `and was withdrawn by a correction${apart === '' ? '' : ` (with ${apart})`}` : `with ${apart}`,
  );
};

const contradictionOf = ({ billingKind, resourceId, period }: Observation, how: string): string =>
  `${billingKind} of ${resourceId} over [${period.start}, ${period.end}) is recorded ${how}: use correct-usage to change a quantity`;

/** Field by field, what is recorded and what is observed now: `quantity 5, not 6`. */
const differences = (recorded: Body, observed: Body): string =>
  (Object.keys(recorded) as (keyof Body)[])
    .filter((field) => canonicalJson(recorded[field]) !== canonicalJson(observed[field]))
    .map((field) => `${field} ${shown(recorded[field])}, not ${shown(observed[field])}`)
    .join(', ');

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? 'none' : canonicalJson(value);

interface Sorted {
  readonly fresh: Observation[];
  readonly different: Different[];
  /** Those that are recorded without a provider, and whose turn out to be now. */
  readonly named: NamedReading[];
  same: number;
}

/** A reading of a key, known or of this batch, while the batch is sorted. */
interface Entry extends Held {
  holder: string;
  readonly known: KnownReading | null;
  /** What this batch says of it. */
  said: Observation | null;
}

/** Sorts readings into new, known and contradicting ones. What says a thing twice in one batch must say the same. */
async function classify(
  core: LedgerCore,
  deploymentId: string,
  readings: readonly Indexed[],
  origin: UsageOrigin,
): Promise<Sorted> {
  const entries = await entriesOf(core, deploymentId, readings);
  const sorted: Sorted = { fresh: [], different: [], named: [], same: 0 };
  for (const reading of readings) sortOne(sorted, ofSameKey(entries, reading), reading, origin);
  return sorted;
}

async function entriesOf(
  core: LedgerCore,
  deploymentId: string,
  readings: readonly Indexed[],
): Promise<Map<string, Entry[]>> {
  const known = await knownReadings(
    core,
    deploymentId,
    readings.map(({ observation }) => observation),
  );
  return new Map(
    [...known].map(([key, each]) => [
      key,
      each.map((reading) => ({ provider: reading.provider, holder: reading.holder, known: reading, said: null })),
    ]),
  );
}

function ofSameKey(entries: Map<string, Entry[]>, { observation }: Indexed): Entry[] {
  const key = looseKey(observation);
  const ofKey = entries.get(key) ?? [];
  entries.set(key, ofKey);
  return ofKey;
}

function sortOne(sorted: Sorted, ofKey: Entry[], reading: Indexed, origin: UsageOrigin): void {
  const found = heldAgainst(ofKey, reading, origin);
  const { observation, index } = reading;
  if (found?.standing === 'contradicting')
    throw invalid(
      'usage_conflict',
      `observations[${index}] contradicts another of the same batch: ${observation.billingKind} of ${observation.resourceId} over [${observation.period.start}, ${observation.period.end})`,
      [{ field: `observations[${index}]`, message: 'has the key of an earlier observation, and another body' }],
    );
  take(sorted, ofKey, reading, found);
}

/** The reading of its key that one is held against, and how it stands beside it; undefined: it is the first of its key. */
type Found = { readonly entry: Entry; readonly standing: Standing | 'contradicting' } | undefined;

function heldAgainst(ofKey: readonly Entry[], reading: Indexed, origin: UsageOrigin): Found {
  const entry = entryOf(ofKey, reading, origin);
  return entry === undefined ? undefined : { entry, standing: standingIn(entry, reading.observation, origin) };
}

/** Why a reading by itself is refused: it says otherwise than what is recorded, or is being recorded with it; null: it is not. */
function refusalOf(found: Found, observation: Observation): DomainError | null {
  if (found === undefined) return null;
  const { entry, standing } = found;
  if (standing === 'different' && entry.known !== null) return contradiction({ observation, known: entry.known });
  if (standing === 'contradicting' && entry.said !== null)
    return conflict(
      'usage_conflict',
      contradictionOf(observation, `with ${differences(bodyOf(entry.said), bodyOf(observation))}`),
    );
  return null;
}

function take(sorted: Sorted, ofKey: Entry[], reading: Indexed, found: Found): void {
  const { observation } = reading;
  const provider = observation.provider ?? '';
  if (found === undefined) {
    ofKey.push({ provider, holder: provider, known: null, said: observation });
    sorted.fresh.push(observation);
    return;
  }
  const { entry, standing } = found;
  if (standing === 'same') sorted.same += 1;
  else if (standing === 'different' && entry.known !== null) sorted.different.push({ ...reading, known: entry.known });
  else sorted.fresh.push(observation);
  entry.said = observation;
  if (entry.holder !== '' || provider === '') return;
  entry.holder = provider;
  sorted.named.push(namedReading(observation, provider));
}

/** The one that it is of a key's readings; undefined: it is another. One that names no provider is any that says the same. */
function entryOf(ofKey: readonly Entry[], { observation, index }: Indexed, origin: UsageOrigin): Entry | undefined {
  const candidates = fitting(ofKey, observation.provider ?? '');
  if (candidates.length <= 1) return candidates[0];
  const same = candidates.find((entry) => standingIn(entry, observation, origin) === 'same');
  if (same === undefined)
    throw ambiguousProvider(
      `observations[${index}]`,
      `observations[${index}].provider`,
      observation.resourceId,
      candidates,
    );
  return same;
}

export const namedReading = (
  { resourceId, billingKind, period, granularity, sourceId }: ReadingKey,
  provider: string,
): NamedReading => ({
  provider,
  resourceId,
  billingKind,
  period,
  granularity,
  ...(sourceId === undefined ? {} : { sourceId }),
});

type Standing = 'fresh' | 'same' | 'different';

function standingIn({ known, said }: Entry, observation: Observation, origin: UsageOrigin): Standing | 'contradicting' {
  if (said !== null)
    return canonicalJson(bodyOf(said)) === canonicalJson(bodyOf(observation)) ? 'same' : 'contradicting';
  return known === null ? 'fresh' : standingOf(known, observation, origin);
}

/**
 * What a reading is beside what is known of its key. One that was observed or delivered so before is known, whatever corrections
 * have made of it since. Metering follows the inventory, but what a person said stays: their observation, correction or withdrawal.
 */
function standingOf(
  { versions, last, isWithdrawn }: KnownReading,
  observation: Observation,
  origin: UsageOrigin,
): Standing {
  if (origin !== 'metering') {
    // A command that said what was true at its time is known when it comes again, whatever was corrected since.
    const isTold = (by: string | null): boolean => by === null || origin === 'command' || by === origin;
    const saidBefore = versions.some((version) => isTold(version.corrected_by) && sameBody(version, observation));
    return saidBefore || (!isWithdrawn && sameBody(last, observation)) ? 'same' : 'different';
  }
  if (isWithdrawn) return last.superseded_by === 'metering' ? 'fresh' : 'same';
  const isMetered = last.origin === 'metering' && (last.corrected_by === null || last.corrected_by === 'metering');
  return !isMetered || sameBody(last, observation) ? 'same' : 'different';
}
