import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPool, openDatabase } from '#postgres/pool';
import { hasCode } from '../errors.js';
import { say } from '../output.js';

const MARKER = 'made-by-demo';

/**
 * Whether the demo may use a data directory: it is new, empty, or from an earlier demo (whose ledger is then removed).
 * If not, prints the reason.
 */
export async function isFree(dataDir: string): Promise<boolean> {
  const isEmpty = !existsSync(dataDir) || (await readdir(dataDir)).length === 0;
  if (isEmpty) {
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, MARKER), 'The demo may remove the ledger in this directory.\n');
    return true;
  }
  if (!existsSync(join(dataDir, MARKER))) {
    say(`${dataDir} was not created by the demo. Choose another directory with --data-dir.`);
    return false;
  }
  say(`${dataDir} is from an earlier demo: replacing its ledger`);
  return emptied(dataDir);
}

const OBJECT_IN_USE = '55006';

/**
 * Removes the ledger of an earlier demo. This drops the database and keeps the directory: the cluster may be elsewhere,
 * and a server that others use must not lose its files.
 */
async function emptied(dataDir: string): Promise<boolean> {
  const database = await openDatabase({ dataDir });
  const url = new URL(database.url);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const admin = createPool(url.href, { max: 1 });
  try {
    await admin.query(`DROP DATABASE ${name}`);
    await admin.query(`CREATE DATABASE ${name}`);
    return true;
  } catch (error) {
    if (!hasCode(error, OBJECT_IN_USE)) throw error;
    say(
      `another command, such as ledgerline up, is using ${dataDir}. ` +
        'Stop it first, or choose another directory with --data-dir.',
    );
    return false;
  } finally {
    await admin.end();
    await database.close();
  }
}
