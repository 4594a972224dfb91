import type pg from 'pg';
import type { EventType, RecordedEvent } from '#domain/events';
import type { StoredEvent } from '#event-store/port';
import type { CopyLines } from './copy.js';
import type { Partition } from './partitions.js';
import type { TableDefinition } from './table.js';

/**
 * Read models from the log. A projection is a pure function of the events, in order: no clock, no chance, no calls.
 * It answers for every event: handled or ignored, so that a new event type is a compile error until it has.
 */
export interface Projection {
  readonly name: string;
  /** Raised when its tables or what it makes of an event change: its read models are then built anew. */
  readonly version: number;
  readonly tables: readonly TableDefinition[];
  readonly handles: Readonly<Record<EventType, 'handled' | 'ignored'>>;
  /** Sums of money that a rebuild compares: queries over its tables that answer tenant_id, month, currency and amount. */
  readonly money?: readonly { readonly of: string; readonly sql: string }[];
  /** The partitions that rows of these events go into: they are made before `project` is called. */
  partitions?(batch: readonly RecordedEvent[]): readonly Partition[];
  /** How a rebuild fills its tables by COPY. */
  readonly bulk?: Bulk;
  /** Applies the batch's events in order, within the caller's transaction; the checkpoint moves in the same one. */
  project(batch: readonly RecordedEvent[], client: pg.ClientBase): Promise<void>;
}

/** Rows of events without a look at what is there, in any order; what depends on others is told at the end. */
export interface Bulk {
  /** Tables beside its own, until `finish`. */
  readonly staging: readonly TableDefinition[];
  /** Of one event that it handles, whose data is as it was written; a value that is not what it must be is thrown. */
  rows(event: RecordedEvent, lines: CopyLines): void;
  /** Once all rows are there, set-wise, within the caller's transaction and its search path; the tables have no index yet. */
  finish(client: pg.ClientBase): Promise<void>;
}

/** Says of these event types that a projection has nothing to do with them. */
export const ignoring = <const Type extends EventType>(...types: readonly Type[]): { [T in Type]: 'ignored' } =>
  Object.fromEntries(types.map((type) => [type, 'ignored'])) as { [T in Type]: 'ignored' };

export const handled = (answers: { readonly [Type in EventType]: unknown }): Readonly<
  Record<EventType, 'handled' | 'ignored'>
> =>
  Object.fromEntries(
    Object.entries(answers).map(([type, answer]) => [type, answer === 'ignored' ? 'ignored' : 'handled']),
  ) as Record<EventType, 'handled' | 'ignored'>;

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
