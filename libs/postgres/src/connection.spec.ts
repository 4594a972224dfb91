import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { dropDatabaseConnections } from '../../../test/support/drop-connections.js';
import { testDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { isConnectionLost, troubleIn } from './connection.js';

const thrownBy = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};
const url = (port: number): string => `postgres://x:x@127.0.0.1:${port}/x`;

/** Connects, and returns the error. */
const connecting = async (connectionString: string, more: pg.ClientConfig = {}): Promise<unknown> => {
  const client = new pg.Client({ connectionString, ...more });
  client.on('error', () => undefined);
  try {
    return await thrownBy(async () => client.connect());
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** A server on a free port that treats each connection this way. */
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

  it('if no server listens', async () => {
    const { port, close } = await server(() => undefined);
    close();
    expect(isConnectionLost(await connecting(url(port)))).toBe(true);
  });

  it('if there is no Unix socket', async () => {
    expect(isConnectionLost(await connecting('postgres://x:x@%2Fnowhere:5432/x'))).toBe(true);
  });

  it('if its host has no address', async () => {
    expect(isConnectionLost(await connecting('postgres://x:x@nowhere.invalid/x'))).toBe(true);
  });

  it('if the server closes it, or does not answer in time', async () => {
    const hanging = await server((socket) => socket.destroy());
    expect(isConnectionLost(await connecting(url(hanging.port)))).toBe(true);
    hanging.close();
    const mute = await server(() => undefined);
    expect(isConnectionLost(await connecting(url(mute.port), { connectionTimeoutMillis: 20 }))).toBe(true);
    mute.close();
  });

  it('if it ends during a query, also for every later query', async () => {
    const client = new pg.Client(database.url);
    client.on('error', () => undefined);
    await client.connect();
    const asking = thrownBy(async () => client.query('select pg_sleep(60)'));
    await dropDatabaseConnections(database.url);
    expect(isConnectionLost(await asking)).toBe(true);
    expect(isConnectionLost(await thrownBy(async () => client.query('select 1')))).toBe(true);
  });

  it('if the database does not exist', async () => {
    const other = new URL(database.url);
    other.pathname = '/nowhere';
    expect(isConnectionLost(await connecting(other.href))).toBe(true);
  });

  it('if all of several attempts failed', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), { code: 'ECONNREFUSED' });
    expect(isConnectionLost(new AggregateError([refused, refused]))).toBe(true);
  });
});

it('tells an operator what was lost, also where the error does not', () => {
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  expect(troubleIn(reset)).toBe('the connection to the database is lost (read ECONNRESET)');
  // The scheduler adds its queue to the message.
  const piped = Object.assign(new Error('write EPIPE (Queue: daily-metering, Worker: 1)'), { code: 'EPIPE' });
  expect(troubleIn(piped)).toBe(
    'the connection to the database is lost (write EPIPE (Queue: daily-metering, Worker: 1))',
  );
  expect(troubleIn(new Error('Connection terminated unexpectedly'))).toBe('Connection terminated unexpectedly');
  expect(troubleIn(new Error('line 1 was never opened'))).toBe('line 1 was never opened');
});

describe('a connection is not lost', () => {
  it.each([
    ['if the query is invalid', Object.assign(new Error('syntax error'), { code: '42601' })],
    ['if our own message violates the protocol', Object.assign(new Error('invalid message format'), { code: '08P01' })],
    ['if a value is too large', new RangeError('9007199254740993 is not a position')],
    ['if a file is missing', Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -2 })],
    ['if our pool was ended', new Error('Cannot use a pool after calling end on the pool')],
    ['if the thrown value is not an error', 'Connection terminated'],
  ])('%s', (_name, error) => {
    expect(isConnectionLost(error)).toBe(false);
  });
});
