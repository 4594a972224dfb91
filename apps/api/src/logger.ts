import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

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

const textOf = (message: unknown): string => (message instanceof Error ? (message.stack ?? message.message) : String(message));
