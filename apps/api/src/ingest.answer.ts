import { z } from 'zod';
import { zFieldErrors, zPosition } from '#operations/answers';

export const zIngested = z
  .object({
    items: z.array(
      z
        .object({
          index: z.int().describe('Place in the request'),
          id: z.string().optional().describe('The id of the CloudEvent'),
          status: z.enum(['accepted', 'duplicate', 'conflict', 'rejected']),
          error: z
            .object({ code: z.string(), message: z.string(), errors: zFieldErrors.optional() })
            .meta({ id: 'IngestError' })
            .optional(),
        })
        .meta({ id: 'IngestedItem' }),
    ),
    accepted: z.int(),
    duplicate: z.int().describe('Recorded before with the same content'),
    conflict: z.int().describe('Recorded before with different content. To change a quantity, use correct-usage'),
    rejected: z.int().describe('Invalid'),
    position: zPosition.nullable().describe('Log position of the last accepted item. null: none'),
  })
  .meta({ id: 'Ingested', description: 'Each item has its own result: an invalid item does not affect the others' });
