import { settingsFrom } from './environment.js';
import { startApi } from './start.js';

/** The one that started us may be killed, and nobody else would end us: its channel to us is then closed. */
let orphaned = (): void => process.exit(0);
process.once('disconnect', () => {
  orphaned();
});

/** Serves until it is told to stop; then answers what it was asked and ends. */
try {
  const api = await startApi(settingsFrom(process.env));
  process.stdout.write(`${api.url}\n`);
  let stopping = false;
  const stop = (): void => {
    // Ctrl-C in a terminal, and whoever started us, may both say so.
    if (stopping) return;
    stopping = true;
    api.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`the API did not stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  orphaned = stop;
  process.once('SIGTERM', stop).once('SIGINT', stop);
} catch (error) {
  process.stderr.write(`ledgerline API: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
