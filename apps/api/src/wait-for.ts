import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { z } from 'zod';
import { parse } from '#domain/schema';
import { Ledger } from '#operations/ledger';
import { accessOf } from './auth/access.js';
import type { Request } from './http.js';

/** The longest that a read waits, in milliseconds, and how long it does unless told. */
const LONGEST_MS = 30_000;
const UNLESS_TOLD_MS = 5000;

/** Digits alone: what else JavaScript takes for a number, as nothing at all for 0, is a mistake of who asks. */
const whole = (message: string, most: number) =>
  z.preprocess(
    (given) => (typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given),
    z.int(message).min(0, message).max(most, message),
  );

/** What every read takes besides the parameters of its query. */
export const zWaiting = z.object({
  waitFor: whole('must be a log position, as a command answers it', Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('A log position, as commands answer it: the answer waits until it is projected'),
  waitTimeoutMs: whole(`must be milliseconds from 0 to ${LONGEST_MS}`, LONGEST_MS)
    .default(UNLESS_TOLD_MS)
    .describe('How long it waits; then 503, position_not_reached'),
});

/** Reading one's own write: a read that names a position waits for it, for a while. */
@Injectable()
export class WaitForPosition implements NestInterceptor {
  constructor(private readonly ledger: Ledger) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    if (context.getType() !== 'http' || accessOf(context.getHandler())?.query === undefined) return next.handle();
    const { query } = context.switchToHttp().getRequest<Request>();
    const { waitFor, waitTimeoutMs } = parse(zWaiting, query, 'query', 'invalid_parameter');
    if (waitFor !== undefined) await this.ledger.waitFor(waitFor, waitTimeoutMs);
    return next.handle();
  }
}
