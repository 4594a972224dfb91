import { z } from 'zod';
import { type IdSchema, zText } from '../schema.js';

/** Decisions of operators about the projections. */
export const PROJECTIONS_STREAM = 'projections';

// Stored permanently. The event at this position cannot be applied. It takes effect in no read model, now or in a
// rebuild.
export const operationEventsWith = (zId: IdSchema) => ({
  EventSkipped: z.object({ position: z.int().positive(), eventId: z.uuid(), type: zId, reason: zText.min(1) }),
  // EventStoreDB removed the events of this stream up to this revision, and an operator knows why. `deleted`: nothing
  // can be appended to the stream any more, which is known too.
  RemovalAcknowledged: z.object({
    stream: z.string().min(1),
    revision: z.int().nonnegative(),
    deleted: z.literal(true).optional(),
    reason: zText.min(1),
  }),
});
