import { z } from 'zod';
import { conflict } from '#domain/errors';
import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { zText } from '#domain/schema';
import { READ_MODELS } from '#projections/database';
import { ProjectionHalted } from '#read-model/halted';
import { defineCommand } from '#ledger/define-command';
import { type Instant, micros } from '#domain/time/instant';
import { isSameLog } from '#read-model/same-log';
import { type Checkpoint, versionsOf } from '#read-model/schema';
import { stuckWriter } from '#read-model/stuck';
import type { LedgerCore } from '#ledger/ledger-core';
import { ADMIN, type AnswerOf, defineQuery, STAFF, zAsOf } from '#ledger/query';
import { zAny, zNextCursor, zPosition, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';

const skipEvent = defineCommand({
  name: 'skip-event',
  summary: 'Skips the event at which the projections halted',
  roles: ADMIN,
  fields: z.strictObject({ position: z.int().positive(), reason: zText.min(1) }),
  key: ({ position }) => [position],
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { final: 'A skipped event stays skipped in every rebuild. State what it said with other commands.' },
  example: { position: 4711, reason: 'written by a build that was withdrawn' },
  async handle(call, core) {
    const { position, reason } = call.fields;
    return core.book.decide(PROJECTIONS_STREAM, call, async () => {
      await assertHaltedAt(core, position);
      for await (const { id, type } of core.log.readAt([position]))
        return { events: [{ type: 'EventSkipped', data: { position, eventId: id, type, reason } }] };
      throw conflict('not_halted', `there is no event at position ${position}`);
    });
  },
});

const acknowledgeRemoval = defineCommand({
  name: 'acknowledge-removal',
  summary: 'Records that events which EventStoreDB removed are known to be removed',
  fields: z.strictObject({
    stream: zText.min(1).describe('The stream, as `check` names it'),
    revision: z.int().nonnegative().describe('The last revision that EventStoreDB lacks, as `check` names it'),
    deleted: z
      .literal(true)
      .optional()
      .describe('The stream was permanently deleted, too: `check` names it `stream_deleted`'),
    reason: zText.min(1),
  }),
  // A deletion that follows is acknowledged by itself.
  key: ({ stream, revision, deleted }) => [stream, revision, ...(deleted === true ? ['deleted'] : [])],
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { final: 'It stays recorded. check and verify go on to list what was removed.' },
  example: { stream: 'tenant-acme', revision: 41, reason: 'deleted by the administrator of the server on 2026-04-02' },
  async handle(call, core) {
    const { stream, revision, deleted, reason } = call.fields;
    return core.book.decide(PROJECTIONS_STREAM, call, async () => {
      if (core.mirror === null)
        throw conflict('nothing_removed', 'the log is in Postgres, and no event can be removed from it');
      if (revision > (await core.log.revisionOf(stream)))
        throw conflict('nothing_removed', `the stream ${stream} has no revision ${revision}`);
      if (await core.mirror.isOnServer(stream, revision))
        throw conflict('nothing_removed', `EventStoreDB still has revision ${revision} of the stream ${stream}`);
      if (deleted === true && !(await core.mirror.isDeleted(stream)))
        throw conflict('nothing_removed', `EventStoreDB has not permanently deleted the stream ${stream}`);
      const of = deleted === true ? { deleted } : {};
      return { events: [{ type: 'RemovalAcknowledged', data: { stream, revision, ...of, reason } }] };
    });
  },
});

/**
 * Only an event that halts the projections can be skipped. An applied event needs a correction, and an event that was
 * not tried yet may work.
 */
async function assertHaltedAt(core: LedgerCore, position: number): Promise<void> {
  try {
    await core.projector.catchUp();
  } catch (error) {
    if (!(error instanceof ProjectionHalted)) throw error;
    if (error.position === position) return;
    throw conflict(
      'not_halted',
      `the projections halted at position ${error.position}, not at ${position}: ${error.message}`,
    );
  }
  throw conflict(
    'not_halted',
    `the projections did not halt at position ${position}. ` +
      'Only an event that can’t be applied can be skipped. To undo an event, append a correction.',
  );
}

export const zProjection = z
  .object({
    name: z.string(),
    version: z.int(),
    position: zPosition,
    head: zPosition.describe('The last position of the log'),
    lag: zPosition.describe('Number of events not projected yet'),
    lagSeconds: z.int().describe('Age of the oldest event not projected yet'),
    eventsPerSecond: z.int().nullable().describe('Rate of the last batch'),
  })
  .meta({ id: 'Projection' });

const zSpare = z
  .object({
    projections: zAny.describe('The names, or "all"'),
    position: zPosition,
    lag: zPosition.describe('Number of events behind the live read models'),
    eventsPerSecond: z.int().nullable(),
  })
  .meta({ id: 'ReadModelsBeside' });

const zProjections = z
  .object({
    items: z.array(zProjection),
    nextCursor: zNextCursor,
    state: z
      .enum(['current', 'halted', 'stuck', 'rebuilding', 'other_log'])
      .describe(
        'stuck: the process that projects does not go on. other_log: the read models were made from events that the' +
          ' log does not have',
      ),
    halted: z
      .object({
        ...{ position: zPosition, projection: z.string(), reason: z.string() },
        at: zTimestamp.optional().describe('When it was noticed. Absent: by an earlier program'),
      })
      .meta({ id: 'Halt' })
      .nullable()
      .describe('The event that can’t be applied'),
    stuck: z
      .object({
        session: z.int().describe('Its session in Postgres. SELECT pg_terminate_backend(session) ends it.'),
        application: z.string().nullable().describe('The name of the session'),
        since: zTimestamp.describe('Since when it projects nothing, though events wait'),
      })
      .meta({ id: 'StuckWriter' })
      .nullable()
      .describe('The process that holds the projections and does not go on'),
    staleSince: zTimestamp
      .nullable()
      .describe(
        'While the projections are halted or stuck: when the first event that is not projected was recorded. Reads' +
          ' omit this event and all later ones.',
      ),
    rebuild: zSpare.nullable().describe('Read models that are being built'),
    kept: zSpare.nullable().describe('Read models that `projections rollback` restores'),
  })
  .meta({ id: 'ProjectionPage' });

export const projections = defineQuery({
  name: 'projections',
  summary:
    'The position, lag and version of each projection, and the state of a rebuild. With asOf: counts events up to then',
  path: 'projections',
  params: zAsOf,
  roles: STAFF,
  withoutCatchUp: true,
  answer: zProjections,
  example: {},
  handle: async (_params, { core, caller, position }) => projectionsStatus(core, caller.now, position),
});

const MICROS_PER_SECOND = 1_000_000n;

/**
 * The progress of the read models, counting events up to `head`, of a rebuild, and of the kept read models. `lag` is in
 * events. `lagSeconds` is the age of the oldest event that is not projected. `eventsPerSecond` is the rate of the last
 * batch. `state` `other_log`: the log was set back or replaced behind the read models. `rebuilding`: the read models
 * were built by other versions of the projections, so this process answers nothing until its own are built. `stuck`:
 * another process has the writer's lock, and projects nothing of what waits.
 */
async function projectionsStatus(core: LedgerCore, now: Instant, head: number): Promise<AnswerOf<typeof zProjections>> {
  const { live, shadow, previous } = await core.rebuilder.status();
  const position = Math.min(live?.position ?? 0, head);
  const shared = {
    position,
    head,
    lag: head - position,
    lagSeconds: position < head ? await secondsSince(core, position + 1, now) : 0,
    eventsPerSecond: live?.eventsPerSecond ?? null,
  };
  const halted = live?.halted ?? null;
  const isOfLog = live === null || (await isSameLog(core.log, live));
  const isWaiting = live !== null && position < head && halted === null;
  const stuck = isWaiting ? await stuckWriter(core.pool, core.log, READ_MODELS) : null;
  const staleFrom = halted?.position ?? (stuck === null ? null : position + 1);
  const projecting = halted !== null ? 'halted' : stuck !== null ? 'stuck' : 'current';
  const isOurs = live === null || live.versions === versionsOf(core.projector.list());
  return {
    items: core.projector.list().map(({ name, version }) => ({ name, version, ...shared })),
    nextCursor: null,
    state: !isOurs ? 'rebuilding' : !isOfLog ? 'other_log' : projecting,
    halted,
    stuck,
    staleSince: staleFrom === null ? null : await core.recordedAt(staleFrom),
    rebuild: shadow === null ? null : spare(shadow, { position, head }),
    kept: previous === null ? null : spare(previous, { position, head }),
  };
}

const spare = (
  { only, position, eventsPerSecond }: Checkpoint,
  live: { readonly position: number; readonly head: number },
) => ({
  projections: only ?? 'all',
  position: Math.min(position, live.head),
  lag: Math.max(0, live.position - position),
  eventsPerSecond,
});

/** Whole seconds, at least 0 even if the clock was set back. */
async function secondsSince(core: LedgerCore, position: number, now: Instant): Promise<number> {
  const since = await core.recordedAt(position);
  return since === null ? 0 : Math.max(0, Number((micros(now) - micros(since)) / MICROS_PER_SECOND));
}

export const projectionOperations: Operations = {
  commands: [skipEvent, acknowledgeRemoval],
  queries: [projections],
};
