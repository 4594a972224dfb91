import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { tooManyBytes } from './bodies.js';
import type { Failures } from './failures.js';
import type { Reply, Request } from './http.js';
import { PROBLEM_TYPE } from './problem.js';

/**
 * Responds to every error with problem+json. Defects and outages are logged. Refusals are not: they concern the caller.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly failures: Failures) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    if (host.getType<'http' | 'graphql'>() === 'graphql') {
      this.failures.log(error, 'a field of a query failed');
      // GraphQL treats a returned error as thrown, and adds its path in the query.
      return error;
    }
    answerProblem(
      error,
      host.switchToHttp().getRequest<Request>(),
      host.switchToHttp().getResponse<Reply>(),
      this.failures,
    );
    return undefined;
  }
}

export function answerProblem(
  error: unknown,
  request: Pick<Request, 'id' | 'method' | 'url'> & { readonly routeOptions?: { readonly url?: string | undefined } },
  reply: Pick<Reply, 'status' | 'header' | 'getHeader' | 'send'>,
  failures: Failures,
): void {
  const { id: requestId, method, url } = request;
  const named = isTooLarge(error) ? tooManyBytes(request.routeOptions?.url) : error;
  const problem = failures.log(named, 'a request failed', { requestId, method, path: url.split('?')[0] });
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  if ((problem.status === 503 || problem.status === 429) && reply.getHeader('retry-after') === undefined)
    reply.header('retry-after', '1');
  reply.status(problem.status).header('content-type', PROBLEM_TYPE).send(problem);
}

/** Fastify's own, with a text that does not name the limit. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_BODY_TOO_LARGE';
