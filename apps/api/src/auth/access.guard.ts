import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { assertRole } from '#ledger/caller';
import type { Request } from '../http.js';
import { accessOf, assertAllowed, graphQlCaller } from './access.js';
import { Arrivals } from './arrivals.js';

/** The guard of every route and every root field of GraphQL: first the token (401), then the role (403). */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly arrivals: Arrivals) {}

  canActivate(context: ExecutionContext): boolean {
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
    request.caller = this.arrivals.callerOf(request);
    assertAllowed(request.caller, access, request);
    return true;
  }
}
