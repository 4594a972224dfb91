import { z } from 'zod';
import { parse } from '#domain/schema';
import { print, printJson, say } from './output.js';
import { previewed } from './preview.js';
import { cliCaller, withLedger } from './session.js';
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
  readonly idempotencyKey?: unknown;
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
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
  };
  const basedOn =
    options.basedOn === undefined
      ? null
      : given(() => parse(z.coerce.number().int().nonnegative(), options.basedOn, '--based-on'));
  if (options.preview === true && basedOn !== null)
    throw new WrongUsage('--based-on is for the correction itself: a preview shows what stands now');
  if (options.preview === true) return previewed([command], options);
  return withLedger(options, async (ledger) => {
    const outcome = await ledger.execute({ ...command, ...(basedOn === null ? {} : { basedOn }) }, cliCaller());
    await ledger.catchUp();
    if (options.json) printJson(outcome);
    else if (outcome.status === 'refused') say(`refused (${outcome.error.code}): ${outcome.error.message}`);
    else
      print(
        outcome.status === 'done'
          ? 'corrected; what issued invoices owe for it is booked by the next run of ledgerline invoice'
          : 'unchanged: it is so already, or this very correction was recorded before; where another overruled it since, give it an --idempotency-key of its own',
      );
    return outcome.status === 'refused' ? 1 : 0;
  });
}
