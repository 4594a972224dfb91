import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { jsonb, numeric, oneOf, text, timestamptz } from './column.js';
import { createIndexesSql, createTableSql, defineTable } from './table.js';

const prices = defineTable({
  name: 'prices',
  columns: {
    key: text,
    from_at: timestamptz,
    until_at: timestamptz.nullable(),
    price: numeric,
    tags: jsonb<string[]>(),
  },
  key: ['key', 'from_at'],
  group: ['key'],
  indexes: [['price']],
  exclusion: { by: ['key'], from: 'from_at', until: 'until_at' },
});
const readings = defineTable({
  name: 'readings',
  columns: { id: text, at: timestamptz, origin: oneOf<'person' | 'meter'>() },
  key: ['id', 'at'],
  partialIndexes: [{ name: 'metered', columns: ['at'], where: "origin = 'meter'" }],
  fewSuperseded: true,
  byMonthOf: 'at',
});

describe('SQL of a table', () => {
  it('has the columns in their order, those of the key not null, and the positions', () => {
    expect(createTableSql(prices)).toBe(
      'CREATE TABLE prices (key text NOT NULL, from_at timestamptz NOT NULL, until_at timestamptz, price numeric,' +
        ' tags jsonb, position_from bigint NOT NULL, position_to bigint)',
    );
    expect(createTableSql(readings)).toBe(
      'CREATE TABLE readings (id text NOT NULL, at timestamptz NOT NULL, origin text,' +
        ' position_from bigint NOT NULL, position_to bigint) PARTITION BY RANGE (at)',
    );
  });

  it('has an index of the rows in force, of their history, and the further ones', () => {
    const indexes = createIndexesSql(prices).filter((statement) => statement.startsWith('CREATE'));
    expect(indexes).toEqual([
      'CREATE UNIQUE INDEX IF NOT EXISTS prices_current ON prices (key, from_at) WHERE position_to IS NULL',
      'CREATE UNIQUE INDEX IF NOT EXISTS prices_history ON prices (key, from_at, position_from)',
      'CREATE INDEX IF NOT EXISTS prices_1 ON prices (price)',
    ]);
  });

  it('indexes few superseded rows separately, and a partition under its own name', () => {
    expect(createIndexesSql(readings, 'readings_2026_04')).toEqual([
      'CREATE UNIQUE INDEX IF NOT EXISTS readings_2026_04_current ON readings_2026_04 (id, at)' +
        ' WHERE position_to IS NULL',
      'CREATE INDEX IF NOT EXISTS readings_2026_04_superseded ON readings_2026_04 (id, at)' +
        ' WHERE position_to IS NOT NULL',
      "CREATE INDEX IF NOT EXISTS readings_2026_04_metered ON readings_2026_04 (at) WHERE origin = 'meter'",
    ]);
  });

  it('groups rows by their key by default', () => {
    expect([prices.group, readings.group]).toEqual([['key'], ['id', 'at']]);
  });
});

describe('on Postgres', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
    await database.pool.query('CREATE EXTENSION btree_gist');
    for (const statement of [createTableSql(prices), ...createIndexesSql(prices)]) await database.pool.query(statement);
  });
  afterAll(async () => database.drop());

  const price = async (from: string, until: string | null, position: number, to: number | null = null) =>
    database.pool.query('INSERT INTO prices VALUES ($1, $2, $3, 1, NULL, $4, $5)', ['a', from, until, position, to]);

  it('prices that overlap are refused among those in force at one position', async () => {
    await price('2026-01-01T00:00:00Z', null, 1, 2);
    await price('2026-01-01T00:00:00Z', '2026-07-01T00:00:00Z', 2);
    await price('2026-07-01T00:00:00Z', null, 2);
    await expect(price('2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z', 3)).rejects.toThrow('exclusion constraint');
  });
});
