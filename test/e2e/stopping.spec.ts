import { createServer } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import pino from 'pino';
import { z } from 'zod';
import { type ApiOptions, createApi } from '#api/start';
import { instant } from '#domain/time/instant';
import { Ledger } from '#operations/ledger';
import { sharedReadiness } from '#operations/readiness';
import { mintToken } from '#runtime/token';
import { apiForAll, beside, clock, largeRequest, LISTENING, logger, NOW, problemIn, SECRET } from '../support/api.js';
import { tenant } from '../support/commands.js';
import { on } from '../support/log.js';
import { testDatabase } from '../support/postgres.js';
import { RawSocket } from '../support/raw-socket.js';

const api = apiForAll();

/** With limits that are soon reached. */
const withApi = async <Result>(
  settings: Partial<ApiOptions>,
  work: (url: string) => Promise<Result>,
): Promise<Result> => beside(api(), settings, work);

/** The headers of a request whose body of 100 bytes does not come. */
const withoutBody = (path: string, token?: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: ledger\r\nContent-Type: application/json\r\nContent-Length: 100\r\n` +
  `${token === undefined ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`;

const get = (path: string, token: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: ledger\r\nAuthorization: Bearer ${token}\r\n\r\n`;

const tokenOf = (who: string): string => api().tokens.get(who) ?? '';

async function asked(url: string, who: string, path: string, body?: object) {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${api().tokens.get(who) ?? who}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { status, headers } = response;
  return { status, headers, body: await response.json() };
}

describe('idle senders', () => {
  it('hold no place: without a token they are refused before their body', async () => {
    await withApi({ requestsAtOnce: 4, queriesAtOnce: 4, patienceMs: 10 }, async (url) => {
      const idle = Array.from({ length: 80 }, (_, n) =>
        new RawSocket(url).send(withoutBody(n % 2 === 0 ? '/api/v1/usage' : '/graphql')),
      );
      expect(await Promise.all(idle.map(async (each) => each.status()))).toEqual(idle.map(() => 401));
      expect((await asked(url, 'operator', '/api/v1/tenants')).status).toBe(200);
      for (const each of idle) each.destroy();
    });
  });

  it('are not an outage of the database when they hang up', async () => {
    const lines: string[] = [];
    const kept = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
    await withApi({ logger: kept }, async (url) => {
      const socket = new RawSocket(url).send(withoutBody('/api/v1/usage', tokenOf('ingest'))).send('[');
      expect((await asked(url, 'operator', '/api/v1/tenants')).status).toBe(200);
      socket.destroy();
      await socket.closed;
    });
    expect(lines).toEqual([]);
  });

  it('hold no place with a token either', async () => {
    await withApi({ requestsAtOnce: 4, queriesAtOnce: 4, patienceMs: 10 }, async (url) => {
      const idle = Array.from({ length: 80 }, () =>
        new RawSocket(url).send(withoutBody('/api/v1/usage', tokenOf('ingest'))),
      );
      // They have arrived once a later one on the same connection is answered.
      for (let n = 0; n < 20; n += 1) {
        expect((await asked(url, 'operator', '/api/v1/tenants')).status).toBe(200);
        expect((await asked(url, 'ingest', '/api/v1/usage', reading(`idle-${n}`))).status).toBe(200);
      }
      for (const each of idle) each.destroy();
    });
  });

  it('hold no place of large bodies before the body is large', async () => {
    await withApi({}, async (url) => {
      const announced = withoutBody('/api/v1/usage', tokenOf('ingest')).replace('Length: 100', 'Length: 1000000');
      const idle = Array.from({ length: 20 }, () =>
        new RawSocket(url).send(announced.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n')),
      );
      const large = async (): Promise<number> =>
        (await asked(url, 'ingest', '/api/v1/usage', { ...reading('large'), resourceName: 'x'.repeat(300_000) }))
          .status;
      try {
        expect(await Promise.all(idle.map(async (each) => each.status()))).toEqual(idle.map(() => 100));
        expect(await large()).toBe(200);
        // A quarter of 16.
        for (const each of idle.slice(0, 4)) each.send(' '.repeat(300_000));
        while ((await large()) !== 429);
      } finally {
        for (const each of idle) each.destroy();
      }
      while ((await large()) !== 200);
    });
  });

  it.each([
    ['of headers', (socket: RawSocket) => socket.send('GET / HTTP/1.1\r\nX-Slow: ').trickle('a', 20)],
    ['of a body', (socket: RawSocket) => socket.send(withoutBody('/api/v1/usage', tokenOf('ingest'))).trickle('1', 20)],
    [
      'of a body in chunks',
      (socket: RawSocket) =>
        socket
          .send(
            withoutBody('/api/v1/usage', tokenOf('ingest')).replace(
              'Content-Length: 100',
              'Transfer-Encoding: chunked',
            ),
          )
          .trickle('1\r\n1\r\n', 20),
    ],
    ['of nothing', (socket: RawSocket) => socket],
  ])('%s are cut, with a problem', async (_, start) => {
    await withApi({ transferMs: 300 }, async (url) => {
      const { headers, problem } = await start(new RawSocket(url)).lastAnswer();
      expect(problem).toMatchObject({ status: 408, code: 'request_timed_out' });
      expect(headers.get('connection')).toBe('close');
    });
  });
});

describe('slow readers', () => {
  const large = (): string => largeRequest(tokenOf('operator'));

  it('hold no place', async () => {
    await withApi({ requestsAtOnce: 1, queriesAtOnce: 1, patienceMs: 10, transferMs: 3_600_000 }, async (url) => {
      const slow = new RawSocket(url).send(large());
      expect(await slow.status()).toBe(200);
      slow.stopReading();
      expect((await asked(url, 'operator', '/api/v1/tenants')).status).toBe(200);
      slow.destroy();
    });
  });

  it('are cut', async () => {
    await withApi({ transferMs: 500 }, async (url) => {
      const slow = new RawSocket(url).send(large());
      expect(await slow.status()).toBe(200);
      await slow.readSlowly(100).closed;
      expect(slow.text.length).toBeLessThan(Number(/content-length: (\d+)/.exec(slow.text)?.[1]));
    });
  });
});

describe('a flood', () => {
  const forged = get('/api/v1/rates', 'forged');
  const statusesOf = (text: string): number[] =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

  /** The statuses of the answers, once the connection is closed. */
  const answersTo = async (url: string, sent: string): Promise<number[]> => {
    const socket = new RawSocket(url).send(sent);
    await socket.closed;
    return statusesOf(socket.text);
  };

  it('of refused tokens is cut, and its address may connect five times a second until someone shows a token', async () => {
    let ms = 0;
    const lines: string[] = [];
    const kept = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
    await withApi({ unauthenticatedPerMinute: 3, stopwatch: () => ms, logger: kept }, async (url) => {
      const flood = new RawSocket(url).send(forged.repeat(6));
      await flood.closed;
      expect(statusesOf(flood.text)).toEqual([401, 401, 401, 429]);
      expect(flood.text).toMatch(/retry-after: 60\r\n[^]*connection: close\r\n[^]*"code":"too_many_requests"/i);
      expect([await answersTo(url, forged), await answersTo(url, forged)]).toEqual([[429], []]);
      ms += 200;
      expect((await asked(url, 'operator', '/api/v1/rates')).status).toBe(200);
      const behind = new RawSocket(url).send(get('/health/live', 'x'));
      expect(await behind.status()).toBe(200);
      behind.destroy();
    });
    // Requests that are cut would fill the log.
    expect(lines.filter((line) => line.includes('"status":401'))).toHaveLength(3);
    expect(lines.filter((line) => line.includes('"status":429'))).toEqual([]);
  });

  it('of refused tokens does not shut out others with a token behind the same address', async () => {
    await withApi({ unauthenticatedPerMinute: 3 }, async (url) => {
      expect((await asked(url, 'operator', '/api/v1/rates')).status).toBe(200);
      for (let n = 0; n < 2; n += 1) {
        expect((await answersTo(url, forged.repeat(6))).at(-1)).toBe(429);
      }
      expect((await asked(url, 'auditor', '/api/v1/rates')).status).toBe(200);
    });
  });

  it('of pages and upgrades without a token has ten times the limit', async () => {
    await withApi({ unauthenticatedPerMinute: 1, stopwatch: () => 0 }, async (url) => {
      const page = 'GET /api/docs HTTP/1.1\r\nHost: a\r\n\r\n';
      const last = page.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
      expect(await answersTo(url, page.repeat(8) + last)).toEqual(Array.from({ length: 9 }, () => 200));
      const upgrade =
        'GET /graphql HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
      const first = new RawSocket(url).send(upgrade);
      expect(await first.status()).toBe(101);
      first.destroy();
      expect(await answersTo(url, upgrade)).toEqual([429]);
      // What is refused has a limit of its own.
      const other = new RawSocket(url).send(forged);
      expect(await other.status()).toBe(401);
      other.destroy();
    });
  });

  it('of requests on one connection is cut after those that came first', async () => {
    await withApi({ queriesAtOnce: 8, patienceMs: 600_000 }, async (url) => {
      let pipeline: RawSocket | undefined;
      await whileTenantsAreLocked(url, async () => {
        pipeline = new RawSocket(url).send(get('/api/v1/tenants', tokenOf('operator')).repeat(64));
        while ((await waitingForLocks()) < 1) await new Promise((resolve) => setImmediate(resolve));
        for (let n = 0; n < 20; n += 1) expect((await asked(url, 'auditor', '/api/v1/rates')).status).toBe(200);
      });
      await pipeline?.closed;
      expect(statusesOf(pipeline?.text ?? '')).toEqual([...Array.from({ length: 32 }, () => 200), 429]);
    });
  });
});

describe('what Node refuses itself', () => {
  it.each([
    ['no HTTP', 'GARBAGE\r\n\r\n', 400, 'malformed_request'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'malformed_request',
    ],
    ['large headers', `GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
    ['no host', 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed_request'],
    [
      'an unknown expectation',
      'GET /health/live HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n',
      417,
      'malformed_request',
    ],
  ])('%s is a problem with the headers of all problems', async (_, sent, status, code) => {
    const { headers, problem } = await new RawSocket(api().url).send(sent).lastAnswer();
    expect(problem).toMatchObject({ status, code });
    const usual = await api().get(null, '/api/v1/nothing', { 'accept-encoding': 'identity' });
    expect(problemIn(usual).code).toBe('unknown_route');
    const shown = (from: Headers) =>
      [...from]
        .filter(
          ([name]) =>
            !['content-length', 'date', 'x-request-id', 'x-correlation-id'].includes(name) &&
            !/^(connection|keep-alive|vary|x-ratelimit)/.test(name),
        )
        .map(([name, value]) => [name, value.replace('; charset=utf-8', '')]);
    expect(shown(headers)).toEqual(shown(usual.headers));
    expect(headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
  });
});

const revocable = async (id: string): Promise<string> =>
  mintToken(SECRET, { id, sub: id, role: 'platform_admin', ttl: '1h' }, NOW);

/** A token with a published key, and the server of that key, which answers only when it is released. */
async function slowKeys() {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const token = await new SignJWT({ role: 'operator' })
    .setProtectedHeader({ alg: 'ES256', kid: 'a' })
    .setSubject('x')
    .setExpirationTime(new Date('2026-04-16T00:00:00Z'))
    .sign(privateKey);
  const published = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'a', alg: 'ES256' }] });
  const [asked, released] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const server = createServer((_, response) => {
    asked.resolve(undefined);
    void released.promise.then(() => response.writeHead(200, { 'content-type': 'application/json' }).end(published));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = z.object({ port: z.number() }).parse(server.address());
  return { token, jwksUrl: `http://127.0.0.1:${port}/`, asked: asked.promise, release: released.resolve, server };
}

describe('a client that hangs up while its token is read', () => {
  it.each([
    ['though it was to be refused', (token: string) => get('/api/v1/rates', token)],
    ['though its body does not come', (token: string) => withoutBody('/api/v1/commands', token)],
  ])('is not waited for when the API stops, %s', async (_, request) => {
    const { token, jwksUrl, asked: keysAsked, release, server } = await slowKeys();
    const blocker = await api().database.pool.connect();
    await withApi({ jwksUrl, requestsAtOnce: 1, queriesAtOnce: 1, patienceMs: 10 }, async (url) => {
      await allProjected(url);
      await blocker.query('BEGIN; LOCK TABLE ledgerline.tenants IN ACCESS EXCLUSIVE MODE');
      const holder = asked(url, 'operator', '/api/v1/tenants');
      while ((await waitingForLocks()) < 1) await new Promise((resolve) => setImmediate(resolve));
      const gone = new RawSocket(url).send(request(token));
      await keysAsked;
      gone.destroy();
      await gone.closed;
      // The server has heard of it by then. A probe does not wait for its token.
      for (let n = 0; n < 2; n += 1) expect((await asked(url, token, '/health/live')).status).toBe(200);
      release(undefined);
      expect((await asked(url, token, '/api/v1/rates')).status).toBe(503);
      await blocker.query('ROLLBACK');
      blocker.release();
      expect((await holder).status).toBe(200);
    });
    server.closeAllConnections();
    server.close();
  });
});

describe('a token that is revoked', () => {
  it('ends also the request whose body comes after that', async () => {
    let now = NOW;
    await withApi({ clock: { now: () => now } }, async (url) => {
      const token = await revocable('late');
      const issue = { command: 'issue-token', tokenId: 'late', actor: 'late', role: 'platform_admin' };
      await api().post('platform_admin', '/api/v1/commands', { ...issue, expiresAt: '2026-07-01T00:00:00Z' });
      expect((await asked(url, token, '/api/v1/rates')).status).toBe(200);
      const body = JSON.stringify(tenant('too-late'));
      const late = new RawSocket(url).send(
        `POST /api/v1/commands HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n` +
          `Expect: 100-continue\r\nContent-Length: ${body.length}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      );
      expect(await late.status()).toBe(100);
      const revoke = { command: 'revoke-token', tokenId: 'late', reason: 'lost' };
      expect(await api().post('platform_admin', '/api/v1/commands', revoke)).toMatchObject({ status: 200 });
      now = instant('2026-04-15T00:01:00Z');
      late.send(body);
      await late.closed;
      expect(late.text).toMatch(/HTTP\/1\.1 401 [^]*the token was revoked/);
    });
  });
});

describe('readiness', () => {
  it('is read once for all who ask at the same time', async () => {
    const readiness = sharedReadiness(api().app.get(Ledger));
    const [first, second] = await Promise.all([readiness(NOW), readiness(NOW)]);
    expect(first.status).toBe('ready');
    expect(second).toBe(first);
    // Also after it, for a second.
    expect(await readiness(NOW)).toBe(first);
  });

  it('that cannot be read is not read again at once', async () => {
    const database = await testDatabase();
    const app = await createApi({ ...on(database.url), jwtSecret: SECRET, ...LISTENING, logger, clock });
    const readiness = sharedReadiness(app.get(Ledger));
    await database.drop();
    const error = await readiness(NOW).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    await expect(readiness(NOW)).rejects.toBe(error);
    await app.close();
  });
});

describe('one tenant', () => {
  it('that waits for positions takes no place, and waits for no position that the log does not have', async () => {
    const lines: string[] = [];
    const kept = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
    await withApi({ requestsAtOnce: 4, queriesAtOnce: 4, patienceMs: 10, logger: kept }, async (url) => {
      const far = Array.from({ length: 64 }, () => asked(url, 'tenant', '/api/v1/invoices?waitFor=900000'));
      const codesOfFar = (await Promise.all(far)).map((answer) => problemIn(answer).code);
      // Sixteen at once are compared with the log.
      expect(new Set([...codesOfFar, 'too_many_requests'])).toEqual(new Set(['position_ahead', 'too_many_requests']));
      await api().whileNothingIsProjected(async () => {
        const { position } = zDone.parse((await api().command(tenant('not-projected'))).body);
        const waits = Array.from({ length: 64 }, () =>
          asked(url, 'tenant', `/api/v1/invoices?waitFor=${position}&waitTimeoutMs=3000`),
        );
        for (let n = 0; n < 10; n += 1) expect((await asked(url, 'operator', '/api/v1/audit/events')).status).toBe(200);
        const codes = (await Promise.all(waits)).map((answer) => problemIn(answer).code);
        expect(codes.filter((code) => code === 'position_not_reached')).toHaveLength(16);
        expect(codes.filter((code) => code === 'too_many_requests')).toHaveLength(48);
      });
    });
    expect(lines.filter((line) => line.includes('stack'))).toEqual([]);
  });

  it('has a share of the places, and usage and administrators have some of their own', async () => {
    // Of eight places one is kept for administrators. Usage has others.
    await withApi({ requestsAtOnce: 8, queriesAtOnce: 8, patienceMs: 10 }, async (url) => {
      const blocker = await api().database.pool.connect();
      const greedy: ReturnType<typeof asked>[] = [];
      // Until all but those under way are refused.
      const refusedOf = async (who: string, count: number) => {
        const asking = Array.from({ length: 20 }, () => asked(url, who, '/api/v1/tenants'));
        greedy.push(...asking);
        const all = Promise.withResolvers<undefined>();
        const refused: number[] = [];
        for (const each of asking)
          void each.then(({ status }) => refused.push(status) === count && all.resolve(undefined));
        await all.promise;
        return new Set(refused);
      };
      try {
        await blocker.query('BEGIN; LOCK TABLE ledgerline.tenants IN ACCESS EXCLUSIVE MODE');
        // A quarter of eight.
        expect(await refusedOf('tenant', 18)).toEqual(new Set([429]));
        expect((await asked(url, 'globex', '/api/v1/rates')).status).toBe(200);
        // Half of eight, with another token of the same actor too.
        expect(await refusedOf('auditor', 16)).toEqual(new Set([429]));
        const another = await mintToken(SECRET, { sub: 'auditor@specs', role: 'auditor', ttl: '2h' }, NOW);
        expect((await asked(url, another, '/api/v1/rates')).status).toBe(429);
        // The last one of those for all.
        expect(await refusedOf('operator', 19)).toEqual(new Set([503]));
        const busy = await asked(url, 'globex', '/api/v1/rates');
        expect(problemIn(busy)).toMatchObject({ status: 503, code: 'overloaded' });
        expect(busy.headers.get('retry-after')).toBe('1');
        expect((await asked(url, 'platform_admin', '/api/v1/rates')).status).toBe(200);
        expect((await asked(url, 'ingest', '/api/v1/usage', reading('in-between'))).status).toBe(200);
      } finally {
        await blocker.query('ROLLBACK');
        blocker.release();
      }
      const statuses = (await Promise.all(greedy)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(7);
      // Every place was given back.
      expect(
        await Promise.all(
          ['tenant', 'auditor', 'globex'].map(async (who) => (await asked(url, who, '/api/v1/rates')).status),
        ),
      ).toEqual([200, 200, 200]);
    });
  });
});

describe('a long page', () => {
  it('takes more of its owner’s places, and the longest one all of them', async () => {
    await withApi({ queriesAtOnce: 8, patienceMs: 10 }, async (url) => {
      const pages: ReturnType<typeof asked>[] = [];
      await whileTenantsAreLocked(url, async () => {
        for (const who of ['operator', 'tenant']) pages.push(asked(url, who, '/api/v1/tenants?limit=10000'));
        while ((await waitingForLocks()) < 2) await new Promise((resolve) => setImmediate(resolve));
        for (const who of ['operator', 'tenant']) expect((await asked(url, who, '/api/v1/rates')).status).toBe(429);
        expect((await asked(url, 'globex', '/api/v1/rates')).status).toBe(200);
      });
      expect((await Promise.all(pages)).map(({ status }) => status)).toEqual([200, 200]);
    });
  });
});

describe('a caller with more work at once than it can have', () => {
  it('has one place while others are there, and they have theirs', async () => {
    let ms = 0;
    await withApi({ queriesAtOnce: 8, patienceMs: 10, stopwatch: () => ms }, async (url) => {
      const first: ReturnType<typeof asked>[] = [];
      await whileTenantsAreLocked(url, async () => {
        for (let n = 0; n < 2; n += 1) first.push(asked(url, 'tenant', '/api/v1/tenants'));
        while ((await waitingForLocks()) < 2) await new Promise((resolve) => setImmediate(resolve));
        // Its requests take a minute each.
        ms += 60_000;
      });
      expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
      const second: ReturnType<typeof asked>[] = [];
      await whileTenantsAreLocked(url, async () => {
        for (const who of ['operator', 'auditor'])
          for (let n = 0; n < 2; n += 1) second.push(asked(url, who, '/api/v1/tenants'));
        while ((await waitingForLocks()) < 4) await new Promise((resolve) => setImmediate(resolve));
        ms += 60_000;
        second.push(asked(url, 'tenant', '/api/v1/tenants'));
        while ((await waitingForLocks()) < 5) await new Promise((resolve) => setImmediate(resolve));
        // It has a second place where nobody else is there.
        expect((await asked(url, 'tenant', '/api/v1/rates')).status).toBe(429);
        for (const who of ['operator', 'auditor', 'globex', 'platform_admin'])
          expect((await asked(url, who, '/api/v1/rates')).status).toBe(200);
      });
      expect((await Promise.all(second)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      ms += 60_000;
      expect((await asked(url, 'tenant', '/api/v1/rates')).status).toBe(200);
    });
  });
});

describe('an expensive query', () => {
  it('may be asked for once in a request of GraphQL, under whatever names', async () => {
    const aliases = Array.from({ length: 50 }, (_, n) => `a${n}: check { ok }`).join(' ');
    for (const query of [
      `{ ${aliases} }`,
      '{ check { ok } ...more } fragment more on Query { b: check { ok } }',
      '{ check { ok } diff(from: "1") { from } }',
    ])
      expect((await api().post('auditor', '/graphql', { query })).body).toMatchObject({
        errors: [{ extensions: { code: 'query_too_costly', status: 400 } }],
      });
    expect(await api().post('auditor', '/graphql', { query: '{ check { ok } }' })).toMatchObject({
      status: 200,
      body: { data: { check: { ok: true } } },
    });
  });

  it('costs more in a request of GraphQL than a page', async () => {
    // 14 × (9 × 4000 + 2 fields) = 504,028, and 13 × (9 × 4000 + 2) = 468,026.
    const margins = (count: number): string =>
      `{ ${Array.from({ length: count }, (_, n) => `a${n}: margin(period: "2026-04") { currency }`).join(' ')} }`;
    expect((await api().post('platform_admin', '/graphql', { query: margins(14) })).body).toMatchObject({
      errors: [{ message: expect.stringContaining('costs up to 504028 '), extensions: { code: 'query_too_costly' } }],
    });
    expect((await api().post('platform_admin', '/graphql', { query: margins(13) })).body).toMatchObject({
      data: { a12: { currency: 'USD' } },
    });
  });

  it('runs once at a time for each actor', async () => {
    await withApi({}, async (url) => {
      const running: ReturnType<typeof asked>[] = [];
      await whileInvoicesAreLocked(url, async () => {
        running.push(asked(url, 'auditor', '/api/v1/audit/check'));
        while ((await waitingForLocks()) < 1) await new Promise((resolve) => setImmediate(resolve));
        expect(problemIn(await asked(url, 'auditor', '/api/v1/audit/check'))).toMatchObject({ code: 'overloaded' });
        running.push(asked(url, 'operator', '/api/v1/audit/check'));
        while ((await waitingForLocks()) < 2) await new Promise((resolve) => setImmediate(resolve));
      });
      expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200]);
    });
  });

  it('runs at most twice at a time, by REST and GraphQL and all processes together', async () => {
    await withApi({}, async (url) => {
      const running: ReturnType<typeof asked>[] = [];
      await whileInvoicesAreLocked(url, async () => {
        running.push(asked(url, 'auditor', '/api/v1/audit/check'));
        running.push(asked(url, 'operator', '/graphql', { query: '{ check { ok } }' }));
        while ((await waitingForLocks()) < 2) await new Promise((resolve) => setImmediate(resolve));
        const others = await mintToken(SECRET, { sub: 'another', role: 'operator', ttl: '1h' }, NOW);
        const third = await asked(url, others, '/api/v1/audit/diff?from=1');
        const preview = await asked(url, others, '/api/v1/preview', { commands: [tenant('previewed')] });
        const elsewhere = await withApi({}, async (another) => asked(another, others, '/api/v1/audit/check'));
        for (const each of [third, preview, elsewhere])
          expect(problemIn(each)).toMatchObject({ status: 503, code: 'overloaded' });
        expect((await asked(url, 'operator', '/graphql', { query: '{ check { ok } }' })).body).toMatchObject({
          errors: [{ extensions: { code: 'overloaded', status: 503 } }],
        });
        // One more is kept for this role.
        running.push(asked(url, 'platform_admin', '/api/v1/audit/check'));
        while ((await waitingForLocks()) < 3) await new Promise((resolve) => setImmediate(resolve));
      });
      expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200]);
      expect((await asked(url, 'operator', '/api/v1/audit/diff?from=1')).status).toBe(200);
    });
  });
});

describe('a request of GraphQL', () => {
  it('runs three of its queries at a time, and relations within relations come to their turn', async () => {
    const blocker = await api().database.pool.connect();
    const nested = 'items { tenantId deployments { subscriptions { deployment { tenant { name } } } } }';
    const acme = {
      tenantId: 'acme',
      deployments: [{ subscriptions: [{ deployment: { tenant: { name: 'Acme' } } }] }],
    };
    const query = `{ ${Array.from({ length: 12 }, (_, n) => `a${n}: tenants { ${nested} }`).join(' ')} }`;
    try {
      await allProjected(api().url);
      await blocker.query('BEGIN; LOCK TABLE ledgerline.tenants IN ACCESS EXCLUSIVE MODE');
      const answer = asked(api().url, 'operator', '/graphql', { query });
      while ((await waitingForLocks()) < 3) await new Promise((resolve) => setImmediate(resolve));
      for (let n = 0; n < 5; n += 1) expect((await asked(api().url, 'operator', '/health/live')).status).toBe(200);
      expect(await waitingForLocks()).toBe(3);
      await blocker.query('ROLLBACK');
      expect(await answer).toMatchObject({
        status: 200,
        body: { data: { a11: { items: expect.arrayContaining([acme]) } } },
      });
    } finally {
      await blocker.query('ROLLBACK');
      blocker.release();
    }
  });

  it('runs all but its first three queries one at a time, together with the other requests of its owner', async () => {
    await withApi({}, async (url) => {
      const few = Array.from({ length: 3 }, (_, n) => `a${n}: rates { items { resourceType } }`);
      const many = Array.from({ length: 6 }, (_, n) => `b${n}: tenants { items { tenantId } }`);
      const query = `{ ${[...few, ...many].join(' ')} }`;
      const answers: ReturnType<typeof asked>[] = [];
      await whileTenantsAreLocked(url, async () => {
        for (let n = 0; n < 3; n += 1) answers.push(asked(url, 'operator', '/graphql', { query }));
        while ((await waitingForLocks()) < 1) await new Promise((resolve) => setImmediate(resolve));
        for (let n = 0; n < 20; n += 1) expect((await asked(url, 'auditor', '/api/v1/rates')).status).toBe(200);
        expect(await waitingForLocks()).toBe(1);
      });
      for (const each of await Promise.all(answers)) {
        expect(each.body).toMatchObject({ data: { b5: { items: expect.any(Array) } } });
        expect(each.body).not.toHaveProperty('errors');
      }
    });
  });

  it('has no place while it waits for the turn of its owner', async () => {
    const settings = { queriesAtOnce: 2, requestsAtOncePerTenant: 2, patienceMs: 600_000 };
    await withApi(settings, async (url) => {
      const few = Array.from({ length: 3 }, (_, n) => `a${n}: rates { items { resourceType } }`).join(' ');
      const query = `{ ${few} b: tenants { items { tenantId } } }`;
      const answers: ReturnType<typeof asked>[] = [];
      await whileTenantsAreLocked(url, async () => {
        for (let n = 0; n < 2; n += 1) answers.push(asked(url, 'operator', '/graphql', { query }));
        while ((await waitingForLocks()) < 1) await new Promise((resolve) => setImmediate(resolve));
        for (let n = 0; n < 20; n += 1) expect((await asked(url, 'auditor', '/api/v1/rates')).status).toBe(200);
      });
      for (const each of await Promise.all(answers))
        expect(each.body).toMatchObject({ data: { b: { items: expect.any(Array) } } });
    });
  });
});

describe('a query', () => {
  it('ends with its time, by REST and GraphQL', async () => {
    await withApi({ queryTimeoutMs: 1500 }, async (url) => {
      await whileInvoicesAreLocked(url, async () => {
        const answer = asked(url, 'auditor', '/api/v1/audit/check');
        const { data, errors } = zGraphQl.parse(
          (
            await asked(url, 'operator', '/graphql', {
              query: '{ a: invoices { items { invoiceId } } b: check { ok } }',
            })
          ).body,
        );
        expect({ data, codes: errors.map(({ extensions }) => extensions.code) }).toEqual({
          data: { a: null, b: null },
          codes: ['query_timed_out', 'query_timed_out'],
        });
        const preview = await asked(url, 'operator', '/api/v1/preview', { commands: [tenant('previewed')] });
        for (const each of [await answer, preview])
          expect(problemIn(each)).toMatchObject({ status: 503, code: 'query_timed_out' });
      });
      expect((await asked(url, 'operator', '/api/v1/invoices')).status).toBe(200);
    });
  });

  it('ends with its time also while it waits for the projections', async () => {
    await withApi({ queryTimeoutMs: 200 }, async (url) => {
      await api().whileNothingIsProjected(async () => {
        expect((await api().command(tenant('projected-later'))).status).toBe(200);
        expect(problemIn(await asked(url, 'operator', '/api/v1/tenants'))).toMatchObject({ code: 'query_timed_out' });
      });
    });
  });

  it('ends when its client is gone', async () => {
    await withApi({}, async (url) => {
      await whileInvoicesAreLocked(url, async () => {
        const gone = new RawSocket(url).send(
          `GET /api/v1/invoices HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokenOf('operator')}\r\n\r\n`,
        );
        while ((await waitingForLocks()) === 0) await new Promise((resolve) => setImmediate(resolve));
        gone.destroy();
        // Nobody lets it through: it is cancelled.
        while ((await waitingForLocks()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      });
    });
  });
});

const allProjected = async (url: string): Promise<void> => {
  expect((await asked(url, 'operator', '/api/v1/tenants')).status).toBe(200);
};

const zGraphQl = z.object({
  data: z.record(z.string(), z.unknown()),
  errors: z.array(z.object({ extensions: z.object({ code: z.string() }) })),
});

/** Runs the work while every query that reads the table waits. */
async function whileLocked(url: string, table: 'invoices' | 'tenants', work: () => Promise<void>): Promise<void> {
  await allProjected(url);
  const blocker = await api().database.pool.connect();
  try {
    await blocker.query(`BEGIN; LOCK TABLE ledgerline.${table} IN ACCESS EXCLUSIVE MODE`);
    await work();
  } finally {
    await blocker.query('ROLLBACK');
    blocker.release();
  }
}
const whileInvoicesAreLocked = async (url: string, work: () => Promise<void>): Promise<void> =>
  whileLocked(url, 'invoices', work);
const whileTenantsAreLocked = async (url: string, work: () => Promise<void>): Promise<void> =>
  whileLocked(url, 'tenants', work);

async function waitingForLocks(): Promise<number> {
  const { rowCount } = await api().database.pool.query(
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
  return rowCount ?? 0;
}

describe('a request from the line', () => {
  it('goes on as itself: the end of the one before it does not end it', async () => {
    await withApi(
      { requestsAtOnce: 2, queriesAtOnce: 2, requestsAtOncePerTenant: 2, patienceMs: 60_000 },
      async (url) => {
        const answers = Array.from({ length: 60 }, (_, n) =>
          n % 3 === 0
            ? asked(url, 'ingest', '/api/v1/usage', reading(`line-${n}`))
            : n % 3 === 1
              ? asked(url, 'operator', '/api/v1/usage?deploymentId=acme-prod')
              : asked(url, 'auditor', '/graphql', { query: '{ tenants { items { tenantId } } }' }),
        );
        expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
      },
    );
  });
});

const zDone = z.object({ position: z.int() });
const reading = (resourceId: string): object => ({
  deploymentId: 'acme-prod',
  resourceId,
  billingKind: 'gateway',
  period: { start: '2026-04-10T00:00:00Z', end: '2026-04-11T00:00:00Z' },
  granularity: 'day',
  quantity: '1',
});
