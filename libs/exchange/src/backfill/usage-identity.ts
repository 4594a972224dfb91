import type { Observation } from '#domain/usage/usage';
import { Occurrences } from '../rows/occurrences.js';
import { looseKey } from '#projections/usage-records/usage-records.lookups';

export interface Identified {
  readonly identified: Observation;
  /** Number of earlier rows in this file with the same key. */
  readonly before: number;
}

/** Identifies the rows of a file, so that equal rows stay separate and a second import finds them again. */
export class UsageIdentity {
  private readonly unnamed = new Occurrences();
  private readonly named = new Occurrences();
  /** Keys of rows that name a provider: a reading without a provider may be the same as one with it. */
  private readonly ofAnyProvider = new Occurrences();

  /**
   * A row with an id of its source is identified by that id. An event without an id is identified by its file and row
   * (`identity`), because equal events are separate ones. A reading of an hour or a day is the same reading if another
   * file delivers it again, so that its quantity can be corrected. A second such row in the same file is another
   * reading.
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
