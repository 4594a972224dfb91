import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

/** The command as the README calls it, from a checkout that was built. Jest runs in the root of the repository. */

const run = promisify(execFile);
const MAIN = 'dist/apps/cli/src/main.js';

describe('npx ledgerline', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'ledgerline-npx-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('runs the built program, also twice at the same time, and installs and builds nothing', async () => {
    const before = statSync(MAIN).mtimeMs;
    const env = { ...process.env, npm_config_cache: directory };
    const both = await Promise.all([1, 2].map(async () => run('npx', ['--offline', 'ledgerline', '--help'], { env })));
    for (const { stdout } of both) expect(stdout).toContain('Usage: ledgerline');
    expect(existsSync(path.join(directory, '_npx'))).toBe(false);
    expect(statSync(MAIN).mtimeMs).toBe(before);
  });

  it('says what to do if nothing is built', async () => {
    const bin = path.join(directory, 'apps/cli/bin');
    cpSync('apps/cli/bin', bin, { recursive: true });
    const refused = run(process.execPath, [path.join(bin, 'ledgerline.js'), '--help']);
    await expect(refused).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/not built[^]*Run: npm ci/) });
  });

  it('still works after an interrupted build', async () => {
    const build = spawn(process.execPath, ['apps/build.ts', '--again'], { stdio: 'ignore' });
    const ended = once(build, 'exit');
    while (globSync('.build-*').length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    build.kill('SIGINT');
    await ended;
    const { stdout } = await run('npx', ['--offline', 'ledgerline', '--help']);
    expect(stdout).toContain('Usage: ledgerline');
  });
});
