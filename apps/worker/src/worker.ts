import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Logger } from 'pino';
import { type Instant, instant } from '#domain/time/instant';
import { Ledger } from '#operations/ledger';
import { LedgerCore } from '#ledger/ledger-core';
import { LedgerModule } from '#operations/ledger.module';
import type { Progress } from '#read-model/projection';
import { scheduleMetering } from './schedule.js';
import { WorkerTelemetry } from './telemetry.js';

export interface WorkerSettings {
  readonly databaseUrl: string;
  readonly eventStoreUrl?: string;
  /** Where figures for Prometheus are served; without it they are not. */
  readonly metrics?: { readonly host: string; readonly port: number };
  /** Traces are sent there; without it none are made. */
  readonly otlpEndpoint?: string;
}

export interface WorkerOptions extends WorkerSettings {
  readonly logger: Logger;
  readonly now?: () => Instant;
}

export interface RunningWorker {
  /** Ends when the worker is stopped, or with an error that is a defect. */
  readonly ended: Promise<void>;
  /** Of its figures, `http://127.0.0.1:9464/metrics`; null where they are not served. */
  readonly metricsUrl: string | null;
  stop(): Promise<void>;
}

const systemNow = (): Instant => instant(new Date().toISOString());

/** Errors: where nothing can be served there; the worker is then closed. */
async function served(
  app: INestApplicationContext,
  telemetry: WorkerTelemetry,
  at: NonNullable<WorkerSettings['metrics']>,
): Promise<string> {
  try {
    return `${await telemetry.serve(app.get(LedgerCore), at)}/metrics`;
  } catch (error) {
    await app.close();
    throw new Error(`the figures can't be served on ${at.host}:${at.port}, as LEDGERLINE_WORKER_PORT says`, {
      cause: error,
    });
  }
}

/** Runs the projections and the scheduled jobs. */
export async function startWorker({
  databaseUrl,
  eventStoreUrl,
  metrics,
  otlpEndpoint,
  logger,
  now = systemNow,
}: WorkerOptions): Promise<RunningWorker> {
  const report = (message: string): void => {
    logger.info(message);
  };
  const telemetry = new WorkerTelemetry(otlpEndpoint);
  const module = LedgerModule.forRoot({
    databaseUrl,
    ...(eventStoreUrl === undefined ? {} : { eventStoreUrl }),
    applicationName: 'ledgerline worker',
    measuring: telemetry,
    report,
  });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const ledger = app.get(Ledger);
  const metricsUrl = metrics === undefined ? null : await served(app, telemetry, metrics);
  if (metricsUrl !== null) logger.info(`figures for Prometheus are at ${metricsUrl}`);
  const stopping = new AbortController();
  const onProgress = (progress: Progress): void => {
    const { position, head } = progress;
    logger.debug({ position, head }, 'projected');
    telemetry.progressed(progress);
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
    await telemetry.close();
  };
  // Ctrl-C in a terminal, and whoever started us, may both say so.
  return { ended, metricsUrl, stop: () => (stopped ??= stop()) };
}
