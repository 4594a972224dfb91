import type { ExplainedDocument } from './documents.js';
import type { ExplainedEvent } from './event.js';
import type { ExplainedMargin } from './margin.js';
import type { ExplainedOpenLine } from './open-line.js';
import type { explainRows } from './rows.js';
import type { ExplainedUsage } from './usage.js';

/** Rows of invoices and credit notes. A draft's rows are as they would be issued now. */
export interface ExplainedRows<Is extends 'issued' | 'draft' = 'issued' | 'draft'> {
  readonly is: Is;
  readonly documents: readonly ExplainedDocument[];
  readonly rows: Awaited<ReturnType<typeof explainRows>>;
  /** The number of all rows. */
  readonly rowCount: number;
  /** The part of the line that is not billed yet. null: all of it is billed, or the id names no line. */
  readonly open: ExplainedOpenLine | null;
}

export type Explained = { readonly id: string } & (
  | ExplainedRows<'issued'>
  | ExplainedRows<'draft'>
  | ExplainedOpenLine
  | ExplainedUsage
  | ExplainedMargin
  | ExplainedEvent
);
