import { takeSecretFiles } from '#runtime/secret-files';
import { keepHeapSmall } from '#runtime/small-heap';
import { settingsFrom } from './environment.js';
import { startApi } from './start.js';

/** If the parent process is killed, the channel closes and this process ends. */
let orphaned = (): void => process.exit(0);
process.once('disconnect', () => {
  orphaned();
});

/** Serves until a signal; then finishes the open requests and ends. */
try {
  keepHeapSmall();
  takeSecretFiles(process.env);
  const api = await startApi(settingsFrom(process.env));
  process.stdout.write(`${api.url}\n`);
  let stopping = false;
  const stop = (): void => {
    // Both Ctrl-C in a terminal and the parent process may send a signal.
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
  // A signal without a listener would end the process at once: they may come twice.
  process.on('SIGTERM', stop).on('SIGINT', stop);
} catch (error) {
  process.stderr.write(`ledgerline API: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
