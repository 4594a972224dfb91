import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Logger } from 'pino';
import { type Instant, instant } from '#domain/time/instant';
import { Ledger } from '#operations/ledger';
import { ALERTS } from '#billing/alerts/evaluate-alerts';
import { BUDGETS } from '#billing/budgets/evaluate-budgets';
import { keepMonths } from '#billing/costs/keep-months';
import { UNBILLABLE_WATCHED } from '#billing/unbillable/evaluate-unbillable';
import { watch } from '#billing/watching/watch';
import { deliverWebhooks } from '#exchange/webhooks/deliver';
import { LedgerCore } from '#ledger/ledger-core';
import { troubleIn } from '#postgres/connection';
import type { EventStoreSettings } from '#runtime/environment';
import { LedgerModule } from '#operations/ledger.module';
import { carryOutRebuilds } from '#operations/rebuild-work';
import { type Readiness, sharedReadiness } from '#operations/readiness';
import type { Progress } from '#read-model/projection';
import { scheduleMetering } from './schedule.js';
import { WorkerTelemetry } from './telemetry.js';

export interface WorkerSettings {
  readonly databaseUrl: string;
  readonly eventStore?: EventStoreSettings;
  /** Where Prometheus metrics and the answers to probes are served. Without it, they are not served. */
  readonly metrics?: { readonly host: string; readonly port: number };
  /** Whether webhooks are sent to private networks. Default: they are not. */
  readonly allowsPrivateWebhooks?: boolean;
  /** Where traces are sent. Without it, there are none. */
  readonly otlpEndpoint?: string;
}

export interface WorkerOptions extends WorkerSettings {
  readonly logger: Logger;
  readonly now?: () => Instant;
}

export interface RunningWorker {
  /** Resolves when the worker is stopped. Rejects with the error of a defect. */
  readonly ended: Promise<void>;
  /** URL of the metrics, `http://127.0.0.1:9464/metrics`. null: they are not served. */
  readonly metricsUrl: string | null;
  stop(): Promise<void>;
}

const systemNow = (): Instant => instant(new Date().toISOString());

/** The worker retries by itself. Its log has the cause. */
const unavailable = (): Readiness => ({
  status: 'not_ready',
  code: 'not_ready',
  reason: 'The database or the log does not respond.',
  ...{ position: null, head: null },
});

/** Errors: the address can't be served. The worker is then closed. */
async function served(
  app: INestApplicationContext,
  telemetry: WorkerTelemetry,
  now: () => Instant,
  at: NonNullable<WorkerSettings['metrics']>,
): Promise<string> {
  try {
    const readiness = sharedReadiness(app.get(Ledger));
    const ready = async (): Promise<Readiness> => readiness(now()).catch(unavailable);
    return `${await telemetry.serve(app.get(LedgerCore), ready, at)}/metrics`;
  } catch (error) {
    await app.close();
    throw new Error(`metrics can't be served on ${at.host}:${at.port} (LEDGERLINE_WORKER_PORT)`, {
      cause: error,
    });
  }
}

/** Runs the projections and the scheduled jobs. */
export async function startWorker({
  databaseUrl,
  eventStore,
  metrics,
  otlpEndpoint,
  allowsPrivateWebhooks = false,
  logger,
  now = systemNow,
}: WorkerOptions): Promise<RunningWorker> {
  const report = (message: string): void => {
    logger.info(message);
  };
  const telemetry = new WorkerTelemetry(otlpEndpoint);
  const module = LedgerModule.forRoot({
    databaseUrl,
    ...(eventStore === undefined ? {} : { eventStore }),
    applicationName: 'ledgerline worker',
    measuring: telemetry,
    report,
  });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const ledger = app.get(Ledger);
  const metricsUrl = metrics === undefined ? null : await served(app, telemetry, now, metrics);
  if (metricsUrl !== null) logger.info(`Prometheus metrics are at ${metricsUrl}`);
  const stopping = new AbortController();
  const onProgress = (progress: Progress): void => {
    const { position, head } = progress;
    logger.debug({ position, head }, 'projected');
    telemetry.progressed(progress);
  };
  // Each problem is reported once. The worker continues by itself after the repair.
  const ended = ledger.project(stopping.signal, onProgress, (error) => {
    logger.error(troubleIn(error));
  });
  // The error is reported where it is awaited. Until then it must not end the process as unhandled.
  ended.catch(() => undefined);
  const rebuilding = carryOutRebuilds(app.get(LedgerCore), stopping.signal, report);
  const keeping = keepMonths(app.get(LedgerCore), stopping.signal, report);
  const watching = [BUDGETS, ALERTS, UNBILLABLE_WATCHED].map(async (watched) =>
    watch(app.get(LedgerCore), watched, { signal: stopping.signal, now, report }),
  );
  const sending = deliverWebhooks(app.get(LedgerCore), stopping.signal, {
    ...{ now, report, allowsPrivate: allowsPrivateWebhooks },
  });
  const schedule = await scheduleMetering(databaseUrl, ledger, now, logger);
  logger.info('the worker is running');
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await schedule.stop();
    stopping.abort();
    await Promise.all([ended.catch(() => undefined), rebuilding, keeping, ...watching, sending]);
    await app.close();
    await telemetry.close();
  };
  // Both Ctrl-C in a terminal and the parent process may send a signal.
  return { ended, metricsUrl, stop: () => (stopped ??= stop()) };
}
