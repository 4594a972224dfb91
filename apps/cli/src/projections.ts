import { z } from 'zod';
import { parse } from '#domain/schema';
import type { AnswerOf } from '#ledger/query';
import type { Ledger } from '#operations/ledger';
import { projections } from '#operations/projections';
import { keepHeapSmall } from '#runtime/small-heap';
import type { RebuildOptions, RebuildProgress, RebuildReport } from '#read-model/rebuild';
import { counted, print, printJson, progress, say, table } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { readOption, WrongUsage } from './wrong-usage.js';

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
      throw new WrongUsage(`unknown action "projections ${action}". Use status, rebuild, rollback or skip.`);
  }
}

type Status = AnswerOf<typeof projections.answer>;

const statusOf = async (ledger: Ledger): Promise<Status> => ledger.ask(projections, {}, cliCaller());

async function status(ledger: Ledger, { json }: Options): Promise<number> {
  const answer = await statusOf(ledger);
  if (json) {
    printJson(answer);
    return 0;
  }
  print(table(answer.items));
  const { halted, stuck, rebuild: shadow, kept, state } = answer;
  if (state === 'rebuilding')
    say(
      'the read models were built by other versions of the projections. ' +
        'The next command, or "projections rebuild", replaces them.',
    );
  if (state === 'other_log')
    say(
      'the log was set back or replaced behind the read models, and nothing is served from them. Restore the log, or ' +
        'run "projections rebuild --accept".',
    );
  if (halted !== null) say(`halted at position ${halted.position} (${halted.projection}): ${halted.reason}`);
  if (stuck !== null)
    say(
      `stuck: the session ${stuck.session} of Postgres (${stuck.application ?? 'without a name'}) holds the` +
        ` projections, and has projected nothing since ${stuck.since}. Restart that process, or end its session: ` +
        `SELECT pg_terminate_backend(${stuck.session}).`,
    );
  if (shadow !== null)
    say(
      `a rebuild of ${namesOf(shadow)} is at position ${shadow.position}, ${counted(shadow.lag, 'event')} behind. ` +
        'To continue it, run "projections rebuild".',
    );
  if (kept !== null)
    say(
      `the previous read models of ${namesOf(kept)} are kept, at position ${kept.position}. ` +
        'To restore them, run "projections rollback".',
    );
  return 0;
}

/** The names of read models that do not serve: those of a rebuild, or the ones kept for a rollback. */
const namesOf = ({ projections: names }: NonNullable<Status['kept']>): string =>
  Array.isArray(names) ? names.join(', ') : 'all projections';

async function rebuild(options: Options): Promise<number> {
  keepHeapSmall();
  const only = options.only === undefined ? null : readOption(() => parse(zNames, options.only, '--only'));
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
    say('stopping after this batch; the rows built so far are kept');
    stopping.abort();
  };
  const work = async (ledger: Ledger): Promise<RebuildReport> => {
    // Read models of other versions can't catch up: they are compared at the position where they are.
    // Nor can those of another log.
    const { state } = await statusOf(ledger);
    if (state === 'other_log') say('the read models were made from another log than the one that is there');
    else if (state !== 'rebuilding') await ledger.catchUp();
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
  swapped: 'the new read models are live. The previous ones are kept; to restore them: ledgerline projections rollback',
  previewed: 'nothing was swapped. To continue from here, run the same command without --preview.',
  refused:
    'the read models differ, so nothing was swapped. ' +
    'Check the differences; to use the new ones, run the same command with --accept.',
  interrupted: 'interrupted. The rows built so far are kept; to continue, run the same command again.',
};

function printComparison({ position, resumedFrom, seconds, tables, money }: Omit<RebuildReport, 'outcome'>): void {
  if (resumedFrom > 0) print(`continued an unfinished rebuild from position ${resumedFrom}`);
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
      print(`${name}: not compared, because only one of the two has it: ${columnsApart.join(', ')}`);
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
      `the previous read models are live again, caught up from position ${done.keptFrom} to ${done.position}. ` +
        'The replaced ones are kept.',
    );
  return 0;
}

async function skip(position: string | undefined, options: Options): Promise<number> {
  const command = readOption(() =>
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
          : `unchanged: the event at position ${command.position} was already skipped`,
      );
    // After the result is printed: catching up can fail at a later event.
    if (outcome.status !== 'refused') await ledger.catchUp();
    return outcome.status === 'refused' ? 1 : 0;
  });
}

const zSkip = z.object({
  position: z
    .string('is missing: give the log position of the event')
    .regex(/^[1-9]\d{0,14}$/, 'is not a log position (a whole number such as 4711)')
    .transform(Number),
  reason: z.string('is missing: give the reason with --reason').min(1, 'is empty: give the reason'),
});
