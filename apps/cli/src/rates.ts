import { executeOne } from './execute-one.js';
import { WrongUsage } from './wrong-usage.js';

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
  return executeOne(
    command,
    options,
    'corrected. The next run of ledgerline invoice books the corrections of issued invoices.',
  );
}
