import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';
import { correlationIdOf } from './http.js';
import { isWatched, type RequestEnds } from './request-ends.js';

/** Writes Nest's messages to our log. Its start messages are debug output; its warnings and errors are not. */
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

/**
 * Logs one line per request: path, status and duration. Not headers, bodies or URL parameters: they may contain
 * secrets. Requests of a flood would fill the log.
 */
export function logRequests(ends: RequestEnds, logger: Logger, isFlood: (request: object) => boolean): void {
  ends.onEnd((request, reply, hungUp) => {
    const { id: requestId, method } = request;
    const [path] = request.url.split('?');
    const correlationId = correlationIdOf(request);
    const more = { ...(correlationId === requestId ? {} : { correlationId }), ...(hungUp ? { hungUp } : {}) };
    const line = { requestId, ...more, method, path, status: reply.statusCode, ms: Math.round(reply.elapsedTime) };
    if (isWatched(request.url) || isFlood(request)) logger.debug(line, 'answered');
    else logger.info(line, 'answered');
  });
}

const textOf = (message: unknown): string =>
  message instanceof Error ? (message.stack ?? message.message) : String(message);
