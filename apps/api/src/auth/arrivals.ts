import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Caller } from '#ledger/caller';
import type { Clock } from '../clock.js';
import { idsOf, type Request } from '../http.js';
import { Unauthenticated } from '../problem.js';
import { isWatched } from '../request-ends.js';
import type { Held, TokenReader } from './token.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** Reads the token of each request once, when its headers have arrived. */
export class Arrivals {
  private readonly read = new WeakMap<object, Held | { readonly refused: unknown }>();

  constructor(
    private readonly tokens: TokenReader,
    private readonly clock: Clock,
  ) {}

  attach(fastify: Fastify): void {
    fastify.addHook('onRequest', async (request) => {
      // Probes must not depend on the log, where revocations are.
      if (isWatched(request.url)) return;
      this.read.set(request, await this.readOf(request));
    });
  }

  /** The token, if it is valid. */
  tokenOf(request: object): string | undefined {
    const known = this.read.get(request);
    return known !== undefined && 'token' in known ? known.token : undefined;
  }

  /**
   * The caller, as of now: its body, or what it waited for, may have come long after its headers. Errors: those of
   * `TokenReader.read`.
   */
  callerOf(request: object): Caller {
    const known = this.read.get(request);
    if (known === undefined) throw new Error('the token of a request was not read on arrival');
    if ('refused' in known) throw known.refused;
    const now = this.clock.now();
    if (known.expires !== null && known.expires.getTime() <= Date.parse(now))
      throw new Unauthenticated('the token has expired');
    return { ...known.caller, now };
  }

  /** The token may have been revoked since it was read. Errors: `Unauthenticated`; those of the log. */
  async assertNotRevoked(request: object): Promise<void> {
    const known = this.read.get(request);
    if (known !== undefined && 'token' in known) await this.tokens.assertNotRevoked(known, this.clock.now());
  }

  private async readOf(request: Pick<Request, 'id' | 'headers'>): Promise<Held | { readonly refused: unknown }> {
    const { authorization } = request.headers;
    const header = typeof authorization === 'string' ? authorization : undefined;
    try {
      return await this.tokens.read(header, this.clock.now(), idsOf(request));
    } catch (refused) {
      return { refused };
    }
  }
}
