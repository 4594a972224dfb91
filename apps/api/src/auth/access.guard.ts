import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { assertRole } from '#ledger/caller';
import { CLOCK, type Clock } from '../clock.js';
import { idsOf, type Request } from '../http.js';
import { accessOf, graphQlCaller } from './access.js';
import { TokenReader } from './token.js';

/** The guard of every route and every root field of GraphQL: first the token (401), then the role (403). */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly tokens: TokenReader,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const handler = context.getHandler();
    const access = accessOf(handler);
    if (access === undefined) throw new Error(`${handler.name} has no access decorator`);
    const { roles, query } = access;
    if (roles === 'everyone') return true;
    const asked = graphQlCaller(context);
    if (asked !== undefined) {
      assertRole(asked, roles, query === undefined ? `use ${handler.name}` : `read ${query.name}`);
      return true;
    }
    const request = context.switchToHttp().getRequest<Request>();
    const { authorization } = request.headers;
    const header = typeof authorization === 'string' ? authorization : undefined;
    request.caller = await this.tokens.callerOf(header, this.clock.now(), idsOf(request));
    const path = request.url.split('?')[0] ?? '';
    assertRole(request.caller, roles, query === undefined ? `${request.method} ${path}` : `read ${query.name}`);
    return true;
  }
}
