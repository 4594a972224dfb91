import { z } from 'zod';
import { type IdSchema, zText } from '../schema.js';

/** Decisions of operators about the projections. */
export const PROJECTIONS_STREAM = 'projections';

// Stored for ever. The event at this position can't be applied; it takes effect in no read model, now or in any rebuild.
export const operationEventsWith = (zId: IdSchema) => ({
  EventSkipped: z.object({ position: z.int().positive(), eventId: z.uuid(), type: zId, reason: zText.min(1) }),
});
