import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * The place of the run's one embedded Postgres. The first spec that asks for a database starts it there (postgres.ts):
 * a run of specs that need none has none.
 */
export default function globalSetup() {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'ledgerline-test-'));
  process.env.LEDGERLINE_TEST_POSTGRES_DIR = dataDir;
  globalThis.ledgerlineTestPostgres = watchOver(dataDir);
}

/**
 * Removes the server when the run ends, in whatever way: its input ends with the process that holds the other end, also
 * when that is killed. A start that is under way is waited for. Detached, so that a Ctrl-C for Jest does not end it
 * before its work is done.
 */
function watchOver(dataDir) {
  const script = `
    cat > /dev/null
    tries=0
    while ls "$0"/starting-* && [ $tries -lt 300 ]; do tries=$((tries + 1)); sleep 0.1; done
    home=$(cat "$0/postgres/location" || echo "$0/postgres")
    file="$home/data/postmaster.pid"
    read -r pid < "$file" && kill -INT "$pid" && while [ -e "$file" ] && kill -0 "$pid"; do sleep 0.02; done
    rm -rf "$0" "$home"`;
  const watch = spawn('sh', ['-c', script, dataDir], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  watch.unref();
  watch.stdin.unref();
  return watch;
}
