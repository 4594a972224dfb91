import { z } from 'zod';
import { zFieldErrors, zPosition } from '#operations/answers';

export const zIngested = z
  .object({
    items: z.array(
      z
        .object({
          index: z.int().describe('In what was sent'),
          id: z.string().optional().describe('Of a CloudEvent'),
          status: z.enum(['accepted', 'duplicate', 'conflict', 'rejected']),
          error: z
            .object({ code: z.string(), message: z.string(), errors: zFieldErrors.optional() })
            .meta({ id: 'IngestError' })
            .optional(),
        })
        .meta({ id: 'IngestedItem' }),
    ),
    accepted: z.int(),
    duplicate: z.int().describe('Recorded before, and the same'),
    conflict: z.int().describe('Recorded before, and another: correct-usage changes a quantity'),
    rejected: z.int().describe('Wrong in itself'),
    position: zPosition.nullable().describe('In the log, of the last that was accepted; null: none was'),
  })
  .meta({ id: 'Ingested', description: 'Each item is answered by itself: what is wrong with one leaves the others' });
