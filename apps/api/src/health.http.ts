import { Controller, Get, Inject } from '@nestjs/common';
import { z } from 'zod';
import { DomainError } from '#domain/errors';
import { Ledger } from '#ledger/ledger';
import { OpenToAll } from './auth/access.js';
import { CLOCK, type Clock } from './clock.js';

/** A probe that hangs tells nothing: after this, the database counts as gone. */
const PATIENCE_MS = 2000;

const zLags = z.object({ items: z.array(z.object({ lag: z.number() })) });

@Controller('health')
export class HealthController {
  constructor(
    private readonly ledger: Ledger,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The process answers; nothing else is looked at, so that a database's failure does not restart every API. */
  @Get('live')
  @OpenToAll()
  live(): object {
    return { status: 'live' };
  }

  /** The database answers, and how many events the read models are behind is known. */
  @Get('ready')
  @OpenToAll()
  async ready(): Promise<object> {
    const asked = this.ledger.ask('projections', {}, { actor: 'health', role: 'platform_admin', now: this.clock.now() });
    try {
      const { items } = zLags.parse(await withinPatience(asked));
      return { status: 'ready', lag: Math.max(0, ...items.map(({ lag }) => lag)) };
    } catch {
      throw new DomainError('not_ready', 'the database does not answer', 'unavailable');
    }
  }
}

async function withinPatience<Answer>(asked: Promise<Answer>): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`no answer in ${PATIENCE_MS} ms`));
  }, PATIENCE_MS);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
