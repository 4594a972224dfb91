import { parse } from '#domain/schema';
import { zWhole } from '#ledger/query';
import { print, printJson, say } from './output.js';
import { previewed } from './preview.js';
import { cliCaller, withLedger } from './session.js';
import { readOption, WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly type?: unknown;
  readonly family?: unknown;
  readonly location?: unknown;
  readonly price?: unknown;
  readonly from?: unknown;
  readonly until?: unknown;
  readonly reason?: unknown;
  readonly basedOn?: unknown;
  readonly idempotencyKey?: unknown;
  readonly preview?: unknown;
}

const zBasedOn = zWhole({ min: 0, message: 'must be a log position: a whole number such as 1207' });

/** `rates correct`: corrects a rate in the past, or with --preview shows what the correction would change. */
export async function run([action = '']: readonly string[], options: Options): Promise<number> {
  if (action !== 'correct') throw new WrongUsage(`unknown action "rates ${action}". Use: rates correct`);
  const command = {
    command: 'correct-rate',
    resourceType: options.type,
    resourceFamily: options.family,
    location: options.location,
    unitPrice: options.price,
    effectiveFrom: options.from,
    ...(options.until === undefined ? {} : { effectiveUntil: options.until }),
    reason: options.reason,
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
  };
  const basedOn =
    options.basedOn === undefined ? null : readOption(() => parse(zBasedOn, options.basedOn, '--based-on'));
  if (options.preview === true && basedOn !== null)
    throw new WrongUsage(
      '--preview always uses the current data. Remove --based-on, and give it with the correction itself.',
    );
  if (options.preview === true) return previewed([command], options);
  return withLedger(options, async (ledger) => {
    const outcome = await ledger.execute({ ...command, ...(basedOn === null ? {} : { basedOn }) }, cliCaller());
    await ledger.catchUpIfPossible();
    if (options.json) printJson(outcome);
    else if (outcome.status === 'refused') say(`refused (${outcome.error.code}): ${outcome.error.message}`);
    else if (outcome.status === 'proposed')
      print(`proposed as ${outcome.result.proposalId}. Another person must approve it: approve-proposal.`);
    else
      print(
        outcome.status === 'done'
          ? 'corrected. The next run of ledgerline invoice books the corrections of issued invoices.'
          : 'unchanged: the rate is already so, or the same correction was recorded before. ' +
              'If another correction has replaced it since, run it again with a new --idempotency-key.',
      );
    return outcome.status === 'refused' ? 1 : 0;
  });
}
