import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Kysely, PostgresDialect } from 'kysely';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { type AsOf, at, changedAt, isAt, type Positions, positionsOf } from './at.js';
import type { Versioned } from './table.js';

interface Database {
  readings: Versioned & { readonly origin: string };
}

describe('rows with positions', () => {
  let database: TestDatabase;
  let db: Kysely<Database>;

  beforeAll(async () => {
    database = await testDatabase();
    await database.pool.query('CREATE TABLE readings (origin text, position_from bigint, position_to bigint)');
    await database.pool.query("INSERT INTO readings VALUES ('meter', 5, 8), ('person', 8, NULL)");
    db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: database.pool }) });
  });
  afterAll(async () => database.drop());

  const originsAt = async (asOf: AsOf): Promise<string[]> => {
    const rows = await db.selectFrom('readings as r').select('origin').where(at(asOf, 'r')).orderBy('origin').execute();
    return rows.map(({ origin }) => origin);
  };

  it('are in force from their position until they are superseded', async () => {
    expect(await originsAt(4)).toEqual([]);
    expect(await originsAt(5)).toEqual(['meter']);
    expect(await originsAt(7)).toEqual(['meter']);
    expect(await originsAt(8)).toEqual(['person']);
  });

  it('are in force at one or more of several positions', async () => {
    expect(await originsAt(positionsOf([9, 6]))).toEqual(['meter', 'person']);
    expect(await originsAt(positionsOf([2, 4]))).toEqual([]);
  });

  it('give the same result after they are read', async () => {
    const rows = await db.selectFrom('readings').selectAll().orderBy('position_from').execute();
    expect([4, 5, 7, 8].map((position) => rows.map((row) => isAt(row, position)))).toEqual([
      [false, false],
      [true, false],
      [true, false],
      [false, true],
    ]);
  });

  it('change at the start or end of a version', async () => {
    const changed = async (positions: Positions): Promise<string[]> => {
      const rows = await db.selectFrom('readings').select('origin').where(changedAt(positions)).execute();
      return rows.map(({ origin }) => origin).sort();
    };
    expect(await changed({ first: 1, last: 4 })).toEqual([]);
    expect(await changed({ first: 1, last: 5 })).toEqual(['meter']);
    expect(await changed({ first: 6, last: 8 })).toEqual(['meter', 'person']);
    expect(await changed({ first: 9, last: 20 })).toEqual([]);
  });
});
