import type pg from 'pg';

/**
 * Takes one lock of each choice without waiting, against all processes of the ledger. Returns what gives them back.
 * null: all locks of a choice are taken, and none is kept.
 */
export async function takeFree(
  pool: pg.Pool,
  choices: readonly (readonly string[])[],
): Promise<(() => Promise<void>) | null> {
  const client = await pool.connect();
  const giveBack = async (): Promise<void> => {
    try {
      await client.query('SELECT pg_advisory_unlock_all()');
      client.release();
    } catch {
      // Its locks end with the connection.
      client.release(true);
    }
  };
  try {
    for (const names of choices)
      if (!(await takesOne(client, names))) {
        await giveBack();
        return null;
      }
    return giveBack;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

async function takesOne(client: pg.ClientBase, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const { rows } = await client.query<{ taken: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken',
      [`ledgerline:${name}`],
    );
    if (rows[0]?.taken === true) return true;
  }
  return false;
}
