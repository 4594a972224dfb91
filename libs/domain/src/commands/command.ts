import { z } from 'zod';
import type { IdSchema } from '../schema.js';

// Stored for ever. A command that found nothing to do: its key, its body's hash and its answer are in the metadata, as of any other.
export const commandEventsWith = (zId: IdSchema) => ({ CommandUnchanged: z.object({ command: zId }) });
