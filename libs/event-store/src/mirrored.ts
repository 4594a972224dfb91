import { setTimeout as delay } from 'node:timers/promises';
import type { EventStoreDbLog } from './eventstoredb.js';
import { mirrorLog } from './mirror.js';
import { type Appended, type EventFilter, type EventLog, type NewEvent, type StoredEvent, UnknownOutcome } from './port.js';
import type { PostgresLog } from './postgres.js';

const POLL_MS = 5;
const MIRROR_TIMEOUT_MS = 30_000;

/**
 * EventStoreDB as the log, with its mirror in Postgres: streams are written and read at the source, everything in global
 * order comes from the mirror, whose dense ordinals are the one meaning of position.
 */
export class MirroredLog implements EventLog {
  readonly #closing = new AbortController();
  readonly #mirroring: Promise<void>;
  #failed: Error | undefined;

  constructor(
    private readonly source: EventStoreDbLog,
    private readonly mirror: PostgresLog,
  ) {
    this.#mirroring = mirrorLog(source, mirror, { signal: this.#closing.signal }).catch((error: unknown) => {
      this.#failed = error instanceof Error ? error : new Error(String(error));
    });
  }

  /** The position is the event's ordinal, so the answer waits until the mirror has it. */
  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    const { revision, position } = await this.source.append(stream, expectedRevision, events);
    await this.#mirrored(position);
    const ordinal = await this.mirror.positionOfSource(position);
    if (ordinal === undefined) throw new UnknownOutcome(`the mirror passed over position ${position} of ${stream}`);
    return { revision, position: ordinal };
  }

  read(stream: string, fromRevision?: number): AsyncIterable<StoredEvent> {
    return this.source.read(stream, fromRevision);
  }

  async *readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent> {
    await this.#mirrored(await this.source.head());
    yield* this.mirror.readAll(after, filter);
  }

  subscribe(after: number, options: { signal: AbortSignal; filter?: EventFilter }): AsyncIterable<StoredEvent> {
    return this.mirror.subscribe(after, options);
  }

  revisionOf(stream: string): Promise<number> {
    return this.source.revisionOf(stream);
  }

  async head(): Promise<number> {
    await this.#mirrored(await this.source.head());
    return this.mirror.head();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.source.close();
    await this.#mirroring;
    await this.mirror.close();
  }

  /** Waits until the mirror has copied the source up to a commit position. */
  async #mirrored(sourcePosition: number): Promise<void> {
    const deadline = performance.now() + MIRROR_TIMEOUT_MS;
    while ((await this.mirror.lastSourcePosition()) < sourcePosition) {
      if (this.#failed !== undefined) throw this.#failed;
      if (performance.now() > deadline) throw new UnknownOutcome(`the mirror did not reach position ${sourcePosition} of EventStoreDB in time`);
      await delay(POLL_MS);
    }
  }
}
