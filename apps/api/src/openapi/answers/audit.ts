import { z } from 'zod';
import { zAny, zAt, zPosition } from './common.js';

const reference = {
  position: zPosition,
  stream: z.string(),
  revision: zPosition,
  eventId: z.string(),
  type: z.string(),
  recordedAt: zAt,
  actor: z.string(),
  occurredAt: zAt.nullable(),
  command: z.string().nullable().describe('The command that it was recorded for'),
  idempotencyKey: z.string().nullable(),
  reason: z.string().nullable(),
  source: z
    .object({
      file: z.string(),
      sha256: z.string().optional(),
      rows: z.string().describe('`4-9,12`: in the order of what the event holds'),
    })
    .meta({ id: 'EventSource' })
    .nullable()
    .describe('The file that it was read from'),
};

/** An event as evidence: where it stands, when it was recorded, by whom, and why. */
export const zReference = z.object(reference).meta({ id: 'EventReference' });

export const zEvent = z
  .object({
    ...reference,
    correlationId: z
      .string()
      .nullable()
      .describe('As in the API’s log: the request’s own, or what it said to be part of'),
    requestId: z.string().nullable().describe('null: the correlation id is the request’s own, or it came by none'),
    data: zAny.nullable().describe('null: not for this role'),
  })
  .meta({ id: 'Event' });

const zFinding = z
  .object({ code: z.string(), message: z.string(), ids: zAny, remedy: z.string() })
  .meta({ id: 'Finding', description: 'Of what, and what to do about it' });

export const zChecked = z
  .object({
    ok: z.boolean().describe('There are no failures'),
    position: zPosition,
    failures: z.array(zFinding),
    notices: z.array(zFinding),
  })
  .meta({ id: 'Checked' });

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

export const zProjections = z
  .object({
    items: z.array(zProjection),
    nextCursor: z.string().nullable().describe('Opaque; null: this is the last page'),
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
