import type { LoggerService } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { correlationIdOf } from './http.js';
import { isWatched } from './protection.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** Nest's own messages, in our log: what it maps at start is of no interest, what it complains of is. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown): void {
    this.logger.debug(textOf(message));
  }
  warn(message: unknown): void {
    this.logger.warn(textOf(message));
  }
  error(message: unknown, ...details: unknown[]): void {
    this.logger.error({ details }, textOf(message));
  }
  fatal(message: unknown, ...details: unknown[]): void {
    this.logger.fatal({ details }, textOf(message));
  }
}

/** A line for each request: where, how it ended, how long it took. Neither headers nor bodies, and of the URL no parameters: who asks may put a secret there. */
export function logRequests(fastify: Fastify, logger: Logger): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const { id: requestId, method } = request;
    const [path] = request.url.split('?');
    const correlationId = correlationIdOf(request);
    const line = { requestId, ...(correlationId === requestId ? {} : { correlationId }), method, path, status: reply.statusCode, ms: Math.round(reply.elapsedTime) };
    if (isWatched(request.url)) logger.debug(line, 'answered');
    else logger.info(line, 'answered');
    done();
  });
}

const textOf = (message: unknown): string => (message instanceof Error ? (message.stack ?? message.message) : String(message));
