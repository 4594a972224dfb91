import { z } from 'zod';
import { parse } from '#domain/schema';
import { print, printJson, say } from './output.js';
import { previewed } from './preview.js';
import { cliCaller, now, withLedger } from './session.js';
import { given, WrongUsage } from './wrong-usage.js';

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
  readonly preview?: unknown;
}

/** `rates correct`: a correction into the past, or with --preview what it would change. */
export async function run([action = '']: readonly string[], options: Options): Promise<number> {
  if (action !== 'correct') throw new WrongUsage(`there is no "rates ${action}"; there is: rates correct`);
  const command = {
    command: 'correct-rate',
    resourceType: options.type,
    resourceFamily: options.family,
    location: options.location,
    unitPrice: options.price,
    effectiveFrom: options.from,
    ...(options.until === undefined ? {} : { effectiveUntil: options.until }),
    reason: options.reason,
  };
  const basedOn = options.basedOn === undefined ? null : given(() => parse(z.coerce.number().int().nonnegative(), options.basedOn, '--based-on'));
  if (options.preview === true) return previewed([command], options);
  const startedAt = now();
  return withLedger(options, async (ledger) => {
    // Whatever another recorded since this was entered, it does not know of.
    const outcome = await ledger.execute({ ...command, basedOn: basedOn ?? (await ledger.positionAt(startedAt)) }, cliCaller());
    await ledger.catchUp();
    if (options.json) printJson(outcome);
    else if (outcome.status === 'refused') say(`refused (${outcome.error.code}): ${outcome.error.message}`);
    else print(outcome.status === 'done' ? 'corrected; what issued invoices owe for it is booked by the next run of ledgerline invoice' : 'unchanged: it is so already');
    return outcome.status === 'refused' ? 1 : 0;
  });
}
