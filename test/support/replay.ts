import { expect } from '@jest/globals';
import { PostgresLog } from '#event-store/postgres';
import { createPool } from '#postgres/pool';
import { projections } from '#projections/index';
import { Projector } from '#read-model/projector';

/**
 * Expects the read models of a database to equal a replay of its log from nothing, row for row and version for version.
 * Answers the number of rows by table.
 */
export async function expectReplayToBeLive(databaseUrl: string, schema = 'replayed'): Promise<Map<string, number>> {
  const pool = createPool(databaseUrl, { schema: 'ledgerline' });
  const log = new PostgresLog(pool);
  const counts = new Map<string, number>();
  try {
    const replayed = new Projector(log, pool, projections, schema);
    await replayed.prepare();
    expect(await replayed.catchUp()).toBe(await log.head());
    for (const { name } of projections.flatMap(({ tables }) => tables)) {
      const rowsOf = async (schema: string) =>
        (await pool.query<{ row: string }>(`SELECT t::text AS row FROM ${schema}.${name} t ORDER BY 1`)).rows;
      const live = await rowsOf('ledgerline');
      expect({ name, rows: await rowsOf(schema) }).toEqual({ name, rows: live });
      counts.set(name, live.length);
    }
    return counts;
  } finally {
    await log.close();
    await pool.end();
  }
}
