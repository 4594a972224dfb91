import type { Instant } from '#domain/time/instant';
import type { Versioned } from './table.js';

/** A row with the log positions over which it is valid. */
export type History<Row> = Row & Versioned;

/**
 * The read models for queries: one entry per table. Each table file adds its own entries (`declare module`), so that
 * readers need not import a list of all tables.
 */
export interface ReadModels {
  checkpoint: { position: number; versions: string; moved_at: Instant; log: string | null; generation: string };
}
