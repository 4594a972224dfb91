import type { Instant } from '#domain/time/instant';
import { BatchLoader } from '#postgres/batch-loader';
import { isConnectionLost } from '#postgres/connection';
import { reason } from '#postgres/errors';
import { Backoff } from './backoff.js';
import type { EventStoreDbLog } from './eventstoredb.js';
import { compareWithServer, type MirrorDifference } from './mirror.compare.js';
import { mirrorLog } from './mirror.js';
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
  /** The source has what the mirror has copied. Before that, nothing is answered. */
  private isCompared = false;

  constructor(
    private readonly source: EventStoreDbLog,
    private readonly mirror: PostgresLog,
  ) {
    const onCompared = (): void => {
      this.isCompared = true;
    };
    this.mirroring = mirrorLog(source, mirror, { signal: this.closing.signal, onCompared }).catch((error: unknown) => {
      this.stopped.abort(new MirrorStopped(error));
    });
  }

  /** The position is the ordinal of the event, so the answer waits until the mirror has it. */
  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    this.stopped.signal.throwIfAborted();
    const { revision, position } = await this.source.append(stream, expectedRevision, events);
    const ordinal = await this.mirrored(position, async () => this.mirror.positionOfSource(position));
    return { revision, position: ordinal };
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

  /** Resolves when the mirror has everything that the source has now. */
  private async current(): Promise<void> {
    const position = await this.heads.load(undefined);
    await this.mirrored(position, async () =>
      (await this.mirror.lastSourcePosition()) >= position ? true : undefined,
    );
  }

  /**
   * Asks the mirror until it has an answer, which it has once it has copied the source up to a position. It is asked
   * again when something was copied, and after every lost connection.
   */
  private async mirrored<Answer>(sourcePosition: number, ask: () => Promise<Answer | undefined>): Promise<Answer> {
    const deadline = performance.now() + MIRROR_TIMEOUT_MS;
    const backoff = new Backoff();
    const signal = AbortSignal.any([this.closing.signal, this.stopped.signal]);
    for (;;) {
      this.stopped.signal.throwIfAborted();
      const { bell } = this.mirror;
      const seen = bell.rings;
      let lost: unknown;
      try {
        const answer = this.isCompared ? await ask() : undefined;
        if (answer !== undefined) return answer;
        backoff.reset();
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        lost = error;
      }
      if (this.closing.signal.aborted || performance.now() > deadline)
        throw new UnknownOutcome(`the mirror did not reach position ${sourcePosition} of EventStoreDB in time`, {
          cause: lost,
        });
      await (lost === undefined
        ? bell.wait(seen, signal, this.isCompared ? LOOK_AGAIN_MS : POLL_MS)
        : backoff.wait(signal));
    }
  }
}
