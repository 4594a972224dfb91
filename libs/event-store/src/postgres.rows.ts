import type { Instant } from '#domain/time/instant';
import type { Outcome } from './batcher.js';
import { appendedOf, type Chain } from './chain.js';
import { type StoredEvent, WrongExpectedRevision } from './port.js';
import { markOwn } from './recent-texts.js';
import { type Int8, safeNumber } from './safe-number.js';

export interface Page {
  readonly events: readonly StoredEvent[];
  /** The position of each event in the source. null: it has none. */
  readonly sources: readonly (number | null)[];
  /** The page ends because it is full. The range may have more. */
  readonly isCut: boolean;
}

export interface EventRow {
  readonly position: Int8;
  readonly stream: string;
  readonly revision: Int8;
  readonly event_id: string;
  readonly type: string;
  /** null: this process has it. */
  readonly data: string | null;
  readonly metadata: string;
  readonly recorded_at: Instant;
  readonly page_bytes: Int8;
  readonly source_position: Int8 | null;
}

/** `known`: the data of events that this process appended, by id. */
export function storedEvent(row: EventRow, known: ReadonlyMap<string, string>): StoredEvent {
  const data = row.data ?? known.get(row.event_id);
  if (data === undefined) throw new Error(`the log returned the event at position ${row.position} without its data`);
  const event = {
    id: row.event_id,
    type: row.type,
    data,
    metadata: row.metadata,
    stream: row.stream,
    revision: safeNumber(row.revision),
    position: safeNumber(row.position),
    recordedAt: row.recorded_at,
  };
  return row.data === null ? markOwn(event) : event;
}

export interface AnswerRow {
  readonly answer: 'appended' | 'repeated' | 'conflict';
  readonly at_revision: Int8;
  readonly at_position: Int8 | null;
}

const unanswered = (): Error => new Error('the log returned no result for an append');

/** What the appends of a chain came to, which were sent as one. */
export function outcomesOf(chain: Chain, row: AnswerRow | undefined): Outcome[] {
  if (row === undefined) return chain.map(unanswered);
  const revision = safeNumber(row.at_revision);
  const [{ stream, expectedRevision }] = chain;
  return row.at_position === null
    ? chain.map(() => new WrongExpectedRevision(stream, expectedRevision, revision))
    : appendedOf(chain, { revision, position: safeNumber(row.at_position) });
}
