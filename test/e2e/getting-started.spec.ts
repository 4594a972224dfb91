import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { folder } from '../support/cli.js';
import { testDatabase, type TestDatabase } from '../support/postgres.js';

/** The page that a newcomer follows, command by command, with the output that it shows. */

const run = promisify(execFile);
const MAIN = path.resolve('dist/apps/cli/src/main.js');
/** It serves until it is stopped. */
const SERVES = 'npx ledgerline up';

interface Step {
  readonly commands: string;
  readonly output: string;
}

/** Each block of commands, with the block of output after it. */
function stepsOf(page: string): Step[] {
  const blocks = [...page.matchAll(/^```(sh)?\n([^]*?)^```$/gm)].map(([, isCommands, text = '']) => ({
    isCommands: isCommands !== undefined,
    text,
  }));
  return blocks.flatMap(({ isCommands, text }, index) => {
    const next = blocks[index + 1];
    if (!isCommands || text.trim() === SERVES) return [];
    return [{ commands: text, output: next === undefined || next.isCommands ? '' : next.text }];
  });
}

/** A line `…` is any number of lines; within a line it is any text. */
const patternOf = (output: string): RegExp =>
  new RegExp(
    `^${output
      .split('\n')
      .map((line) => (line === '…' ? '[^]*?' : line.split(' …').map(escaped).join('.*?')))
      .join('\n')
      .replaceAll('[^]*?\n', '[^]*?')}$`,
  );
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

describe('docs/getting-started.md', () => {
  let database: TestDatabase;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    [database, files] = await Promise.all([testDatabase(), folder()]);
  });
  afterAll(async () => {
    await Promise.all([database.drop(), files.remove()]);
  });

  it('leads from an empty folder to an issued, explained invoice, with the output that it shows', async () => {
    const steps = stepsOf(await readFile('docs/getting-started.md', 'utf8'));
    expect(steps).toHaveLength(8);
    const env = { ...process.env, DATABASE_URL: database.url };
    let cwd = files.path;
    for (const { commands, output } of steps) {
      const script = commands.replaceAll('npx ledgerline', `"${process.execPath}" "${MAIN}"`);
      const { stdout } = await run('sh', ['-e', '-c', `exec 2>&1\n${script}`], { cwd, env });
      expect(stdout).toMatch(patternOf(output));
      if (commands.includes('cd my-ledger')) cwd = path.join(cwd, 'my-ledger');
    }
  });
});
