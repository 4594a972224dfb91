import { readFile } from 'node:fs/promises';
import { PostgresLog } from '#event-store/postgres';
import { createPool, openDatabase } from '#postgres/pool';
import { type Verified, verifyLog } from '#transparency/verify';
import { checkingKey } from './checkpoint-key.js';
import { messageOf } from './errors.js';
import { counted, print, printJson, say } from './output.js';
import { WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly checkpoint?: readonly string[];
  readonly key?: string;
  readonly invoice?: string;
}

/** Verifies that the log is as it was recorded. Writes nothing, not even missing tables. Exits 1 if it differs. */
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
        `there is no log in this database, so there is nothing to verify. ` +
          `Check --data-dir (${options.dataDir}) or DATABASE_URL.`,
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
    throw new WrongUsage(`--checkpoint ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function show({ ok, size, root, kept, compared, invoice, failures }: Verified): void {
  print(`${counted(size, 'event')}, root ${root}`);
  const { checkpoints, invoices, ofOtherKeys } = compared;
  print(`compared with kept hashes: ${kept}, signed checkpoints: ${checkpoints}, issued invoices: ${invoices}`);
  if (ofOtherKeys > 0)
    print(`kept checkpoints not checked, because other keys signed them (see --key): ${ofOtherKeys}`);
  if (invoice !== undefined) {
    print(`${invoice.number} (${invoice.invoiceId}): ${counted(invoice.events.length, 'event')} about it`);
    for (const { position, type, includedIn } of invoice.events)
      print(`  event ${position}  ${type}  ${includedIn === null ? 'is not included' : `is in ${includedIn}`}`);
  }
  for (const { code, position, message, remedy } of failures) {
    print(`${position === null ? 'FAILS' : `FAILS at ${position}`}  ${message} (${code})`);
    print(`  ${remedy}`);
  }
  print(ok ? 'the log is as it was recorded' : 'the log is not as it was recorded');
}
