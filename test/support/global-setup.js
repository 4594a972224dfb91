import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** One embedded Postgres for the whole run; each spec makes databases of its own on it (postgres.ts). */
export default function globalSetup() {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'ledgerline-test-'));
  const watch = watchOver(dataDir);
  const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '200' };
  const program = [
    '--conditions=source',
    '--import',
    './test/support/typescript.js',
    'test/support/embedded-process.ts',
  ];
  const args = [...program, JSON.stringify({ dataDir, settings })];
  const cwd = path.resolve(import.meta.dirname, '../..');
  const { url } = JSON.parse(
    execFileSync(process.execPath, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  process.env.LEDGERLINE_TEST_POSTGRES_URL = url;
  globalThis.ledgerlineTestPostgres = watch;
}

/**
 * Removes the server when the run ends, in whatever way: its input ends with the process that holds the other end, also
 * when that is killed. Detached, so that a Ctrl-C for Jest does not end it before its work is done.
 */
function watchOver(dataDir) {
  const script = `
    cat > /dev/null
    home=$(cat "$0/postgres/location" || echo "$0/postgres")
    file="$home/data/postmaster.pid"
    read -r pid < "$file" && kill -INT "$pid" && while [ -e "$file" ] && kill -0 "$pid"; do sleep 0.02; done
    rm -rf "$0" "$home"`;
  const watch = spawn('sh', ['-c', script, dataDir], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  watch.unref();
  watch.stdin.unref();
  return watch;
}
