import { z } from 'zod';
import { parse } from '#domain/schema';

/** The longest and the default wait of a read, in milliseconds. */
const LONGEST_MS = 30_000;
const UNLESS_TOLD_MS = 5000;

/** Accepts only digits: JavaScript would also read an empty text as 0. */
const whole = (message: string, most: number) =>
  z.preprocess(
    (given) => (typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given),
    z.int(message).min(0, message).max(most, message),
  );

/** Parameters of every read besides those of its query. */
export const zWaiting = z.object({
  waitFor: whole('must be a log position, such as a command returns', Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('A log position, such as a command returns: the read waits until it is projected'),
  waitTimeoutMs: whole(`must be milliseconds from 0 to ${LONGEST_MS}`, LONGEST_MS)
    .default(UNLESS_TOLD_MS)
    .describe('How long the read waits. After that: 503, position_not_reached'),
});

/** How long a read waits, and for which position. Errors: `invalid_parameter`. */
export const waitingIn = (query: unknown): z.output<typeof zWaiting> =>
  parse(zWaiting, query, 'query', 'invalid_parameter');
