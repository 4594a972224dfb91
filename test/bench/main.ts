import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { appendBench } from './append.bench.js';
import { apisBench } from './apis.bench.js';
import { applyBench } from './apply.bench.js';
import { backfillBench } from './backfill.bench.js';
import type { Bench, LogKind, Measured } from './bench.js';
import { held, heldText } from './bounds.js';
import { checkBench } from './check.bench.js';
import { cliStartBench } from './cli-start.bench.js';
import { withServer } from './database.js';
import { asOfBench } from './as-of.bench.js';
import { diffBench } from './diff.bench.js';
import { consoleBench } from './console.bench.js';
import { grpcBench } from './grpc.bench.js';
import { httpBench } from './http.bench.js';
import { invoiceRunBench } from './invoice-run.bench.js';
import { listsBench } from './lists.bench.js';
import { liveBench } from './live.bench.js';
import { marginBench } from './margin.bench.js';
import { memoryBench } from './memory.bench.js';
import { overloadBench } from './overload.bench.js';
import { peersBench } from './peers.bench.js';
import { questionsBench } from './questions.bench.js';
import { rebuildBench } from './rebuild.bench.js';
import { rebuildAllBench } from './rebuild-all.bench.js';
import { rerateBench } from './rerate.bench.js';
import { scaleBench } from './scale.bench.js';
import { takeoverBench } from './takeover.bench.js';
import { verifyBench } from './verify.bench.js';

const BENCHES: readonly Bench[] = [
  appendBench,
  applyBench,
  apisBench,
  backfillBench,
  checkBench,
  cliStartBench,
  consoleBench,
  diffBench,
  grpcBench,
  httpBench,
  invoiceRunBench,
  asOfBench,
  verifyBench,
  listsBench,
  liveBench,
  marginBench,
  memoryBench,
  overloadBench,
  peersBench,
  questionsBench,
  rebuildBench,
  rebuildAllBench,
  rerateBench,
  scaleBench,
  takeoverBench,
];
const FAILED = 1;
const WRONG_USAGE = 2;

const say = (message: string): void => {
  process.stderr.write(`${message}\n`);
};

interface Request {
  readonly benches: readonly Bench[];
  readonly size: number | null;
  readonly log: LogKind;
  readonly json: boolean;
}

/** The requested benches, or the reason why they can't be run. */
function requested(args: readonly string[]): Request | string {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { size: { type: 'string' }, log: { type: 'string' }, json: { type: 'boolean' } },
  });
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0)
    return (
      `there is no bench ${unknown.join(', ')}; there ` +
      `are\n${BENCHES.map(({ name, summary }) => `  ${name}: ${summary}`).join('\n')}`
    );
  const { size, log = 'postgres', json = false } = values;
  if (log !== 'postgres' && log !== 'eventstoredb')
    return `--log: ${JSON.stringify(log)} is neither postgres nor eventstoredb`;
  if (size !== undefined && !/^[1-9]\d{0,8}$/.test(size))
    return `--size: ${JSON.stringify(size)} is no whole number from 1 on`;
  const benches = positionals.length === 0 ? BENCHES : BENCHES.filter(({ name }) => positionals.includes(name));
  return { benches, size: size === undefined ? null : Number(size), log, json };
}

async function measure({ benches, size, log }: Request): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const bench of benches) {
    const at = size ?? bench.size;
    say(`${bench.name}, size ${at}: ${bench.summary}`);
    const found = { name: bench.name, size: at, ...(await bench.measure(at, say, log)) };
    measured.push({ ...found, bounds: held(found, bench.bounds ?? []) });
  }
  return measured;
}

const listed = (values: Readonly<Record<string, number>>): string[] =>
  Object.entries(values).map(([name, value]) => `  ${name.padEnd(24)} ${value}`);

const shown = ({ name, size, ratios, figures, checked, bounds }: Measured): string =>
  [
    `${name}, size ${size}${checked ? ', checked' : ''}`,
    ...listed(ratios).map((line) => `${line}  (ratio)`),
    ...listed(figures),
    ...bounds.map(heldText),
  ].join('\n');

async function main(args: readonly string[]): Promise<number> {
  let request: Request | string;
  try {
    request = requested(args);
  } catch (error) {
    request = error instanceof Error ? error.message : String(error);
  }
  if (typeof request === 'string') {
    say(`bench: ${request}`);
    return WRONG_USAGE;
  }
  const of = request;
  const measured = await withServer(say, () => measure(of));
  process.stdout.write(`${of.json ? JSON.stringify(measured, null, 2) : measured.map(shown).join('\n\n')}\n`);
  const failed = measured.flatMap(({ name, bounds }) =>
    bounds.filter(({ holds }) => !holds).map((bound) => `${name}: ${heldText(bound).trim()}`),
  );
  for (const each of failed) say(each);
  return failed.length === 0 ? 0 : FAILED;
}

process.exitCode = await main(process.argv.slice(2));
