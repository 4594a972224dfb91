import { print, printJson, say, table } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { asked } from './wrong-usage.js';

/** Replays the log up to a moment into a schema of its own; exit 1 where the live read models, asked as of then, say something else. */
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
      print(`the state at position ${position}; a row is in force where position_to is null`);
    }
    if (differing === null || differing.length === 0) return 0;
    say(
      `the live read models, asked as of position ${position}, differ in ${differing.join(', ')}: run ledgerline check, and rebuild them`,
    );
    return 1;
  });
}
