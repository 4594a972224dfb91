import type { z } from 'zod';
import { parse, zInstant } from '#domain/schema';
import { zMonth } from '#ledger/month';
import { zPruned } from '#operations/retention';
import { counted, print, printJson, say } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { readOption } from './wrong-usage.js';

/** Prunes the raw usage records of a month and prints which are kept and why. Exits 1 if nothing could be pruned. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; month?: unknown; deployment?: unknown; at?: unknown },
): Promise<number> {
  const caller = cliCaller();
  const month = readOption(() => parse(zMonth, options.month, '--month').start.slice(0, 7));
  const at = readOption(() => (options.at === undefined ? caller.now : parse(zInstant, options.at, '--at')));
  return withLedger(options, async (ledger) => {
    const outcome = await ledger.execute(
      {
        command: 'prune-usage',
        month,
        at,
        ...(options.deployment === undefined ? {} : { deploymentId: options.deployment }),
      },
      caller,
    );
    await ledger.catchUpIfPossible();
    if (options.json) printJson(outcome);
    else if (outcome.status === 'refused') say(`${outcome.error.code}: ${outcome.error.message}`);
    else show(zPruned.parse(outcome.result));
    return outcome.status === 'refused' ? 1 : 0;
  });
}

function show({ month, records, deployments, kept, keptCount }: z.output<typeof zPruned>): void {
  print(`${month}: ${counted(records, 'raw usage record')} of ${counted(deployments, 'deployment')} pruned`);
  for (const { message } of kept) say(`kept: ${message}`);
  if (keptCount > kept.length) say(`kept: ${keptCount - kept.length} more`);
}
