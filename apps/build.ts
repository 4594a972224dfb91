import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

/**
 * Builds all apps into a folder of its own, and then puts that folder in the place of `dist`. An interrupted build
 * leaves `dist` as it was, and two builds at once do not mix. A `dist` that was built from the same sources is kept,
 * unless called with `--again`.
 */
const ROOT = path.resolve(import.meta.dirname, '..');
const DIST = path.join(ROOT, 'dist');
/** The processes, then the console, which the API serves. */
const COMMANDS = [
  (target: string) => ['node_modules/rolldown/bin/cli.mjs', '--config', 'apps/rolldown.config.ts', '--dir', target],
  (target: string) => ['node_modules/vite/bin/vite.js', 'build', 'apps/console', '--outDir', `${target}/apps/console`],
];
const EXECUTABLE = 'apps/cli/src/main.js';
/** The hash of the sources that `dist` was built from. */
const BUILT_FROM = path.join(DIST, '.sources');
/** A build takes seconds: an older folder is left from one that was killed. */
const ABANDONED_MS = 3_600_000;
const MOST_ATTEMPTS = 10;

for (const folder of globSync(path.join(ROOT, '.build-*')))
  if (Date.now() - statSync(folder).mtimeMs > ABANDONED_MS) rmSync(folder, { recursive: true, force: true });

const sources = hashOfSources();
const isBuilt = existsSync(BUILT_FROM) && readFileSync(BUILT_FROM, 'utf8') === sources;
if (!isBuilt || process.argv.includes('--again')) {
  const work = mkdtempSync(path.join(ROOT, '.build-'));
  try {
    process.exitCode = await build(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Of what the bundler reads, and of the versions that are installed. */
function hashOfSources(): string {
  const files = globSync(['{apps,libs,projections,clients}/**/*.{ts,tsx,css,html,json}', '*.json'], {
    cwd: ROOT,
    exclude: (name) => name === 'node_modules',
  });
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(`${file}\n`).update(readFileSync(path.join(ROOT, file)));
  return hash.digest('hex');
}

async function build(work: string): Promise<number> {
  const target = path.join(work, 'dist');
  for (const command of COMMANDS) {
    const code = await run(command(target));
    if (code !== 0) return code;
  }
  chmodSync(path.join(target, EXECUTABLE), 0o755);
  writeFileSync(path.join(target, '.sources'), sources);
  takePlace(work, target);
  return 0;
}

/** Where another build takes the place of `dist` at the same moment, the later one stays. */
function takePlace(work: string, target: string): void {
  for (let attempt = 1; ; attempt += 1) {
    const before = path.join(work, `before-${attempt}`);
    try {
      if (existsSync(DIST)) renameSync(DIST, before);
      renameSync(target, DIST);
      return;
    } catch (error) {
      if (existsSync(before) && !existsSync(DIST)) renameSync(before, DIST);
      if (attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

/** Its exit code. */
async function run(args: readonly string[]): Promise<number> {
  // Its stdout is a list of the files that it wrote.
  const bundling = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  // The bundler ends first, so that its folder can be removed.
  const stop = (signal: NodeJS.Signals): boolean => bundling.kill(signal);
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, stop);
  const [code] = (await once(bundling, 'exit')) as [number | null];
  for (const signal of signals) process.off(signal, stop);
  return code ?? 1;
}
