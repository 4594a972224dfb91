import { readFile } from 'node:fs/promises';
import { acknowledgedIn } from '#audit/check/against-server';
import { compareWithServer, type MirrorDifference } from '#event-store/mirror.compare';
import { PostgresLog } from '#event-store/postgres';
import { createPool, openDatabase } from '#postgres/pool';
import { isPooled } from '#postgres/session';
import { eventStoreFrom } from '#runtime/environment';
import { openEventStoreDb } from '#runtime/event-store';
import { type Verified, verifyLog } from '#transparency/verify';
import { checkingKey } from './signing-key.js';
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
  const pool = createPool(database.url, {
    readOnly: true,
    applicationName: 'ledgerline verify',
    isPooled: await isPooled(database.url),
  });
  const log = new PostgresLog(pool);
  try {
    if (!(await log.exists()))
      throw new Error(
        `there is no log in this database, so there is nothing to verify. ` +
          `Check --data-dir (${options.dataDir}) or DATABASE_URL.`,
      );
    const verified = withServer(
      await verifyLog(log, pool, { notes, verifier, invoice: options.invoice }),
      await serverDifferences(log),
    );
    if (options.json) printJson(verified);
    else show(verified);
    return verified.ok ? 0 : 1;
  } finally {
    await log.close();
    await pool.end();
    await database.close();
  }
}

/** What EventStoreDB lacks of the mirror that is verified. null: the log is in Postgres. */
async function serverDifferences(mirror: PostgresLog): Promise<readonly ServerDifference[] | null> {
  const { eventStore } = eventStoreFrom(process.env);
  if (eventStore === undefined) return null;
  const server = await openEventStoreDb(eventStore);
  try {
    const isKnown = await acknowledgedIn(mirror);
    return (await compareWithServer(server, mirror)).map((each) => ({ ...each, isAcknowledged: isKnown(each) }));
  } finally {
    await server.close();
  }
}

/** `isAcknowledged`: an operator recorded that the server removed this. */
type ServerDifference = MirrorDifference & { readonly isAcknowledged: boolean };

/** `server`: whether the mirror was compared with EventStoreDB. `acknowledged`: differences that do not count. */
type VerifiedWithServer = Verified & {
  readonly compared: Verified['compared'] & { readonly server: boolean };
  readonly acknowledged: Verified['failures'];
};

function withServer(verified: Verified, differences: readonly ServerDifference[] | null): VerifiedWithServer {
  const of = (wanted: boolean) =>
    (differences ?? [])
      .filter(({ isAcknowledged }) => isAcknowledged === wanted)
      .map(({ code, position, message, remedy, stream }) => ({ code, position, message, remedy, stream }));
  const found = of(false);
  return {
    ...verified,
    ok: verified.ok && found.length === 0,
    compared: { ...verified.compared, server: differences !== null },
    failures: [...verified.failures, ...found],
    acknowledged: of(true),
  };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new WrongUsage(`--checkpoint ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function show({ ok, size, root, kept, compared, invoice, failures, acknowledged }: VerifiedWithServer): void {
  print(`${counted(size, 'event')}, root ${root}`);
  const { checkpoints, invoices, ofOtherKeys } = compared;
  print(`compared with kept hashes: ${kept}, signed checkpoints: ${checkpoints}, issued invoices: ${invoices}`);
  if (compared.server) print('compared with EventStoreDB, event by event');
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
  for (const { message, code } of acknowledged) print(`acknowledged  ${message} (${code})`);
  print(ok ? 'the log is as it was recorded' : 'the log is not as it was recorded');
}
