import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import { z } from 'zod';
import { parse } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { Ledger } from '#operations/ledger';
import { type Readiness, sharedReadiness } from '#operations/readiness';
import { OpenToAll } from './auth/access.js';
import { CLOCK, type Clock } from './clock.js';
import { Failures, NOT_WRITABLE } from './failures.js';
import type { Reply } from './http.js';
import { problemOf } from './problem.js';

/** `for=reads`: for a load balancer that sends reads to an API that can only read. */
const zReadyQuestion = z.object({ for: z.literal('reads', 'must be "reads", or omitted').optional() });

const NOT_READY = 503;
/** So long after a write that failed, the API is not ready for writes. */
const RECENT_MS = 10_000;

@Controller('health')
export class HealthController {
  private readonly readiness: (now: Instant) => Promise<Readiness>;

  constructor(
    ledger: Ledger,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly failures: Failures,
  ) {
    this.readiness = sharedReadiness(ledger);
  }

  /** The process responds. The database is not checked, so that its failure does not restart every API. */
  @Get('live')
  @OpenToAll()
  live(): object {
    return { status: 'live' };
  }

  /**
   * The database responds and can write, the read models are of this version, and the projections are neither halted
   * nor stuck. The answer has their lag.
   */
  @Get('ready')
  @OpenToAll()
  async ready(@Query() query: object, @Res({ passthrough: true }) reply: Reply): Promise<Readiness> {
    const { for: use } = parse(zReadyQuestion, query, 'ready', 'invalid_parameter');
    const readiness = this.withWrites(await this.readiness(this.clock.now()).catch(unavailable));
    const isServed = readiness.status === 'ready' || (readiness.status === 'degraded' && use === 'reads');
    if (!isServed) reply.status(NOT_READY).header('retry-after', '1');
    return readiness;
  }

  /** Nothing tells that a disk is full but a write that failed. */
  private withWrites(readiness: Readiness): Readiness {
    if (readiness.status !== 'ready' || !this.failures.sawWithin(NOT_WRITABLE, RECENT_MS)) return readiness;
    return {
      ...readiness,
      ...{ status: 'degraded', code: 'not_ready', state: 'not_writable' },
      reason: 'The database could not write a moment ago, as where its disk is full. Reads go on.',
    };
  }
}

/** Errors: those that are no outage. */
function unavailable(error: unknown): Readiness {
  const { status, code, detail } = problemOf(error);
  if (status !== NOT_READY) throw error;
  return { status: 'not_ready', code, reason: detail, position: null, head: null };
}
