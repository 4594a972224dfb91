import { dayOf } from '#domain/time/period';
import { excludedGranularity, type Observation, type ReadingKey } from '#domain/usage/usage';
import { assertNoOverlap, type Overlapping } from '#billing/usage/usage-overlaps';
import { dayKey } from '#projections/usage-records/usage-records.lookups';
import { Occurrences } from '../rows/occurrences.js';

/**
 * The granularities of a stream's readings in this run, by billing kind. Where a kind has one only, none of the run's
 * readings excludes another, and nothing has to be remembered or looked up.
 */
export class SeenGranularities {
  private readonly seen = { hour: new Set<string>(), day: new Set<string>() };

  /** Whether a kind of these readings has both days and hours, with all readings added so far. */
  add(readings: readonly Observation[]): boolean {
    const { hour, day } = this.seen;
    for (const { granularity, billingKind } of readings)
      if (granularity !== 'event') this.seen[granularity].add(billingKind);
    if (hour.size === 0 || day.size === 0) return false;
    return readings.some(({ billingKind }) => day.has(billingKind) && hour.has(billingKind));
  }
}

interface Batch {
  readonly deploymentId: string;
  readonly observations: readonly Observation[];
}

/** The days and hours that a dry run would have recorded, at 12 bytes each. */
export class DryExclusions {
  private readonly named = new Occurrences();
  private readonly nameless = new Occurrences();
  private readonly ofAnyProvider = new Occurrences();

  add({ deploymentId, observations }: Batch): void {
    for (const reading of observations) {
      const { granularity, provider } = reading;
      if (excludedGranularity(granularity) === null) continue;
      const name = nameOf(deploymentId, granularity, reading);
      this.ofAnyProvider.next(name);
      if (provider === undefined) this.nameless.next(name);
      else this.named.next(`${provider}\u0000${name}`);
    }
  }

  /** Errors: `usage_overlap`, with every reading that an earlier one excludes. */
  assertNoOverlap({ deploymentId, observations }: Batch): void {
    assertNoOverlap(
      observations.flatMap((observation, index): Overlapping[] => {
        const granularity = excludedGranularity(observation.granularity);
        if (granularity === null) return [];
        const name = nameOf(deploymentId, granularity, observation);
        return this.has(name, observation.provider)
          ? [{ index, observation, other: { granularity, period: dayOf(observation.period.start) } }]
          : [];
      }),
    );
  }

  private has(name: string, provider: string | undefined): boolean {
    if (provider === undefined) return this.ofAnyProvider.count(name) > 0;
    return this.nameless.count(name) > 0 || this.named.count(`${provider}\u0000${name}`) > 0;
  }
}

const nameOf = (deploymentId: string, granularity: string, reading: ReadingKey): string =>
  [deploymentId, granularity, dayKey(reading)].join('\u0000');
