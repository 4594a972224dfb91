import { z } from 'zod';
import { conflict } from '#domain/errors';
import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { zText } from '#domain/schema';
import { ProjectionHalted } from '#read-model/projector';
import { defineCommand } from '#ledger/define-command';
import { type Instant, micros } from '#domain/time/instant';
import { type Checkpoint, versionsOf } from '#read-model/schema';
import type { LedgerCore } from '#ledger/ledger-core';
import { type AnswerOf, defineQuery, STAFF, zAsOf } from '#ledger/query';
import { zAny, zNextCursor, zPosition } from './answers.js';

export const skipEvent = defineCommand({
  name: 'skip-event',
  summary: 'Skips the event at which the projections halt',
  fields: z.strictObject({ position: z.int().positive(), reason: zText.min(1) }),
  key: ({ position }) => [position],
  isPreviewed: false,
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

/** An event that takes effect can't be taken back by leaving it out. One that has not been tried may well be applied. */
async function assertHaltedAt(core: LedgerCore, position: number): Promise<void> {
  try {
    await core.projector.catchUp();
  } catch (error) {
    if (!(error instanceof ProjectionHalted)) throw error;
    if (error.position === position) return;
    throw conflict(
      'not_halted',
      `the projections stand at position ${error.position}, not at ${position}: ${error.message}`,
    );
  }
  throw conflict(
    'not_halted',
    `the projections do not stand at position ${position}: only an event that can't be applied is skipped; to undo one, append its correction`,
  );
}

export const zProjection = z
  .object({
    name: z.string(),
    version: z.int(),
    position: zPosition,
    head: zPosition.describe('Of the log'),
    lag: zPosition.describe('Events that are recorded and not projected'),
    lagSeconds: z.int().describe('Since the oldest event was recorded that is not projected'),
    eventsPerSecond: z.int().nullable().describe('Over the last batch'),
  })
  .meta({ id: 'Projection' });

const zBeside = z
  .object({
    projections: zAny.describe('Their names, or "all"'),
    position: zPosition,
    lag: zPosition.describe('Events behind the read models that serve'),
    eventsPerSecond: z.int().nullable(),
  })
  .meta({ id: 'ReadModelsBeside' });

const zProjections = z
  .object({
    items: z.array(zProjection),
    nextCursor: zNextCursor,
    state: z.enum(['current', 'halted', 'rebuilding']),
    halted: z
      .object({ position: zPosition, projection: z.string(), reason: z.string() })
      .meta({ id: 'Halt' })
      .nullable()
      .describe('The event that can’t be applied'),
    rebuild: zBeside.nullable().describe('What is being built beside those that serve'),
    kept: zBeside.nullable().describe('What projections rollback puts back'),
  })
  .meta({ id: 'ProjectionPage' });

export const projections = defineQuery({
  name: 'projections',
  summary:
    "Each projection with its version, position, the log's head, and its lag in events and seconds; what is being rebuilt, and what is kept. With asOf: of the events up to then",
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
 * Where the read models are, of the events up to `head`; what is being built beside them, and what is kept of the ones before. `lag` is in events; `lagSeconds` is
 * how long ago the oldest event that is not projected was recorded; `eventsPerSecond` is of the last batch. `state`: `rebuilding` where
 * the read models are those of other versions than this process has, so that it answers nothing until its own are built.
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
  const isOurs = live === null || live.versions === versionsOf(core.projector.list());
  return {
    items: core.projector.list().map(({ name, version }) => ({ name, version, ...shared })),
    nextCursor: null,
    state: isOurs ? (halted === null ? 'current' : 'halted') : 'rebuilding',
    halted,
    rebuild: shadow === null ? null : beside(shadow, { position, head }),
    kept: previous === null ? null : beside(previous, { position, head }),
  };
}

const beside = (
  { only, position, eventsPerSecond }: Checkpoint,
  live: { readonly position: number; readonly head: number },
) => ({
  projections: only ?? 'all',
  position: Math.min(position, live.head),
  lag: Math.max(0, live.position - position),
  eventsPerSecond,
});

/** In whole seconds. A clock that went back makes it no less than 0. */
async function secondsSince({ log }: LedgerCore, position: number, now: Instant): Promise<number> {
  for await (const { recordedAt } of log.readAt([position]))
    return Math.max(0, Number((micros(now) - micros(recordedAt)) / MICROS_PER_SECOND));
  return 0;
}
