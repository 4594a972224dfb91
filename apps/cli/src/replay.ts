import { print, printJson, say, table } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { asked } from './wrong-usage.js';

/** Replays the log up to a moment into a new schema. Exits 1 if the live read models, as of that moment, differ. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; asOf?: string; into?: string; tenant?: string },
): Promise<number> {
  return withLedger(options, async (_ledger, audit) => {
    const replayed = await asked(
      audit.replay({ asOf: options.asOf ?? '', into: options.into, tenantId: options.tenant }, cliCaller()),
    );
    const { schema, position, tables, differing } = replayed;
    if (options.json) printJson(replayed);
    else {
      print(table(Object.entries(tables).map(([name, rows]) => ({ table: `${schema}.${name}`, rows }))));
      print(`the state at position ${position}. Rows with position_to null are in force.`);
    }
    if (differing === null || differing.length === 0) return 0;
    say(
      `the live read models, as of position ${position}, differ in ${differing.join(', ')}. ` +
        'Run ledgerline check, then rebuild the read models.',
    );
    return 1;
  });
}
