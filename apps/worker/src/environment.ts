import { z } from 'zod';
import {
  eventStoreIn,
  type LogLevel,
  readEnvironment,
  zCount,
  zEventStore,
  zLogLevel,
  zUrl,
} from '#runtime/environment';
import type { WorkerSettings } from './worker.js';

/** Every variable that the worker reads. docs/running.md lists them in one table. */
const zEnvironment = z.object({
  DATABASE_URL: zUrl('postgres', 'postgresql'),
  ...zEventStore,
  LEDGERLINE_HOST: z.string().default('127.0.0.1'),
  LEDGERLINE_WORKER_PORT: zCount(65_535, 'must be a port number from 0 to 65535').optional(),
  LEDGERLINE_LOG_LEVEL: zLogLevel,
  LEDGERLINE_WEBHOOK_PRIVATE_NETWORKS: z.enum(['allow', 'refuse'], 'must be allow or refuse').default('refuse'),
  OTEL_EXPORTER_OTLP_ENDPOINT: zUrl('https', 'http').optional(),
});
export const VARIABLES: readonly string[] = Object.keys(zEnvironment.shape);

/** The settings from the environment. Errors: all faults in one error. */
export function settingsFrom(
  environment: Readonly<Record<string, string | undefined>>,
): WorkerSettings & { readonly logLevel: LogLevel } {
  const data = readEnvironment(zEnvironment, environment);
  return {
    databaseUrl: data.DATABASE_URL,
    logLevel: data.LEDGERLINE_LOG_LEVEL,
    ...eventStoreIn(data),
    ...(data.LEDGERLINE_WEBHOOK_PRIVATE_NETWORKS === 'allow' ? { allowsPrivateWebhooks: true } : {}),
    ...(data.LEDGERLINE_WORKER_PORT === undefined
      ? {}
      : { metrics: { host: data.LEDGERLINE_HOST, port: data.LEDGERLINE_WORKER_PORT } }),
    ...(data.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? {} : { otlpEndpoint: data.OTEL_EXPORTER_OTLP_ENDPOINT }),
  };
}
