import { readFile } from 'node:fs/promises';
import { PostgresLog } from '#event-store/postgres';
import { createPool, openDatabase } from '#postgres/pool';
import { type Verified, verifyLog } from '#transparency/verify';
import { checkingKey } from './checkpoint-key.js';
import { print, printJson, say } from './output.js';
import { WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly checkpoint?: readonly string[];
  readonly key?: string;
  readonly invoice?: string;
}

/** Whether the log is as it was recorded. Nothing is written, not even tables that are missing; exit 1 where anything does not fit. */
export async function run(_args: readonly string[], options: Options): Promise<number> {
  const verifier = await checkingKey(options.dataDir, options.key);
  const notes = await Promise.all(
    (options.checkpoint ?? []).map(async (file) => ({ name: file, note: await textOf(file) })),
  );
  const database = await openDatabase({ databaseUrl: process.env['DATABASE_URL'], dataDir: options.dataDir, log: say });
  const pool = createPool(database.url, { readOnly: true, applicationName: 'ledgerline verify' });
  const log = new PostgresLog(pool);
  try {
    if (!(await log.exists()))
      throw new Error(
        `there is no log in this database, so nothing to verify: is it the one under ${options.dataDir}, or in DATABASE_URL, that you mean?`,
      );
    const verified = await verifyLog(log, pool, { notes, verifier, invoice: options.invoice });
    if (options.json) printJson(verified);
    else show(verified);
    return verified.ok ? 0 : 1;
  } finally {
    await log.close();
    await pool.end();
    await database.close();
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new WrongUsage(`--checkpoint ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function show({ ok, size, root, kept, compared, invoice, failures }: Verified): void {
  print(`${size} events, root ${root}`);
  print(
    `held against ${kept} kept hashes, ${compared.checkpoints} signed checkpoints and ${compared.invoices} issued invoices`,
  );
  if (compared.ofOtherKeys > 0)
    print(
      `${compared.ofOtherKeys} kept checkpoints are not checked: they are of other keys than the one here, or the one named with --key`,
    );
  if (invoice !== undefined) {
    print(`${invoice.number} (${invoice.invoiceId}): ${invoice.events.length} events name it`);
    for (const { position, type, includedIn } of invoice.events)
      print(`  event ${position}  ${type}  ${includedIn === null ? 'is in nothing' : `is in ${includedIn}`}`);
  }
  for (const { code, position, message, remedy } of failures) {
    print(`${position === null ? 'FAILS' : `FAILS at ${position}`}  ${message} (${code})`);
    print(`  ${remedy}`);
  }
  print(ok ? 'the log is as it was recorded' : 'the log is not as it was recorded');
}
