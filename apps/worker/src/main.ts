import 'reflect-metadata';
import { pino } from 'pino';
import { settingsFrom } from './environment.js';
import { startWorker } from './worker.js';

const logger = pino({ name: 'ledgerline-worker' });

/** The one that started us may be killed, and nobody else would end us: its channel to us is then closed. */
let orphaned = (): void => process.exit(0);
process.once('disconnect', () => {
  orphaned();
});

/**
 * Runs until it is told to stop. An event that can't be projected is reported, with the reason, and tried again until
 * it can or is skipped.
 */
try {
  const { logLevel, ...settings } = settingsFrom(process.env);
  logger.level = logLevel;
  const worker = await startWorker({ ...settings, logger });
  const stop = (): void => {
    void worker.stop().then(() => process.exit(0));
  };
  orphaned = stop;
  process.once('SIGTERM', stop).once('SIGINT', stop);
  await worker.ended;
} catch (error) {
  logger.fatal({ error: error instanceof Error ? error.message : String(error) }, 'the worker ends');
  process.exit(1);
}
