import { createParamDecorator, type CustomDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { GqlExecutionContext } from '@nestjs/graphql';
import { invalid } from '#domain/errors';
import { assertRole, type Caller, type Role } from '#ledger/caller';
import type { DefinedQuery } from '#ledger/query';
import type { Request } from '../http.js';

/** The roles that may use a route, and the query that it answers, if any. */
export interface Access {
  readonly roles: readonly Role[] | 'everyone';
  readonly query?: DefinedQuery;
}

/** Errors: `forbidden`, which names what the role may not do. */
export function assertAllowed(
  caller: Caller,
  { roles, query }: Access,
  { method, url }: Pick<Request, 'method' | 'url'>,
): void {
  if (roles !== 'everyone')
    assertRole(caller, roles, query === undefined ? `${method} ${url.split('?')[0]}` : `read ${query.name}`);
}

const ACCESS = 'ledgerline:access';

/** The route answers this query, with the roles of the query. */
export const AnswersQuery = (query: DefinedQuery): CustomDecorator => access({ roles: query.roles, query });

export const AllowedTo = (...roles: readonly Role[]): CustomDecorator => access({ roles });
/** No token needed: health, docs, and the empty page of the console. */
export const OpenToAll = (): CustomDecorator => access({ roles: 'everyone' });

const access = (value: Access): CustomDecorator => SetMetadata(ACCESS, value);

export function accessOf(handler: object): Access | undefined {
  const value: unknown = Reflect.getMetadata(ACCESS, handler);
  return isAccess(value) ? value : undefined;
}

const isAccess = (value: unknown): value is Access => typeof value === 'object' && value !== null && 'roles' in value;

function callerOf({ caller, url }: Pick<Request, 'caller' | 'url'>): Caller {
  if (caller === undefined) throw new Error(`the guard accepted ${url} without a caller`);
  return caller;
}

const isGraphQl = (context: ExecutionContext): boolean => context.getType<'http' | 'graphql'>() === 'graphql';

/** The caller of a GraphQL request. Its token was read before the query. */
export function graphQlCaller(context: ExecutionContext): Caller | undefined {
  return isGraphQl(context)
    ? callerOf({ url: '/graphql', ...GqlExecutionContext.create(context).getContext<Pick<Request, 'caller'>>() })
    : undefined;
}

/** The caller, from the token. */
export const AskedBy = createParamDecorator(
  (_: undefined, context: ExecutionContext): Caller =>
    graphQlCaller(context) ?? callerOf(context.switchToHttp().getRequest<Request>()),
);

/** The arguments of `Ledger.ask` besides the query. */
export type Asked = readonly [params: Readonly<Record<string, unknown>>, caller: Caller];

/** The parameters of a query, from the URL or the body, and the caller. */
export const Question = createParamDecorator((_: undefined, context: ExecutionContext): Asked => {
  const request = context.switchToHttp().getRequest<Request>();
  const posted = request.method === 'POST' ? bodyOf(request) : {};
  // These two are for the transport, which has waited by now.
  const { waitFor: _waitFor, waitTimeoutMs: _waitTimeoutMs, ...asked } = request.query;
  return [{ ...posted, ...asked, ...request.params }, callerOf(request)];
});

const bodyOf = ({ body }: Request): object => {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('invalid_input', 'the body must be a JSON object');
  return body;
};
