import 'reflect-metadata';
import { pino } from 'pino';
import { takeSecretFiles } from '#runtime/secret-files';
import { keepHeapSmall } from '#runtime/small-heap';
import { settingsFrom } from './environment.js';
import { startWorker } from './worker.js';

const logger = pino({ name: 'ledgerline-worker' });

/** If the parent process is killed, its channel closes and this process ends. */
let orphaned = (): void => process.exit(0);
process.once('disconnect', () => {
  orphaned();
});

/**
 * Runs until a signal. An event that can't be projected is reported with the reason, and retried until it succeeds or
 * is skipped.
 */
try {
  keepHeapSmall();
  takeSecretFiles(process.env);
  const { logLevel, ...settings } = settingsFrom(process.env);
  logger.level = logLevel;
  const worker = await startWorker({ ...settings, logger });
  const stop = (): void => {
    void worker.stop().then(() => process.exit(0));
  };
  orphaned = stop;
  // A signal without a listener would end the process at once: they may come twice.
  process.on('SIGTERM', stop).on('SIGINT', stop);
  await worker.ended;
} catch (error) {
  logger.fatal({ error: error instanceof Error ? error.message : String(error) }, 'the worker stopped');
  process.exit(1);
}
