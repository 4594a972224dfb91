import { setTimeout as delay } from 'node:timers/promises';
import type { Instant } from '#domain/time/instant';
import { isConnectionLost } from '#postgres/connection';
import { reason } from '#postgres/errors';
import { Backoff } from './backoff.js';
import type { EventStoreDbLog } from './eventstoredb.js';
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

const POLL_MS = 5;
const MIRROR_TIMEOUT_MS = 30_000;

/** Copying failed for good: until someone has looked, nothing is written, and nothing that is new can be read. */
export class MirrorStopped extends Error {
  override readonly name = 'MirrorStopped';
  constructor(cause: unknown) {
    super(
      `the mirror of EventStoreDB in Postgres stopped: ${reason(cause)}; mend that and start again: it goes ` +
        `on where it was`,
      { cause },
    );
  }
}

/**
 * EventStoreDB as the log, with its mirror in Postgres: what is written goes to the source, what is read comes from the
 * mirror, whose dense ordinals are the one meaning of position. A connection that is lost on either side is waited for;
 * where the mirror stops for good, whoever waits for it is told (MirrorStopped).
 */
export class MirroredLog implements EventLog {
  private readonly closing = new AbortController();
  private readonly stopped = new AbortController();
  private readonly mirroring: Promise<void>;

  constructor(
    private readonly source: EventStoreDbLog,
    private readonly mirror: PostgresLog,
  ) {
    this.mirroring = mirrorLog(source, mirror, { signal: this.closing.signal }).catch((error: unknown) => {
      this.stopped.abort(new MirrorStopped(error));
    });
  }

  /** The position is the event's ordinal, so the answer waits until the mirror has it. */
  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    this.stopped.signal.throwIfAborted();
    const { revision, position } = await this.source.append(stream, expectedRevision, events);
    const { ordinal } = await this.mirrored(position, async () => ({
      ordinal: await this.mirror.positionOfSource(position),
    }));
    if (ordinal === undefined) throw new UnknownOutcome(`the mirror passed over position ${position} of ${stream}`);
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

  /** A position is only known once the mirror has given it. */
  readAt(positions: readonly number[]): AsyncIterable<StoredEvent> {
    return this.mirror.readAt(positions);
  }

  revisionOf(stream: string): Promise<number> {
    return this.source.revisionOf(stream);
  }

  async head(): Promise<number> {
    await this.current();
    return this.mirror.head();
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.source.close();
    await this.mirroring;
    await this.mirror.close();
  }

  /** Until the mirror has all that the source has now. */
  private async current(): Promise<void> {
    await this.mirrored(await this.source.head(), async () => true);
  }

  /**
   * Asks the mirror once it has copied the source up to a commit position; as often as the connection to it is lost
   * meanwhile.
   */
  private async mirrored<Answer>(sourcePosition: number, ask: () => Promise<Answer>): Promise<Answer> {
    const deadline = performance.now() + MIRROR_TIMEOUT_MS;
    const backoff = new Backoff();
    for (;;) {
      this.stopped.signal.throwIfAborted();
      let lost: unknown;
      try {
        if ((await this.mirror.lastSourcePosition()) >= sourcePosition) return await ask();
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
