import type { Instant } from '#domain/time/instant';
import { BatchLoader } from '#postgres/batch-loader';
import { isConnectionLost } from '#postgres/connection';
import { reason } from '#postgres/errors';
import { Backoff } from './backoff.js';
import type { EventStoreDbLog } from './eventstoredb.js';
import { compareWithServer, type MirrorDifference } from './mirror.compare.js';
import { mirrorLog, type MirrorState } from './mirror.js';
import {
  type Appended,
  type EventFilter,
  type EventLog,
  type NewEvent,
  type StoredEvent,
  UnknownOutcome,
} from './port.js';
import type { PostgresLog } from './postgres.js';

/** Until the mirror is compared with the source. */
const POLL_MS = 5;
/** For a copy that nobody told: the notification was lost. */
const LOOK_AGAIN_MS = 50;
const MIRROR_TIMEOUT_MS = 30_000;

/** Copying failed permanently. Until someone repairs it, nothing is written, and no new event can be read. */
export class MirrorStopped extends Error {
  override readonly name = 'MirrorStopped';
  constructor(cause: unknown) {
    super(
      `the mirror of EventStoreDB in Postgres stopped: ${reason(cause)}. Repair that and restart. Copying ` +
        `continues where it stopped.`,
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
  /** One question for all that ask at the same time. */
  private readonly heads = new BatchLoader(async (askers: readonly undefined[]) => {
    const head = await this.source.head();
    return askers.map(() => head);
  });
  private readonly closing = new AbortController();
  private readonly stopped = new AbortController();
  private readonly mirroring: Promise<void>;
  private readonly ending = AbortSignal.any([this.closing.signal, this.stopped.signal]);
  private state: MirrorState = { isCompared: false, notWritable: null };

  constructor(
    private readonly source: EventStoreDbLog,
    private readonly mirror: PostgresLog,
  ) {
    const onState = (state: MirrorState): void => {
      this.state = state;
    };
    this.mirroring = mirrorLog(source, mirror, { signal: this.closing.signal, onState }).catch((error: unknown) => {
      this.stopped.abort(new MirrorStopped(error));
    });
  }

  /** The position is the ordinal of the event, so the answer waits until the mirror has it. */
  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    // What nobody could read is not written either, nor is anything written to another server.
    await this.mirrored('is not compared with EventStoreDB', async () => true);
    if (this.state.notWritable !== null) throw this.state.notWritable;
    const { revision, position } = await this.source.append(stream, expectedRevision, events);
    const copy = await this.mirrored(`did not reach position ${position} of EventStoreDB`, async () =>
      this.mirror.copyOf(position),
    );
    if (copy.id !== events.at(-1)?.id)
      throw new UnknownOutcome(
        `EventStoreDB gave an append the position ${position}, where the mirror has another event`,
      );
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

  /** Also of a stream that EventStoreDB deleted: the server goes on from there. */
  async revisionOf(stream: string): Promise<number> {
    await this.current();
    return this.mirror.revisionOf(stream);
  }

  async head(): Promise<number> {
    await this.current();
    return this.mirror.head();
  }

  /** What EventStoreDB and the mirror do not agree on. */
  differences(): Promise<readonly MirrorDifference[]> {
    return compareWithServer(this.source, this.mirror);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.source.close();
    await this.mirroring;
    await this.mirror.close();
  }

  /** Resolves when the mirror has everything that the source has now, or can't write. */
  private async current(): Promise<void> {
    const position = await this.heads.load(undefined);
    await this.mirrored(`did not reach position ${position} of EventStoreDB`, async () =>
      (await this.mirror.lastSourcePosition()) >= position || this.state.notWritable !== null ? true : undefined,
    );
  }

  /**
   * Asks the mirror until it answers: first once it is compared with the source, then after each copy and each lost
   * connection. `delay`: what the mirror did not do in time, for the error.
   */
  private async mirrored<Answer>(delay: string, ask: () => Promise<Answer | undefined>): Promise<Answer> {
    const deadline = performance.now() + MIRROR_TIMEOUT_MS;
    const backoff = new Backoff();
    for (;;) {
      this.stopped.signal.throwIfAborted();
      const { bell } = this.mirror;
      const seen = bell.rings;
      let lost: unknown;
      try {
        const answer = this.state.isCompared || this.state.notWritable !== null ? await ask() : undefined;
        if (answer !== undefined) return answer;
        backoff.reset();
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        lost = error;
      }
      const { notWritable } = this.state;
      if (this.closing.signal.aborted || notWritable !== null || performance.now() > deadline)
        throw new UnknownOutcome(`the mirror ${delay} in time`, { cause: lost ?? notWritable });
      await (lost === undefined
        ? bell.wait(seen, this.ending, this.state.isCompared ? LOOK_AGAIN_MS : POLL_MS)
        : backoff.wait(this.ending));
    }
  }
}
