import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { say } from './output.js';

const NEEDED_NODE = 24;

/**
 * Runs the command in the Node that was installed with Ledgerline, if the machine's own Node is too old. `failed`: the
 * exit code if that does not start.
 */
export async function endedInInstalledNode(failed: number): Promise<boolean> {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_NODE) return false;
  const node = fileURLToPath(new URL('../../../../node_modules/.bin/node', import.meta.url));
  // If this process is killed, the IPC channel closes and the child ends too.
  const child = spawn(node, process.argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // Signals go to the child. It ends in its own way, then this process ends. The terminal sends Ctrl-C to both.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise<number>((resolve) => {
    child.once('exit', (code) => {
      resolve(code ?? failed);
    });
    child.once('error', ({ message }) => {
      say(
        `ledgerline needs Node ${NEEDED_NODE}, and the Node installed with it did not start (${message}). Run: npm ci`,
      );
      resolve(failed);
    });
  });
  return true;
}

/** Ends this process if its parent (see endedInInstalledNode) was killed, as if both were one process. */
export function endWithParent(): void {
  process.on('disconnect', () => {
    process.kill(process.pid, 'SIGKILL');
  });
  process.channel?.unref();
}
