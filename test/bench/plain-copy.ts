import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { ensurePartitions, partitionsOf } from '#read-model/partitions';
import { createIndexesSql, createTableSql, type TableDefinition } from '#read-model/table';
import { timed } from './bench.js';

/**
 * The limit: the rows of these tables, as they stand in a schema, by a plain COPY from a file into identical tables
 * with their indexes, one after the other. Answers the milliseconds of the COPYs alone.
 */
export async function plainCopy(
  pool: pg.Pool,
  schema: string,
  tables: readonly TableDefinition[],
): Promise<{ ms: number; rows: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'ledgerline-bench-copy-'));
  const client = await pool.connect();
  let [ms, rows] = [0, 0];
  try {
    await client.query('DROP SCHEMA IF EXISTS plain CASCADE; CREATE SCHEMA plain; SET search_path TO plain');
    for (const table of tables) {
      const file = join(folder, table.name);
      await pipeline(
        client.query(copyTo(`COPY (SELECT * FROM ${schema}.${table.name}) TO STDOUT`)),
        createWriteStream(file),
      );
      await client.query([createTableSql(table), ...createIndexesSql(table)].join('; '));
      const months = (await partitionsOf(client, schema, table.name)).map((name) => name.slice(-7).replace('_', '-'));
      await ensurePartitions(
        client,
        'plain',
        months.map((month) => ({ table, month })),
      );
      await client.query('CHECKPOINT');
      const copied = await timed(async () => {
        const stream = client.query(copyFrom(`COPY ${table.name} FROM STDIN`));
        await pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), stream);
        return stream.rowCount;
      });
      ms += copied.ms;
      rows += copied.result;
    }
    return { ms, rows };
  } finally {
    await client.query('RESET search_path');
    client.release();
    await rm(folder, { recursive: true, force: true });
  }
}
