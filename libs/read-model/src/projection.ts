import type pg from 'pg';
import type { EventType, RecordedEvent } from '#domain/events';
import type { StoredEvent } from '#event-store/port';
import type { CopyLines } from './copy.js';
import type { Partition } from './partitions.js';
import type { TableDefinition } from './table.js';

/**
 * Read models from the log. A projection is a pure function of the events, in order: no clock, no chance, no calls.
 * Which events pass it is said by the flow, and the types of its handlers follow from that.
 */
export interface Projection<Name extends string = string> {
  readonly name: Name;
  /** Raised when its tables or what it makes of an event change: its read models are then built anew. */
  readonly version: number;
  readonly tables: readonly TableDefinition[];
  /** The types of the events that it handles; it passes over all others. */
  readonly handles: ReadonlySet<string>;
  /** Sums of money that a rebuild compares: queries over its tables that answer tenant_id, month, currency and amount. */
  readonly money?: readonly { readonly of: string; readonly sql: string }[];
  /** The partitions that rows of these events go into: they are made before `project` is called. */
  partitions(batch: readonly RecordedEvent[]): readonly Partition[];
  /** How a rebuild fills its tables by COPY. */
  readonly bulk?: Bulk;
  /** Applies the batch's events in order, within the caller's transaction; the checkpoint moves in the same one. */
  project(batch: readonly RecordedEvent[], client: pg.ClientBase): Promise<void>;
}

/** Rows of events without a look at what is there, in any order; what depends on others is told at the end. */
export interface Bulk<Type extends EventType = EventType> {
  /** Tables beside its own, until `finish`. */
  readonly staging: readonly TableDefinition[];
  /** Of one event that it handles, whose data is as it was written; a value that is not what it must be is thrown. */
  rows(event: RecordedEvent<Type>, lines: CopyLines): void;
  /** Once all rows are there, set-wise, within the caller's transaction and its search path; the tables have no index yet. */
  finish(client: pg.ClientBase): Promise<void>;
}

/** Event type → the names of the projections that it passes, in their order. */
export type Flow<Name extends string = string> = Readonly<Record<EventType, readonly Name[]>>;

/** The event types whose line in a flow names a projection. */
export type Passing<Events extends Flow, Name extends string> = {
  [Type in EventType]: Name extends Events[Type][number] ? Type : never;
}[EventType];

/** A function for each of some event types: one that is missing and one too many are compile errors. */
export type Answers<Type extends EventType, Result, Args extends readonly unknown[] = []> = {
  readonly [Each in Type]: (event: RecordedEvent<Each>, ...args: Args) => Result;
};

/** The answer to one event. */
export const answer = <Type extends EventType, Result, Args extends readonly unknown[]>(
  answers: Answers<Type, Result, Args>,
  event: RecordedEvent<Type>,
  ...args: Args
): Result => answers[event.type](event, ...args);

/** A projection as it is written: for the events that pass it, and no others. */
export interface ProjectionOf<Type extends EventType> extends Pick<Projection, 'version' | 'tables' | 'money'> {
  partitions?(batch: readonly RecordedEvent<Type>[]): readonly Partition[];
  readonly bulk?: Bulk<Type>;
  project(batch: readonly RecordedEvent<Type>[], client: pg.ClientBase): Promise<void>;
}

/** `handles`: the event types of `Type`. */
export function projectionOf<Name extends string, Type extends EventType>(
  name: Name,
  handles: ReadonlySet<string>,
  definition: ProjectionOf<Type>,
): Projection<Name> {
  const { version, tables, money, bulk } = definition;
  const passes = (event: RecordedEvent): event is RecordedEvent & RecordedEvent<Type> => handles.has(event.type);
  return {
    name,
    version,
    tables,
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

/** How far the projections are: on the order in which events passed the log, for one's own write to be read. */
export interface Projecting {
  /** The projections, in their order. */
  list(): readonly Projection[];
  /** The position of the last event that is projected. */
  position(): Promise<number>;
  /** Projects up to the log's head, or waits until whoever projects has reached the position. */
  catchUp(position?: number): Promise<number>;
  /** Projects for as long as the signal lasts. */
  run(
    signal: AbortSignal,
    onProgress?: (progress: Progress) => void,
    onTrouble?: (error: Error) => void,
  ): Promise<void>;
}

/** After a batch: how far it is, what was in it, and how long it took, in milliseconds. */
export interface Progress {
  readonly position: number;
  readonly head: number;
  readonly batch: readonly StoredEvent[];
  readonly ms: number;
}
