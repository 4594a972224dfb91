import { z } from 'zod';
import { parse } from '#domain/schema';
import type { Ledger } from '#operations/ledger';
import { keepHeapSmall } from '#runtime/small-heap';
import type { RebuildOptions, RebuildProgress, RebuildReport } from '#read-model/rebuild';
import { print, printJson, progress, say, table } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { given, WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly only?: unknown;
  readonly preview?: unknown;
  readonly accept?: unknown;
  readonly reason?: unknown;
}

/** `projections status|rebuild|rollback|skip`. */
export async function run([action = '', position]: readonly string[], options: Options): Promise<number> {
  switch (action) {
    case 'status':
      return withLedger({ ...options, whenOutdated: 'leave' }, async (ledger) => status(ledger, options));
    case 'rebuild':
      return rebuild(options);
    case 'rollback':
      return rollback(options);
    case 'skip':
      return skip(position, options);
    default:
      throw new WrongUsage(`projections ${action}: there are "status", "rebuild", "rollback" and "skip"`);
  }
}

interface Beside {
  readonly projections: 'all' | readonly string[];
  readonly position: number;
  readonly lag: number;
}
interface Status {
  readonly items: readonly Record<string, unknown>[];
  readonly state: string;
  readonly halted: { readonly position: number; readonly projection: string; readonly reason: string } | null;
  readonly rebuild: Beside | null;
  readonly kept: Beside | null;
}

const statusOf = async (ledger: Ledger): Promise<Status> =>
  (await ledger.ask('projections', {}, cliCaller())) as Status;

async function status(ledger: Ledger, { json }: Options): Promise<number> {
  const answer = await statusOf(ledger);
  if (json) {
    printJson(answer);
    return 0;
  }
  print(table(answer.items));
  const { halted, rebuild: shadow, kept, state } = answer;
  if (state === 'rebuilding')
    say(
      'the read models were made by other versions of the projections: those of this one take their place with the next command, or "projections rebuild"',
    );
  if (halted !== null) say(`halted at position ${halted.position} (${halted.projection}): ${halted.reason}`);
  if (shadow !== null)
    say(
      `a rebuild of ${named(shadow)} is at position ${shadow.position}, ${shadow.lag} events behind: "projections rebuild" goes on with it`,
    );
  if (kept !== null)
    say(
      `read models of ${named(kept)} are kept from before, at position ${kept.position}: "projections rollback" puts them back`,
    );
  return 0;
}

const named = ({ projections }: Beside): string => (projections === 'all' ? 'all projections' : projections.join(', '));

async function rebuild(options: Options): Promise<number> {
  keepHeapSmall();
  const only = options.only === undefined ? null : given(() => parse(zNames, options.only, '--only'));
  const stopping = new AbortController();
  const bar = progress();
  const rebuilt: RebuildOptions = {
    only,
    preview: options.preview === true,
    accept: options.accept === true,
    signal: stopping.signal,
    onProgress: (at) => {
      bar.show(at.target === 0 ? null : at.position / at.target, progressText(at));
    },
    ...(options.json ? {} : { onCompared: printComparison }),
  };
  const interrupt = (): void => {
    say('stopping after this batch; what is built is kept');
    stopping.abort();
  };
  const work = async (ledger: Ledger): Promise<RebuildReport> => {
    // Read models of other versions go on no further: they are compared where they stand.
    if ((await statusOf(ledger)).state !== 'rebuilding') await ledger.catchUp();
    return ledger.rebuilder.rebuild(rebuilt);
  };
  const report = await withLedger({ ...options, whenOutdated: 'leave' }, work, interrupt);
  bar.end();
  if (options.json) printJson(report);
  else print(OUTCOMES[report.outcome]);
  return report.outcome === 'swapped' || report.outcome === 'previewed' ? 0 : 1;
}

const zNames = z
  .string()
  .transform((names) => names.split(',').map((name) => name.trim()))
  .refine((names) => names.every((name) => name !== ''), 'has an empty name: write margins,rates');

function progressText({ phase, position, target, eventsPerSecond, secondsLeft }: RebuildProgress): string {
  const rate = eventsPerSecond === null ? '' : `, ${eventsPerSecond} events a second`;
  const left = secondsLeft === null ? '' : `, ${secondsLeft} s left`;
  return `${phase}: position ${position} of ${target}${rate}${left}`;
}

const OUTCOMES: Readonly<Record<RebuildReport['outcome'], string>> = {
  swapped: 'the new read models serve; the ones before are kept: "ledgerline projections rollback" puts them back',
  previewed: 'nothing was exchanged: the same without --preview goes on from here',
  refused:
    'they differ, and nothing was exchanged: look at the differences, then the same with --accept takes the new ones',
  interrupted: 'interrupted; what is built is kept, and the same command goes on with it',
};

function printComparison({ position, resumedFrom, seconds, tables, money }: Omit<RebuildReport, 'outcome'>): void {
  if (resumedFrom > 0) print(`went on with an unfinished rebuild from position ${resumedFrom}`);
  print(`compared at position ${position}, after ${seconds} s:`);
  print(
    table(
      tables.map(({ table: name, rows, onlyLive, onlyShadow, different }) => ({
        table: name,
        rows,
        onlyLive,
        onlyRebuilt: onlyShadow,
        different,
      })),
    ),
  );
  for (const { table: name, columnsApart } of tables)
    if (columnsApart.length > 0)
      print(`${name}: only one of them has ${columnsApart.join(', ')}, which is not compared`);
  for (const { table: name, examples } of tables)
    for (const { live, shadow } of examples)
      print(`${name}: live ${JSON.stringify(live)}, rebuilt ${JSON.stringify(shadow)}`);
  print(
    money.length === 0
      ? 'sums of money by tenant and month: all equal'
      : table(money.map(({ shadow, ...sum }) => ({ ...sum, rebuilt: shadow }))),
  );
}

async function rollback(options: Options): Promise<number> {
  const stopping = new AbortController();
  const bar = progress();
  const onProgress = (at: RebuildProgress): void => {
    bar.show(at.target === 0 ? null : at.position / at.target, progressText(at));
  };
  const interrupt = (): void => {
    stopping.abort();
  };
  const done = await withLedger(
    options,
    async (ledger) => ledger.rebuilder.rollback({ signal: stopping.signal, onProgress }),
    interrupt,
  );
  bar.end();
  if (options.json) printJson(done);
  else
    print(
      `the kept read models serve again, caught up from position ${done.keptFrom} to ${done.position}; the others are kept in their turn`,
    );
  return 0;
}

async function skip(position: string | undefined, options: Options): Promise<number> {
  const command = given(() =>
    parse(zSkip, { position, reason: options.reason }, 'projections skip POSITION --reason TEXT'),
  );
  return withLedger(options, async (ledger) => {
    const outcome = await ledger.execute({ command: 'skip-event', ...command }, cliCaller());
    if (options.json) printJson(outcome);
    else if (outcome.status === 'refused') say(outcome.error.message);
    else
      print(
        outcome.status === 'done'
          ? `the event at position ${command.position} is skipped, now and in every rebuild`
          : `the event at position ${command.position} was skipped before`,
      );
    // Said first: that they halt at another event next is another matter.
    if (outcome.status !== 'refused') await ledger.catchUp();
    return outcome.status === 'refused' ? 1 : 0;
  });
}

const zSkip = z.object({
  position: z
    .string('must be given: the log position of the event')
    .regex(/^[1-9]\d{0,14}$/, 'is no log position: a whole number such as 4711')
    .transform(Number),
  reason: z.string('must be given: --reason says why').min(1, 'must say why'),
});
