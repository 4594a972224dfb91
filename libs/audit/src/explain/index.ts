import { notFound } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import { isUuid } from '#domain/uuid';
import type { QueryContext } from '#ledger/query';
import { eventNamed, type ExplainedEvent, explainEvent } from './event.js';
import { draftOf } from './draft.js';
import { documentsOf, type ExplainedDocument } from './documents.js';
import { issuedRows } from './issued.js';
import { type ExplainedMargin, explainMargin } from './margin.js';
import { explainOpenLine, type ExplainedOpenLine } from './open-line.js';
import { explainRows } from './rows.js';
import { type ExplainedUsage, explainUsage } from './usage.js';

/** Rows of invoices and credit notes. A draft's rows are as they would be issued now. */
export interface ExplainedRows<Is extends 'issued' | 'draft' = 'issued' | 'draft'> {
  readonly is: Is;
  readonly documents: readonly ExplainedDocument[];
  readonly rows: Awaited<ReturnType<typeof explainRows>>;
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

/**
 * Explains what an id names, down to its events; an event, up to the invoices that it is an input of. An open line is
 * rated up to `at`. Errors: `nothing_to_explain`.
 */
export async function explain(context: QueryContext, id: string, at: Instant): Promise<Explained> {
  const rows = await issuedRows(context, id);
  const open = isUuid(id) ? await explainOpenLine(context, id, at) : null;
  if (rows.length > 0)
    return {
      id,
      is: 'issued',
      documents: await documentsOf(context, rows),
      rows: await explainRows(context, rows),
      open,
    };
  const draft = await draftOf(context, id);
  if (draft !== null)
    return { id, is: 'draft', documents: [draft.document], rows: await explainRows(context, draft.rows), open: null };
  if (open !== null) return { id, ...open };
  const usage = await explainUsage(context, id);
  if (usage !== null) return { id, ...usage };
  const margin = await explainMargin(context, id);
  if (margin !== null) return { id, ...margin };
  const event = await eventNamed(context, id);
  if (event !== undefined) return { id, ...(await explainEvent(context, event)) };
  throw notFound(
    'nothing_to_explain',
    `there is nothing to explain under ${id}: name an invoice or a credit note (id or number),` +
      ' a line, part or row by its id,' +
      ' usage:DEPLOYMENT/KIND/RESOURCE/START, margin:2026-04[/USD[/TENANT]],' +
      ' or an event by its position or as STREAM#REVISION',
  );
}
