import { Controller, Get, Inject } from '@nestjs/common';
import { DomainError } from '#domain/errors';
import { Ledger } from '#operations/ledger';
import { projections } from '#operations/projections';
import { OpenToAll } from './auth/access.js';
import { CLOCK, type Clock } from './clock.js';

/** A probe that hangs tells nothing: after this, the database counts as gone. */
const PATIENCE_MS = 2000;

/** The read models that this process answers from are being built. */
const REBUILDING = 'rebuilding';

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

  /** The database answers, the read models are of this version, and how far they are behind is known. */
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
      throw new DomainError('not_ready', 'the database does not answer', 'unavailable');
    }
    throw new DomainError(
      'not_ready',
      'the read models of this version are being built: it serves as soon as they are',
      'unavailable',
    );
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
