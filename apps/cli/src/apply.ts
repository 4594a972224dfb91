import type { EventSource } from '#domain/events';
import { jsonFault } from '#domain/json-text';
import type { CommandOutcome } from '#ledger/command';
import { sourceInFile } from '#ledger/file-rows';
import type { Ledger } from '#operations/ledger';
import { untilUnavailable } from '#operations/refusal';
import { messageOf, reasonOf } from './errors.js';
import { assertStdinOnce, bytesOf, jsonIn, type Line, readPages } from './input.js';
import { counted, isObject, print, printJson, progress, say } from './output.js';
import { run as preview } from './preview.js';
import { cliCaller, withLedger } from './session.js';

type Answer = { readonly index: number } & CommandOutcome;

const FOR_THE_REST = 'Finished commands are kept. For the rest, run apply again with the same input.';

/** Executes commands in order. A refusal does not stop the rest, and makes the exit code 1. */
export async function run(
  files: readonly string[],
  options: { dataDir: string; json: boolean; actor?: unknown; dryRun?: unknown },
): Promise<number> {
  if (options.dryRun === true) return preview(files, options);
  assertStdinOnce(files);
  const actor = typeof options.actor === 'string' ? options.actor : undefined;
  // A missing file is reported before the first command is executed.
  const sizes = await Promise.all(files.map(bytesOf));
  const bytes = sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const stopping = new AbortController();
  const stop = (): void => {
    say('stopping after this command');
    stopping.abort();
  };
  return withLedger(
    options,
    async (ledger) => {
      const answers: Answer[] = [];
      try {
        for await (const answer of applied(ledger, files, { actor, bytes, signal: stopping.signal })) {
          answers.push(answer);
          if (!options.json && answer.status !== 'refused') print(lineOf(answer));
        }
        await ledger.catchUpIfPossible();
      } finally {
        if (options.json) printJson(answers);
      }
      const count = (of: Answer['status']): number => answers.filter(({ status }) => status === of).length;
      const [refused, proposed] = [count('refused'), count('proposed')];
      const said = [`${answers.length - refused - proposed} accepted`, `${refused} refused`];
      if (proposed > 0) said.push(`${proposed} proposed: another person must approve them with approve-proposal`);
      if (!options.json) say(`${counted(answers.length, 'command')}: ${said.join(', ')}`);
      if (stopping.signal.aborted) say(`interrupted after ${counted(answers.length, 'command')}. ${FOR_THE_REST}`);
      return refused > 0 || stopping.signal.aborted ? 1 : 0;
    },
    stop,
  );
}

interface Application {
  readonly actor: string | undefined;
  readonly bytes: number | null;
  readonly signal: AbortSignal;
}

async function* applied(
  ledger: Ledger,
  files: readonly string[],
  { actor, bytes, signal }: Application,
): AsyncIterable<Answer> {
  const shown = progress();
  let [index, read] = [0, 0];
  for (const file of files) {
    for await (const lines of readPages(file, signal)) {
      let done = 0;
      try {
        for await (const outcome of outcomesOf(ledger, file, lines, { actor, signal })) {
          const line = lines[done];
          if (outcome.status === 'refused')
            say(`${file}:${line?.line}: ${outcome.command} was refused (${outcome.error.code}): ${reasonOf(outcome)}`);
          yield { index, ...outcome };
          [index, done, read] = [index + 1, done + 1, read + (line?.bytes ?? 0)];
          shown.show(bytes === null ? null : Math.min(read / bytes, 1), counted(index, 'command'));
        }
      } catch (error) {
        throw new Error(`${file}:${lines[done]?.line}: ${messageOf(error)}\n${FOR_THE_REST}`, { cause: error });
      }
      if (signal.aborted) return;
    }
  }
  shown.end();
}

/** One outcome for each line, in order. */
async function* outcomesOf(
  ledger: Ledger,
  file: string,
  lines: readonly Line[],
  { actor, signal }: Pick<Application, 'actor' | 'signal'>,
): AsyncIterable<CommandOutcome> {
  let commands: unknown[] = [];
  let sources: EventSource[] = [];
  for (const { line, content } of lines) {
    try {
      commands.push(jsonIn(content));
      sources.push(sourceInFile({ name: file === '-' ? 'stdin' : file }, [line]));
    } catch (error) {
      yield* untilUnavailable(ledger.executeInOrder(commands, cliCaller(actor), signal, sources));
      commands = [];
      sources = [];
      if (signal.aborted) return;
      const message = `the line ${jsonFault(error)}`;
      yield { command: '(not JSON)', status: 'refused', error: { code: 'not_json', kind: 'invalid', message } };
    }
  }
  yield* untilUnavailable(ledger.executeInOrder(commands, cliCaller(actor), signal, sources));
}

/** `invoices: 3f87… USD, 5b0c… EUR`. Programs use --json. */
function resultText(result: unknown): string {
  if (!isObject(result)) return textOf(result);
  return Object.entries(result)
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name}: ${textOf(value)}`)
    .join('; ');
}

/** In a list, a value stands for itself: `3f87… USD`. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  if (!isObject(value)) return String(value);
  return Object.values(value)
    .filter((each) => each !== null)
    .map(textOf)
    .join(' ');
}

function lineOf({ index, status, command, dates = [], ...rest }: Answer): string {
  const result = 'result' in rest && rest.result !== undefined ? `\t${resultText(rest.result)}` : '';
  const read = dates.map(({ field, date, timeZone, instant }) => `\t${field} ${date} in ${timeZone} is ${instant}`);
  return `${index + 1}\t${status}\t${command}${result}${read.join('')}`;
}
