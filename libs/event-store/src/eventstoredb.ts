import {
  AccessDeniedError,
  convertToCommandError,
  InvalidArgumentError,
  MaxAppendSizeExceededError,
  StreamDeletedError,
  UnknownError,
} from '@eventstore/db-client';
import type { AppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { errorOf } from '#domain/errors';
import { type Instant, isBefore } from '#domain/time/instant';
import { type Append, checkedAppend } from './append.js';
import { Backoff } from './backoff.js';
import { type ServerEvent, serverRecord, type ServerRecord } from './eventstoredb.record.js';
import {
  allAfter,
  allBackwards,
  allFrom,
  EventStoreDbWire,
  lastOfAll,
  type ReadLimits,
  streamBackwards,
  streamFrom,
  subscriptionTo,
} from './eventstoredb.wire.js';
import { passes } from './filter.js';
import {
  AccessDenied,
  type Appended,
  AppendTooLarge,
  type EventFilter,
  type EventLog,
  type NewEvent,
  NO_STREAM,
  type Stamp,
  type StoredEvent,
  StreamDeleted,
  UnknownOutcome,
  WrongExpectedRevision,
} from './port.js';
import { safeNumber } from './safe-number.js';

interface EventStoreDbLogOptions {
  /** What the names of the ledger's streams begin with on the server. Default: DEFAULT_PREFIX. */
  readonly prefix?: string;
  /**
   * How long an append, or a question for the end of the log or a stream, waits for a server that is away, as during
   * an election. After that, the outcome is unknown.
   */
  readonly patienceMs?: number;
}

/** Servers are shared: the streams of a ledger have a prefix of their own, and nothing else is read. */
const DEFAULT_PREFIX = 'ledgerline-';
/** An election of a healthy cluster takes 3 to 4 s. */
const PATIENCE_MS = 10_000;

/**
 * The log in EventStoreDB (or KurrentDB). The connection string `esdb://…` contains the credentials. Positions are
 * commit positions: ordered, with gaps. A stream `a` is `ledgerline-a` on the server; streams without the prefix are
 * never read. Within the prefix every event is read, also of another application.
 *
 * This class adds what the client lacks. Every append has a time limit, an exact revision and our own event ids. While
 * the server is away, a question is repeated. A subscription that fails continues after the last delivered event. The
 * class ignores the checkpoint and caught-up messages of the server, because they run ahead of the delivered events.
 */
export class EventStoreDbLog implements EventLog {
  private readonly wire: EventStoreDbWire;
  readonly prefix: string;
  private readonly patienceMs: number;
  private readonly closing = new AbortController();
  /** The position of our last event, and up to where $all was searched for it. */
  private last = { ours: 0, searched: 0 };

  constructor(connectionString: string, options: EventStoreDbLogOptions = {}) {
    this.wire = new EventStoreDbWire(connectionString);
    this.prefix = options.prefix ?? DEFAULT_PREFIX;
    this.patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /** `isReady`: awaited before each attempt. After a lost connection, the server may be another one. */
  async append(
    stream: string,
    expectedRevision: number,
    events: readonly NewEvent[],
    isReady: () => Promise<unknown> = async () => undefined,
  ): Promise<Appended> {
    const append = checkedAppend(stream, expectedRevision, events);
    // Repeated as it is: with the same ids at the same revision, the server recognises what it has.
    return this.patiently(`an append to ${stream}`, async (leftMs) => {
      await isReady();
      const named = { ...append, stream: this.prefix + stream };
      try {
        const position = await this.wire.appendTogether(named, leftMs);
        const appended =
          position === undefined
            ? await this.answer(append, await this.wire.append(named, leftMs))
            : { revision: expectedRevision + events.length, position: safeNumber(position) };
        this.lastIs(appended.position, appended.position);
        return appended;
      } catch (error) {
        return this.afterError(append, error);
      }
    });
  }

  async *read(stream: string, fromRevision = 0): AsyncIterable<StoredEvent> {
    yield* this.events(streamFrom(this.prefix + stream, fromRevision));
  }

  async *readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent> {
    for await (const event of this.events(allFrom(after, this.prefix))) {
      if (event.position > after && passes(event, filter)) yield event;
    }
  }

  async *subscribe(after: number, options: { signal: AbortSignal; filter?: EventFilter }): AsyncIterable<StoredEvent> {
    const signal = AbortSignal.any([options.signal, this.closing.signal]);
    const backoff = new Backoff();
    let last = after;
    while (!signal.aborted) {
      try {
        for await (const record of this.records(last, signal)) {
          backoff.reset();
          last = record.position;
          if ('event' in record && passes(record.event, options.filter)) yield record.event;
        }
      } catch (error) {
        if (!(error instanceof UnknownOutcome)) throw error;
      }
      await backoff.wait(signal);
    }
  }

  /**
   * All that the server has after a position, and then what comes, until the signal aborts. Errors: UnknownOutcome, if
   * the connection is lost: the server may be another one when it is back.
   */
  async *records(after: number, signal: AbortSignal): AsyncIterable<ServerRecord> {
    let last = after;
    try {
      for await (const record of this.recordsOf(allAfter(last, this.prefix), { signal })) {
        if (signal.aborted) return;
        if (record.position <= last) continue;
        last = record.position;
        yield record;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Waits until the signal aborts. Errors: UnknownOutcome, if the connection to the server is lost. */
  async watch(signal: AbortSignal): Promise<never> {
    try {
      // No event is ever in this stream.
      await Array.fromAsync(this.responses(subscriptionTo(`${this.prefix}$none`), { signal }));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    throw new UnknownOutcome('EventStoreDB ended a subscription');
  }

  /** The position of the last event of the server, of whatever stream. */
  async end(): Promise<number> {
    return this.patiently('the end of the server', async (leftMs) => (await this.endOfServer(leftMs)).position);
  }

  /** The event of a stream at a revision. undefined: the server has none there (any more). */
  async eventOf(stream: string, revision: number): Promise<StoredEvent | undefined> {
    return this.patiently(`an event of ${stream}`, async (deadlineMs) => {
      try {
        const record = await this.firstOf(streamFrom(this.prefix + stream, revision, '1'), deadlineMs);
        return record !== undefined && 'event' in record && record.event.revision === revision
          ? record.event
          : undefined;
      } catch (error) {
        if (error instanceof StreamDeleted) return undefined;
        throw error;
      }
    });
  }

  /** The events that the server has, in order, from the position of one of them (0: the first) up to a position. */
  async *recorded({ from = 0, upTo }: { readonly from?: number; readonly upTo: number }): AsyncIterable<ServerEvent> {
    for await (const record of this.recordsOf(allFrom(from, this.prefix))) {
      if (record.position > upTo) return;
      if ('event' in record) yield record;
    }
  }

  /** A stream that was permanently deleted has no revision: NO_STREAM. */
  async revisionOf(stream: string): Promise<number> {
    return this.patiently(`the revision of ${stream}`, async (deadlineMs) => {
      try {
        for await (const record of this.recordsOf(streamBackwards(this.prefix + stream), { deadlineMs }))
          if ('event' in record) return record.event.revision;
      } catch (error) {
        if (!(error instanceof StreamDeleted)) throw error;
      }
      return NO_STREAM;
    });
  }

  /**
   * Whether the server has had a revision of a stream, as far as it can tell. It may lack an event that it had if the
   * stream was deleted, or if someone set its metadata, which limit how much of it is kept.
   */
  async hasHad(stream: string, revision: number): Promise<boolean> {
    return this.patiently(`the end of ${stream}`, async (deadlineMs) => {
      const name = this.prefix + stream;
      try {
        const last = await this.firstOf(streamBackwards(name), deadlineMs);
        if (last !== undefined && 'event' in last) return last.event.revision >= revision;
        for await (const response of this.responses(streamBackwards(`$$${name}`), { deadlineMs }))
          if (response.hasEvent()) return true;
        return false;
      } catch (error) {
        // Who may not read the metadata can't tell.
        if (error instanceof StreamDeleted || error instanceof AccessDenied) return true;
        throw error;
      }
    });
  }

  /**
   * Many events of others may follow our last one. They are searched once: each call continues where the last one
   * ended.
   */
  async head(): Promise<number> {
    return this.patiently('the end of the log', async (deadlineMs) => {
      const end = await this.endOfServer(deadlineMs);
      if (end.isOurs) return this.lastIs(end.position, end.position);
      const { ours, searched } = this.last;
      if (end.position <= searched) return ours;
      const isUnchanged = (await this.firstAfter(searched, deadlineMs)) === undefined;
      const last = isUnchanged
        ? ours
        : ((await this.firstOf(allBackwards(this.prefix, '1'), deadlineMs))?.position ?? ours);
      return this.lastIs(last, end.position);
    });
  }

  /**
   * Searches from the end, because the server has no index of time. Its clock may go back: the result is the last event
   * that is not after the instant.
   */
  async positionAt(at: Instant): Promise<number> {
    for await (const event of this.events(allBackwards(this.prefix)))
      if (!isBefore(at, event.recordedAt)) return event.position;
    return 0;
  }

  async *readAt(positions: readonly number[]): AsyncIterable<StoredEvent> {
    for (const position of new Set([...positions].sort((a, b) => a - b))) {
      const record = await this.firstOf(allFrom(position, this.prefix, '1'));
      if (record?.position === position && 'event' in record) yield record.event;
    }
  }

  async stampAt(position: number): Promise<Stamp | undefined> {
    return (await Array.fromAsync(this.readAt([position])))[0];
  }

  /** The first event of the server in streams whose names begin so, with its whole name there. */
  async firstOfAny(beginnings: readonly string[]): Promise<StoredEvent | undefined> {
    for await (const response of this.responses(allFrom(0, beginnings, '1'), {})) {
      const record = serverRecord(response, '');
      if (record !== undefined && 'event' in record) return record.event;
    }
    return undefined;
  }

  /** Ends the subscriptions and closes the connection. The outcome of an append in progress is unknown. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.wire.close();
  }

  /** Asks again until a server answers. Errors: UnknownOutcome, after the patience. */
  private async patiently<Answer>(what: string, ask: (leftMs: number) => Promise<Answer>): Promise<Answer> {
    const started = performance.now();
    const backoff = new Backoff();
    let cause: unknown;
    for (;;) {
      const left = Math.ceil(this.patienceMs - (performance.now() - started));
      if (left <= 0 || this.closing.signal.aborted)
        throw new UnknownOutcome(
          `EventStoreDB did not answer within ${this.patienceMs} ms (asked for ${what}). Check that the server runs, ` +
            'and that EVENT_STORE_URL names it',
          { cause },
        );
      try {
        return await ask(left);
      } catch (error) {
        if (!(error instanceof UnknownOutcome)) throw error;
        cause = error;
      }
      await backoff.wait(this.closing.signal, Math.max(0, this.patienceMs - (performance.now() - started)));
    }
  }

  private async *events(options: ReadReq.Options): AsyncIterable<StoredEvent> {
    for await (const record of this.recordsOf(options)) if ('event' in record) yield record.event;
  }

  private async firstOf(options: ReadReq.Options, deadlineMs?: number): Promise<ServerRecord | undefined> {
    for await (const record of this.recordsOf(options, { deadlineMs })) return record;
    return undefined;
  }

  /** The position of the first record of ours after a position. */
  private async firstAfter(position: number, deadlineMs: number): Promise<number | undefined> {
    // The read includes the position itself.
    for await (const record of this.recordsOf(allFrom(position, this.prefix, '2'), { deadlineMs }))
      if (record.position > position) return record.position;
    return undefined;
  }

  private lastIs(ours: number, searched: number): number {
    this.last = { ours: Math.max(this.last.ours, ours), searched: Math.max(this.last.searched, ours, searched) };
    return this.last.ours;
  }

  /** The last event of the server, of whatever stream. */
  private async endOfServer(deadlineMs: number): Promise<{ readonly position: number; readonly isOurs: boolean }> {
    for await (const response of this.responses(lastOfAll(), { deadlineMs })) {
      const position = response.getEvent()?.getEvent()?.getCommitPosition();
      if (position === undefined) continue;
      return { position: safeNumber(position), isOurs: serverRecord(response, this.prefix) !== undefined };
    }
    return { position: 0, isOurs: false };
  }

  private async *recordsOf(options: ReadReq.Options, limits: ReadLimits = {}): AsyncIterable<ServerRecord> {
    for await (const response of this.responses(options, limits)) {
      const record = serverRecord(response, this.prefix);
      if (record !== undefined) yield record;
    }
  }

  /** Reads ask the leader, because another node may be behind. A subscription, with a signal, may follow any node. */
  private async *responses(options: ReadReq.Options, limits: ReadLimits): AsyncIterable<ReadResp> {
    const answers = this.wire
      .read(options, { ...limits, requiresLeader: limits.signal === undefined })
      [Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await answers.next().catch((error: unknown) => {
          throw this.meaningOf(error, 'reads');
        });
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await answers.return?.();
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
    // Neither yes nor no: for example, some of the events are stored and the rest differ.
    if (answer instanceof UnknownError && !this.closing.signal.aborted) return this.settle(append);
    throw this.meaningOf(error, 'appends');
  }

  /**
   * Translates an error of the client. The client has many errors for a server that is away, some of them plain
   * ("Failed to discover after 10 attempts"). So every error that is no definite refusal means that there is no answer.
   */
  private meaningOf(error: unknown, what: 'reads' | 'appends'): Error {
    const answer = commandError(error);
    if (answer instanceof InvalidArgumentError) return answer;
    if (answer instanceof StreamDeletedError) return new StreamDeleted(this.shortened(answer.streamName));
    if (answer instanceof AccessDeniedError)
      return new AccessDenied(
        `EventStoreDB refuses ${what} of the user in EVENT_STORE_URL. ${
          what === 'reads'
            ? 'Reading $all needs a member of $admins, or "$r" in the ACL of $all'
            : `Appending needs the right "$w" on the streams ${this.prefix}…`
        }. Check also its password`,
        { cause: error },
      );
    return new UnknownOutcome(`EventStoreDB does not answer: ${answer.message}`, { cause: error });
  }

  private shortened(name: string): string {
    return name.startsWith(this.prefix) ? name.slice(this.prefix.length) : name;
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

const commandError = (error: unknown): Error => convertToCommandError(errorOf(error));
