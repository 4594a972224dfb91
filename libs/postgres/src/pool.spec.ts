import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { postgresProxy } from '../../../test/support/postgres-proxy.js';
import { createPool, openDatabase } from './pool.js';

describe('a pool', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  const value = async (expression: string): Promise<unknown> => {
    const { rows } = await database.pool.query<{ value: unknown }>(`select ${expression} as value`);
    return rows[0]?.value;
  };

  it('returns decimals as text', async () => {
    expect(await value('21.120::numeric')).toBe('21.120');
    expect(await value(`array[0.1, null, 1e30]::numeric[]`)).toEqual(['0.1', null, '1000000000000000000000000000000']);
  });

  it('returns int8 as a number, and refuses one that is too large', async () => {
    expect(await value('9007199254740991::int8')).toBe(9007199254740991);
    expect(await value('array[1, null, -3]::int8[]')).toEqual([1, null, -3]);
    await expect(value('9007199254740992::int8')).rejects.toThrow(/int8 9007199254740992 is greater than 2\^53 - 1/);
  });

  it('returns instants of any zone as canonical text, to the microsecond', async () => {
    expect(await value(`'2026-04-01T02:00:00+02:00'::timestamptz`)).toBe('2026-04-01T00:00:00Z');
    expect(await value(`'2026-04-01T00:00:00.000100Z'::timestamptz`)).toBe('2026-04-01T00:00:00.0001Z');
    expect(await value(`'0001-01-01T00:00:00Z'::timestamptz`)).toBe('0001-01-01T00:00:00Z');
    expect(await value(`array['2026-04-01T00:00:00.5Z', null]::timestamptz[]`)).toEqual([
      '2026-04-01T00:00:00.5Z',
      null,
    ]);
    expect(await value(`'2026-04-01'::date`)).toBe('2026-04-01');
  });

  it('refuses an instant outside the supported range', async () => {
    await expect(value(`'infinity'::timestamptz`)).rejects.toThrow(/timestamptz "infinity" is not an instant/);
    await expect(value(`'0044-03-15 BC'::timestamptz`)).rejects.toThrow(/is not an instant/);
  });

  it('has the timeouts that it was made with, whatever the server sets', async () => {
    const name = new URL(database.url).pathname.slice(1);
    const names = ['statement_timeout', 'lock_timeout', 'idle_session_timeout', 'idle_in_transaction_session_timeout'];
    for (const each of names) await database.pool.query(`alter database "${name}" set ${each} = '1ms'`);
    const [unlimited, limited] = [createPool(database.url), createPool(database.url, { statementTimeoutMs: 60_000 })];
    try {
      const of = async (pool: pg.Pool): Promise<unknown[]> =>
        (
          await pool.query<{ value: string }>('select current_setting(n) as value from unnest($1::text[]) n', [names])
        ).rows.map(({ value: each }) => each);
      expect(await of(unlimited)).toEqual(['0', '0', '0', '0']);
      expect(await of(limited)).toEqual(['1min', '0', '0', '0']);
    } finally {
      await Promise.all([unlimited.end(), limited.end()]);
      for (const each of names) await database.pool.query(`alter database "${name}" reset ${each}`);
    }
  });

  it('has sessions that end soon after their client vanished, unless the URL says otherwise', async () => {
    const names = ['tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count'];
    // On this machine, pools may use the Unix socket of the server, not the proxy.
    const proxy = await postgresProxy(database.url);
    const options = encodeURIComponent('-c tcp_keepalives_idle=60');
    const [one, other] = [createPool(proxy.url), createPool(`${proxy.url}?options=${options}`)];
    const of = async (pool: pg.Pool): Promise<unknown> =>
      (
        await pool.query<{ address: string | null; set: string[] }>(
          'select inet_server_addr()::text as address, array_agg(current_setting(n)) as set from unnest($1::text[]) n',
          [names],
        )
      ).rows;
    try {
      expect(await of(one)).toEqual([{ address: '127.0.0.1/32', set: ['5', '2', '3'] }]);
      expect(await of(other)).toEqual([{ address: '127.0.0.1/32', set: ['60', '2', '3'] }]);
    } finally {
      await Promise.all([one.end(), other.end()]);
      await proxy.close();
    }
  });

  it('parses jsonb', async () => {
    expect(await value(`'{"a": [1, "2.50"]}'::jsonb`)).toEqual({ a: [1, '2.50'] });
  });

  it('prepares a statement with values once, and one without values not at all', async () => {
    const client = await database.pool.connect();
    const prepared = async (): Promise<string[]> =>
      (
        await client.query<{ statement: string }>(
          "select statement from pg_prepared_statements where statement like '%twice%'",
        )
      ).rows.map(({ statement }) => statement);
    try {
      expect((await client.query('select $1::int * 2 as twice', [1])).rows).toEqual([{ twice: 2 }]);
      expect((await client.query('select $1::int * 2 as twice', [2])).rows).toEqual([{ twice: 4 }]);
      expect((await client.query('select 6 as twice', [])).rows).toEqual([{ twice: 6 }]);
      expect(await prepared()).toEqual(['select $1::int * 2 as twice']);
      await expect(client.query('select $1::int / 0 as twice', [1])).rejects.toThrow(/division by zero/);
      await expect(client.query('select $1::int / 0 as twice', [1])).rejects.toThrow(/division by zero/);
    } finally {
      client.release();
    }
  });

  it('does not change other connections of the process', async () => {
    const { default: pg } = await import('pg');
    const plain = new pg.Client(database.url);
    await plain.connect();
    const { rows } = await plain.query<{ value: unknown }>('select 1::int8 as value');
    expect(rows[0]?.value).toBe('1');
    await plain.end();
  });

  it('uses the given schema and name, UTC, and the options of the URL', async () => {
    await database.pool.query('create schema ledger; create table ledger.t (at timestamptz)');
    const url = new URL(database.url);
    url.searchParams.set('options', '-c statement_timeout=1234 -c TimeZone=Asia/Tokyo');
    const pool = createPool(url.href, { schema: 'ledger', max: 2, applicationName: 'a spec' });
    try {
      await pool.query(`insert into t values ('2026-04-01')`);
      const { rows } =
        await pool.query(`select at, current_setting('statement_timeout') as timeout, current_setting('TimeZone')
          as zone,
        current_setting('application_name') as name from t`);
      expect(rows).toEqual([{ at: '2026-04-01T00:00:00Z', timeout: '1234ms', zone: 'UTC', name: 'a spec' }]);
    } finally {
      await pool.end();
    }
  });

  it('refuses a schema name that would be SQL, and an invalid URL', () => {
    expect(() => createPool(database.url, { schema: 'a b' })).toThrow(/"a b" is not a valid schema name/);
    expect(() => createPool('localhost/secret')).toThrow(
      /not of the form "postgres:\/\/user:password@host:5432\/database"/,
    );
  });
});

describe('the database to work on', () => {
  it('is the given one, which keeps running', async () => {
    const database = await testDatabase();
    const opened = await openDatabase({ databaseUrl: database.url, dataDir: '/nowhere' });
    expect([opened.url, opened.embedded]).toEqual([database.url, false]);
    await opened.close();
    expect((await database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await database.drop();
  });

  it('is refused if it does not answer, without naming its password', async () => {
    const refused = expect(
      openDatabase({ databaseUrl: 'postgres://me:secret@127.0.0.1:1/ledger', dataDir: '/nowhere' }),
    ).rejects;
    const message = expect.stringMatching(/ledger at 127\.0\.0\.1:1.*ECONNREFUSED.*unset/);
    await refused.toMatchObject({ code: 'database_unreachable', message });
    await refused.not.toThrow(/secret/);
  });

  it('is embedded in the data directory by default', async () => {
    const dataDir = await mkdtemp(path.join(os.tmpdir(), 'ledgerline-open-'));
    const opened = await openDatabase({ dataDir });
    const pool = createPool(opened.url);
    expect((await pool.query('select 21.12 as amount')).rows).toEqual([{ amount: '21.12' }]);
    await pool.end();
    await opened.close();
    await expect(openDatabase({ databaseUrl: opened.url, dataDir })).rejects.toMatchObject({
      code: 'database_unreachable',
    });
    await rm(dataDir, { recursive: true });
  });
});
