import { z } from 'zod';
import { parse } from '#domain/schema';
import { type DefinedQuery, zWhole } from '#ledger/query';

/** The longest and the default wait of a read, in milliseconds. */
const LONGEST_MS = 30_000;
const UNLESS_TOLD_MS = 5000;

/** Parameters of every read besides those of its query. */
export const zWaiting = z.object({
  waitFor: zWhole({ min: 0, message: 'must be a log position, such as a command returns' })
    .optional()
    .describe('A log position, such as a command returns: the read waits until it is projected'),
  waitTimeoutMs: zWhole({ min: 0, max: LONGEST_MS, message: `must be milliseconds from 0 to ${LONGEST_MS}` })
    .default(UNLESS_TOLD_MS)
    .describe('How long the read waits. After that: 503, position_not_reached'),
});

/** How long a read waits, and for which position. Errors: `invalid_parameter`. */
export const waitingIn = (query: unknown): z.output<typeof zWaiting> =>
  parse(zWaiting, query, 'query', 'invalid_parameter');

const zPoll = z.object({ after: z.int(), wait: z.int() });

/** How long a long poll waits for something after which position. Errors: `invalid_parameter`. */
export function pollIn({ params }: DefinedQuery, query: unknown): { readonly after: number; readonly waitMs: number } {
  const { after, wait } = zPoll.parse(parse(params, query, 'query', 'invalid_parameter'));
  return { after, waitMs: wait * 1000 };
}
