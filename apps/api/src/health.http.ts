import { Controller, Get, Inject } from '@nestjs/common';
import { DomainError } from '#domain/errors';
import { Ledger } from '#operations/ledger';
import { projections } from '#operations/projections';
import { OpenToAll } from './auth/access.js';
import { CLOCK, type Clock } from './clock.js';

/** A probe must not hang: after this time, the database counts as unavailable. */
const PATIENCE_MS = 2000;

/** State of read models that are being built. */
const REBUILDING = 'rebuilding';

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

  /** The database responds and the read models are of this version. The answer has their lag. */
  @Get('ready')
  @OpenToAll()
  async ready(): Promise<object> {
    const asked = this.ledger.ask(projections, {}, { actor: 'health', role: 'platform_admin', now: this.clock.now() });
    try {
      const { items, state } = await withinPatience(asked);
      const [first] = items;
      if (first === undefined) throw new Error('there is no projection');
      const { position, head, lag, lagSeconds } = first;
      if (state !== REBUILDING) return { status: 'ready', position, head, lag, lagSeconds };
    } catch {
      throw new DomainError('not_ready', 'The database does not respond.', 'unavailable');
    }
    throw new DomainError(
      'not_ready',
      'The read models of this version are being built. The API is ready once they are complete.',
      'unavailable',
    );
  }
}

async function withinPatience<Answer>(asked: Promise<Answer>): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`no response within ${PATIENCE_MS} ms`));
  }, PATIENCE_MS);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
