import { print, printJson, say, table } from './output.js';
import { cliCaller, withLedger } from './session.js';

/** `projections status`: where each projection is, and how far behind the log. */
export async function run([action = '']: readonly string[], options: { dataDir: string; json: boolean }): Promise<number> {
  if (action !== 'status') {
    say(`projections ${action}: there is only "status"`);
    return 2;
  }
  return withLedger(options, async (ledger) => {
    const answer = (await ledger.ask('projections', {}, cliCaller())) as { items: Record<string, unknown>[] };
    if (options.json) printJson(answer);
    else print(table(answer.items));
    return 0;
  });
}
