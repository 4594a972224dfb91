import type { Instant } from '#domain/time/instant';
import { type EventFilter, type EventLog, NO_STREAM, type Stamp, type StoredEvent } from './port.js';

/** A log as it was when its last event was at a position. Later events are not in it, and nothing is appended to it. */
export class LogUntil implements EventLog {
  constructor(
    private readonly log: EventLog,
    private readonly until: number,
  ) {}

  append(): never {
    throw new Error(`the log as of position ${this.until} is read-only`);
  }

  read(stream: string, fromRevision?: number): AsyncIterable<StoredEvent> {
    return this.upTo(this.log.read(stream, fromRevision));
  }

  readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent> {
    return this.upTo(this.log.readAll(after, filter));
  }

  readAt(positions: readonly number[]): AsyncIterable<StoredEvent> {
    return this.log.readAt(positions.filter((position) => position <= this.until));
  }

  async stampAt(position: number): Promise<Stamp | undefined> {
    return position <= this.until ? this.log.stampAt(position) : undefined;
  }

  subscribe(): never {
    throw new Error(`the log as of position ${this.until} can't be subscribed to`);
  }

  async revisionOf(stream: string): Promise<number> {
    let revision = NO_STREAM;
    for await (const event of this.read(stream)) revision = event.revision;
    return revision;
  }

  async head(): Promise<number> {
    return Math.min(this.until, await this.log.head());
  }

  async positionAt(at: Instant): Promise<number> {
    return Math.min(this.until, await this.log.positionAt(at));
  }

  async close(): Promise<void> {
    // Does nothing: the underlying log belongs to the caller.
  }

  private async *upTo(events: AsyncIterable<StoredEvent>): AsyncIterable<StoredEvent> {
    for await (const event of events) {
      if (event.position > this.until) return;
      yield event;
    }
  }
}
