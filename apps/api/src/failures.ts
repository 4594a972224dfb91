import type { Logger } from 'pino';
import { isDomainError } from '#domain/schema';
import { type Problem, problemOf } from './problem.js';

/** The code of an outage in which the database can be read, not written. */
export const NOT_WRITABLE = 'database_not_writable';

/** An outage lasts longer, and would fill the log with one line per request. */
const QUIET_MS = 10_000;

/**
 * Logs what callers are not to blame for. A defect is logged each time. An outage or a refusal that says to retry later
 * is logged once in ten seconds for each code, with the number of those not logged: callers can cause many.
 */
export class Failures {
  private readonly quiet = new Map<string, { readonly until: number; unlogged: number }>();
  private readonly lastAt = new Map<string, number>();

  constructor(
    private readonly logger: Logger,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether an outage with this code was answered in the last milliseconds. */
  sawWithin(code: string, milliseconds: number): boolean {
    return this.now() - (this.lastAt.get(code) ?? -Infinity) < milliseconds;
  }

  /** What failed with this code works again. */
  forget(code: string): void {
    this.lastAt.delete(code);
  }

  /** Returns the problem that answers the error. */
  log(error: unknown, message: string, where: object = {}): Problem {
    const problem = problemOf(error);
    const { code, status } = problem;
    if (status === 500) this.logger.error({ err: error, ...where }, message);
    if (status <= 500) return problem;
    this.lastAt.set(code, this.now());
    const quiet = this.quiet.get(code);
    if (quiet !== undefined && this.now() < quiet.until) {
      quiet.unlogged += 1;
      return problem;
    }
    this.quiet.set(code, { until: this.now() + QUIET_MS, unlogged: 0 });
    const line = { code, ...where, ...(quiet === undefined ? {} : { unlogged: quiet.unlogged }) };
    // The reason of an outage is for the operator. A refusal has none but its code.
    if (isDomainError(error)) this.logger.warn(line, message);
    else this.logger.error({ ...line, err: error }, message);
    return problem;
  }
}
