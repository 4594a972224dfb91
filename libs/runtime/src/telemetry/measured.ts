import type { Appended, EventFilter, EventLog, NewEvent } from '#event-store/port';
import type { Projecting, Projection } from '#read-model/projection';

/** Told of each piece of work as it is done: what it was, how much, and the work itself, which it must carry out once. */
export interface Measuring {
  append<Result>(
    of: { readonly stream: string; readonly events: number; readonly bytes: number },
    work: () => Promise<Result>,
  ): Promise<Result>;
  catchUp<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** The log, and whoever measures is told of its appends. */
export class MeasuredLog implements EventLog {
  constructor(
    private readonly log: EventLog,
    private readonly measuring: Measuring,
  ) {}

  append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    const bytes = events.reduce((total, { data, metadata }) => total + data.length + metadata.length, 0);
    return this.measuring.append({ stream, events: events.length, bytes }, () =>
      this.log.append(stream, expectedRevision, events),
    );
  }
  read(...asked: Parameters<EventLog['read']>): ReturnType<EventLog['read']> {
    return this.log.read(...asked);
  }
  readAll(after: number, filter?: EventFilter): ReturnType<EventLog['readAll']> {
    return filter === undefined ? this.log.readAll(after) : this.log.readAll(after, filter);
  }
  subscribe(...asked: Parameters<EventLog['subscribe']>): ReturnType<EventLog['subscribe']> {
    return this.log.subscribe(...asked);
  }
  revisionOf(stream: string): Promise<number> {
    return this.log.revisionOf(stream);
  }
  head(): Promise<number> {
    return this.log.head();
  }
  positionAt(...asked: Parameters<EventLog['positionAt']>): Promise<number> {
    return this.log.positionAt(...asked);
  }
  readAt(positions: readonly number[]): ReturnType<EventLog['readAt']> {
    return this.log.readAt(positions);
  }
  close(): Promise<void> {
    return this.log.close();
  }
}

/** The projections, and whoever measures is told of what is waited for. */
export class MeasuredProjecting implements Projecting {
  constructor(
    private readonly projecting: Projecting,
    private readonly measuring: Measuring,
  ) {}

  list(): readonly Projection[] {
    return this.projecting.list();
  }
  position(): Promise<number> {
    return this.projecting.position();
  }
  catchUp(position?: number): Promise<number> {
    return this.measuring.catchUp(() => this.projecting.catchUp(position));
  }
  run(...asked: Parameters<Projecting['run']>): Promise<void> {
    return this.projecting.run(...asked);
  }
}
