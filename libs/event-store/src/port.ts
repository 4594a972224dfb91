import type { Instant } from '#domain/time/instant';

/**
 * The log: immutable events in streams, in one global order. This port has three adapters (postgres, eventstoredb,
 * memory). All of them pass one contract suite (test/support/event-log-contract.ts).
 */
export interface EventLog {
  /**
   * Appends to one stream, all or nothing, if the stream is at `expectedRevision` (`NO_STREAM`: it has no event yet).
   * Idempotent without a time limit: if the stream continued from `expectedRevision` with exactly these event ids,
   * nothing is written and the answer is that of the first append. With any other ids: WrongExpectedRevision. Errors:
   * WrongExpectedRevision (read and decide again), AppendTooLarge (split it), UnknownOutcome (retry with the same ids
   * and revision), InvalidAppend (a defect of the caller: no log can store it), StreamDeleted and AccessDenied
   * (EventStoreDB refuses; an operator must act).
   */
  append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended>;

  /** The events of a stream from a revision (default 0), oldest first. Empty if the stream does not exist. */
  read(stream: string, fromRevision?: number): AsyncIterable<StoredEvent>;

  /** All events after a position (0: from the first), in global order, to the end of the log as it is now. */
  readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent>;

  /**
   * All events after a position, then new events as they come, until the signal aborts. After a lost connection it
   * subscribes again, after the last event that was delivered, with backoff.
   */
  subscribe(after: number, options: { signal: AbortSignal; filter?: EventFilter }): AsyncIterable<StoredEvent>;

  /** The revision of the last event of a stream. NO_STREAM if it has none. */
  revisionOf(stream: string): Promise<number>;

  /** The position of the last event. 0 if there is none. */
  head(): Promise<number>;

  /** The position of the last event recorded at or before an instant. 0 before the first event. */
  positionAt(at: Instant): Promise<number>;

  /** The events at these positions, in global order. Positions without an event are skipped. */
  readAt(positions: readonly number[]): AsyncIterable<StoredEvent>;

  /** What tells the event at a position from any other that a restored log may have there. undefined: it has none. */
  stampAt(position: number): Promise<Stamp | undefined>;

  close(): Promise<void>;
}

export const NO_STREAM = -1;

/** Maximum bytes of data and metadata in one append: EventStoreDB 22.10 to 25.0 refuse 1 MiB. */
export const MAX_APPEND_BYTES = 900 * 1024;

/**
 * The types of two events that no ledger appends, and that the mirror of EventStoreDB has: UNHELD stands for an event
 * that is not text, REMOVED for events that the server removed before they were copied.
 */
export const UNHELD = '$unheld';
export const REMOVED = '$removed';

export interface NewEvent {
  /** UUID. If a retry must be recognised, it is derived from what caused the event. */
  readonly id: string;
  readonly type: string;
  /** JSON text, stored byte for byte: these bytes are hashed. */
  readonly data: string;
  /** JSON text, stored byte for byte. */
  readonly metadata: string;
}

export interface StoredEvent extends NewEvent {
  readonly stream: string;
  /** 0 for the first event of its stream. */
  readonly revision: number;
  /**
   * Place in the global order. In postgres and memory: the dense ordinal 1, 2, 3 … In eventstoredb: the commit
   * position.
   */
  readonly position: number;
  /**
   * Set by the log, in microseconds. It never goes back in global order. EventStoreDB returns the clock of its server
   * unchanged: there, only the mirror in Postgres keeps it from going back.
   */
  readonly recordedAt: Instant;
}

/** Derived ids may come again at a position, but not at the same time. */
export type Stamp = Pick<StoredEvent, 'id' | 'recordedAt'>;

export interface Appended {
  /** Revision of the last event appended. */
  readonly revision: number;
  /** Position of the last event appended. */
  readonly position: number;
}

export interface EventFilter {
  /** Only streams whose name starts with one of these. */
  readonly streamPrefixes?: readonly string[];
  /** Only these event types. */
  readonly types?: readonly string[];
  /** Only events that one of these caused. */
  readonly actors?: readonly string[];
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
      `an append of ${bytes} bytes to ${stream} exceeds the limit of ${MAX_APPEND_BYTES}. Split it into ` +
        `several events and appends`,
    );
  }
}

/** EventStoreDB deleted the stream permanently (a tombstone). Nothing can be appended to it. */
export class StreamDeleted extends Error {
  override readonly name = 'StreamDeleted';
  constructor(readonly stream: string) {
    super(
      `the stream ${stream} was permanently deleted in EventStoreDB, so nothing can be appended to it. Its events ` +
        `are still in the mirror. Restore the server from a backup that has the stream`,
    );
  }
}

/** The user of the connection lacks a right in EventStoreDB. */
export class AccessDenied extends Error {
  override readonly name = 'AccessDenied';
}

/**
 * No answer came in time, or the connection broke. After an append, the events may or may not be stored: retry with the
 * same ids and revision.
 */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome';
}
