import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CompiledQuery, Kysely, type LogEvent, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { FROM_EVER, instant } from '#domain/time/instant';
import { type TestLedger, testLedger } from '../../test/support/ledger.js';
import type { ReadModels } from '#read-model/read-models';
import { readMeteredRecords, readUsageByKind, readUsageRecordPage } from './usage-records.read.js';

const T = (date: string) => instant(`${date}T00:00:00Z`);
const reading = (start: string, end: string) => ({
  resourceId: 'r',
  billingKind: 'cpu',
  period: { start: T(start), end: T(end) },
  granularity: 'day',
  quantity: '1',
});

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
    { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: T('2026-01-01') },
    // The last day of December is a reading of December, although it ends in January.
    ...[
      reading('2025-12-31', '2026-01-01'),
      reading('2026-03-31', '2026-04-01'),
      reading('2026-04-01', '2026-04-02'),
      reading('2026-05-01', '2026-05-02'),
    ].map((each) => ({ command: 'observe-usage', deploymentId: 'd', observations: [each] })),
  );
  await test.ledger.catchUp();
});
afterAll(async () => test.close());

/** The plan of one of the ledger's own prepared statements, with these values, on the connection that prepared it. */
async function planOf(pool: pg.Pool, contains: string, values: string): Promise<string> {
  const clients: pg.PoolClient[] = [];
  try {
    for (let n = 0; n < pool.totalCount; n += 1) {
      const client = await pool.connect();
      clients.push(client);
      const { rows } = await client.query<{ name: string }>(
        'SELECT name FROM pg_prepared_statements WHERE position($1 in statement) > 0 LIMIT 1',
        [contains],
      );
      if (rows[0] === undefined) continue;
      const plan = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE "${rows[0].name}" ${values}`);
      return plan.rows.map((row) => row['QUERY PLAN']).join('\n');
    }
    throw new Error(`no connection has a statement with ${contains}`);
  } finally {
    for (const client of clients) client.release();
  }
}

/** The plan of the last statement that readers sent to a database through this pool. */
async function planOfLast(pool: pg.Pool, read: (db: Kysely<ReadModels>) => Promise<unknown>): Promise<string> {
  const statements: CompiledQuery[] = [];
  const log = ({ query }: LogEvent): void => void statements.push(query);
  await read(new Kysely<ReadModels>({ dialect: new PostgresDialect({ pool }), log }));
  const last = statements.at(-1);
  if (last === undefined) throw new Error('nothing was read');
  const plan = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${last.sql}`, [...last.parameters]);
  return plan.rows.map((row) => row['QUERY PLAN']).join('\n');
}

const monthsIn = (plan: string): string[] => [...new Set(plan.match(/usage_records_\d{4}_\d{2}(?=[\s_])/g))].sort();

describe('usage_records by month', () => {
  it('has a partition for each month in which a reading starts', async () => {
    const { rows } = await test.core.pool.query<{ month: string; rows: number }>(
      'SELECT tableoid::regclass::text AS month, count(*) AS rows FROM usage_records GROUP BY 1 ORDER BY 1',
    );
    expect(rows).toEqual(
      ['2025_12', '2026_03', '2026_04', '2026_05'].map((month) => ({ month: `usage_records_${month}`, rows: 1 })),
    );
  });

  it('reads only one partition for the usage of a month', async () => {
    expect(await test.ask('usage', { deploymentId: 'd', start: T('2026-04-01'), end: T('2026-05-01') })).toEqual({
      cpu: '1',
    });
    const visible = [{ deploymentId: 'd', period: { start: FROM_EVER, end: null } }];
    const plan = await planOfLast(test.core.pool, async (db) =>
      readUsageByKind(db, 100, { visible, start: T('2026-04-01'), end: T('2026-05-01'), logged: '[]' }),
    );
    expect(monthsIn(plan)).toEqual(['usage_records_2026_04']);
  });

  it('reads only one partition for the records of a month, and for look-ups of known readings of a month', async () => {
    const april = { visible: null, start: T('2026-04-01'), end: T('2026-05-01') };
    const ofMonth = await planOfLast(test.core.pool, async (db) =>
      readUsageRecordPage(db, 100, april, { after: null, limit: 10 }),
    );
    expect(monthsIn(ofMonth)).toEqual(['usage_records_2026_04']);
    const readings =
      `('{d}', '{cpu}', '{2026-04-01T00:00:00Z}', '{r}', '{2026-04-02T00:00:00Z}', '{day}', '{NULL}',` +
      ` '2026-04-01T00:00:00Z', '2026-04-01T00:00:00Z', '{d}', '{cpu}', '{2026-04-01T00:00:00Z}', '{r}',` +
      ` '{2026-04-01T01:00:00Z}', '{hour}', '2026-04-01T00:00:00Z', '2026-04-02T00:00:00Z')`;
    const plan = await planOf(test.core.pool, 'false AS excludes FROM k CROSS JOIN LATERAL', readings);
    expect(monthsIn(plan)).toEqual(['usage_records_2026_04']);
    // By the whole key, even if the table has no statistics: an index on the time only would read all usage of the same
    // hour.
    const broad = plan.match(/Index Cond: [^\n]*/g)?.filter((condition) => !condition.includes('resource_id'));
    // One step through the index finds whether the kind has any hour that day, for all resources together.
    expect(broad?.filter((condition) => !/\(period_start > \w+\.day\)/.test(condition))).toEqual([]);
  });
});

describe('metered readings', () => {
  it('are those in force at a position, also where another took their place since', async () => {
    const droplet = { provider: 'do', providerId: 'vm', kind: 'droplet', name: 'vm', deploymentId: 'd' };
    const day = { start: T('2026-06-01'), end: T('2026-06-02') };
    const metering = { command: 'run-metering', date: '2026-06-01' };
    await test.apply({ command: 'observe-resource', ...droplet, status: 'active', seenAt: T('2026-06-01') }, metering);
    const before = await test.core.projector.catchUp();
    await test.apply(
      {
        ...{ command: 'correct-resource', provider: 'do', providerId: 'vm', from: T('2026-06-01'), status: 'off' },
        reason: 'a mistake',
      },
      metering,
    );
    const after = await test.core.projector.catchUp();
    const quantities = async (position: number): Promise<string[]> =>
      (await readMeteredRecords(test.core.db, position, day)).map(({ quantity }) => quantity);
    expect(await quantities(before)).toEqual(['24']);
    expect(await quantities(after)).toEqual(['0']);
  });
});
