import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { COPY_NULL, CopyLines, copyText } from './copy.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query('CREATE TABLE texts (n int, said text)');
});
afterAll(async () => database.drop());

const TEXTS = { table: 'texts', columns: ['n', 'said'] };

async function copied(...lines: readonly string[]): Promise<unknown[]> {
  const copy = new CopyLines();
  for (const line of lines) copy.add(TEXTS, line);
  const client = await database.pool.connect();
  try {
    await client.query('BEGIN');
    await copy.copy(client);
    const { rows } = await client.query<{ n: number; said: string | null }>('SELECT n, said FROM texts ORDER BY n');
    return rows;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

it('keeps every character of a text, and null', async () => {
  const said = 'a\tb\nc\rd\\e \\N "é" 😀';
  expect(await copied(`1\t${copyText(said)}`, `2\t${COPY_NULL}`, `3\t${copyText('\\N')}`, '4\t')).toEqual([
    { n: 1, said },
    { n: 2, said: null },
    { n: 3, said: '\\N' },
    { n: 4, said: '' },
  ]);
});

it('copies more lines than it keeps in memory', async () => {
  const rows = await copied(...Array.from({ length: 2500 }, (_, n) => `${n}\tx`));
  expect([rows.length, rows.at(-1)]).toEqual([2500, { n: 2499, said: 'x' }]);
});

it('reports the refusal of the server', async () => {
  await expect(copied('1\tx', 'not a number\tx')).rejects.toThrow('invalid input syntax for type integer');
});
