import { isBefore, later, type Instant } from '#domain/time/instant';
import { checkedAppend } from './append.js';
import { Bell } from './bell.js';
import { passes } from './filter.js';
import {
  type Appended,
  type EventFilter,
  type EventLog,
  type NewEvent,
  type Stamp,
  type StoredEvent,
  WrongExpectedRevision,
} from './port.js';

/** The log in memory, for specs: the same contract as the other logs, with a clock that the test passes in. */
export class MemoryLog implements EventLog {
  private readonly all: StoredEvent[] = [];
  private readonly streams = new Map<string, StoredEvent[]>();
  private readonly bell = new Bell();
  private readonly closing = new AbortController();

  constructor(private readonly now: () => Instant) {}

  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    checkedAppend(stream, expectedRevision, events);
    const written = this.streams.get(stream) ?? [];
    const actual = written.length - 1;
    if (expectedRevision < actual) return repetition(stream, expectedRevision, events, written);
    if (expectedRevision > actual) throw new WrongExpectedRevision(stream, expectedRevision, actual);
    const previous = this.all.at(-1)?.recordedAt;
    const now = this.now();
    const recordedAt = previous === undefined ? now : later(previous, now);
    for (const { id, type, data, metadata } of events) {
      const event = {
        id,
        type,
        data,
        metadata,
        stream,
        revision: written.length,
        position: this.all.length + 1,
        recordedAt,
      };
      written.push(event);
      this.all.push(event);
    }
    this.streams.set(stream, written);
    this.bell.ring();
    return { revision: written.length - 1, position: this.all.length };
  }

  async *read(stream: string, fromRevision = 0): AsyncIterable<StoredEvent> {
    yield* (this.streams.get(stream) ?? []).slice(fromRevision);
  }

  async *readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent> {
    for (const event of this.all.slice(after)) if (passes(event, filter)) yield event;
  }

  async *subscribe(after: number, options: { signal: AbortSignal; filter?: EventFilter }): AsyncIterable<StoredEvent> {
    const signal = AbortSignal.any([options.signal, this.closing.signal]);
    let next = after;
    while (!signal.aborted) {
      const seen = this.bell.rings;
      for (let event = this.all[next]; event !== undefined && !signal.aborted; event = this.all[next]) {
        next += 1;
        if (passes(event, options.filter)) yield event;
      }
      await this.bell.wait(seen, signal);
    }
  }

  async revisionOf(stream: string): Promise<number> {
    return (this.streams.get(stream)?.length ?? 0) - 1;
  }

  async head(): Promise<number> {
    return this.all.length;
  }

  async positionAt(at: Instant): Promise<number> {
    return this.all.findLast(({ recordedAt }) => !isBefore(at, recordedAt))?.position ?? 0;
  }

  async *readAt(positions: readonly number[]): AsyncIterable<StoredEvent> {
    const wanted = new Set(positions);
    yield* this.all.filter(({ position }) => wanted.has(position));
  }

  async stampAt(position: number): Promise<Stamp | undefined> {
    return this.all[position - 1];
  }

  async close(): Promise<void> {
    this.closing.abort();
  }
}

/** The answer of the first append if the stream continued with exactly these events. Otherwise a conflict. */
function repetition(
  stream: string,
  expected: number,
  events: readonly NewEvent[],
  written: readonly StoredEvent[],
): Appended {
  const same = written.slice(expected + 1, expected + 1 + events.length);
  const last = same.at(-1);
  if (last === undefined || same.length < events.length || same.some((event, i) => event.id !== events[i]?.id)) {
    throw new WrongExpectedRevision(stream, expected, written.length - 1);
  }
  return { revision: last.revision, position: last.position };
}
