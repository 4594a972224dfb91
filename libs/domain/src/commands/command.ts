import { z } from 'zod';
import type { IdSchema } from '../schema.js';

// Stored permanently. Recorded for a command that changed nothing. Its metadata has the key, the hash of the body and
// the answer, as for any other command.
export const commandEventsWith = (zId: IdSchema) => ({ CommandUnchanged: z.object({ command: zId }) });
