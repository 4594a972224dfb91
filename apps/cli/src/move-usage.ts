import { parse, zText } from '#domain/schema';
import { zMonth } from '#ledger/month';
import { createPool, openDatabase } from '#postgres/pool';
import { usageRecords } from '#projections/usage-records/usage-records.table';
import { READ_MODELS } from '#projections/database';
import { isCoordinator } from '#read-model/distributed';
import { checkpointOf } from '#read-model/schema';
import { hasTablespace, moveMonths, storedMonths } from '#read-model/stored-months';
import { print, printJson, say, table } from './output.js';
import { readOption, WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly before?: unknown;
  readonly tablespace?: unknown;
}

const USAGE = `${READ_MODELS}.${usageRecords.name}`;
const DEFAULT = 'the default one';

/**
 * Moves the raw usage records of old months to another tablespace of Postgres. Without options it lists the months with
 * their tablespaces and bytes.
 */
export async function run(_args: readonly string[], options: Options): Promise<number> {
  const asked = readOption(() => whatToMove(options));
  const database = await openDatabase({ databaseUrl: process.env['DATABASE_URL'], dataDir: options.dataDir, log: say });
  const pool = createPool(database.url, { applicationName: 'ledgerline move-usage' });
  try {
    if ((await checkpointOf(pool, READ_MODELS)) === undefined)
      throw new Error('there are no read models in this database. Check --data-dir or DATABASE_URL');
    if (asked !== null) {
      if (await isCoordinator(pool))
        throw new Error('usage records are on the nodes of Citus: move their shards there, by the means of Citus');
      if (!(await hasTablespace(pool, asked.tablespace)))
        throw new Error(
          `Postgres has no tablespace ${asked.tablespace}: create it` +
            ` (CREATE TABLESPACE ${asked.tablespace} LOCATION '…')`,
        );
      for await (const { month, bytes } of moveMonths(pool, USAGE, asked))
        say(`${month} moved to ${asked.tablespace}: ${bytes} bytes`);
    }
    const months = await storedMonths(pool, USAGE);
    if (options.json) printJson(months);
    else print(table(months.map((each) => ({ ...each, tablespace: each.tablespace ?? DEFAULT }))));
    return 0;
  } finally {
    await pool.end();
    await database.close();
  }
}

/** null: nothing. */
function whatToMove({ before, tablespace }: Options): { before: string; tablespace: string } | null {
  if (before === undefined && tablespace === undefined) return null;
  if (before === undefined || tablespace === undefined)
    throw new WrongUsage('give --before and --tablespace, or neither to list the months');
  return {
    before: parse(zMonth, before, '--before').start.slice(0, 7),
    tablespace: parse(zText, tablespace, '--tablespace'),
  };
}
