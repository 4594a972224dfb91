import type { DomainError } from '#domain/errors';
import type { Observation, ReadingKey } from '#domain/usage/usage';
import { otherEvent } from '#billing/usage/ingest';
import { keyOfRow, type KnownReading } from '#billing/usage/known-usage';

/** The reading to write, and in which round: earlier rounds must be projected. Or why it is refused. */
type Placed = { readonly observation: Observation; readonly round: number } | { readonly refused: DomainError };

interface Recorded {
  readonly key: ReadingKey;
  times: number;
}

/**
 * Events of one deployment, by the id of their source. An event that is recorded with another time is given that time,
 * so that it is a duplicate or a correction.
 */
export class EventPlaces {
  private readonly recorded = new Map<string, Recorded[]>();

  constructor(known: readonly KnownReading[]) {
    for (const { last } of known) this.note(keyOfRow(last));
  }

  /** Round 0 has the new events, and a later round those that are known by then. */
  place(observation: Observation): Placed {
    const recorded = this.recorded.get(observation.sourceId ?? '') ?? [];
    const last = recorded.at(-1);
    if (last === undefined) {
      this.note(observation);
      return { observation, round: 0 };
    }
    const same = recorded.filter(({ key }) => otherEvent(key, observation) === null);
    const found = same.find(({ key }) => key.period.start === observation.period.start) ?? same.at(-1) ?? last;
    const refused = otherEvent(found.key, observation);
    if (refused !== null) return { refused };
    found.times += 1;
    const { period, granularity } = found.key;
    return { observation: { ...observation, period, granularity }, round: found.times };
  }

  private note(key: ReadingKey): void {
    const sourceId = key.sourceId ?? '';
    this.recorded.set(sourceId, [...(this.recorded.get(sourceId) ?? []), { key, times: 0 }]);
  }
}
