import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** One embedded Postgres for the whole run; each spec makes databases of its own on it (postgres.ts). */
export default function globalSetup() {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'ledgerline-test-'));
  const watch = watchOver(dataDir);
  const options = { dataDir, settings: { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '200' } };
  const args = ['--conditions=source', '--import', './test/support/typescript.js', 'test/support/embedded-process.ts', JSON.stringify(options)];
  const cwd = path.resolve(import.meta.dirname, '../..');
  const { url } = JSON.parse(execFileSync(process.execPath, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
  const location = `${dataDir}/postgres/location`;
  const home = existsSync(location) ? readFileSync(location, 'utf8').trim() : `${dataDir}/postgres`;
  watch.stdin.write(`${home}\n`);
  process.env.LEDGERLINE_TEST_POSTGRES_URL = url;
  globalThis.ledgerlineTestPostgres = watch;
}

/**
 * Removes the server when the run ends, in whatever way: its input ends with the process that holds the other end, also when that
 * is killed. Detached, so that a Ctrl-C for Jest does not end it before its work is done.
 */
function watchOver(dataDir) {
  const script = `
    read -r home; cat > /dev/null
    read -r pid < "$home/data/postmaster.pid" && kill -INT "$pid" && while [ -e "$home/data/postmaster.pid" ] && kill -0 "$pid"; do sleep 0.02; done
    rm -rf "$0" "$home"`;
  const watch = spawn('sh', ['-c', script, dataDir], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  watch.unref();
  watch.stdin.unref();
  return watch;
}
