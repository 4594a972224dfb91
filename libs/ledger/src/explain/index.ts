import { notFound } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import { isUuid } from '../invoicing.js';
import type { QueryContext } from '../query.js';
import { eventNamed, type ExplainedEvent, explainEvent } from './event.js';
import { issuedRows } from './issued.js';
import { type ExplainedMargin, explainMargin } from './margin.js';
import { explainOpenLine, type ExplainedOpenLine } from './open-line.js';
import { explainRow } from './rows.js';
import { type ExplainedUsage, explainUsage } from './usage.js';

export interface ExplainedRows {
  readonly is: 'issued';
  readonly rows: readonly Awaited<ReturnType<typeof explainRow>>[];
}

export type Explained = { readonly id: string } & (ExplainedRows | ExplainedOpenLine | ExplainedUsage | ExplainedMargin | ExplainedEvent);

/** Whatever an id names, down to its events; an event, up to what it ended up in. An open line is rated up to `at`. Errors: `nothing_to_explain`. */
export async function explain(context: QueryContext, id: string, at: Instant): Promise<Explained> {
  const rows = await issuedRows(context, id);
  if (rows.length > 0) return { id, is: 'issued', rows: await inTurn(rows, (row) => explainRow(context, row)) };
  const open = isUuid(id) ? await explainOpenLine(context, id, at) : null;
  if (open !== null) return { id, ...open };
  const usage = await explainUsage(context, id);
  if (usage !== null) return { id, ...usage };
  const margin = await explainMargin(context, id);
  if (margin !== null) return { id, ...margin };
  const event = await eventNamed(context, id);
  if (event !== undefined) return { id, ...(await explainEvent(context, event)) };
  throw notFound(
    'nothing_to_explain',
    `there is nothing to explain under ${id}: name an invoice (id or number), a line, part or row by its id, usage:DEPLOYMENT/KIND/RESOURCE/START, margin:2026-04[/USD[/TENANT]], or an event by its position or as STREAM#REVISION`,
  );
}

/** One after the other: an invoice may have 20,000 rows, and each asks the database. */
async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
