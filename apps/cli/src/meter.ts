import { daysFrom } from '#domain/metering/metering';
import { parse, zDate } from '#domain/schema';
import { counted, print, printJson, progress } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { readOption } from './wrong-usage.js';

/** Meters one day, or several days in order. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; date?: unknown; to?: unknown },
): Promise<number> {
  const days = readOption(() => {
    const first = parse(zDate, options.date, '--date');
    return daysFrom(first, options.to === undefined ? first : parse(zDate, options.to, '--to'));
  });
  return withLedger(options, async (ledger) => {
    const shown = progress();
    const metered = [];
    for (const { start } of days) {
      const day = await ledger.meter(start.slice(0, 10), cliCaller());
      metered.push(day);
      if (options.json) shown.show(metered.length / days.length, `metered ${day.date}`);
      else print(`${day.date}  ${counted(day.count, 'record')}`);
    }
    shown.end();
    await ledger.catchUp();
    if (options.json) printJson({ days: metered });
    return 0;
  });
}
