import { z } from 'zod';
import { zId, zText } from '#domain/schema';
import { EventCodec } from '#event-store/codec';
import type { StoredEvent } from '#event-store/port';
import { checkAll } from '#audit/check/index';
import { seenBy } from '#audit/check/seen';
import { differences } from '#audit/diff/index';
import { eventsOf } from '#audit/event-list';
import { seesData } from '#audit/seen-by-role';
import { shownEvent } from '#audit/explain/evidence';
import { explain as explanationOf } from '#audit/explain/index';
import { keepCheck, lastCheck } from '#ledger/last-check';
import {
  decodeCursor,
  defineQuery,
  IN_ORDER,
  inOrder,
  invalidCursor,
  knownPosition,
  momentOf,
  pageOf,
  READERS,
  STAFF,
  zAfter,
  zAsOf,
  zAt,
  zLimit,
  zNow,
  zOptionalId,
  zStretch,
  zWhole,
} from '#ledger/query';
import { readChangeMarks } from '#projections/restatements/restatements.read';
import { listOf, zAny, zEvent, zPosition, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { zDifferences } from './diff.answer.js';
import { zExplained } from './explain.answer.js';
import { INVOICE } from './story.js';

const zFinding = z
  .object({ code: z.string(), message: z.string(), ids: zAny, remedy: z.string() })
  .meta({ id: 'Finding', description: 'A violated invariant, the ids involved, and the remedy' });

const zChecked = z
  .object({
    ok: z.boolean().describe('true: there are no failures'),
    position: zPosition,
    failures: z.array(zFinding),
    notices: z.array(zFinding),
  })
  .meta({ id: 'Checked' });

/** More can't be told apart on a screen. */
const INTERVALS = 300;

const marks = defineQuery({
  name: 'marks',
  summary:
    'Where the books changed along the log: issued invoices, and corrections or late facts that reach invoiced lines.' +
    ' Neighbouring ones are counted together',
  path: 'audit/marks',
  params: zAsOf,
  roles: STAFF,
  answer: z
    .object({
      head: zPosition,
      marks: z.array(
        z
          .object({ kind: z.enum(['issued', 'corrected']), position: zPosition, count: z.int() })
          .meta({ id: 'ChangeMark' }),
      ),
    })
    .meta({ id: 'ChangeMarks' }),
  example: {},
  handle: async (_params, { core, position }) => ({
    head: position,
    marks: await readChangeMarks(core.db, position, INTERVALS),
  }),
});

const codec = new EventCodec();
const DEFAULT_EVENTS = 100;

const events = defineQuery({
  name: 'events',
  summary: 'The events of the log, or of one stream, after a position: by type, actor and time of recording',
  path: 'audit/events',
  params: zAsOf
    .extend({
      stream: zText.optional(),
      after: zAfter,
      type: zOptionalId,
      actor: zText.optional().describe('Only events that this actor caused'),
      ...zStretch,
      order: z.enum(['oldest', 'newest']).default('oldest').describe('Which come first'),
      limit: zLimit(DEFAULT_EVENTS),
      cursor: z.string().optional(),
    })
    .refine(inOrder, IN_ORDER),
  roles: ['platform_admin', 'auditor', 'operator'],
  withoutCatchUp: true,
  answer: listOf(zEvent),
  example: { stream: 'tenant-acme', after: 0, limit: 10 },
  async handle({ after, order, limit, cursor, ...wanted }, { core, position, caller }) {
    const isNewestFirst = order === 'newest';
    const last = cursor === undefined ? null : cursorOf(cursor);
    const within = isNewestFirst
      ? { after, upTo: last === null ? position : last - 1 }
      : { after: last ?? after, upTo: position };
    const events = await eventsOf(core.log, wanted, within, { isNewestFirst, count: limit + 1 });
    const shown = (stored: StoredEvent) => {
      const event = codec.asLogged(stored);
      return shownEvent(event, seesData(caller, event.type) ? event.data : null);
    };
    return pageOf(events, limit, position, (event) => [String(event.position)], shown);
  },
});

const MOST_EXPLAINED = 1_000_000;

export const explain = defineQuery({
  name: 'explain',
  summary:
    'Traces an invoice, line, part, row, usage record or margin to its events, or an event to the invoices that use' +
    ' it. A tenant gets the arithmetic, usage and prices of its own charges, and of invoices that it pays for others,' +
    ' without events',
  path: 'audit/explain/:id',
  params: zAsOf.extend({
    id: zId,
    ...zAt,
    first: zWhole({ min: 1, max: MOST_EXPLAINED, message: `must be a whole number from 1 to ${MOST_EXPLAINED}` })
      .optional()
      .describe(
        'At most this many rows, events, amounts and invoices of each list. The counts are of all. Default: all',
      ),
    deploymentId: zOptionalId.describe('Of a margin: only the amounts of this deployment'),
    billingKind: zOptionalId.describe('Of a margin: only the revenue of this billing kind'),
    kind: zOptionalId.describe('Of a margin: only the cost of this kind of the provider'),
    without: z
      .enum(['deployment', 'tenant'])
      .optional()
      .describe('Of a margin: only the cost that no deployment has, or that no tenant bears'),
  }),
  roles: READERS,
  answer: zExplained,
  cost: 5,
  example: { id: INVOICE },
  handle: async ({ id, at, first = Infinity, ...choice }, context) =>
    explanationOf(context, id, { at: at ?? context.caller.now, first, choice }),
});

export const diff = defineQuery({
  name: 'diff',
  summary: 'Changes of rates, usage, lines, invoices and margin between two moments of recording, each with its events',
  path: 'audit/diff',
  isExpensive: true,
  params: zAsOf.extend({ from: z.string(), to: z.string().optional() }),
  roles: STAFF,
  answer: zDifferences,
  cost: 110,
  example: { from: '1' },
  async handle({ from, to }, context) {
    const { core, position } = context;
    return differences(
      context,
      await knownPosition(core, 'from', from),
      to === undefined ? position : await knownPosition(core, 'to', to),
    );
  },
});

/** The log of the server may take minutes to read. The command line has no limit. */
const SERVER_LIMIT_MS = 10_000;

export const check = defineQuery({
  name: 'check',
  summary: 'Checks all invariants of the recorded data: failures and notices, each with ids and a remedy',
  path: 'audit/check',
  isExpensive: true,
  params: zAsOf,
  roles: STAFF,
  answer: zChecked,
  cost: 45,
  example: {},
  async handle(asOf, context) {
    // As of an earlier moment, it is checked what was due then.
    const now = await momentOf(context, asOf);
    const checked = await checkAll({ ...context, caller: { ...context.caller, now } }, SERVER_LIMIT_MS);
    if (asOf.asOf === undefined && asOf.knownAt === undefined) await keepCheck(context.core, context.caller, checked);
    const { failures, notices } = checked;
    return { ...checked, failures: seenBy(context.caller, failures), notices: seenBy(context.caller, notices) };
  },
});

const zLastCheck = z
  .object({
    checkedAt: zTimestamp.nullable().describe('null: the ledger was never checked'),
    checkedBy: z.string().nullable(),
    ok: z.boolean().nullable(),
    position: zPosition.nullable(),
    failures: z.array(zFinding).describe('At most 100'),
    failureCount: z.int(),
    noticeCount: z.int(),
  })
  .meta({ id: 'LastCheck' });

const lastChecked = defineQuery({
  name: 'last-check',
  summary: 'When the ledger was last checked as of then, by whom, and what was found. It is not checked again',
  path: 'audit/check/last',
  params: zNow,
  roles: STAFF,
  withoutCatchUp: true,
  answer: zLastCheck,
  example: {},
  handle: async (_params, { core, caller }) => {
    const { byCode: _, ...last } = await lastCheck(core);
    return { ...last, failures: seenBy(caller, last.failures) };
  },
});

function cursorOf(cursor: string): number {
  const [position = ''] = decodeCursor(cursor).after;
  if (!/^\d{1,15}$/.test(position)) throw invalidCursor();
  return Number(position);
}

export const auditOperations: Operations = {
  queries: [explain, events, marks, diff, check, lastChecked],
};
