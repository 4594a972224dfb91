import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Reply, Request } from './http.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';

/**
 * Responds to every error with problem+json. Defects and outages are logged. Refusals are not: they concern the caller.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    if (host.getType<'http' | 'graphql'>() === 'graphql') {
      if (problemOf(error).status >= 500) this.logger.error({ err: error }, 'a field of a query failed');
      // GraphQL treats a returned error as thrown, and adds its path in the query.
      return error;
    }
    answerProblem(
      error,
      host.switchToHttp().getRequest<Request>(),
      host.switchToHttp().getResponse<Reply>(),
      this.logger,
    );
    return undefined;
  }
}

export function answerProblem(
  error: unknown,
  request: Pick<Request, 'id' | 'method' | 'url'>,
  reply: Pick<Reply, 'status' | 'header' | 'send'>,
  logger: Logger,
): void {
  const problem = problemOf(error);
  if (problem.status >= 500)
    logger.error(
      { err: error, requestId: request.id, method: request.method, path: request.url.split('?')[0] },
      'a request failed',
    );
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  if (problem.status === 503) reply.header('retry-after', '1');
  reply.status(problem.status).header('content-type', PROBLEM_TYPE).send(problem);
}
