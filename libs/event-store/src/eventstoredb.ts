import {
  AccessDeniedError,
  CancelledError,
  convertToCommandError,
  DeadlineExceededError,
  InvalidArgumentError,
  MaxAppendSizeExceededError,
  NotLeaderError,
  StreamDeletedError,
  TimeoutError,
  UnavailableError,
  UnknownError,
} from '@eventstore/db-client';
import type { AppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { fromMicros, type Instant, isBefore } from '#domain/time/instant';
import { type Append, checkedAppend } from './append.js';
import { Backoff } from './backoff.js';
import { allAfter, allBackwards, allFrom, EventStoreDbWire, streamBackwards, streamFrom } from './eventstoredb.wire.js';
import { passes } from './filter.js';
import {
  type Appended,
  AppendTooLarge,
  type EventFilter,
  type EventLog,
  type NewEvent,
  NO_STREAM,
  type StoredEvent,
  UnknownOutcome,
  WrongExpectedRevision,
} from './port.js';

interface EventStoreDbLogOptions {
  /** Time limit of an append. After it, the outcome is unknown. */
  readonly appendTimeoutMs?: number;
}

const TICKS_PER_MICROSECOND = 10n;
/** The server can't be reached, or the connection was lost. */
const NO_ANSWER = [UnavailableError, CancelledError, DeadlineExceededError, TimeoutError];

/**
 * The log in EventStoreDB (or KurrentDB). The connection string `esdb://…` contains the credentials. Positions are
 * commit positions: ordered, with gaps. System events (`$…`) are skipped everywhere.
 *
 * This class adds what the client lacks: every append has a time limit, an exact revision and our own event ids, and a
 * subscription that fails continues after the last event that was delivered. It ignores the checkpoint and caught-up
 * messages of the server, because they run ahead of the delivered events.
 */
export class EventStoreDbLog implements EventLog {
  private readonly wire: EventStoreDbWire;
  private readonly appendTimeoutMs: number;
  private readonly closing = new AbortController();

  constructor(connectionString: string, options: EventStoreDbLogOptions = {}) {
    this.wire = new EventStoreDbWire(connectionString);
    this.appendTimeoutMs = options.appendTimeoutMs ?? 5_000;
  }

  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    const append = checkedAppend(stream, expectedRevision, events);
    const signal = AbortSignal.any([this.closing.signal, AbortSignal.timeout(this.appendTimeoutMs)]);
    const backoff = new Backoff();
    const started = performance.now();
    for (;;) {
      const left = this.appendTimeoutMs - (performance.now() - started);
      if (left <= 0 || this.closing.signal.aborted)
        throw new UnknownOutcome(`no leader was found in time for an append to ${stream}`);
      try {
        return await this.answer(append, await this.wire.append(append, Math.ceil(left)));
      } catch (error) {
        // This node is not the leader. Nothing was written, and the client now connects to the leader that the answer
        // names.
        if (!(commandError(error) instanceof NotLeaderError)) return await this.afterError(append, error);
      }
      await backoff.wait(signal);
    }
  }

  async *read(stream: string, fromRevision = 0): AsyncIterable<StoredEvent> {
    yield* this.events(streamFrom(stream, fromRevision));
  }

  async *readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent> {
    for await (const event of this.events(allFrom(after))) {
      if (event.position > after && passes(event, filter)) yield event;
    }
  }

  async *subscribe(after: number, options: { signal: AbortSignal; filter?: EventFilter }): AsyncIterable<StoredEvent> {
    const signal = AbortSignal.any([options.signal, this.closing.signal]);
    const backoff = new Backoff();
    let last = after;
    while (!signal.aborted) {
      try {
        for await (const event of this.events(allAfter(last, options.filter?.streamPrefixes), signal)) {
          if (signal.aborted) return;
          backoff.reset();
          if (event.position <= last) continue;
          last = event.position;
          if (passes(event, options.filter)) yield event;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (commandError(error) instanceof AccessDeniedError) throw error;
      }
      await backoff.wait(signal);
    }
  }

  async revisionOf(stream: string): Promise<number> {
    for await (const event of this.events(streamBackwards(stream))) return event.revision;
    return NO_STREAM;
  }

  async head(): Promise<number> {
    for await (const event of this.events(allBackwards())) return event.position;
    return 0;
  }

  /**
   * Searches from the end, because the server has no index of time. Its clock may go back: the result is the last event
   * that is not after the instant.
   */
  async positionAt(at: Instant): Promise<number> {
    for await (const event of this.events(allBackwards())) if (!isBefore(at, event.recordedAt)) return event.position;
    return 0;
  }

  async *readAt(positions: readonly number[]): AsyncIterable<StoredEvent> {
    for (const position of new Set([...positions].sort((a, b) => a - b))) {
      for await (const event of this.events(allFrom(position))) {
        if (event.position === position) yield event;
        break;
      }
    }
  }

  /** Ends the subscriptions and closes the connection. The outcome of an append in progress is unknown. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.wire.close();
  }

  private async *events(options: ReadReq.Options, signal?: AbortSignal): AsyncIterable<StoredEvent> {
    try {
      for await (const response of this.wire.read(options, signal)) {
        const event = storedEvent(response);
        if (event !== undefined) yield event;
      }
    } catch (error) {
      const answer = commandError(error);
      if (!NO_ANSWER.some((each) => answer instanceof each)) throw error;
      throw new UnknownOutcome(`EventStoreDB does not answer: ${answer.message}`, { cause: error });
    }
  }

  private async answer(append: Append, answer: AppendResp): Promise<Appended> {
    const refused = answer.getWrongExpectedVersion();
    if (refused !== undefined) {
      const actual = refused.hasCurrentRevision() ? safeNumber(refused.getCurrentRevision()) : NO_STREAM;
      throw new WrongExpectedRevision(append.stream, append.expectedRevision, actual);
    }
    const position = answer.getSuccess()?.getPosition();
    // A server that recognises a repetition may omit the position. The stream has it.
    if (position === undefined) return this.settle(append);
    return {
      revision: append.expectedRevision + append.events.length,
      position: safeNumber(position.getCommitPosition()),
    };
  }

  private async afterError(append: Append, error: unknown): Promise<Appended> {
    if (error instanceof WrongExpectedRevision || error instanceof UnknownOutcome) throw error;
    const answer = commandError(error);
    if (answer instanceof MaxAppendSizeExceededError) throw new AppendTooLarge(append.stream, append.bytes);
    if (
      answer instanceof AccessDeniedError ||
      answer instanceof StreamDeletedError ||
      answer instanceof InvalidArgumentError
    )
      throw answer;
    // Neither yes nor no: for example, some of the events are stored and the rest differ.
    if (answer instanceof UnknownError && !this.closing.signal.aborted) return this.settle(append);
    throw new UnknownOutcome(`an append to ${append.stream} got no answer: ${answer.message}`, { cause: error });
  }

  /** Determines the outcome of an append from the present events of the stream, if the answer does not say it. */
  private async settle({ stream, expectedRevision, events }: Append): Promise<Appended> {
    let actual = expectedRevision;
    let same = 0;
    let last: StoredEvent | undefined;
    for await (const event of this.read(stream, expectedRevision + 1)) {
      actual = event.revision;
      if (events[same]?.id !== event.id || event.revision !== expectedRevision + 1 + same) continue;
      same += 1;
      last = event;
      if (same === events.length) return { revision: last.revision, position: last.position };
    }
    if (actual === expectedRevision) throw new UnknownOutcome(`an append to ${stream} was neither stored nor refused`);
    throw new WrongExpectedRevision(stream, expectedRevision, actual);
  }
}

/** undefined: not an event, or a system event. */
function storedEvent(response: ReadResp): StoredEvent | undefined {
  const event = response.getEvent()?.getEvent();
  if (event === undefined) return undefined;
  const map = event.getMetadataMap();
  const type = map.get('type') ?? '';
  const stream = text(event.getStreamIdentifier()?.getStreamName_asU8());
  if (stream.startsWith('$') || type.startsWith('$')) return undefined;
  return {
    id: event.getId()?.getString() ?? '',
    type,
    data: text(event.getData_asU8()),
    metadata: text(event.getCustomMetadata_asU8()),
    stream,
    revision: safeNumber(event.getStreamRevision()),
    position: safeNumber(event.getCommitPosition()),
    recordedAt: fromMicros(BigInt(map.get('created') ?? '0') / TICKS_PER_MICROSECOND),
  };
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
const commandError = (error: unknown): Error =>
  convertToCommandError(error instanceof Error ? error : new Error(String(error)));

/** 2^53 bytes of log are 8 PiB. A JavaScript number can't hold a larger position exactly. */
function safeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is too large for a position or revision`);
  return number;
}
