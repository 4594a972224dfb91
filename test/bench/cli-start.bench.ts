import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { type Bench, figure, mustBe } from './bench.js';
import { onLedger } from './database.js';

const QUERY = ['dist/apps/cli/src/main.js', 'query', 'tenants', '--json'];
/** At its end, a process writes its CPU time in microseconds to this descriptor. */
const REPORT = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  require('node:fs').writeSync(3, String(user + system));
});`;

/** CPU time of a Node process in milliseconds, and its output. */
async function run(report: string, args: readonly string[], databaseUrl: string): Promise<{ ms: number; out: string }> {
  const child: ChildProcess = spawn(process.execPath, ['--require', report, ...args], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    env: { ...process.env, DATABASE_URL: databaseUrl },
  });
  const [out, micros] = await Promise.all([
    text(child.stdio[1] as Readable),
    text(child.stdio[3] as Readable),
    once(child, 'exit'),
  ]);
  mustBe(`exit code of ${args.join(' ')}`, child.exitCode, 0);
  return { ms: Number(micros) / 1000, out };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** CPU time, because other processes do not change it as much as the time by the clock. */
export const cliStartBench: Bench = {
  name: 'cli-start',
  summary: 'a query of the command line on a database that runs, N times; against an empty script on the same Node',
  size: 15,
  bounds: [{ of: 'queryToEmptyScript', most: 16, from: 5 }],
  async measure(size) {
    return onLedger(async ({ url }) => {
      const folder = await mkdtemp(join(tmpdir(), 'ledgerline-cli-start-'));
      try {
        const [report, empty] = [join(folder, 'report.cjs'), join(folder, 'empty.mjs')];
        await writeFile(report, REPORT);
        await writeFile(empty, '');
        const times: { query: number[]; empty: number[] } = { query: [], empty: [] };
        // Not counted: the first one compiles, and keeps what it compiled.
        await run(report, QUERY, url);
        for (let n = 0; n < size; n += 1) {
          const query = await run(report, QUERY, url);
          mustBe('the answer', JSON.parse(query.out), { items: [], nextCursor: null });
          times.query.push(query.ms);
          times.empty.push((await run(report, [empty], url)).ms);
        }
        return {
          ratios: { queryToEmptyScript: figure(median(times.query) / median(times.empty)) },
          figures: { queryCpuMs: figure(median(times.query)), emptyScriptCpuMs: figure(median(times.empty)) },
          checked: true,
        };
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  },
};
