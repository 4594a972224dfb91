import { z } from 'zod';
import { isEventOf, type RecordedEvent } from '#domain/events';
import {
  acceptRebuild,
  cancelRebuild,
  isUnfinished,
  type RebuildAsked,
  type RebuildEvent,
  rebuildEvents,
  rebuildsIn,
  type RebuildState,
  requestWork,
  unknownRebuild,
} from '#domain/operations/rebuild';
import { invalid } from '#domain/errors';
import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { zId } from '#domain/schema';
import type { CommandCall, CommandDone } from '#ledger/command';
import { defineCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { ADMIN, type AnswerOf, defineQuery, pageInOrder, zAsOf, zPage } from '#ledger/query';
import { listOf, zAny, zMoney, zPosition, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';

/** Under this name the outcomes of rebuilds are kept. */
export const REBUILDS = 'rebuilds';
/** Under this lock an exchange begins, or is cancelled before. */
export const EXCHANGE = 'exchange of read models';

const zProgress = z
  .object({
    phase: z.enum(['fill', 'index', 'catch up', 'compare', 'swap']),
    position: zPosition,
    target: zPosition,
    eventsPerSecond: z.int().nullable(),
    secondsLeft: z.int().nullable(),
  })
  .meta({ id: 'RebuildProgress' });

const zTableDifference = z
  .object({
    table: z.string(),
    rows: z.int().describe('Rows of the new table, all versions'),
    onlyLive: z.int(),
    onlyRebuilt: z.int(),
    different: z.int(),
    columnsApart: z.array(z.string()).describe('Columns that only one of the two has. They are not compared'),
    examples: z
      .array(
        z.object({ live: zAny.nullable(), rebuilt: zAny.nullable() }).meta({
          id: 'RowDifference',
        }),
      )
      .describe('Some of the rows that differ'),
  })
  .meta({ id: 'TableDifference' });

const zMoneyDifference = z
  .object({
    of: z.string(),
    tenantId: z.string(),
    month: z.string(),
    currency: z.string(),
    live: zMoney,
    rebuilt: zMoney,
    difference: zMoney,
  })
  .meta({ id: 'MoneyDifference' });

const zReport = z
  .object({
    position: zPosition.describe('Both were compared at this position'),
    seconds: z.number(),
    tables: z.array(zTableDifference),
    money: z.array(zMoneyDifference).describe('Sums by tenant and month that differ, at most 500'),
    moneyCount: z.int().describe('Number of sums that differ'),
  })
  .meta({ id: 'RebuildReport' });
export type ReportAnswer = AnswerOf<typeof zReport>;

const zState = z.enum(['running', 'compared', 'exchanging', 'swapped', 'rolled_back', 'failed', 'cancelled']);
type KeptState = AnswerOf<typeof zState>;

/** What the worker keeps of a rebuild. */
export const zOutcome = z.object({
  state: zState,
  progress: zProgress.nullable(),
  report: zReport.nullable(),
  error: z.string().nullable(),
  /** The generation of the live read models before the exchange. If they are of another one, it was done. */
  live: z.string().nullable().default(null),
});
export type RebuildOutcome = AnswerOf<typeof zOutcome>;

const zRebuild = z
  .object({
    rebuildId: z.string(),
    kind: z.enum(['rebuild', 'rollback']),
    projections: z.array(z.string()).nullable().describe('null: all'),
    state: z
      .enum(['waiting', 'running', 'compared', 'swapped', 'rolled_back', 'failed', 'cancelled'])
      .describe('waiting: for a worker. compared: for accept-rebuild or cancel-rebuild'),
    requestedBy: z.string(),
    requestedAt: zTimestamp,
    acceptedBy: z.string().nullable(),
    isDifferent: z.boolean().nullable().describe('Whether the new read models differ. null: not compared yet'),
    progress: zProgress.nullable(),
    report: zReport.nullable().describe('The differences in rows and money'),
    error: z.string().nullable(),
  })
  .meta({ id: 'Rebuild' });

type RecordedRebuildEvent = Extract<RecordedEvent, { readonly type: RebuildEvent['type'] }>;

export const rebuildEventsOf = (events: readonly RecordedEvent[]): readonly RecordedRebuildEvent[] =>
  events.filter(isEventOf(rebuildEvents));

/** A requested rebuild or rollback, and how far it is. */
export interface RebuildKnown {
  readonly asked: RebuildAsked;
  readonly state: RebuildState;
  /** What the worker kept; null: it has not begun. */
  readonly kept: KeptState | null;
}

/** In the order of their requests. */
export async function rebuildsKnown(core: LedgerCore, events: readonly RebuildEvent[]): Promise<RebuildKnown[]> {
  const states = await core.outcomes.states(REBUILDS);
  return rebuildsIn(events).map((asked) => {
    const state = states.get(asked.rebuildId);
    // It may have been carried out, so it is not carried out again.
    const kept = state === undefined ? null : (zState.safeParse(state).data ?? 'failed');
    return { asked, kept, state: stateOf(asked, kept ?? 'waiting') };
  });
}

function stateOf({ isCancelled, isAccepted }: RebuildAsked, state: RebuildState): RebuildState {
  if (isUnfinished(state) && isCancelled) return 'cancelled';
  return state === 'compared' && isAccepted ? 'running' : state;
}

/** For an outcome that another version of the program kept. */
export const UNREADABLE: RebuildOutcome = {
  ...{ state: 'failed', progress: null, report: null, live: null },
  error: 'What is kept of it has the form of another version of the program. Request another rebuild.',
};

async function decided(
  call: CommandCall<{ readonly rebuildId: string }>,
  core: LedgerCore,
  decision: (known: readonly RebuildKnown[]) => RebuildEvent[],
): Promise<CommandDone> {
  const { rebuildId } = call.fields;
  return core.book.decide(PROJECTIONS_STREAM, call, async (events) => ({
    events: decision(await rebuildsKnown(core, rebuildEventsOf(events))),
    result: { rebuildId, path: `/api/v1/projections/rebuilds/${encodeURIComponent(rebuildId)}` },
  }));
}

const zNewId = zId.describe('An id of your choice, such as a UUID: the same again changes nothing');
const zKnownId = zId.describe('The id that the rebuild was requested under');

const rebuild = defineCommand({
  name: 'rebuild-projections',
  summary:
    'Has a worker build read models again from the log, next to the live ones, and compare them. The query rebuild' +
    ' shows progress and differences',
  fields: z.strictObject({
    rebuildId: zNewId,
    projections: z.array(zId).min(1).optional().describe('Names, as the query projections lists them. Default: all'),
  }),
  key: ({ rebuildId }) => [rebuildId],
  roles: ADMIN,
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['cancel-rebuild'] },
  example: { rebuildId: 'after-upgrade' },
  async handle(call, core) {
    const { rebuildId, projections = null } = call.fields;
    assertProjections(core, projections ?? []);
    return decided(call, core, (known) =>
      requestWork(known, { type: 'RebuildRequested', data: { rebuildId, projections } }),
    );
  },
});

/** Errors: `unknown_projection`. */
function assertProjections(core: LedgerCore, names: readonly string[]): void {
  const known = core.projector.list().map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw invalid('unknown_projection', `Unknown projection ${unknown.join(', ')}. Projections: ${known.join(', ')}.`, [
      { field: 'projections', message: 'names an unknown projection' },
    ]);
}

const accept = defineCommand({
  name: 'accept-rebuild',
  summary: 'Makes the read models of a compared rebuild the live ones, with their differences. The old ones are kept',
  fields: z.strictObject({ rebuildId: zKnownId }),
  key: ({ rebuildId }) => [rebuildId],
  roles: ADMIN,
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['roll-back-projections'] },
  example: { rebuildId: 'after-upgrade' },
  handle: async (call, core) => decided(call, core, (known) => acceptRebuild(known, call.fields.rebuildId)),
});

const cancel = defineCommand({
  name: 'cancel-rebuild',
  summary: 'Ends a rebuild that was not accepted, or a rollback before its exchange. The live read models stay',
  fields: z.strictObject({ rebuildId: zKnownId }),
  key: ({ rebuildId }) => [rebuildId],
  roles: ADMIN,
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { final: 'A cancelled rebuild stays cancelled. Request another one.' },
  example: { rebuildId: 'after-upgrade' },
  handle: async (call, core) =>
    core.exclusively(EXCHANGE, async () => decided(call, core, (known) => cancelRebuild(known, call.fields.rebuildId))),
});

const rollBack = defineCommand({
  name: 'roll-back-projections',
  summary: 'Has a worker bring the read models that the last exchange kept up to date, and make them the live ones',
  fields: z.strictObject({ rebuildId: zNewId }),
  key: ({ rebuildId }) => [rebuildId],
  roles: ADMIN,
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { final: 'Roll back again: the replaced read models are kept.' },
  example: { rebuildId: 'back' },
  handle: async (call, core) =>
    decided(call, core, (known) =>
      requestWork(known, { type: 'RollbackRequested', data: { rebuildId: call.fields.rebuildId } }),
    ),
});

/** Those that were requested up to a position. Their progress and outcome are as of now: they are in no event. */
async function rebuildsAt(core: LedgerCore, position: number): Promise<AnswerOf<typeof zRebuild>[]> {
  const { events } = await core.book.loadAt(PROJECTIONS_STREAM);
  const known = rebuildEventsOf(events.filter((event) => event.position <= position));
  const outcomes = new Map((await core.outcomes.read(REBUILDS)).map(({ id, outcome }) => [id, outcome]));
  return (await rebuildsKnown(core, known)).map(({ asked, state }) => {
    const outcome = outcomes.get(asked.rebuildId);
    const of = known.filter(({ data }) => data.rebuildId === asked.rebuildId);
    const {
      report = null,
      progress = null,
      error = null,
    } = outcome === undefined ? {} : (zOutcome.safeParse(outcome).data ?? UNREADABLE);
    return {
      ...{ rebuildId: asked.rebuildId, kind: asked.kind, projections: asked.projections },
      state: state === 'exchanging' ? 'running' : state,
      ...{ requestedBy: of[0]?.metadata.actor ?? 'unknown', requestedAt: of[0]?.recordedAt ?? '' },
      acceptedBy: of.find(({ type }) => type === 'RebuildAccepted')?.metadata.actor ?? null,
      isDifferent: report === null ? null : isDifferent(report),
      ...{ report, progress: isUnfinished(state) ? progress : null, error },
    };
  });
}

const isDifferent = ({ tables, moneyCount }: ReportAnswer): boolean =>
  moneyCount > 0 ||
  tables.some(
    ({ onlyLive, onlyRebuilt, different, columnsApart }) =>
      onlyLive + onlyRebuilt + different + columnsApart.length > 0,
  );

const rebuilds = defineQuery({
  name: 'rebuilds',
  summary: 'The rebuilds and rollbacks of read models that were requested, each with its progress and its differences',
  path: 'projections/rebuilds',
  params: zPage,
  roles: ADMIN,
  withoutCatchUp: true,
  answer: listOf(zRebuild),
  example: {},
  async handle(page, { core, position }) {
    return pageInOrder(await rebuildsAt(core, position), page, position);
  },
});

const rebuildQuery = defineQuery({
  name: 'rebuild',
  summary: 'One rebuild or rollback: its progress while it runs, then its differences in rows and money',
  path: 'projections/rebuilds/:rebuildId',
  params: zAsOf.extend({ rebuildId: zId }),
  roles: ADMIN,
  withoutCatchUp: true,
  answer: zRebuild,
  example: { rebuildId: 'after-upgrade' },
  async handle({ rebuildId }, { core, position }) {
    const found = (await rebuildsAt(core, position)).find((each) => each.rebuildId === rebuildId);
    if (found === undefined) throw unknownRebuild(rebuildId);
    return found;
  },
});

export const rebuildOperations: Operations = {
  commands: [rebuild, accept, cancel, rollBack],
  queries: [rebuilds, rebuildQuery],
};
