import type pg from 'pg';
import type { EventType, RecordedEvent } from '#domain/events';
import type { Instant } from '#domain/time/instant';
import type { StoredEvent } from '#event-store/port';
import type { CopyLines } from './copy.js';
import type { Partition } from './partitions.js';
import type { TableDefinition } from './table.js';

/**
 * Makes read models from the log. A projection is a pure function of the events, in order: no clock, no randomness, no
 * calls. The flow lists the events that pass it, and the types of its handlers follow from the flow.
 */
export interface Projection<Name extends string = string> {
  readonly name: Name;
  /** To be raised when its tables change, or the rows that it makes of an event. Its read models are then rebuilt. */
  readonly version: number;
  readonly tables: readonly TableDefinition[];
  /**
   * Tables for what is computed from read models and kept. No event fills them. They are made and exchanged with the
   * others, but a rebuild leaves them empty, and nothing compares them.
   */
  readonly kept: readonly TableDefinition[];
  /** The event types that it handles. It skips all others. */
  readonly handles: ReadonlySet<string>;
  /** Sums of money that a rebuild compares: queries on its tables that return tenant_id, month, currency and amount. */
  readonly money?: readonly { readonly of: string; readonly sql: string }[];
  /** The partitions for the rows of these events. They are made before `project` is called. */
  partitions(batch: readonly RecordedEvent[]): readonly Partition[];
  /** How a rebuild fills its tables by COPY. */
  readonly bulk?: Bulk;
  /** Applies the events in order, in the transaction of the caller, which also moves the checkpoint. */
  project(batch: readonly RecordedEvent[], client: pg.ClientBase): Promise<void>;
}

/** Makes rows of events in any order and without look-ups. `finish` adds what depends on other rows. */
export interface Bulk<Type extends EventType = EventType> {
  /** Further tables, which exist until `finish`. */
  readonly staging: readonly TableDefinition[];
  /** The rows of one event, whose data is as it was written. Throws if a value has a wrong type. */
  rows(event: RecordedEvent<Type>, lines: CopyLines): void;
  /** Runs once all rows are there, in the caller's transaction and search path. The tables have no index yet. */
  finish(client: pg.ClientBase): Promise<void>;
}

/** For each event type, the names of the projections that it passes, in their order. */
export type Flow<Name extends string = string> = Readonly<Record<EventType, readonly Name[]>>;

/** The event types whose line in the flow names the projection. */
export type Passing<Events extends Flow, Name extends string> = {
  [Type in keyof Events & EventType]: Name extends Events[Type][number] ? Type : never;
}[keyof Events & EventType];

/** One function for each of these event types. A missing function and one too many are compile errors. */
export type Answers<Type extends EventType, Result, Args extends readonly unknown[] = []> = {
  readonly [Each in Type]: (event: RecordedEvent<Each>, ...args: Args) => Result;
};

/** Calls the function of the event's type. */
export const answer = <Type extends EventType, Result, Args extends readonly unknown[]>(
  answers: Answers<Type, Result, Args>,
  event: RecordedEvent<Type>,
  ...args: Args
): Result => answers[event.type](event, ...args);

/** The code of a projection: for the events that pass it, and no others. */
export interface ProjectionOf<Type extends EventType> extends Pick<Projection, 'version' | 'tables' | 'money'> {
  readonly kept?: readonly TableDefinition[];
  partitions?(batch: readonly RecordedEvent<Type>[]): readonly Partition[];
  readonly bulk?: Bulk<Type>;
  project(batch: readonly RecordedEvent<Type>[], client: pg.ClientBase): Promise<void>;
}

/** Makes a projection of its code. `handles`: the event types of `Type`. */
export function projectionOf<Name extends string, Type extends EventType>(
  name: Name,
  handles: ReadonlySet<string>,
  definition: ProjectionOf<Type>,
): Projection<Name> {
  const { version, tables, kept = [], money, bulk } = definition;
  const passes = (event: RecordedEvent): event is RecordedEvent & RecordedEvent<Type> => handles.has(event.type);
  return {
    name,
    version,
    tables,
    kept,
    handles,
    ...(money === undefined ? {} : { money }),
    ...(bulk === undefined
      ? {}
      : { bulk: { ...bulk, rows: (event, lines) => passes(event) && bulk.rows(event, lines) } }),
    partitions: (batch) => definition.partitions?.(batch.filter(passes)) ?? [],
    async project(batch, client) {
      const passing = batch.filter(passes);
      if (passing.length > 0) await definition.project(passing, client);
    },
  };
}

/** Projecting, and its progress, so that a caller can wait until its own events are projected. */
export interface Projecting {
  /** The projections, in their order. */
  list(): readonly Projection[];
  /** The position of the last projected event. */
  position(): Promise<number>;
  /** The same, with the event at which the projections halted there. */
  projected(): Promise<Projected>;
  /** The event at which the projections halted, as known a moment ago. It may have been repaired since. */
  haltSeen(): Promise<Halt | null>;
  /**
   * Projects up to the log's head, or waits until another process has projected the position. Errors: ProjectionHalted,
   * and the error of a database that can't write.
   */
  catchUp(position?: number): Promise<number>;
  /** Projects until the signal aborts. */
  run(
    signal: AbortSignal,
    onProgress?: (progress: Progress) => void,
    onTrouble?: (error: Error) => void,
  ): Promise<void>;
}

/** The event at which the projections halted, and why. */
export interface Halt {
  readonly position: number;
  readonly projection: string;
  readonly reason: string;
  /** When it was noticed, by the clock of the database. undefined: by an earlier program, or not kept yet. */
  readonly at?: Instant;
}

/** The position of the last projected event, and the event after it, if the projections halted there. */
export interface Projected {
  readonly position: number;
  readonly halt: Halt | null;
}

/** After a batch: the position reached, the head of the log, the events, and the duration in milliseconds. */
export interface Progress {
  readonly position: number;
  readonly head: number;
  readonly batch: readonly StoredEvent[];
  readonly ms: number;
}
