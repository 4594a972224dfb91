import type pg from 'pg';
import { DatabaseError, reason } from './errors.js';

/**
 * Checks that a session has the settings that its pool asked for. A pooler such as PgBouncer refuses or drops them, and
 * shares one session among many: our locks and notifications need sessions of their own. Errors:
 * `database_behind_pooler`, and those of the connection.
 */
export async function assertOwnSession(pool: pg.Pool, schema: string): Promise<void> {
  try {
    const { rows } = await pool.query<{ path: string }>(`SELECT current_setting('search_path') AS path`);
    if (rows[0]?.path !== schema) throw behindPooler(`it dropped the setting search_path=${schema}`);
  } catch (error) {
    throw isRefusedSetting(error) ? behindPooler(reason(error), error) : error;
  }
}

const isRefusedSetting = (error: unknown): boolean => reason(error).startsWith('unsupported startup parameter');

const behindPooler = (what: string, cause?: unknown): DatabaseError =>
  new DatabaseError(
    'database_behind_pooler',
    `a pooler such as PgBouncer stands before the database (${what}). Name Postgres itself in DATABASE_URL: ` +
      'Ledgerline has pools of its own, and needs sessions for its locks.',
    { cause },
  );
