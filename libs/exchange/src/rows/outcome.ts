import type { RowNote, SourceRow } from './row.js';

/** The reason of a correction by a later delivery. */
export const RE_DELIVERED = 're-delivered';

/** The outcomes of rows. The other four add up to the rows read. */
export interface Counts {
  readonly read: number;
  readonly accepted: number;
  readonly duplicate: number;
  readonly correction: number;
  readonly rejected: number;
}
export const COUNTS = ['read', 'accepted', 'duplicate', 'correction', 'rejected'] as const;
export type Outcome = Exclude<keyof Counts, 'read'>;

/** An odd row that was imported, as in `FILE.notes.jsonl`. */
export type NotedRow = RowNote & { readonly row: number; readonly line: number | null };

/** Records the outcomes of rows. */
export interface RowReport {
  readonly counts: Counts;
  reject(
    row: SourceRow,
    fault: { readonly field: string | null; readonly value: unknown; readonly reason: string },
  ): void;
  count(outcome: Outcome | 'read', rows?: number): void;
}

/** Imports the rows of one kind. */
export interface Importer<Item> {
  /**
   * Accepts a row, which may be kept until `flush`. If it returns a promise, the next row waits for it. Most rows need
   * none. `identity` identifies a row without an id of its own.
   */
  add(item: Item, row: SourceRow, identity: string): Promise<void> | undefined;
  /** Counts a row that an earlier run imported, because rows are identified by their number. */
  skip(item: Item, row: SourceRow, identity: string): void;
  /** Imports all rows that are kept. */
  flush(): Promise<void>;
}
