import type { Instant } from '#domain/time/instant';
import { isConnectionLost } from '#postgres/connection';
import { reason } from '#postgres/errors';
import { Backoff } from './backoff.js';
import { Bell } from './bell.js';
import type { EventStoreDbLog } from './eventstoredb.js';
import { compareWithServer, type MirrorDifference } from './mirror.compare.js';
import { mirrorLog, type MirrorState, type NotWritable, OtherSource } from './mirror.js';
import {
  type Appended,
  type EventFilter,
  type EventLog,
  type NewEvent,
  type Stamp,
  type StoredEvent,
  UnknownOutcome,
  WrongExpectedRevision,
} from './port.js';
import { OwnCopies } from './own-copies.js';
import type { Copied } from './postgres.copies.js';
import type { PostgresLog } from './postgres.js';

/** Until the mirror is compared with the source. */
const POLL_MS = 5;
/** For a copy that nobody told: the notification was lost. */
const LOOK_AGAIN_MS = 50;
/** A copy is late: the process that copies may be stuck. */
const LATE_MS = 2_000;
const MIRROR_TIMEOUT_MS = 30_000;
/** While the server is away, or is compared. */
const SERVER_TIMEOUT_MS = 10_000;

/** Copying failed permanently. Until someone repairs it, nothing is written, and no new event can be read. */
export class MirrorStopped extends Error {
  override readonly name = 'MirrorStopped';
  constructor(cause: unknown) {
    super(
      `the mirror of EventStoreDB in Postgres stopped: ${reason(cause)}.` +
        // That says what to do, which may be to begin with another database.
        (cause instanceof OtherSource ? '' : ' Repair that and restart. Copying continues where it stopped.'),
      { cause },
    );
  }
}

/**
 * EventStoreDB as the log, with a mirror in Postgres: events are written to the source and read from the mirror. A
 * position is always the dense ordinal of the mirror. A lost connection on either side is retried. If the mirror stops
 * permanently, waiting calls fail with MirrorStopped.
 */
export class MirroredLog implements EventLog {
  private readonly closing = new AbortController();
  private readonly stopped = new AbortController();
  private readonly mirroring: Promise<void>;
  private readonly ending = AbortSignal.any([this.closing.signal, this.stopped.signal]);
  private state: MirrorState = { comparedUpTo: null, copiesAfter: null, notWritable: null };
  /** Up to this position of the source, appends were answered. Who reads must find them. */
  private answered = 0;
  /** Up to this position of the source, the mirror has everything. */
  private copiedUpTo = 0;
  private readonly own = new OwnCopies();
  /** Rings when this process has copied something. */
  private readonly copying = new Bell();
  private readonly late = new Bell();
  private inFlight = 0;

  constructor(
    private readonly source: EventStoreDbLog,
    private readonly mirror: PostgresLog,
  ) {
    this.mirroring = mirrorLog(source, mirror, {
      signal: this.closing.signal,
      late: this.late,
      inFlight: () => this.inFlight,
      onState: (state) => this.become(state),
      onCopied: (copied, upTo) => this.remember(copied, upTo),
    }).catch((error: unknown) => {
      this.stopped.abort(new MirrorStopped(error));
    });
  }

  /** The position is the ordinal of the event, so the answer waits until the mirror has it. */
  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    this.inFlight += 1;
    try {
      return await this.appendedAndCopied(stream, expectedRevision, events);
    } finally {
      this.inFlight -= 1;
    }
  }

  private async appendedAndCopied(
    stream: string,
    expectedRevision: number,
    events: readonly NewEvent[],
  ): Promise<Appended> {
    const { revision, position } = await this.appended(stream, expectedRevision, events);
    const copy = await this.copyOf(position);
    if (copy.id !== events.at(-1)?.id)
      throw new UnknownOutcome(
        `EventStoreDB gave an append the position ${position}, where the mirror has another event`,
      );
    this.answered = Math.max(this.answered, position);
    return { revision, position: copy.position };
  }

  async *read(stream: string, fromRevision?: number): AsyncIterable<StoredEvent> {
    await this.current();
    yield* this.mirror.read(stream, fromRevision);
  }

  async *readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent> {
    await this.current();
    yield* this.mirror.readAll(after, filter);
  }

  async *subscribe(after: number, options: { signal: AbortSignal; filter?: EventFilter }): AsyncIterable<StoredEvent> {
    const signal = AbortSignal.any([options.signal, this.stopped.signal]);
    yield* this.mirror.subscribe(after, { ...options, signal });
    if (!options.signal.aborted) this.stopped.signal.throwIfAborted();
  }

  async positionAt(at: Instant): Promise<number> {
    await this.current();
    return this.mirror.positionAt(at);
  }

  /** A position is known only after the mirror has assigned it. */
  readAt(positions: readonly number[]): AsyncIterable<StoredEvent> {
    return this.mirror.readAt(positions);
  }

  stampAt(position: number): Promise<Stamp | undefined> {
    return this.mirror.stampAt(position);
  }

  /** Also of a stream that EventStoreDB deleted: the server goes on from there. */
  async revisionOf(stream: string): Promise<number> {
    await this.current();
    return this.mirror.revisionOf(stream);
  }

  async head(): Promise<number> {
    await this.current();
    return this.mirror.head();
  }

  /** Why the mirror can't be written, as this process found it. null: it can. Meanwhile reads may lack events. */
  get notWritable(): NotWritable | null {
    return this.state.notWritable;
  }

  /** The same, unless another process has copied since what this one could not: then reads lack nothing. */
  async missing(): Promise<NotWritable | null> {
    const { notWritable } = this.state;
    const { position = null } = notWritable ?? {};
    return position !== null && (await this.mirror.lastSourcePosition()) >= position ? null : notWritable;
  }

  /** Whether EventStoreDB answers, and lets the user read. Errors: UnknownOutcome, AccessDenied. */
  async probe(): Promise<void> {
    await this.source.head();
  }

  /** Waits until the mirror has what the server has of a stream, also if no append was answered. */
  async copied(stream: string): Promise<void> {
    const revision = await this.source.revisionOf(stream);
    await this.mirrored(`did not reach revision ${revision} of ${stream}`, async () =>
      (await this.mirror.revisionOf(stream)) >= revision ? true : undefined,
    );
  }

  async isOnServer(stream: string, revision: number): Promise<boolean> {
    return (await this.source.eventOf(stream, revision)) !== undefined;
  }

  /** Whether EventStoreDB permanently deleted the stream, as far as the mirror noticed. */
  async isDeleted(stream: string): Promise<boolean> {
    return (await this.mirror.removals()).some((each) => each.stream === stream && each.revisions === null);
  }

  /** What EventStoreDB and the mirror do not agree on. `signal`: ends it earlier. */
  differences(signal?: AbortSignal): Promise<readonly MirrorDifference[]> {
    return compareWithServer(this.source, this.mirror, signal);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.source.close();
    await this.mirroring;
    await this.mirror.close();
  }

  /** What nobody could read is not written either, nor is anything written to another server. */
  private async readyToWrite(): Promise<void> {
    await this.mirrored('is not compared with EventStoreDB', async () => true);
    if (this.state.notWritable !== null) throw this.state.notWritable.error;
  }

  /** Reports a conflict only when the mirror has the conflicting events: whoever decides again reads them. */
  private async appended(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    try {
      return await this.source.append(stream, expectedRevision, events, async () => this.readyToWrite());
    } catch (error) {
      if (error instanceof WrongExpectedRevision)
        await this.mirrored(`did not reach revision ${error.actual} of ${stream}`, async () =>
          (await this.mirror.revisionOf(stream)) >= error.actual ? true : undefined,
        );
      throw error;
    }
  }

  private async copyOf(position: number): Promise<Pick<Copied, 'position' | 'id'>> {
    const { copiesAfter } = this.state;
    const isOwn = copiesAfter !== null && position > copiesAfter;
    const copy = isOwn ? await this.own.of(position) : undefined;
    return (
      copy ??
      (await this.mirrored(`did not reach position ${position} of EventStoreDB`, async () =>
        this.mirror.copyOf(position),
      ))
    );
  }

  /**
   * Resolves when the mirror has every event whose append was answered, or can't write. The server is not asked: what
   * was answered is in the mirror, except after a restart or restore of either side. Then the mirror first comes to
   * where the server was when they were compared. An event that another writer has just appended may be missing, and
   * the server refuses a decision that does not know it.
   */
  private async current(): Promise<void> {
    if (this.isCompared && this.copiedUpTo >= this.answered && !this.stopped.signal.aborted) return;
    await this.mirrored(`did not reach position ${this.answered} of EventStoreDB`, async () => {
      if (this.copiedUpTo >= this.answered || this.state.notWritable !== null) return true;
      const { state } = this;
      const copied = await this.mirror.lastSourcePosition();
      if (state.comparedUpTo !== null && state.comparedUpTo === this.state.comparedUpTo) this.copiedUpTo = copied;
      return copied >= this.answered ? true : undefined;
    });
  }

  private become(state: MirrorState): void {
    this.state = state;
    if (state.copiesAfter === null) this.own.end();
    if (state.comparedUpTo === null) this.copiedUpTo = 0;
    else this.answered = Math.max(this.answered, state.comparedUpTo);
    this.copying.ring();
  }

  private remember(copied: readonly Copied[], upTo: number): void {
    this.copiedUpTo = Math.max(this.copiedUpTo, upTo);
    this.own.add(copied);
    this.copying.ring();
  }

  /**
   * Asks the mirror until it answers: first once it is compared with the source, then after each copy and each lost
   * connection. `delay`: what the mirror did not do in time, for the error.
   */
  private async mirrored<Answer>(delay: string, ask: () => Promise<Answer | undefined>): Promise<Answer> {
    const started = performance.now();
    const backoff = new Backoff();
    for (;;) {
      this.stopped.signal.throwIfAborted();
      const { notWritable, copiesAfter } = this.state;
      const bell = copiesAfter === null ? this.mirror.bell : this.copying;
      const seen = bell.rings;
      let lost: unknown;
      try {
        const answer = this.isCompared || notWritable !== null ? await ask() : undefined;
        if (answer !== undefined) return answer;
        backoff.reset();
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        lost = error;
      }
      const waited = performance.now() - started;
      if (
        this.closing.signal.aborted ||
        notWritable !== null ||
        waited > (this.isCompared ? MIRROR_TIMEOUT_MS : SERVER_TIMEOUT_MS)
      )
        throw new UnknownOutcome(`the mirror ${delay} in time`, { cause: lost ?? notWritable?.error });
      if (copiesAfter === null && waited > LATE_MS) this.late.ring();
      await (lost === undefined
        ? bell.wait(seen, this.ending, this.isCompared ? LOOK_AGAIN_MS : POLL_MS)
        : backoff.wait(this.ending));
    }
  }

  private get isCompared(): boolean {
    return this.state.comparedUpTo !== null;
  }
}
