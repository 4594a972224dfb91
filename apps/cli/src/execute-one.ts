import { parse } from '#domain/schema';
import type { CommandOutcome } from '#ledger/command';
import { zWhole } from '#ledger/query';
import { print, printJson, say } from './output.js';
import { previewed } from './preview.js';
import { isMapping, mappingPreviewed } from './mapping-preview.js';
import { isSharing, sharingPreviewed } from './sharing-preview.js';
import { cliCaller, withLedger } from './session.js';
import { readOption, WrongUsage } from './wrong-usage.js';

const zBasedOn = zWhole({ min: 0, message: 'must be a log position: a whole number such as 1207' });

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly basedOn?: unknown;
  readonly preview?: unknown;
  readonly actor?: unknown;
}

/** Executes one command, or with --preview shows what it would change. Returns 1 if it is refused. */
export async function executeOne(command: object, options: Options, doneText?: string): Promise<number> {
  const basedOn =
    options.basedOn === undefined ? null : readOption(() => parse(zBasedOn, options.basedOn, '--based-on'));
  if (options.preview === true && basedOn !== null)
    throw new WrongUsage(
      '--preview always uses the current data. Remove --based-on, and give it with the command itself.',
    );
  if (options.preview === true) {
    if (isMapping(command)) return mappingPreviewed(command, options);
    return isSharing(command) ? sharingPreviewed(command, options) : previewed([command], options);
  }
  const actor = typeof options.actor === 'string' ? options.actor : undefined;
  return withLedger(options, async (ledger) => {
    const outcome = await ledger.execute({ ...command, ...(basedOn === null ? {} : { basedOn }) }, cliCaller(actor));
    await ledger.catchUpIfPossible();
    if (options.json) printJson(outcome);
    else show(outcome, doneText);
    return outcome.status === 'refused' ? 1 : 0;
  });
}

function show(outcome: CommandOutcome, doneText?: string): void {
  for (const { field, date, timeZone, instant } of outcome.dates ?? [])
    say(`${field} ${date} in ${timeZone} is ${instant}`);
  switch (outcome.status) {
    case 'refused':
      say(`refused (${outcome.error.code}): ${outcome.error.message}`);
      return;
    case 'proposed':
      print(`proposed as ${outcome.result.proposalId}. Another person must approve it: approve-proposal.`);
      return;
    case 'unchanged':
      print(`unchanged${resultText(outcome.result)}`);
      if (noticeIn(outcome.result) === undefined) say(UNCHANGED);
      return;
    case 'done': {
      print(doneText ?? `done${resultText(outcome.result)}`);
      const notice = noticeIn(outcome.result);
      if (doneText !== undefined && notice !== undefined) say(notice);
    }
  }
}

const resultText = (result: object | undefined): string => (result === undefined ? '' : ` ${JSON.stringify(result)}`);

/** What an answer says beside its figures. */
function noticeIn(result: object | undefined): string | undefined {
  const { notice }: { readonly notice?: unknown } = result ?? {};
  return typeof notice === 'string' ? notice : undefined;
}

const UNCHANGED =
  'It is already so, or the same command was recorded before. If another correction has replaced it since, run it' +
  ' again with a new idempotency key.';
