import { spawn } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Files here are in memory, on Linux. */
const MEMORY = '/dev/shm';
/** A run had 0.3 GB there at most. With less than this, the memory stays for the programs. */
const MEMORY_NEEDED_BYTES = 4 * 2 ** 30;
/** For everyone, as /tmp is: some specs run programs as other users. */
const FOR_EVERYONE = 0o1777;

/**
 * The folder of everything that the run writes: `TMPDIR` for all of its processes. In it is the place of the run's one
 * embedded Postgres. The first spec that asks for a database starts it there (postgres.ts): a run of specs that need
 * none has none. What node has compiled once, the other processes of the run read from there.
 */
export default function globalSetup() {
  const folder = mkdtempSync(path.join(placeOfFiles(), 'ledgerline-test-'));
  chmodSync(folder, FOR_EVERYONE);
  process.env.TMPDIR = folder;
  process.env.NODE_COMPILE_CACHE = path.join(folder, 'compiled');
  const dataDir = mkdtempSync(path.join(folder, 'server-'));
  process.env.LEDGERLINE_TEST_POSTGRES_DIR = dataDir;
  globalThis.ledgerlineTestPostgres = watchOver(folder, dataDir);
}

/**
 * The specs make and drop hundreds of databases of hundreds of files each. On some file systems, a new file after
 * many removed ones costs more than all that is done with it (ext4 without a journal looks for a number that was not
 * free in the last minute).
 */
function placeOfFiles() {
  if (!isUsable(MEMORY)) return os.tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY);
  const hasRoom = Math.min(bavail * bsize, process.availableMemory()) >= MEMORY_NEEDED_BYTES;
  return hasRoom ? MEMORY : os.tmpdir();
}

/** Files can be written there, and programs run from there. */
function isUsable(folder) {
  try {
    accessSync(folder, constants.W_OK);
    const mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '));
    return !mounts.some(([, place, , options = '']) => place === folder && options.split(',').includes('noexec'));
  } catch {
    // It is not there, or not ours.
    return false;
  }
}

/**
 * Removes the server and all files when the run ends, in whatever way: its input ends with the process that holds the
 * other end, also when that is killed. A start that is under way is waited for. Detached, so that a Ctrl-C for Jest
 * does not end it before its work is done.
 */
function watchOver(folder, dataDir) {
  const script = `
    cat > /dev/null
    tries=0
    while ls "$0"/starting-* && [ $tries -lt 300 ]; do tries=$((tries + 1)); sleep 0.1; done
    home=$(cat "$0/postgres/location" || echo "$0/postgres")
    file="$home/data/postmaster.pid"
    read -r pid < "$file" && kill -INT "$pid" && while [ -e "$file" ] && kill -0 "$pid"; do sleep 0.02; done
    rm -rf "$0" "$home" "$1"`;
  const watch = spawn('sh', ['-c', script, dataDir, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  watch.unref();
  watch.stdin.unref();
  return watch;
}
