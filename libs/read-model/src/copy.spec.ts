import type pg from 'pg';
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
  return afterCopy(async (client) => copy.copy(client));
}

/** The rows that a copy added, in a transaction that is then rolled back. */
async function afterCopy(copy: (client: pg.ClientBase) => Promise<void>): Promise<unknown[]> {
  const client = await database.pool.connect();
  try {
    await client.query('BEGIN');
    await copy(client);
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

const OTHERS = { table: 'others', columns: ['n'] };

it('copies what is made while the server is at work, of several tables', async () => {
  await database.pool.query('CREATE TABLE others (n int)');
  const copy = new CopyLines();
  // 20,000 lines of 100 bytes are 2 MB: eight chunks.
  const making = function* (): Generator<void> {
    for (let n = 0; n < 20_000; n += 1) {
      copy.add(TEXTS, `${n}\t${'x'.repeat(94)}`);
      if (n % 1000 === 0) copy.add(OTHERS, `${n}`);
      yield;
    }
  };
  const rows = await afterCopy(async (client) => {
    await copy.copy(client, making());
    const { rows } = await client.query('SELECT count(*)::int AS count, sum(n)::int AS sum FROM others');
    // 0 + 1000 + … + 19,000 = 1000 × 190.
    expect(rows).toEqual([{ count: 20, sum: 190_000 }]);
  });
  expect([rows.length, rows.at(-1)]).toEqual([20_000, { n: 19_999, said: 'x'.repeat(94) }]);
});

it('gives back a usable connection if a line can not be made', async () => {
  const copy = new CopyLines();
  const making = function* (): Generator<void> {
    for (let n = 0; n < 10_000; n += 1) {
      copy.add(TEXTS, `${n}\t${'x'.repeat(94)}`);
      yield;
    }
    throw new Error('quantity must be a text');
  };
  await expect(
    afterCopy(async (client) => {
      await expect(copy.copy(client, making())).rejects.toThrow('quantity must be a text');
      await client.query('ROLLBACK');
      await client.query('SELECT 1');
      throw new Error('usable');
    }),
  ).rejects.toThrow('usable');
});
