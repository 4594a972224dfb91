import type { CommandOutcome } from '#ledger/command';
import type { Ledger } from '#ledger/ledger';
import { readLines } from './input.js';
import { print, printJson, say } from './output.js';
import { cliCaller, now, withLedger } from './session.js';

type Answer = { readonly index: number } & CommandOutcome;

/** Executes commands in order. A refusal does not stop the rest, and is the exit code. */
export async function run(files: readonly string[], options: { dataDir: string; json: boolean; actor?: unknown }): Promise<number> {
  const actor = typeof options.actor === 'string' ? options.actor : undefined;
  let interrupted = false;
  process.once('SIGINT', () => {
    interrupted = true;
    say('stopping after this command; what is done is kept, apply the same file again for the rest');
  });
  return withLedger(options, async (ledger) => {
    const answers: Answer[] = [];
    let refused = 0;
    for (const file of files) {
      for await (const { line, text } of readLines(file)) {
        if (interrupted) break;
        const outcome = await executed(ledger, file, line, text, actor);
        const answer: Answer = { index: answers.length, ...outcome };
        answers.push(answer);
        if (outcome.status === 'refused') {
          refused += 1;
          say(`${file}:${line}: ${outcome.command} was refused (${outcome.error.code}): ${outcome.error.message}`);
        } else if (!options.json) print(`${answer.index}\t${outcome.status}\t${outcome.command}${outcome.result === undefined ? '' : `\t${JSON.stringify(outcome.result)}`}`);
      }
    }
    await ledger.catchUp();
    if (options.json) printJson(answers);
    else say(`${answers.length} commands: ${answers.length - refused} taken, ${refused} refused`);
    return refused > 0 || interrupted ? 1 : 0;
  });
}

async function executed(ledger: Ledger, file: string, line: number, text: string, actor: string | undefined): Promise<CommandOutcome> {
  let command: unknown;
  try {
    command = JSON.parse(text);
  } catch (error) {
    const message = `${file}, line ${line} is not JSON: ${error instanceof Error ? error.message : String(error)}`;
    return { command: '(not JSON)', status: 'refused', error: { code: 'not_json', kind: 'invalid', message } };
  }
  return ledger.execute(command, { ...cliCaller(actor), now: now() });
}
