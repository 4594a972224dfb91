import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPool, openDatabase } from '#postgres/pool';
import { say } from '../output.js';

const MARKER = 'made-by-demo';

/** Whether a data directory is free for the demo: new, empty, or of an earlier demo, whose ledger is then removed. If not, it says why. */
export async function isFree(dataDir: string): Promise<boolean> {
  const isEmpty = !existsSync(dataDir) || (await readdir(dataDir)).length === 0;
  if (isEmpty) {
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, MARKER), 'The demo may remove the ledger in this directory.\n');
    return true;
  }
  if (!existsSync(join(dataDir, MARKER))) {
    say(`${dataDir} holds a ledger that the demo did not make: name another with --data-dir`);
    return false;
  }
  say(`${dataDir} is from an earlier demo: beginning afresh`);
  return emptied(dataDir);
}

const OBJECT_IN_USE = '55006';

/**
 * Removes the ledger of an earlier demo with its database, not the directory: the cluster may be elsewhere, and a server
 * that others use must not lose its files.
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
    if (!(error instanceof Error && 'code' in error && error.code === OBJECT_IN_USE)) throw error;
    say(
      `another command, such as ledgerline up, uses ${dataDir}: end it first, or name another directory with --data-dir`,
    );
    return false;
  } finally {
    await admin.end();
    await database.close();
  }
}
