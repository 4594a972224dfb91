import { existsSync } from 'node:fs';
import { cp, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { folder } from '../support/cli.js';
import { testDatabase } from '../support/postgres.js';

/** The pages that a newcomer follows, command by command, with the output that they show. */

const run = promisify(execFile);
const MAIN = path.resolve('dist/apps/cli/src/main.js');
/** It serves until it is stopped. */
const SERVES = 'npx ledgerline up';
const PAGES: readonly (readonly [page: string, steps: number])[] = [
  ['docs/getting-started.md', 8],
  ['examples/hosting/README.md', 2],
  ['examples/api/README.md', 1],
  ['examples/tokens/README.md', 3],
  ['examples/payer/README.md', 2],
];

interface Step {
  readonly commands: string;
  readonly output: string;
}

/** Each block of commands, with the block of output that comes next. Output has no language; files to write do. */
function stepsOf(page: string): Step[] {
  const blocks = [...page.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
  return blocks.flatMap(({ language, text }, index) => {
    const next = blocks[index + 1];
    if (language !== 'sh' || text.trim() === SERVES) return [];
    return [{ commands: text, output: next?.language === '' ? next.text : '' }];
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

let files: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  files = await folder();
});
afterAll(async () => files.remove());

/** Runs the commands of a step in a folder. Returns what they print. Errors: one of them fails. */
async function carriedOut(commands: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const script = commands.replaceAll('npx ledgerline', `"${process.execPath}" "${MAIN}"`);
  return (await run('sh', ['-e', '-c', `exec 2>&1\n${script}`], { cwd, env })).stdout;
}

it('docs/operators.md is true for the ledger of the demo, with the output that it shows', async () => {
  const database = await testDatabase();
  const env = { ...process.env, DATABASE_URL: database.url };
  const cwd = path.join(files.path, 'operators');
  await mkdir(cwd);
  await carriedOut('npx ledgerline demo', cwd, env);
  for (const { commands, output } of stepsOf(await readFile('docs/operators.md', 'utf8'))) {
    const printed = await carriedOut(commands, cwd, env);
    if (output !== '') expect(printed).toMatch(patternOf(output));
  }
  await database.drop();
});

it.each(PAGES)('%s leads to issued, explained invoices, with the output that it shows', async (page, count) => {
  const steps = stepsOf(await readFile(page, 'utf8'));
  expect(steps).toHaveLength(count);
  const database = await testDatabase();
  const env = { ...process.env, DATABASE_URL: database.url };
  // An example has its files beside it.
  let cwd = path.join(files.path, path.basename(path.dirname(page)));
  await (page.startsWith('examples/') ? cp(path.dirname(page), cwd, { recursive: true }) : mkdir(cwd));
  for (const { commands, output } of steps) {
    expect(await carriedOut(commands, cwd, env)).toMatch(patternOf(output));
    if (commands.includes('cd my-ledger')) cwd = path.join(cwd, 'my-ledger');
  }
  await database.drop();
});

it('docs/running.md leads through the drill of a restore, on the embedded Postgres', async () => {
  const drill =
    /^\*\*Drill\.\*\*[^]*?^With a Postgres of your own/m.exec(await readFile('docs/running.md', 'utf8'))?.[0] ?? '';
  const steps = stepsOf(drill);
  expect(steps).toHaveLength(2);
  const { DATABASE_URL: _none, ...env } = process.env;
  const cwd = path.join(files.path, 'drill');
  await cp('examples/api', cwd, { recursive: true });
  await carriedOut('npx ledgerline apply setup.jsonl', cwd, env);
  // Where root may not enter a user namespace, the cluster is in a folder of its own, which is copied as well.
  const location = path.join(cwd, '.ledgerline', 'postgres', 'location');
  const elsewhere = existsSync(location) ? (await readFile(location, 'utf8')).trim() : null;
  const copied = (from: string, to: string) =>
    elsewhere === null ? '' : `\nrm -rf "${to}" && cp -a "${from}" "${to}"`;
  const [backup, restore] = steps;
  const restored = copied('elsewhere', elsewhere ?? '');
  await carriedOut(`${backup?.commands}${copied(elsewhere ?? '', 'elsewhere')}`, cwd, env);
  expect(await carriedOut(`${restored}\n${restore?.commands}`, cwd, env)).toMatch(patternOf(restore?.output ?? ''));
  // What is recorded after the backup is lost, and found to be missing.
  await carriedOut('npx ledgerline backfill usage events.jsonl', cwd, env);
  await carriedOut('npx ledgerline checkpoint --out later.checkpoint', cwd, env);
  await carriedOut(`rm -rf .ledgerline && cp -a backup .ledgerline${restored}`, cwd, env);
  await expect(carriedOut('npx ledgerline verify --checkpoint later.checkpoint', cwd, env)).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining('later.checkpoint covers 7 events, but the log has 5'),
  });
});
