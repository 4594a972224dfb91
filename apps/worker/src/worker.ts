import { NestFactory } from '@nestjs/core';
import type { Logger } from 'pino';
import { type Instant, instant } from '#domain/time/instant';
import { Ledger } from '#ledger/ledger';
import { LedgerModule } from '#ledger/ledger.module';
import type { Progress } from '#read-model/projection';
import { scheduleMetering } from './schedule.js';

export interface WorkerOptions {
  readonly databaseUrl: string;
  readonly eventStoreUrl?: string;
  readonly logger: Logger;
  readonly now?: () => Instant;
}

export interface RunningWorker {
  /** Ends when the worker is stopped, or with an error that is a defect. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const systemNow = (): Instant => instant(new Date().toISOString());

/** Runs the projections and the scheduled jobs. */
export async function startWorker({ databaseUrl, eventStoreUrl, logger, now = systemNow }: WorkerOptions): Promise<RunningWorker> {
  const report = (message: string): void => {
    logger.info(message);
  };
  const module = LedgerModule.forRoot({ databaseUrl, ...(eventStoreUrl === undefined ? {} : { eventStoreUrl }), applicationName: 'ledgerline worker', report });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const ledger = app.get(Ledger);
  const stopping = new AbortController();
  const onProgress = ({ position, head }: Progress): void => {
    logger.debug({ position, head }, 'projected');
  };
  // Told once each; it goes on by itself once that is mended.
  const ended = ledger.project(stopping.signal, onProgress, ({ message }) => {
    logger.error(message);
  });
  // Reported where it is awaited; until then it must not end the process as unhandled.
  ended.catch(() => undefined);
  const schedule = await scheduleMetering(databaseUrl, ledger, now, logger);
  logger.info('the worker runs');
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await schedule.stop();
    stopping.abort();
    await ended.catch(() => undefined);
    await app.close();
  };
  // Ctrl-C in a terminal, and whoever started us, may both say so.
  return { ended, stop: () => (stopped ??= stop()) };
}
