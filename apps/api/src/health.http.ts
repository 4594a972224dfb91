import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import { z } from 'zod';
import { DomainError } from '#domain/errors';
import { parse } from '#domain/schema';
import { Ledger } from '#operations/ledger';
import { projections } from '#operations/projections';
import { OpenToAll } from './auth/access.js';
import { CLOCK, type Clock } from './clock.js';
import type { Reply } from './http.js';
import { problemOf } from './problem.js';

/** A probe must not hang: after this time, the database or the log counts as unavailable. */
const PATIENCE_MS = 2000;

/** `for=reads`: for a load balancer that sends reads to an API that can only read. */
const zReadyQuestion = z.object({ for: z.literal('reads', 'must be "reads", or omitted').optional() });

const NOT_READY = 503;
const notReady = (reason: string): DomainError => new DomainError('not_ready', reason, 'unavailable');

/** `code` and `reason` are absent if the API is ready. `position` and `head`: null if not known. */
interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not_ready';
  readonly code?: string;
  readonly reason?: string;
  /** Why an API that answers reads is not ready for writes. */
  readonly state?: 'halted' | 'read_only';
  readonly staleSince?: string | null;
  readonly position: number | null;
  readonly head: number | null;
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
  async ready(@Query() query: object, @Res({ passthrough: true }) reply: Reply): Promise<Readiness> {
    const { for: use } = parse(zReadyQuestion, query, 'ready', 'invalid_parameter');
    const readiness = await this.readiness().catch(unavailable);
    const isServed = readiness.status === 'ready' || (readiness.status === 'degraded' && use === 'reads');
    if (!isServed) reply.status(NOT_READY).header('retry-after', '1');
    return readiness;
  }

  private async readiness(): Promise<Readiness> {
    const caller = { actor: 'health', role: 'platform_admin' as const, now: this.clock.now() };
    // If both are late, the database is to blame: the log may be in it.
    const [isReadOnly, { items, state, halted, staleSince }] = await Promise.all([
      withinPatience('database', this.ledger.isReadOnly()),
      withinPatience('log', this.ledger.ask(projections, {}, caller)),
    ]);
    const [first] = items;
    if (first === undefined) throw new Error('there is no projection');
    const { position, head, lag, lagSeconds } = first;
    const figures = { position, head, lag, lagSeconds };
    const code = 'not_ready';
    if (state === 'rebuilding' || state === 'other_log')
      return { status: 'not_ready', code, reason: REASONS[state], ...figures };
    if (halted !== null)
      return {
        status: 'degraded',
        code,
        state: 'halted',
        staleSince,
        reason:
          `The projections halted at position ${halted.position} (${halted.projection}). Reads are stale, and` +
          ' writes that depend on later events are refused. An operator must correct the cause or skip that event.',
        ...figures,
      };
    if (isReadOnly) return { status: 'degraded', code, state: 'read_only', reason: REASONS.read_only, ...figures };
    return { status: 'ready', ...figures };
  }
}

const REASONS = {
  rebuilding: 'The read models of this version are being built. The API is ready once they are complete.',
  other_log: 'The log was set back or replaced behind the read models. An operator must restore it, or rebuild them.',
  read_only: 'The database is read-only. Reads go on, and writes are refused.',
};

/** Errors: those that are no outage. */
function unavailable(error: unknown): Readiness {
  const { status, code, detail } = problemOf(error);
  if (status !== NOT_READY) throw error;
  return { status: 'not_ready', code, reason: detail, position: null, head: null };
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
