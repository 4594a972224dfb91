import type { Appended, EventFilter, EventLog, NewEvent } from '#event-store/port';
import type { Projected, Projecting, Projection } from '#read-model/projection';

/** Measures work: it gets the kind and the size of the work, and must carry out the work exactly once. */
export interface Measuring {
  append<Result>(
    of: { readonly stream: string; readonly events: number; readonly bytes: number },
    work: () => Promise<Result>,
  ): Promise<Result>;
  catchUp<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** A log whose appends are measured. */
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
  read(...args: Parameters<EventLog['read']>): ReturnType<EventLog['read']> {
    return this.log.read(...args);
  }
  readAll(after: number, filter?: EventFilter): ReturnType<EventLog['readAll']> {
    return filter === undefined ? this.log.readAll(after) : this.log.readAll(after, filter);
  }
  subscribe(...args: Parameters<EventLog['subscribe']>): ReturnType<EventLog['subscribe']> {
    return this.log.subscribe(...args);
  }
  revisionOf(stream: string): Promise<number> {
    return this.log.revisionOf(stream);
  }
  head(): Promise<number> {
    return this.log.head();
  }
  positionAt(...args: Parameters<EventLog['positionAt']>): Promise<number> {
    return this.log.positionAt(...args);
  }
  readAt(positions: readonly number[]): ReturnType<EventLog['readAt']> {
    return this.log.readAt(positions);
  }
  stampAt(position: number): ReturnType<EventLog['stampAt']> {
    return this.log.stampAt(position);
  }
  close(): Promise<void> {
    return this.log.close();
  }
}

/** Projections whose catch-ups are measured. */
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
  projected(): Promise<Projected> {
    return this.projecting.projected();
  }
  haltSeen(): ReturnType<Projecting['haltSeen']> {
    return this.projecting.haltSeen();
  }
  catchUp(position?: number): Promise<number> {
    return this.measuring.catchUp(() => this.projecting.catchUp(position));
  }
  run(...args: Parameters<Projecting['run']>): Promise<void> {
    return this.projecting.run(...args);
  }
}
