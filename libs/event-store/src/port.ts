import type { Instant } from '#domain/time/instant';

/**
 * The log: immutable events in streams, in one global order. Three adapters (postgres, eventstoredb, memory) behind
 * this port, and one contract suite (test/support/event-log-contract.ts) that all of them pass.
 */
export interface EventLog {
  /**
   * Appends to one stream, all or nothing, if the stream is at `expectedRevision` (`NO_STREAM` = it has no event yet).
   * Idempotent for ever: where the stream already went on from `expectedRevision` with exactly these event ids, the
   * answer is that of the first append and nothing is written; with any other ids: WrongExpectedRevision. Errors:
   * WrongExpectedRevision (read again, decide again), AppendTooLarge (split it), UnknownOutcome (retry with the same
   * ids and revision), InvalidAppend (a defect of the caller: no log could hold it).
   */
  append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended>;

  /** The events of a stream from a revision on (default 0), oldest first. A stream that does not exist has none. */
  read(stream: string, fromRevision?: number): AsyncIterable<StoredEvent>;

  /** All events after a position (0: from the first), in global order, to the end of the log as it is now. */
  readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent>;

  /**
   * All events after a position, then those to come, until the signal aborts. Survives a dropped connection:
   * it resubscribes after the last event that was handed over, with backoff.
   */
  subscribe(after: number, options: { signal: AbortSignal; filter?: EventFilter }): AsyncIterable<StoredEvent>;

  /** The revision of a stream's last event; NO_STREAM where it has none. */
  revisionOf(stream: string): Promise<number>;

  /** The position of the last event; 0 where there is none. */
  head(): Promise<number>;

  /** The position of the last event recorded at or before an instant; 0 before the first. */
  positionAt(at: Instant): Promise<number>;

  /** The events at these positions, in global order; a position that has none is passed over. */
  readAt(positions: readonly number[]): AsyncIterable<StoredEvent>;

  close(): Promise<void>;
}

export const NO_STREAM = -1;

/** Bytes of data and metadata that one append may hold: EventStoreDB 22.10 to 25.0 refuse 1 MiB. */
export const MAX_APPEND_BYTES = 900 * 1024;

export interface NewEvent {
  /** UUID; derived from what caused the event where a retry must be recognised. */
  readonly id: string;
  readonly type: string;
  /** JSON text. Kept byte for byte: these bytes are hashed. */
  readonly data: string;
  /** JSON text, kept byte for byte. */
  readonly metadata: string;
}

export interface StoredEvent extends NewEvent {
  readonly stream: string;
  /** 0 for the first event of its stream. */
  readonly revision: number;
  /**
   * Place in the global order: the dense ordinal 1, 2, 3 … in postgres and memory; the commit position in eventstoredb.
   */
  readonly position: number;
  /**
   * Set by the log, in microseconds; never goes back in global order. EventStoreDB gives its server's clock as it is:
   * there, only the mirror in postgres keeps it from going back.
   */
  readonly recordedAt: Instant;
}

export interface Appended {
  /** Revision of the last event appended. */
  readonly revision: number;
  /** Position of the last event appended. */
  readonly position: number;
}

export interface EventFilter {
  /** Only streams whose name begins with one of these. */
  readonly streamPrefixes?: readonly string[];
  /** Only these event types. */
  readonly types?: readonly string[];
}

export class WrongExpectedRevision extends Error {
  override readonly name = 'WrongExpectedRevision';
  constructor(
    readonly stream: string,
    readonly expected: number,
    readonly actual: number,
  ) {
    super(`stream ${stream} is at revision ${actual}, not ${expected}`);
  }
}

export class AppendTooLarge extends Error {
  override readonly name = 'AppendTooLarge';
  constructor(
    readonly stream: string,
    readonly bytes: number,
  ) {
    super(
      `an append of ${bytes} bytes to ${stream} is over the limit of ${MAX_APPEND_BYTES}: split it into ` +
        `several events and appends`,
    );
  }
}

/**
 * No answer came in time, or the connection broke. Of an append: the events may or may not be there; retry with the
 * same ids and revision.
 */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome';
}
