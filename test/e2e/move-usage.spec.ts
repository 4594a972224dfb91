import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { cli } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { onPostgres, type TestLedger } from '../support/ledger.js';
import { testDatabase } from '../support/postgres.js';

/** Usage records of old months move to another tablespace, and stay there through a rebuild. */

const TABLESPACE = `archive_${process.pid}`;
const T = (date: string) => `${date}T00:00:00Z`;
const hour = (date: string, quantity: string) => ({
  ...{ resourceId: 'r', billingKind: 'hours', granularity: 'hour', quantity },
  period: { start: T(date), end: `${date}T01:00:00Z` },
});
const observe = (...observations: object[]) => ({ command: 'observe-usage', deploymentId: 'd', observations });

let test: TestLedger;
const run = async (...args: string[]) => cli(args, { env: { DATABASE_URL: test.url } });
beforeAll(async () => {
  test = await onPostgres();
  // In the data directory of the server: a tablespace of its own needs a folder that the server's user owns.
  const client = await test.core.pool.connect();
  await client.query('SET allow_in_place_tablespaces TO on');
  await client.query(`CREATE TABLESPACE ${TABLESPACE} LOCATION ''`);
  client.release(true);
  await test.apply(
    tenant('t'),
    deployment('d', 't'),
    plan('p', '0.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } }]),
    subscription('s', 'd', 'p'),
    observe(hour('2026-03-10', '1'), hour('2026-04-10', '2'), hour('2026-05-10', '3')),
  );
  await test.ledger.catchUp();
});
afterAll(async () => {
  await test.close();
  // Only an empty one can be dropped: the database went before.
  const other = await testDatabase();
  await other.pool.query(`DROP TABLESPACE ${TABLESPACE}`);
  await other.drop();
});

/** Each relation of a month, and where it is. null: in the default tablespace. */
const placesOf = async (month: string) => {
  const { rows } = await test.core.pool.query<{ place: string | null }>(
    'SELECT DISTINCT (SELECT spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace) AS place FROM pg_class c' +
      " WHERE c.relnamespace = 'ledgerline'::regnamespace AND c.relkind IN ('r', 'i')" +
      ' AND (c.oid = $1::regclass OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = $1::regclass))',
    [`ledgerline.usage_records_${month}`],
  );
  return rows.map(({ place }) => place);
};
const usage = async () =>
  (
    await test.ask<{ items: { quantity: string }[] }>('usage-records', {
      ...{ deploymentId: 'd', start: T('2026-03-01'), end: T('2026-06-01') },
    })
  ).items.map(({ quantity }) => quantity);

it('moves months before one, with their indexes, and lists where each is', async () => {
  const moved = await run('move-usage', '--before', '2026-05', '--tablespace', TABLESPACE, '--json');
  expect(moved.code).toBe(0);
  expect(JSON.parse(moved.stdout)).toEqual([
    { month: '2026-03', tablespace: TABLESPACE, bytes: expect.any(Number) },
    { month: '2026-04', tablespace: TABLESPACE, bytes: expect.any(Number) },
    { month: '2026-05', tablespace: null, bytes: expect.any(Number) },
  ]);
  expect(moved.stderr).toMatch(/2026-03 moved to archive_\d+: \d+ bytes\n2026-04 moved/);
  expect(await placesOf('2026_03')).toEqual([TABLESPACE]);
  expect(await placesOf('2026_05')).toEqual([null]);
  // They are there: nothing is moved again.
  const again = await run('move-usage', '--before', '2026-05', '--tablespace', TABLESPACE);
  expect([again.code, again.stderr]).toEqual([0, '']);
  expect(again.stdout).toMatch(/2026-05 +the default one/);
});

it('answers as before, and takes late usage of a moved month', async () => {
  await test.apply(observe(hour('2026-03-11', '4')));
  expect(await usage()).toEqual(['1', '4', '2', '3']);
});

it('leaves months where they are in a rebuild, and a rollback', async () => {
  const rebuilt = await run('projections', 'rebuild');
  expect([rebuilt.code, rebuilt.stderr]).toEqual([0, expect.any(String)]);
  expect(await placesOf('2026_03')).toEqual([TABLESPACE]);
  expect(await placesOf('2026_05')).toEqual([null]);
  expect(await usage()).toEqual(['1', '4', '2', '3']);
  expect((await run('projections', 'rollback')).code).toBe(0);
  expect(await placesOf('2026_04')).toEqual([TABLESPACE]);
  expect((await test.check()).failures).toEqual([]);
});

it('refuses a tablespace that does not exist, and half of its options', async () => {
  expect(await run('move-usage', '--before', '2026-05', '--tablespace', 'none')).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining('Postgres has no tablespace none: create it') },
  });
  expect(await run('move-usage', '--before', '2026-05')).toMatchObject({
    ...{ code: 2, stderr: expect.stringContaining('give --before and --tablespace, or neither') },
  });
});
