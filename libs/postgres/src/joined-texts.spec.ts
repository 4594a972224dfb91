import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../test/support/properties.js';
import { testDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { joinedTexts, textsIn } from './joined-texts.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => database.drop());

const back = async (values: readonly string[]): Promise<unknown> => {
  const { rows } = await database.pool.query<{ texts: unknown }>(
    `SELECT ${textsIn('$1', '$2')} AS texts`,
    joinedTexts(values),
  );
  return rows[0]?.texts;
};

it.each([
  [[]],
  [['']],
  [['', '']],
  [['{"a":"\\"b\\\\"}', 'NULL', '{}', 'a,b']],
  [['ends with \u001e', '\u001f begins', '\u001e\u001f']],
])('brings %j back', async (values) => {
  expect(await back(values)).toEqual(values);
});

it('brings any texts back that Postgres can hold', async () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('\u001e', '\u001f', 'a', '"', '\\', ',', '{', '}') }),
    fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\u0000')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(text), async (values) => {
      expect(await back(values)).toEqual(values);
    }),
    checkedOn(100),
  );
});
