import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { text, timestamptz } from './column.js';
import { ensurePartitions, partitionsOf } from './partitions.js';
import { createTableSql, defineTable } from './table.js';

const readings = defineTable({
  name: 'readings',
  columns: { id: text, at: timestamptz },
  key: ['id', 'at'],
  byMonthOf: 'at',
});

let database: TestDatabase;
let client: pg.PoolClient;
beforeAll(async () => {
  database = await testDatabase();
  client = await database.pool.connect();
  await client.query(createTableSql(readings));
});
afterAll(async () => {
  client.release();
  await database.drop();
});

const ensure = async (...months: readonly string[]) =>
  ensurePartitions(
    client,
    'public',
    months.map((month) => ({ table: readings, month })),
  );

it('makes the partition of each month once', async () => {
  await ensure('2026-04', '2026-12');
  await ensure('2026-04', '2026-05');

  expect(await partitionsOf(client, 'public', 'readings')).toEqual([
    'readings_2026_04',
    'readings_2026_05',
    'readings_2026_12',
  ]);
});

it('makes partitions of UTC months, December up to January', async () => {
  await ensure('2026-12', '2027-01');
  await client.query(
    "INSERT INTO readings VALUES ('a', '2026-12-31T23:59:59.999999Z', 1), ('b', '2027-01-01T00:00:00Z', 1)",
  );

  const { rows } = await client.query('SELECT id, tableoid::regclass::text AS partition FROM readings ORDER BY id');
  expect(rows).toEqual([
    { id: 'a', partition: 'readings_2026_12' },
    { id: 'b', partition: 'readings_2027_01' },
  ]);
});
