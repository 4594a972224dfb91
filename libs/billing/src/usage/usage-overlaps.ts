import { conflict, type DomainError, type FieldError } from '#domain/errors';
import { periodText } from '#domain/time/period';
import { excludedGranularity, type Granularity, type ReadingKey } from '#domain/usage/usage';
import { dayKey } from '#projections/usage-records/usage-records.lookups';
import { type Held, keyOfRow, type KnownReading } from './known-usage.js';
import type { Indexed } from './usage-conflicts.js';

/** A reading in force, and whose it is. */
interface Other extends Held {
  readonly key: ReadingKey;
}

/** A reading of a batch, and the reading in force that excludes it. */
export interface Overlapping extends Indexed {
  readonly other: Excluder;
}

type Excluder = Pick<ReadingKey, 'period' | 'granularity'>;

/** What a day's and its hours' readings exclude, while a batch is compared: against the recorded, and each other. */
export class Exclusions {
  private readonly others = new Map<string, Other[]>();
  private readonly isMixed: boolean;

  constructor(recorded: readonly KnownReading[], batch: readonly ReadingKey[]) {
    const granularities = new Set<Granularity>(batch.map(({ granularity }) => granularity));
    this.isMixed = granularities.has('day') && granularities.has('hour');
    for (const { provider, holder, last } of recorded) this.keep({ provider, holder, key: keyOfRow(last) });
  }

  /** The reading in force that excludes this one. Without a provider, a reading may be of any. */
  of(reading: ReadingKey): ReadingKey | undefined {
    const granularity = excludedGranularity(reading.granularity);
    if (this.others.size === 0 || granularity === null) return undefined;
    const { provider = '' } = reading;
    return this.others
      .get(nameOf(granularity, reading))
      ?.find(({ holder }) => provider === '' || holder === '' || holder === provider)?.key;
  }

  /** A reading of the batch that comes into force. In a batch of one granularity none excludes another. */
  add(reading: ReadingKey): void {
    const { provider = '' } = reading;
    if (this.isMixed) this.keep({ provider, holder: provider, key: reading });
  }

  private keep(other: Other): void {
    const name = nameOf(other.key.granularity, other.key);
    const known = this.others.get(name);
    if (known === undefined) this.others.set(name, [other]);
    else known.push(other);
  }
}

const nameOf = (granularity: Granularity, reading: ReadingKey): string => `${granularity}${dayKey(reading)}`;

/** Errors: `usage_overlap`, with every overlapping reading. */
export function assertNoOverlap(overlapping: readonly Overlapping[]): void {
  if (overlapping.length === 0) return;
  const errors = overlapping.map(({ index, observation, other }): FieldError => ({
    field: `observations[${index}]`,
    message: overlapText(observation, other),
  }));
  const count = `${overlapping.length} of the observations overlap others; nothing was appended.`;
  throw conflict('usage_overlap', `${count} ${errors[0]?.message ?? ''}`, errors);
}

export const overlapWith = (reading: ReadingKey, other: Excluder): DomainError =>
  conflict('usage_overlap', overlapText(reading, other));

/** Why metering leaves a resource out that others reported by the other granularity. */
export const unmeteredText = (billingKind: string, { granularity, period }: Excluder): string =>
  `${billingKind} is recorded by the ${granularity} already, as over ${periodText(period)}: ${REMEDY}`;

const REMEDY =
  'a day and its hours would count twice. ' +
  'To replace that reading, withdraw it first (correct-usage with quantity null).';

const overlapText = ({ billingKind, resourceId, period, granularity }: ReadingKey, other: Excluder): string =>
  `${billingKind} of ${resourceId} over ${periodText(period)}, granularity ${granularity}, overlaps the reading of ` +
  `${periodText(other.period)}, granularity ${other.granularity}: ${REMEDY}`;
