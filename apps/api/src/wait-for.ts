import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { z } from 'zod';
import { parse } from '#domain/schema';
import { Ledger } from '#operations/ledger';
import { accessOf } from './auth/access.js';
import type { Request } from './http.js';

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

/** For reading one's own writes: a read can wait until a position is projected. */
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
