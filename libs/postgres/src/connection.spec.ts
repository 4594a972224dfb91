import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { dropDatabaseConnections } from '../../../test/support/drop-connections.js';
import { testDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { isConnectionLost } from './connection.js';

const thrownBy = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};
const url = (port: number): string => `postgres://x:x@127.0.0.1:${port}/x`;

/** Connects, and says what became of it. */
const connecting = async (connectionString: string, more: pg.ClientConfig = {}): Promise<unknown> => {
  const client = new pg.Client({ connectionString, ...more });
  client.on('error', () => undefined);
  return thrownBy(async () => client.connect()).finally(async () => client.end().catch(() => undefined));
};

/** A server on a free port that does this with whoever connects. */
async function server(answer: (socket: net.Socket) => void): Promise<{ port: number; close: () => void }> {
  const listening = net.createServer(answer).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, close: () => listening.close() };
}

describe('a connection is lost', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  it('where no server listens', async () => {
    const { port, close } = await server(() => undefined);
    close();
    expect(isConnectionLost(await connecting(url(port)))).toBe(true);
  });

  it('where its host has no address', async () => {
    expect(isConnectionLost(await connecting('postgres://x:x@nowhere.invalid/x'))).toBe(true);
  });

  it('where the server hangs up, or does not answer in time', async () => {
    const hanging = await server((socket) => socket.destroy());
    expect(isConnectionLost(await connecting(url(hanging.port)))).toBe(true);
    hanging.close();
    const mute = await server(() => undefined);
    expect(isConnectionLost(await connecting(url(mute.port), { connectionTimeoutMillis: 20 }))).toBe(true);
    mute.close();
  });

  it('where it is ended during a query, and for each query after', async () => {
    const client = new pg.Client(database.url);
    client.on('error', () => undefined);
    await client.connect();
    const asking = thrownBy(async () => client.query('select pg_sleep(60)'));
    await dropDatabaseConnections(database.url);
    expect(isConnectionLost(await asking)).toBe(true);
    expect(isConnectionLost(await thrownBy(async () => client.query('select 1')))).toBe(true);
  });

  it('where there is no such database', async () => {
    const other = new URL(database.url);
    other.pathname = '/nowhere';
    expect(isConnectionLost(await connecting(other.href))).toBe(true);
  });

  it('where all of several attempts failed for that', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), { code: 'ECONNREFUSED' });
    expect(isConnectionLost(new AggregateError([refused, refused]))).toBe(true);
  });
});

describe('a connection is not lost', () => {
  it.each([
    ['where the query is wrong', Object.assign(new Error('syntax error'), { code: '42601' })],
    ['where the protocol is broken by us', Object.assign(new Error('invalid message format'), { code: '08P01' })],
    ['where a value is beyond what can be counted', new RangeError('9007199254740993 is not a position')],
    ['where a file is missing', Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -2 })],
    ['where our pool has been ended', new Error('Cannot use a pool after calling end on the pool')],
    ['by what is no error', 'Connection terminated'],
  ])('%s', (_name, error) => {
    expect(isConnectionLost(error)).toBe(false);
  });
});
