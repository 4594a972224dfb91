import { settingsFrom } from './environment.js';
import { startApi } from './start.js';

/** Serves until it is told to stop; then answers what it was asked and ends. */
try {
  const api = await startApi(settingsFrom(process.env));
  process.stdout.write(`${api.url}\n`);
  const stop = (): void => {
    api.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`the API did not stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
} catch (error) {
  process.stderr.write(`ledgerline API: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
