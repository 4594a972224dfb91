import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import pino from 'pino';
import { startApi } from '#api/start';
import { instant, plusHours } from '#domain/time/instant';
import { NO_STREAM } from '#event-store/port';
import { READ_MODELS } from '#projections/database';
import { projections } from '#projections/index';
import { Projector } from '#read-model/projector';
import { mintToken } from '#runtime/token';
import { startWorker } from '../../apps/worker/src/worker.js';
import { LISTENING } from '../support/api.js';
import { dropDatabaseConnections } from '../support/drop-connections.js';
import { ADMIN, ledgerOn, type TestLedger, testLedger } from '../support/ledger.js';
import { isBehindGrpc, logBehindGrpc, on } from '../support/log.js';
import { testDatabase } from '../support/postgres.js';
import { postgresProxy, type PostgresProxy } from '../support/postgres-proxy.js';
import { expectReplayToBeLive } from '../support/replay.js';

const SECRET = 'a secret of the specs, longer than 32 characters';
const START = instant('2026-04-01T00:00:00Z');
const silent = pino({ level: 'silent' });
const DISK_FULL = {
  statement: /^COPY usage_records /,
  code: '53100',
  message: 'could not extend file "base/5/16384": No space left on device',
};

/** The n-th hour's reading: 1 each, so that n of them come to n. */
const observation = (n: number) => ({
  resourceId: 'r',
  billingKind: 'cpu',
  period: { start: plusHours(START, n), end: plusHours(START, n + 1) },
  granularity: 'hour' as const,
  quantity: '1',
});
const usage = (n: number) => ({ command: 'observe-usage', deploymentId: 'd', observations: [observation(n)] });

const CAUSE = {
  name: 'spec',
  key: null,
  bodyHash: '',
  occurredAt: null,
  isKeyed: false,
  idempotencyKey: null,
  caller: ADMIN,
};

/** Recorded past the command, which would project for itself what it decides on. */
const record = async ({ core }: TestLedger, n: number): Promise<unknown> =>
  core.book.appendAt(`usage-d-2026-04-${n}`, NO_STREAM, CAUSE, [
    {
      type: 'UsageObserved',
      data: { deploymentId: 'd', month: '2026-04', origin: 'command', observations: [observation(n)] },
    },
  ]);

/** A logger whose errors can be waited for. */
function listening() {
  const messages: string[] = [];
  const waiting: { text: string; heard: () => void }[] = [];
  const logger = pino(
    { level: 'error' },
    {
      write(line: string) {
        const { msg } = JSON.parse(line) as { msg: string };
        messages.push(msg);
        for (const { text, heard } of waiting) if (msg.includes(text)) heard();
      },
    },
  );
  const hear = async (text: string): Promise<void> =>
    new Promise((resolve) => {
      if (messages.some((message) => message.includes(text))) resolve();
      else waiting.push({ text, heard: resolve });
    });
  return { logger, messages, hear };
}

describe('a worker', () => {
  let test: TestLedger;
  let proxy: PostgresProxy;
  beforeEach(async () => {
    test = await testLedger();
    proxy = await postgresProxy(test.url);
    await test.apply(
      { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
      { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: START },
    );
    await test.ledger.catchUp();
  });
  afterEach(async () => {
    await proxy.close();
    await test.close();
  });

  /** Waits until someone has projected all that is recorded. */
  const projected = async (): Promise<void> => {
    const head = await test.core.log.head();
    while ((await test.core.projector.position()) < head) await test.core.pool.query('SELECT 1');
  };

  it('with a full disk reports it once, blames no event, and continues where it stopped', async () => {
    const { logger, messages, hear } = listening();
    const worker = await startWorker({ ...on(proxy.url), logger, now: () => START });
    try {
      proxy.refuse(DISK_FULL);
      const position = await test.core.projector.position();
      await record(test, 0);
      await hear('No space left on device');
      expect(await test.ask('projections')).toMatchObject({
        state: 'current',
        halted: null,
        items: expect.arrayContaining([expect.objectContaining({ position, lag: 1 })]),
      });
      proxy.refuse(null);
      await projected();
      expect(messages).toHaveLength(1);
      expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '1' });
      await expectReplayToBeLive(test.url);
    } finally {
      await worker.stop();
    }
  });

  it('on a database that became read-only reports it once, and continues where it stopped', async () => {
    const { logger, messages, hear } = listening();
    const name = new URL(test.url).pathname.slice(1);
    const worker = await startWorker({ ...on(proxy.url), logger, now: () => START });
    try {
      await test.core.pool.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      proxy.cut();
      // Past the worker: our own connection is from before.
      await record(test, 0);
      await hear('read-only');
      expect(await test.ask('projections')).toMatchObject({
        state: 'current',
        halted: null,
        items: expect.arrayContaining([expect.objectContaining({ lag: 1 })]),
      });
      await test.core.pool.query(
        `BEGIN READ WRITE; ALTER DATABASE ${name} SET default_transaction_read_only = off; COMMIT`,
      );
      proxy.cut();
      await projected();
      expect(messages.filter((message) => message.includes('read-only'))).toHaveLength(1);
      expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '1' });
      await expectReplayToBeLive(test.url);
    } finally {
      await worker.stop();
    }
  });

  it('with broken connections in the middle of batches loses nothing and does nothing twice', async () => {
    const worker = await startWorker({ ...on(proxy.url), logger: silent, now: () => START });
    try {
      for (let n = 0; n < 60; n += 1) {
        await record(test, n);
        if (n % 7 === 3) proxy.cut();
      }
      await projected();
      expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '60' });
      await expectReplayToBeLive(test.url);
    } finally {
      await worker.stop();
    }
  });
});

describe('a process whose worker hangs', () => {
  const LOCK = `pg_advisory_lock(hashtext('ledgerline:${READ_MODELS}'))`;
  const HANGING = [
    ['between batches', `SELECT ${LOCK}`],
    ['in the middle of a batch', `BEGIN; SELECT ${LOCK}; SELECT FROM ${READ_MODELS}.checkpoint FOR UPDATE`],
  ] as const;

  it.each(HANGING)('%s does not wait for it without end, and says at which position it is', async (_when, hold) => {
    const test = await testLedger();
    const worker = await test.core.pool.connect();
    try {
      await worker.query(hold);
      await record(test, 0);
      const { log, pool } = test.core;
      const projector = new Projector(log, pool, projections, READ_MODELS);
      await expect(projector.catchUp(1, { timeoutMs: 100 })).rejects.toMatchObject({
        ...{ name: 'WriterStuck', position: 0, target: 1 },
      });
    } finally {
      worker.release(true);
      await test.close();
    }
  });

  it.each(HANGING)(
    '%s is ready for reads only, which are stale, and says which session holds it',
    async (_when, hold) => {
      const test = await testLedger();
      const api = await startApi({ ...on(test.url), jwtSecret: SECRET, ...LISTENING, logger: silent });
      const worker = new pg.Client({ connectionString: test.url, application_name: 'ledgerline worker' });
      try {
        const { read, staleOf, ready } = await clientOf(api.url);
        await test.apply(
          { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
          { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: START },
        );
        expect(await read()).toEqual({});
        worker.on('error', () => undefined);
        await worker.connect();
        await worker.query(hold);
        const { rows } = await worker.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        const session = rows[0]?.pid ?? 0;
        expect(await ready()).toMatchObject({ status: 200, body: { status: 'ready', lag: 0 } });
        await record(test, 0);
        // It waits until the worker counts as stuck. From then on, nobody waits for it.
        expect(await read()).toEqual({});
        const [since] = await Array.fromAsync(test.core.log.readAll((await test.core.log.head()) - 1));
        expect(await staleOf()).toEqual({
          since: since?.recordedAt,
          reason: 'The process that projects does not go on.',
          position: '2',
        });
        const expected = { status: 'degraded', code: 'not_ready', state: 'stuck', position: 2, head: 3, lag: 1 };
        const { status, body } = await ready();
        expect({ status, body }).toMatchObject({ status: 503, body: { ...expected, staleSince: since?.recordedAt } });
        const { reason } = body as { reason: string };
        expect(reason.replace(/since \S+Z/, 'since T')).toBe(
          `The session ${session} of Postgres (ledgerline worker) holds the projections, and has projected nothing` +
            ' since T. Reads are stale, and writes that depend on later events are refused. An operator must restart' +
            ` that process, or end its session: SELECT pg_terminate_backend(${session}).`,
        );
        expect(await ready('?for=reads')).toMatchObject({ status: 200, body: expected });
        expect(await test.ask('projections')).toMatchObject({
          state: 'stuck',
          staleSince: since?.recordedAt,
          stuck: { session, application: 'ledgerline worker' },
        });
        await test.core.pool.query('SELECT pg_terminate_backend($1)', [session]);
        await until(read, { cpu: '1' });
        expect(await staleOf()).toMatchObject({ since: null, reason: null });
        await until(async () => ({ status: (await ready()).status }), { status: 200 });
        expect(await test.ask('projections')).toMatchObject({ state: 'current', stuck: null, staleSince: null });
      } finally {
        await worker.end().catch(() => undefined);
        await api.close();
        await test.close();
      }
    },
  );
});

describe('a rebuild', () => {
  it.each([
    ['while it copies', /^COPY usage_records /],
    ['while it indexes', /CREATE UNIQUE INDEX IF NOT EXISTS usage_records_/],
  ])(
    'with a full disk %s does not change the live read models, and continues when there is space',
    async (_when, statement) => {
      const test = await testLedger();
      const proxy = await postgresProxy(test.url);
      const behind = await ledgerOn(proxy.url);
      try {
        await test.apply(
          { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
          { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: START },
          ...Array.from({ length: 5 }, (_, n) => usage(n)),
        );
        await test.ledger.catchUp();
        proxy.refuse({ ...DISK_FULL, statement });
        await expect(behind.ledger.rebuilder.rebuild()).rejects.toThrow('No space left on device');
        expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '5' });
        expect(await test.ask('projections')).toMatchObject({ state: 'current', halted: null });
        proxy.refuse(null);
        expect(await behind.ledger.rebuilder.rebuild()).toMatchObject({ outcome: 'swapped', money: [] });
        expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '5' });
        await expectReplayToBeLive(test.url);
      } finally {
        await behind.close();
        await proxy.close();
        await test.close();
      }
    },
  );

  it.each([
    ['', null],
    [
      ' by a program that did not record where it finished',
      "UPDATE ledgerline_shadow.folded SET last = 0 WHERE lane = 'finish'",
    ],
  ])('ended by a full disk while it indexed%s has, continued, what was corrected since', async (_by, finish) => {
    const test = await testLedger();
    const proxy = await postgresProxy(test.url);
    const behind = await ledgerOn(proxy.url);
    try {
      await test.apply(
        { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
        { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: START },
        ...Array.from({ length: 5 }, (_, n) => usage(n)),
      );
      await test.ledger.catchUp();
      proxy.refuse({ ...DISK_FULL, statement: /CREATE UNIQUE INDEX IF NOT EXISTS usage_records_/ });
      await expect(behind.ledger.rebuilder.rebuild()).rejects.toThrow('No space left on device');
      proxy.refuse(null);
      if (finish !== null) expect(await test.core.pool.query(finish)).toMatchObject({ rowCount: 1 });
      await test.apply({
        command: 'correct-usage',
        deploymentId: 'd',
        ...{ ...observation(0), quantity: '10' },
        reason: 'meter drift',
      });
      await test.apply(usage(5));
      await test.ledger.catchUp();
      // 10 + 4 × 1 + 1 = 15
      expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '15' });
      // As a new version of the program takes over: whatever differs is accepted.
      expect(await behind.ledger.rebuilder.rebuild({ accept: true })).toMatchObject({ outcome: 'swapped', money: [] });
      expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '15' });
      await expectReplayToBeLive(test.url);
    } finally {
      await behind.close();
      await proxy.close();
      await test.close();
    }
  });
});

/**
 * Sends the same again where the answer says to: of a connection that was dropped, the next who takes it may be the
 * first to learn.
 */
async function asTold(send: () => Promise<Response>): Promise<{ status: number; body: unknown }> {
  for (let left = 9; ; left -= 1) {
    const response = await send();
    const body = (await response.json()) as { code?: string };
    if (left === 0 || body.code !== 'database_unavailable') return { status: response.status, body };
  }
}

/** What a client asks of an API, again and again until the connections are new. */
async function clientOf(api: string) {
  const token = await mintToken(
    SECRET,
    { sub: 'spec', role: 'platform_admin', ttl: '1h' },
    instant(new Date().toISOString()),
  );
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const get = async (path: string) => fetch(`${api}${path}`, { headers });
  const used = '/api/v1/usage?deploymentId=d';
  return {
    read: async () => (await asTold(async () => get(used))).body,
    staleOf: async () => {
      const answer = await get(used);
      return {
        since: answer.headers.get('ledgerline-stale-since'),
        reason: answer.headers.get('ledgerline-stale'),
        position: answer.headers.get('ledgerline-position'),
      };
    },
    write: async (command: object = usage(1)) =>
      asTold(async () => fetch(`${api}/api/v1/commands`, { method: 'POST', headers, body: JSON.stringify(command) })),
    ready: async (query = '') => asTold(async () => get(`/health/ready${query}`)),
  };
}

describe('an API on EventStoreDB', () => {
  it('is not ready while the server is away or refuses the user, and says which', async () => {
    const database = await testDatabase();
    const log = await logBehindGrpc(database.url);
    const { node } = log;
    const api = await startApi({ ...on(database.url), jwtSecret: SECRET, ...LISTENING, logger: silent });
    /** Until it says this: on a slow machine, everything may be late first. */
    const ready = async (expected: object): Promise<void> =>
      until(
        async () => {
          const answer = (await (await fetch(`${api.url}/health/ready`)).json()) as Record<string, string>;
          return { status: answer['status'], code: answer['code'], reason: answer['reason'] };
        },
        { code: undefined, reason: undefined, ...expected },
      );
    try {
      await ready({ status: 'ready' });
      node.down();
      await ready({ status: 'not_ready', code: 'not_ready', reason: 'The log does not respond.' });
      node.up();
      await ready({ status: 'ready' });
      node.denyAccess(1_000_000);
      await ready({
        status: 'not_ready',
        code: 'log_access_denied',
        reason:
          'The log refuses the user of the ledger. An operator must check its rights. Retrying after that is safe.',
      });
      node.denyAccess(0);
      await ready({ status: 'ready' });
    } finally {
      await api.close();
      await database.drop();
      await log.stop(false);
    }
  });
});

describe('an API on EventStoreDB with a full disk in the database of its mirror', () => {
  it('is ready for reads only, and they say since when they are stale, until it copies again', async () => {
    const [database, others] = [await testDatabase(), await testDatabase()];
    const [log, proxy] = [await logBehindGrpc(database.url), await postgresProxy(database.url)];
    const eventStore = { url: log.node.connectionString, prefix: 'ledgerline-' };
    const serving = { eventStore, jwtSecret: SECRET, ...LISTENING, logger: silent };
    const api = await startApi({ databaseUrl: proxy.url, ...serving });
    // It has a mirror of its own.
    const other = await startApi({ databaseUrl: others.url, ...serving });
    try {
      const [here, there] = [await clientOf(api.url), await clientOf(other.url)];
      const commands = [
        { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
        { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: START },
      ];
      for (const command of commands) expect(await there.write(command)).toMatchObject({ status: 200 });
      await until(here.read, {});
      proxy.refuse({ ...DISK_FULL, statement: /\.append_mirrored\(/ });
      expect(await there.write(usage(0))).toMatchObject({ status: 200 });
      const { rows } = await others.pool.query<{ since: string }>(
        'SELECT recorded_at AS since FROM ledgerline_log.events ORDER BY position DESC LIMIT 1',
      );
      const since = rows[0]?.since;
      const state = async (query?: string): Promise<object> => {
        const { status, body } = await here.ready(query);
        const { state: why, staleSince } = body as { state?: string; staleSince?: string };
        return { status, state: why, staleSince };
      };
      await until(state, { status: 503, state: 'not_writable', staleSince: since });
      expect(await state('?for=reads')).toEqual({ status: 200, state: 'not_writable', staleSince: since });
      expect(await here.read()).toEqual({});
      expect(await here.staleOf()).toMatchObject({
        since,
        reason: 'The database is read-only, or its disk is full.',
      });
      proxy.refuse(null);
      await until(state, { status: 200, state: undefined, staleSince: undefined });
      expect(await here.read()).toEqual({ cpu: '1' });
      expect(await here.staleOf()).toMatchObject({ since: null, reason: null });
    } finally {
      await Promise.all([api.close(), other.close()]);
      await proxy.close();
      await log.stop(true);
      await Promise.all([database.drop(), others.drop()]);
    }
  });
});

/** Asks until this is the answer: after a failure, an API waits a moment before it projects again. */
async function until(ask: () => Promise<unknown>, expected: object): Promise<void> {
  while (!isDeepStrictEqual(await ask(), expected));
}

describe('an API', () => {
  let test: TestLedger;
  beforeEach(async () => {
    test = await testLedger();
    await test.apply(
      { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
      { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: START },
      usage(0),
    );
    await test.ledger.catchUp();
  });
  afterEach(async () => test.close());

  /** Of the reading that is not projected: what reads say of it. */
  const unprojected = async (): Promise<{ since: string; position: string }> => {
    const head = await test.core.log.head();
    for await (const { recordedAt } of test.core.log.readAt([head]))
      return { since: recordedAt, position: String(head - 1) };
    throw new Error('nothing is recorded');
  };

  it('with a full disk answers reads as of what is projected, and says so; writes are refused', async () => {
    const proxy = await postgresProxy(test.url);
    const api = await startApi({ ...on(proxy.url), jwtSecret: SECRET, ...LISTENING, logger: silent });
    try {
      const { read, staleOf, write, ready } = await clientOf(api.url);
      proxy.refuse({ ...DISK_FULL, statement: /^COPY usage_records |\.append\(/ });
      // Past the API.
      await record(test, 2);
      expect(await read()).toEqual({ cpu: '1' });
      expect(await staleOf()).toEqual({
        ...(await unprojected()),
        reason: 'The database is read-only, or its disk is full.',
      });
      // Behind gRPC, the ledger of this spec copies the log, and its own way to the disk is free.
      if (!isBehindGrpc) {
        expect(await write()).toMatchObject({ status: 503, body: { code: 'database_not_writable' } });
        expect(await ready()).toMatchObject({ status: 503, body: { status: 'degraded', state: 'not_writable' } });
        expect(await ready('?for=reads')).toMatchObject({ status: 200, body: { status: 'degraded' } });
      }
      proxy.refuse(null);
      expect(await write()).toMatchObject({ status: 200 });
      expect(await ready()).toMatchObject({ status: 200 });
      await until(read, { cpu: '3' });
      expect(await staleOf()).toMatchObject({ since: null, reason: null });
    } finally {
      await api.close();
      await proxy.close();
    }
  });

  it('on a database that became read-only answers reads, and reports that a write can be sent again', async () => {
    const api = await startApi({ ...on(test.url), jwtSecret: SECRET, ...LISTENING, logger: silent });
    try {
      const { read, staleOf, write, ready } = await clientOf(api.url);
      const name = new URL(test.url).pathname.slice(1);
      await test.core.pool.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      // Past the API: our own connection is from before.
      await record(test, 2);
      await dropDatabaseConnections(test.url);
      expect(await read()).toEqual({ cpu: '1' });
      expect(await staleOf()).toEqual({
        ...(await unprojected()),
        reason: 'The database is read-only, or its disk is full.',
      });
      expect(await write()).toMatchObject({ status: 503, body: { code: 'database_not_writable' } });
      expect(await ready()).toMatchObject({
        status: 503,
        body: { status: 'degraded', reason: expect.stringContaining('read-only'), state: 'read_only', lag: 1 },
      });
      expect(await ready('?for=reads')).toMatchObject({ status: 200, body: { status: 'degraded', lag: 1 } });
      await test.core.pool.query(
        `BEGIN READ WRITE; ALTER DATABASE ${name} SET default_transaction_read_only = off; COMMIT`,
      );
      await dropDatabaseConnections(test.url);
      // A mirror tries again after a moment.
      await until(async () => ({ status: (await write()).status }), { status: 200 });
      await until(read, { cpu: '3' });
      expect(await staleOf()).toMatchObject({ since: null, reason: null });
      await until(async () => ({ status: (await ready()).status }), { status: 200 });
    } finally {
      await api.close();
    }
    const again = await ledgerOn(test.url);
    await again.ledger.catchUp();
    await again.close();
    await expectReplayToBeLive(test.url);
  });
});
