import { invalid, notFound } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import { isDerivedId } from '#domain/derived-id';
import type { QueryContext } from '#ledger/query';
import { isVisible } from '#ledger/visible';
import { type Choice, isChoice } from './choice.js';
import { eventNamed, explainEvent } from './event.js';
import { draftOf } from './draft.js';
import { documentsOf } from './documents.js';
import type { Explained } from './explained.js';
import { issuedRows } from './issued.js';
import { explainMargin } from './margin.js';
import { explainOpenLine } from './open-line.js';
import { withoutEvents } from './without-events.js';
import { explainRows } from './rows.js';
import { explainUsage } from './usage.js';

/**
 * Explains what an id names, down to its events; an event, up to the invoices that it is an input of. An open line is
 * rated up to `at`. To a tenant, its own charges, rows of invoices that it pays for others, and no events. `first`: at
 * most as many rows, events and amounts of each list. `choice`: only these amounts of a margin. Errors:
 * `nothing_to_explain`, `not_a_margin`.
 */
export async function explain(context: QueryContext, id: string, how: How): Promise<Explained> {
  const { confinedTo } = context;
  const found = confinedTo === null ? await anything(context, id, how) : await ofTenant(context, id, how);
  if (found !== null && found.is !== 'margin' && isChoice(how.choice))
    throw invalid(
      'not_a_margin',
      `${id} is not a margin: deploymentId, billingKind, kind and without choose amounts of a margin. Omit them.`,
    );
  if (found !== null) return found;
  throw notFound(
    'nothing_to_explain',
    `there is nothing to explain under ${id}:` +
      ' name an invoice, a consolidated invoice or a credit note (id or number), a line, part or row by its id,' +
      ' usage:DEPLOYMENT/KIND/RESOURCE/START, margin:2026-04[/USD[/TENANT]],' +
      ' or an event by its position or as STREAM#REVISION',
  );
}

interface How {
  readonly at: Instant;
  /** Infinity: all. */
  readonly first: number;
  readonly choice: Choice;
}

async function ofTenant(context: QueryContext, id: string, how: How): Promise<Explained | null> {
  const found = await amounts(context, id, how);
  return found === null ? null : withoutEvents(found);
}

async function anything(context: QueryContext, id: string, how: How): Promise<Explained | null> {
  const amount = await amounts(context, id, how);
  if (amount !== null) return amount;
  const margin = await explainMargin(context, id, how.first, how.choice);
  if (margin !== null) return { id, ...margin };
  const event = await eventNamed(context, id);
  return event === undefined ? null : { id, ...(await explainEvent(context, event, how.first)) };
}

/** What of an id is on an invoice, or will be. */
async function amounts(context: QueryContext, id: string, how: How): Promise<Explained | null> {
  const { first } = how;
  const rows = (await issuedRows(context, id)).filter((row) => isVisible(row, context.confinedTo));
  if (rows.length > 0) {
    // The id of an invoice, a credit note or a row names no line.
    const isOfLine = rows.some(({ row: { lineId, partId } }) => id === lineId || id === partId);
    return {
      id,
      is: 'issued',
      documents: await documentsOf(context, rows),
      ...{ rows: await explainRows(context, rows.slice(0, first), first), rowCount: rows.length },
      open: isOfLine ? await explainOpenLine(context, id, how) : null,
    };
  }
  const draft = await draftOf(context, id);
  if (draft !== null)
    return {
      ...{ id, is: 'draft', documents: [draft.document], open: null },
      ...{ rows: await explainRows(context, draft.rows.slice(0, first), first), rowCount: draft.rows.length },
    };
  const open = isDerivedId(id) ? await explainOpenLine(context, id, how) : null;
  if (open !== null) return { id, ...open };
  const usage = await explainUsage(context, id, first);
  return usage === null ? null : { id, ...usage };
}
