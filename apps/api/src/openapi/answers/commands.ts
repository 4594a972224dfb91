import { z } from 'zod';
import { zProblem } from '../../problem.js';
import { zAny, zPosition } from './common.js';

const zRefusal = z
  .object({ code: z.string(), kind: z.string(), message: z.string(), errors: zProblem.shape.errors.optional() })
  .meta({ id: 'Refusal' });

/** What became of a command. */
export const zOutcome = z
  .object({
    index: z.int().optional().describe('In the array that was posted'),
    command: z.string(),
    status: z.enum(['done', 'unchanged', 'refused']),
    result: zAny.optional(),
    position: zPosition.optional().describe('In the log, of its last event'),
    error: zRefusal.optional(),
  })
  .meta({ id: 'CommandOutcome' });
