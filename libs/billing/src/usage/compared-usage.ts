import { canonicalJson } from '#domain/canonical-json';
import { type DomainError, invalid } from '#domain/errors';
import type { NamedReading, Observation, ReadingKey, UsageOrigin } from '#domain/usage/usage';
import type { LedgerCore } from '#ledger/ledger-core';
import { looseKey } from '#projections/usage-records/usage-records.lookups';
import {
  ambiguousProvider,
  bodyOf,
  fitting,
  type Held,
  type KnownReading,
  knownWithExcluders,
  sameBody,
} from './known-usage.js';
import { Exclusions, type Overlapping } from './usage-overlaps.js';
import { conflictWithOther, conflictWithRecord, type Different, type Indexed } from './usage-conflicts.js';

/** What becomes of readings that were compared with what is known of their keys. */
export interface Compared {
  readonly fresh: Observation[];
  readonly different: Different[];
  /** Readings that are recorded without a provider, and whose provider a reading of this batch names. */
  readonly named: NamedReading[];
  /** Readings of a day whose hours are in force, or the reverse. */
  readonly overlapping: Overlapping[];
  /** Known readings that were withdrawn, and stay so. */
  readonly withdrawn: Observation[];
  /** Known readings that were corrected, and stay so. */
  readonly superseded: Observation[];
  same: number;
}

export const nothingCompared = (): Compared => ({
  fresh: [],
  different: [],
  named: [],
  overlapping: [],
  withdrawn: [],
  superseded: [],
  same: 0,
});

/** A reading of a key, known or of this batch, while the batch is compared. */
interface Entry extends Held {
  holder: string;
  readonly known: KnownReading | null;
  /** What this batch says of it; null: nothing yet. */
  said: Observation | null;
}

/** What is known of each key, and what the batch says of it as it goes on. */
export interface Entries {
  readonly ofKey: Map<string, Entry[]>;
  readonly exclusions: Exclusions;
}

/**
 * Compares readings with what is known. Two readings of a batch with the same key must be equal. Errors:
 * `usage_conflict`.
 */
export async function compare(
  core: LedgerCore,
  deploymentId: string,
  readings: readonly Indexed[],
  origin: UsageOrigin,
): Promise<Compared> {
  const entries = await entriesOf(core, deploymentId, readings);
  const compared = nothingCompared();
  for (const reading of readings) compareOne(compared, entries, reading, origin);
  return compared;
}

export async function entriesOf(
  core: LedgerCore,
  deploymentId: string,
  readings: readonly Pick<Indexed, 'observation'>[],
): Promise<Entries> {
  const keys = readings.map(({ observation }) => observation);
  const { known, excluders } = await knownWithExcluders(core, deploymentId, keys);
  const ofKey = new Map(
    [...known].map(([key, each]) => [
      key,
      each.map((reading) => ({ provider: reading.provider, holder: reading.holder, known: reading, said: null })),
    ]),
  );
  return { ofKey, exclusions: new Exclusions(excluders, keys) };
}

function compareOne(compared: Compared, entries: Entries, reading: Indexed, origin: UsageOrigin): void {
  const found = findIn(entries, reading, origin);
  const { observation, index } = reading;
  if (found?.comparison === 'contradicting') {
    const { billingKind, resourceId, period } = observation;
    const what = `${billingKind} of ${resourceId} over [${period.start}, ${period.end})`;
    throw invalid('usage_conflict', `observations[${index}] contradicts another of the same batch: ${what}`, [
      { field: `observations[${index}]`, message: 'has the key of an earlier observation, and another body' },
    ]);
  }
  const other = excluderOf(entries, found, observation);
  if (other === undefined) take(compared, entries, reading, found);
  else compared.overlapping.push({ ...reading, other });
}

/** The entry that a reading is compared with, and the result; undefined: the reading is the first of its key. */
export type Found = { readonly entry: Entry; readonly comparison: Comparison | 'contradicting' } | undefined;

export function findIn(entries: Entries, reading: Indexed, origin: UsageOrigin): Found {
  const entry = entryOf(entries.ofKey.get(looseKey(reading.observation)) ?? [], reading, origin);
  return entry === undefined ? undefined : { entry, comparison: compareWith(entry, reading.observation, origin) };
}

/**
 * Why a reading is refused: it contradicts what is recorded, or another reading of the same batch. null: it does not.
 */
export function conflictOf(found: Found, observation: Observation): DomainError | null {
  if (found === undefined) return null;
  const { entry, comparison } = found;
  if (comparison === 'different' && entry.known !== null)
    return conflictWithRecord({ observation, known: entry.known });
  if (comparison === 'contradicting' && entry.said !== null) return conflictWithOther(entry.said, observation);
  return null;
}

/** The reading in force that excludes one which would come into force. */
export function excluderOf({ exclusions }: Entries, found: Found, observation: Observation): ReadingKey | undefined {
  const isKnown = found?.comparison === 'same' || (found?.comparison === 'different' && isInForce(found.entry));
  return isKnown ? undefined : exclusions.of(observation);
}

const isInForce = ({ known }: Entry): boolean => known?.isWithdrawn === false;

/** Takes a reading into the result, and into the entries that later readings of the batch are compared with. */
export function take(compared: Compared, entries: Entries, reading: Indexed, found: Found): void {
  const { observation } = reading;
  const provider = observation.provider ?? '';
  if (found === undefined) {
    const key = looseKey(observation);
    const entry = { provider, holder: provider, known: null, said: observation };
    entries.ofKey.set(key, [...(entries.ofKey.get(key) ?? []), entry]);
    entries.exclusions.add(observation);
    compared.fresh.push(observation);
    return;
  }
  const { entry, comparison } = found;
  if (comparison !== 'same') entries.exclusions.add(observation);
  if (comparison === 'same') {
    compared.same += 1;
    if (entry.known !== null && entry.said === null) {
      const { isWithdrawn, last } = entry.known;
      if (isWithdrawn) compared.withdrawn.push(observation);
      else if (!sameBody(last, observation)) compared.superseded.push(observation);
    }
  } else if (comparison === 'different' && entry.known !== null)
    compared.different.push({ ...reading, known: entry.known });
  else compared.fresh.push(observation);
  entry.said = observation;
  if (entry.holder !== '' || provider === '') return;
  entry.holder = provider;
  compared.named.push(namedReading(observation, provider));
}

/**
 * The entry of a reading among those of its key. undefined: it is new. Without a provider, it is any reading that is
 * equal.
 */
function entryOf(ofKey: readonly Entry[], { observation, index }: Indexed, origin: UsageOrigin): Entry | undefined {
  const candidates = fitting(ofKey, observation.provider ?? '');
  if (candidates.length <= 1) return candidates[0];
  const same = candidates.find((entry) => compareWith(entry, observation, origin) === 'same');
  if (same !== undefined) return same;
  const where = `observations[${index}]`;
  throw ambiguousProvider(where, `${where}.provider`, observation.resourceId, candidates);
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

type Comparison = 'fresh' | 'same' | 'different';

function compareWith(
  { known, said }: Entry,
  observation: Observation,
  origin: UsageOrigin,
): Comparison | 'contradicting' {
  if (said !== null)
    return canonicalJson(bodyOf(said)) === canonicalJson(bodyOf(observation)) ? 'same' : 'contradicting';
  return known === null ? 'fresh' : compareWithKnown(known, observation, origin);
}

/**
 * Compares a reading with the recorded readings of its key. A reading that was ever observed or delivered is known,
 * even after a correction. Metering follows the inventory, but does not overrule a person.
 */
function compareWithKnown(
  { versions, last, isWithdrawn }: KnownReading,
  observation: Observation,
  origin: UsageOrigin,
): Comparison {
  if (origin !== 'metering') {
    // A command that was true at its time is known when it is repeated, even after a correction.
    const isStated = (by: string | null): boolean => by === null || origin === 'command' || by === origin;
    const saidBefore = versions.some((version) => isStated(version.corrected_by) && sameBody(version, observation));
    return saidBefore || (!isWithdrawn && sameBody(last, observation)) ? 'same' : 'different';
  }
  return compareMetered({ last, isWithdrawn }, observation);
}

/** What metering makes of a reading whose record is known. Only what it recorded itself does it correct. */
export function compareMetered(
  { last, isWithdrawn }: Pick<KnownReading, 'last' | 'isWithdrawn'>,
  observation: Observation,
): Comparison {
  if (isWithdrawn) return last.superseded_by === 'metering' ? 'fresh' : 'same';
  const isMetered = last.origin === 'metering' && (last.corrected_by === null || last.corrected_by === 'metering');
  return !isMetered || sameBody(last, observation) ? 'same' : 'different';
}
