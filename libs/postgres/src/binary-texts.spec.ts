import { expect, it } from '@jest/globals';
import { testDatabase } from '../../../test/support/postgres.js';
import { binaryTexts } from './binary-texts.js';

it('gives Postgres the same texts', async () => {
  const database = await testDatabase();
  for (const values of [[], [''], ['{"a":"\\u0000"}', 'ü𝄞, {1,2} "NULL" \\', '', 'x'.repeat(100_000)]]) {
    const { rows } = await database.pool.query<{ texts: string[] }>('SELECT $1::text[] AS texts', [
      binaryTexts(values.map((value) => Buffer.from(value))),
    ]);
    expect(rows[0]?.texts).toEqual(values);
  }
  await database.drop();
});
