import type pg from 'pg';
import type { CopyLines } from './copy.js';

/**
 * Copies rows that are nearly always new, without looking them up. Returns false if one has the key of a row in force:
 * then none is copied, and the caller applies their events one by one. The index of the rows in force finds it.
 */
export async function copiedAsNew(client: pg.ClientBase, lines: CopyLines): Promise<boolean> {
  await client.query('SAVEPOINT new_rows');
  try {
    await lines.copy(client);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT new_rows');
    return false;
  }
  await client.query('RELEASE SAVEPOINT new_rows');
  return true;
}

const UNIQUE_VIOLATION = '23505';
