import { setTimeout as delay } from 'node:timers/promises';
import type { Instant } from '#domain/time/instant';
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
  NO_STREAM,
  type StoredEvent,
  UnknownOutcome,
} from './port.js';
import type { PostgresLog } from './postgres.js';

const POLL_MS = 5;
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
    const { ordinal } = await this.mirrored(position, async () => ({
      ordinal: await this.mirror.positionOfSource(position),
    }));
    if (ordinal === undefined) throw new UnknownOutcome(`the mirror skipped position ${position} of ${stream}`);
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

  /** Of a stream that EventStoreDB deleted, only the mirror knows the revision: the server goes on from there. */
  async revisionOf(stream: string): Promise<number> {
    const revision = await this.source.revisionOf(stream);
    return revision === NO_STREAM ? this.mirror.revisionOf(stream) : revision;
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
    await this.mirrored(await this.source.head(), async () => true);
  }

  /**
   * Asks the mirror after it has copied the source up to a commit position. It asks again after every lost connection.
   */
  private async mirrored<Answer>(sourcePosition: number, ask: () => Promise<Answer>): Promise<Answer> {
    const deadline = performance.now() + MIRROR_TIMEOUT_MS;
    const backoff = new Backoff();
    for (;;) {
      this.stopped.signal.throwIfAborted();
      let lost: unknown;
      try {
        if (this.isCompared && (await this.mirror.lastSourcePosition()) >= sourcePosition) return await ask();
        backoff.reset();
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        lost = error;
      }
      if (this.closing.signal.aborted || performance.now() > deadline)
        throw new UnknownOutcome(`the mirror did not reach position ${sourcePosition} of EventStoreDB in time`, {
          cause: lost,
        });
      await (lost === undefined ? delay(POLL_MS) : backoff.wait(this.closing.signal));
    }
  }
}
