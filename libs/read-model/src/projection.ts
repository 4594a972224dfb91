import type pg from 'pg';
import type { EventType, RecordedEvent } from '#domain/events';
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
  /** Applies the batch's events in order, within the caller's transaction; the checkpoint moves in the same one. */
  project(batch: readonly RecordedEvent[], client: pg.ClientBase): Promise<void>;
}

/** Says of these event types that a projection has nothing to do with them. */
export const ignoring = <const Type extends EventType>(...types: readonly Type[]): { [T in Type]: 'ignored' } =>
  Object.fromEntries(types.map((type) => [type, 'ignored'])) as { [T in Type]: 'ignored' };

export const handled = (answers: { readonly [Type in EventType]: unknown }): Readonly<Record<EventType, 'handled' | 'ignored'>> =>
  Object.fromEntries(Object.entries(answers).map(([type, answer]) => [type, answer === 'ignored' ? 'ignored' : 'handled'])) as Record<
    EventType,
    'handled' | 'ignored'
  >;

/** How far the projections are: on the order in which events passed the log, for one's own write to be read. */
export interface Projecting {
  /** The projections, in their order. */
  list(): readonly Projection[];
  /** The position of the last event that is projected. */
  position(): Promise<number>;
  /** Projects up to the log's head, or waits until whoever projects has reached the position. */
  catchUp(position?: number): Promise<number>;
  /** Projects for as long as the signal lasts. */
  run(signal: AbortSignal, onProgress?: (progress: Progress) => void): Promise<void>;
}

export interface Progress {
  readonly position: number;
  readonly head: number;
}
