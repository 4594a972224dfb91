import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import { z } from 'zod';
import { DomainError } from '#domain/errors';
import { parse } from '#domain/schema';
import { Ledger } from '#operations/ledger';
import { projections } from '#operations/projections';
import { OpenToAll } from './auth/access.js';
import { CLOCK, type Clock } from './clock.js';
import type { Reply } from './http.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';

/** A probe must not hang: after this time, the database or the log counts as unavailable. */
const PATIENCE_MS = 2000;

/** `for=reads`: for a load balancer that sends reads to an API that can only read. */
const zReadyQuestion = z.object({ for: z.literal('reads', 'must be "reads", or omitted').optional() });

const notReady = (reason: string): DomainError => new DomainError('not_ready', reason, 'unavailable');

/** Why an API that answers reads is not ready for writes. null: it is ready. */
interface Degraded {
  readonly state: 'halted' | 'read_only';
  readonly reason: string;
}

@Controller('health')
export class HealthController {
  constructor(
    private readonly ledger: Ledger,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The process responds. The database is not checked, so that its failure does not restart every API. */
  @Get('live')
  @OpenToAll()
  live(): object {
    return { status: 'live' };
  }

  /**
   * The database responds and can write, the read models are of this version, and the projections are not halted. The
   * answer has their lag.
   */
  @Get('ready')
  @OpenToAll()
  async ready(@Query() query: object, @Res({ passthrough: true }) reply: Reply): Promise<object> {
    const { for: use } = parse(zReadyQuestion, query, 'ready', 'invalid_parameter');
    const { figures, degraded } = await this.state();
    if (degraded === null) return { status: 'ready', ...figures };
    if (use === 'reads') return { status: 'degraded', ...degraded, ...figures };
    const problem = problemOf(notReady(degraded.reason));
    reply.status(problem.status).header('content-type', PROBLEM_TYPE).header('retry-after', '1');
    return { ...problem, ...degraded, ...figures };
  }

  private async state(): Promise<{ readonly figures: object; readonly degraded: Degraded | null }> {
    const caller = { actor: 'health', role: 'platform_admin' as const, now: this.clock.now() };
    // If both are late, the database is to blame: the log may be in it.
    const [isReadOnly, { items, state, halted, staleSince }] = await Promise.all([
      withinPatience('database', this.ledger.isReadOnly()),
      withinPatience('log', this.ledger.ask(projections, {}, caller)),
    ]);
    if (state === 'rebuilding')
      throw notReady('The read models of this version are being built. The API is ready once they are complete.');
    if (state === 'other_log')
      throw notReady(
        'The log was set back or replaced behind the read models. An operator must restore it, or rebuild them.',
      );
    const [first] = items;
    if (first === undefined) throw new Error('there is no projection');
    const { position, head, lag, lagSeconds } = first;
    const figures = { position, head, lag, lagSeconds };
    if (halted !== null)
      return {
        figures: { ...figures, staleSince },
        degraded: {
          state: 'halted',
          reason:
            `The projections halted at position ${halted.position} (${halted.projection}). Reads are stale, and` +
            ' writes that depend on later events are refused. An operator must correct the cause or skip that event.',
        },
      };
    if (isReadOnly)
      return {
        figures,
        degraded: { state: 'read_only', reason: 'The database is read-only. Reads go on, and writes are refused.' },
      };
    return { figures, degraded: null };
  }
}

/** Errors: those of an outage, each with its own reason; `not_ready`, if there is no answer in time. */
async function withinPatience<Answer>(of: 'database' | 'log', asked: Promise<Answer>): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(notReady(`The ${of} does not respond.`));
  }, PATIENCE_MS);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
