import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Reply, Request } from './http.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';

/** Answers whatever was thrown as problem+json. Defects and outages are logged: a refusal is the asker's business. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const reply = host.switchToHttp().getResponse<Reply>();
    const problem = problemOf(error);
    if (problem.status >= 500)
      this.logger.error({ err: error, requestId: request.id, method: request.method, url: request.url }, 'a request failed');
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
    if (problem.status === 503) void reply.header('retry-after', '1');
    void reply.status(problem.status).header('content-type', PROBLEM_TYPE).send(problem);
  }
}
