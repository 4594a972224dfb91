import type pg from 'pg';

/**
 * Runs the work with a connection of the pool. After an error the connection is closed, not returned to the pool: its
 * locks and settings end with it. `isBrokenBy` tells after which errors, by default after each. Errors: those of the
 * work and of the connection.
 */
export async function withClient<Result>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<Result>,
  isBrokenBy: (error: unknown) => boolean = () => true,
): Promise<Result> {
  const client = await pool.connect();
  let isBroken = false;
  try {
    return await work(client);
  } catch (error) {
    isBroken = isBrokenBy(error);
    throw error;
  } finally {
    client.release(isBroken);
  }
}
