import { costEvents } from '#domain/costs/cost';
import { zId, zText } from '#domain/schema';
import type { EventLog, StoredEvent } from '#event-store/port';
import { z } from 'zod';
import type { Caller } from '#ledger/caller';
import { differences } from '#audit/diff/index';
import { shownEvent } from '#audit/explain/evidence';
import { explain } from '#audit/explain/index';
import { inForceAt } from '#ledger/ledger-core';
import { projectionsStatus } from '../projections-status.js';
import {
  ADMIN,
  decodeCursor,
  defineQuery,
  invalidCursor,
  knownPosition,
  pageOf,
  STAFF,
  zAfter,
  zAsOf,
  zAt,
  zLimit,
  zOptionalId,
} from '#ledger/query';

const DEFAULT_EVENTS = 100;

const eventsQuery = defineQuery({
  name: 'events',
  summary: 'The log itself: events of a stream, or all, after a position',
  params: zAsOf.extend({
    stream: zText.optional(),
    after: zAfter,
    type: zOptionalId,
    limit: zLimit(DEFAULT_EVENTS),
    cursor: z.string().optional(),
  }),
  roles: ['platform_admin', 'auditor', 'operator'],
  async answer({ stream, after, type, limit, cursor }, { core, position, caller }) {
    const range = { after: cursor === undefined ? after : cursorOf(cursor), upTo: position };
    const events = await firstOf(eventsIn(core.log, range, { stream, type, count: limit + 1 }), limit + 1);
    const shown = (event: StoredEvent) =>
      shownEvent(event, maySee(caller, event.type) ? (JSON.parse(event.data) as unknown) : null);
    return pageOf(events, limit, position, (event) => [String(event.position)], shown);
  },
});

function cursorOf(cursor: string): number {
  const [position = ''] = decodeCursor(cursor).after;
  if (!/^\d{1,15}$/.test(position)) throw invalidCursor();
  return Number(position);
}

/** The log's events after a position and up to another, in order; of all that there are, `count` is enough. */
async function* eventsIn(
  log: EventLog,
  { after, upTo }: { after: number; upTo: number },
  { stream, type, count }: { stream: string | undefined; type: string | undefined; count: number },
): AsyncIterable<StoredEvent> {
  // Positions are dense: without a condition, the next events are those at the next positions.
  const next = Array.from({ length: Math.max(0, Math.min(count, upTo - after)) }, (_, index) => after + 1 + index);
  const events =
    stream !== undefined
      ? log.read(stream)
      : type !== undefined
        ? log.readAll(after, { types: [type] })
        : log.readAt(next);
  for await (const event of events) {
    if (event.position > upTo) return;
    if (event.position > after && (type === undefined || event.type === type)) yield event;
  }
}

async function firstOf(events: AsyncIterable<StoredEvent>, count: number): Promise<StoredEvent[]> {
  const first: StoredEvent[] = [];
  for await (const event of events) if (first.push(event) === count) break;
  return first;
}

/** Cost is for who may see margin: others see that there was such an event, and not what it says. */
const maySee = ({ role }: Caller, type: string): boolean => ADMIN.includes(role) || !Object.hasOwn(costEvents, type);

const explainQuery = defineQuery({
  name: 'explain',
  summary:
    'An invoice, line, part, row, usage record or margin figure down to its events; an event up to what it ended up in',
  params: zAsOf.extend({ id: zId, ...zAt }),
  roles: ['platform_admin', 'auditor', 'operator'],
  answer: async ({ id, at }, context) => explain(context, id, at ?? context.caller.now),
});

const projectionsQuery = defineQuery({
  name: 'projections',
  summary:
    "Each projection with its version, position, the log's head, and its lag in events and seconds; what is being rebuilt, and what is kept. With asOf: of the events up to then",
  params: zAsOf,
  roles: STAFF,
  withoutCatchUp: true,
  answer: async (_params, { core, caller, position }) => projectionsStatus(core, caller.now, position),
});

const meteredDaysQuery = defineQuery({
  name: 'metered-days',
  summary: 'Which days were metered, with the number of records and what was skipped',
  params: zAsOf,
  roles: STAFF,
  async answer(_params, { core, position }) {
    const rows = await core.db
      .selectFrom('metered_days')
      .selectAll()
      .where(inForceAt(position))
      .orderBy('date')
      .execute();
    return {
      items: rows.map((row) => ({ date: row.date, recordCount: row.record_count, skipped: row.skipped })),
      nextCursor: null,
    };
  },
});

const diffQuery = defineQuery({
  name: 'diff',
  summary:
    'What changed in rates, usage, lines, invoices and margin from one position or instant of recording to another, each with its events',
  params: zAsOf.extend({ from: z.string(), to: z.string().optional() }),
  roles: STAFF,
  async answer({ from, to }, context) {
    const { core, position } = context;
    return differences(
      context,
      await knownPosition(core, 'from', from),
      to === undefined ? position : await knownPosition(core, 'to', to),
    );
  },
});

export const auditQueries = [eventsQuery, explainQuery, diffQuery, projectionsQuery, meteredDaysQuery];
