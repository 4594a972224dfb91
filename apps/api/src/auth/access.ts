import { createParamDecorator, type CustomDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { GqlExecutionContext } from '@nestjs/graphql';
import { invalid } from '#domain/errors';
import type { Caller, Role } from '#ledger/caller';
import type { DefinedQuery } from '#ledger/query';
import type { Request } from '../http.js';

/** Who may call a route; and the query that it answers, if it answers one. */
export interface Access {
  readonly roles: readonly Role[] | 'everyone';
  readonly query?: DefinedQuery;
}

const ACCESS = 'ledgerline:access';

/** The route answers this query, for the roles that the query is for. */
export const AnswersQuery = (query: DefinedQuery): CustomDecorator => access({ roles: query.roles, query });

export const AllowedTo = (...roles: readonly Role[]): CustomDecorator => access({ roles });
/** Without a token: health, docs, and the console's empty page. */
export const OpenToAll = (): CustomDecorator => access({ roles: 'everyone' });

const access = (value: Access): CustomDecorator => SetMetadata(ACCESS, value);

export function accessOf(handler: object): Access | undefined {
  const value: unknown = Reflect.getMetadata(ACCESS, handler);
  return isAccess(value) ? value : undefined;
}

const isAccess = (value: unknown): value is Access => typeof value === 'object' && value !== null && 'roles' in value;

function callerOf({ caller, url }: Pick<Request, 'caller' | 'url'>): Caller {
  if (caller === undefined) throw new Error(`the guard has let ${url} pass without a caller`);
  return caller;
}

const isGraphQl = (context: ExecutionContext): boolean => context.getType<'http' | 'graphql'>() === 'graphql';

/** Who asks by GraphQL: the token is read before the query is. */
export function graphQlCaller(context: ExecutionContext): Caller | undefined {
  return isGraphQl(context)
    ? callerOf({ url: '/graphql', ...GqlExecutionContext.create(context).getContext<Pick<Request, 'caller'>>() })
    : undefined;
}

/** Who asks, as the token says. */
export const AskedBy = createParamDecorator(
  (_: undefined, context: ExecutionContext): Caller =>
    graphQlCaller(context) ?? callerOf(context.switchToHttp().getRequest<Request>()),
);

/** What `Ledger.ask` needs besides the query. */
export type Asked = readonly [params: Readonly<Record<string, unknown>>, caller: Caller];

/** A query's parameters, from the URL or posted, and who asks. */
export const Question = createParamDecorator((_: undefined, context: ExecutionContext): Asked => {
  const request = context.switchToHttp().getRequest<Request>();
  const posted = request.method === 'POST' ? bodyOf(request) : {};
  // These two are the transport's: it has waited by now.
  const { waitFor: _waitFor, waitTimeoutMs: _waitTimeoutMs, ...asked } = request.query;
  return [{ ...posted, ...asked, ...request.params }, callerOf(request)];
});

const bodyOf = ({ body }: Request): object => {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('invalid_input', 'the body must be a JSON object');
  return body;
};
