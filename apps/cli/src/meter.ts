import { parse, zDate } from '#domain/schema';
import { daysFrom } from '#domain/metering/metering';
import { print, printJson } from './output.js';
import { cliCaller, withLedger } from './session.js';

/** Meters one day or several, in order. */
export async function run(_args: readonly string[], options: { dataDir: string; json: boolean; date?: unknown; to?: unknown }): Promise<number> {
  const first = parse(zDate, options.date, '--date');
  const days = daysFrom(first, options.to === undefined ? first : parse(zDate, options.to, '--to'));
  return withLedger(options, async (ledger) => {
    const metered = [];
    for (const { start } of days) {
      const day = await ledger.meter(start.slice(0, 10), cliCaller());
      metered.push(day);
      if (!options.json) print(`${day.date}  ${day.count} records`);
    }
    await ledger.catchUp();
    if (options.json) printJson({ days: metered });
    return 0;
  });
}
