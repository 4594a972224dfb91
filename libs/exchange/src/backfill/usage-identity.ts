import type { Observation } from '#domain/usage/usage';
import { Occurrences } from '../rows/occurrences.js';
import { looseKey } from '#projections/usage-records/usage-records.lookups';

export interface Identified {
  readonly identified: Observation;
  /** How many rows before it in this file have its key. */
  readonly before: number;
}

/** Identifies the rows of a file, so that equal rows stay separate and a second import finds them again. */
export class UsageIdentity {
  private readonly unnamed = new Occurrences();
  private readonly named = new Occurrences();
  /** Keys of rows that name a provider: a reading without a provider may be the same as one with it. */
  private readonly ofAnyProvider = new Occurrences();

  /**
   * A row with an id of its source's is that one. An event without one is told apart by its file and row (`identity`),
   * since equal ones are two. The reading of an hour or a day is the same when it is delivered again in another file,
   * so that its quantity can be corrected; what a file says of it a second time is another reading.
   */
  of(deploymentId: string, observation: Observation, identity: string): Identified {
    if (observation.sourceId === undefined && observation.granularity === 'event')
      return { identified: { ...observation, sourceId: identity }, before: 0 };
    const key = `${deploymentId}\u0000${looseKey(observation)}`;
    const { occurrence, others } = this.counted(key, observation.provider);
    if (occurrence === 1 || observation.sourceId !== undefined)
      return { identified: observation, before: occurrence - 1 + others };
    return { identified: { ...observation, sourceId: `#${occurrence}` }, before: others };
  }

  private counted(key: string, provider: string | undefined): { readonly occurrence: number; readonly others: number } {
    if (provider === undefined) return { occurrence: this.unnamed.next(key), others: this.ofAnyProvider.count(key) };
    this.ofAnyProvider.next(key);
    return { occurrence: this.named.next(`${provider}\u0000${key}`), others: this.unnamed.count(key) };
  }
}
