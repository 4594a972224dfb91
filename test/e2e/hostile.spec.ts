import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ERROR_CODES } from '#api/error-codes';
import { zProblem } from '#api/problem';
import { mintToken } from '#runtime/token';
import { apiForAll, beside, largeRequest, NOW, problemIn, SECRET } from '../support/api.js';
import { RawSocket } from '../support/raw-socket.js';

// What an attacker sent, from outside.

const api = apiForAll();
const tokenOf = (who: string): string => api().tokens.get(who) ?? '';

describe('a body', () => {
  it('that is compressed is refused before it is read: 16 kB can be 16 MB of JSON', async () => {
    const body = new Uint8Array(gzipSync(`[${'[],'.repeat(1_000_000)}[]]`));
    const answer = await api().ask('ingest', 'POST', '/api/v1/usage', body, { 'content-encoding': 'gzip' });
    expect(problemIn(answer)).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  });

  const tooLarge = async (path: string, body: string) => {
    const { status, code, detail } = problemIn(await api().ask('operator', 'POST', path, body));
    return { status, code, detail };
  };
  const refused = (detail: string) => ({ status: 413, code: 'body_too_large', detail });

  it('with more values or levels than its route takes is refused before it is parsed', async () => {
    const list = (count: number) => `[${'[],'.repeat(count - 1)}[]]`;
    const manyKeys = `{${Array.from({ length: 20_001 }, (_, n) => `"${n}":1`).join(',')}}`;
    const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    const values = (most: number) =>
      refused(`The body has more than ${most} values, the limit here. Send less in a request.`);
    // 16 MB of lists were parsed for 1.3 s, in which nobody else was answered.
    for (const path of ['/api/v1/usage', '/api/v1/commands', '/api/v1/preview'])
      expect(await tooLarge(path, list(5_300_000))).toEqual(values(500_000));
    expect(await tooLarge('/api/v1/quotes', list(50_000))).toEqual(values(50_000));
    // 500,000 fields of a command took 5 s.
    for (const path of ['/api/v1/commands', '/api/v1/usage'])
      expect(await tooLarge(path, manyKeys)).toEqual(
        refused('The body has an object with more than 20000 fields, the limit here. Use fewer, or a list.'),
      );
    expect(await tooLarge('/graphql', list(100_000))).toEqual(values(100_000));
    // In a list, each item has its own outcome.
    for (const path of ['/api/v1/commands', '/api/v1/usage'])
      expect((await api().ask('operator', 'POST', path, `[${deep(400_000)}]`)).status).toBe(200);
    for (const path of ['/api/v1/quotes', '/graphql'])
      expect(await tooLarge(path, deep(101))).toEqual(
        refused('The body is nested deeper than 100 levels, the limit here. Nest its values less.'),
      );
    // Brackets in a text are none.
    const text = { command: 'register-tenant', tenantId: 'brackets', name: '[{,'.repeat(600), currency: 'USD' };
    expect((await api().command(text)).body).toMatchObject({ status: 'done' });
  });

  it('with more bytes than its route takes is refused before it comes, or once it is too large', async () => {
    const bytes = (mebibytes: number) =>
      refused(`The body is larger than ${mebibytes} MiB, the limit here. Send less in a request.`);
    for (const [path, mebibytes] of [
      ['/api/v1/quotes', 1],
      ['/graphql', 2],
      ['/api/v1/commands', 16],
      ['/api/v1/preview', 16],
      ['/api/v1/usage', 16],
    ] as const) {
      const head =
        `POST ${path} HTTP/1.1\r\nHost: ledger\r\nContent-Type: application/json\r\n` +
        `Authorization: Bearer ${tokenOf('operator')}\r\n`;
      const announced = new RawSocket(api().url).send(`${head}Content-Length: ${mebibytes * 1024 * 1024 + 1}\r\n\r\n`);
      const chunk = `10000\r\n${' '.repeat(0x1_0000)}\r\n`;
      const sent = new RawSocket(api().url).send(
        `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(16 * mebibytes + 1)}`,
      );
      for (const socket of [announced, sent]) {
        expect((await socket.lastAnswer()).problem).toMatchObject(bytes(mebibytes));
      }
    }
  });

  it('of a role that may not send it is refused before it comes', async () => {
    const socket = new RawSocket(api().url).send(
      'POST /api/v1/usage HTTP/1.1\r\nHost: ledger\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n' +
        `Authorization: Bearer ${tokenOf('tenant')}\r\n\r\n`,
    );
    expect(await socket.status()).toBe(403);
    socket.destroy();
  });
});

describe('a header', () => {
  it.each([
    ['Authorization', 'Bearer x'],
    ['Content-Type', 'application/cloudevents+json'],
    ['Host', 'other'],
    ['Idempotency-Key', 'b'],
    ['X-Request-Id', 'b'],
    ['X-Correlation-Id', 'b'],
    ['Traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
    ['Ce-Id', 'b'],
  ])('%s that comes twice is refused: another program may have looked at the other one', async (name, other) => {
    const headers = [
      ['Host', 'ledger'],
      ['Authorization', `Bearer ${tokenOf('operator')}`],
      ['Content-Type', 'application/json'],
      ['Connection', 'close'],
      ...(/Host|Auth|Content/.test(name) ? [] : [[name, 'a']]),
      [name.toLowerCase(), other],
    ].map(([field, value]) => `${field}: ${value}\r\n`);
    const sent = `POST /api/v1/usage HTTP/1.1\r\n${headers.join('')}Content-Length: 2\r\n\r\n[]`;
    expect((await new RawSocket(api().url).send(sent).lastAnswer()).problem).toMatchObject({
      ...{ status: 400, code: 'malformed_request' },
      detail: `The header ${name.toLowerCase()} came more than once. Send it once.`,
    });
  });
});

const probe = 'GET /health/live HTTP/1.1\r\nHost: ledger\r\n\r\n';
const authorized = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: ledger\r\nAuthorization: Bearer ${tokenOf('tenant')}\r\n\r\n`;
const answered = async (url: string, request: string): Promise<RawSocket> => {
  const socket = new RawSocket(url).send(request);
  expect(await socket.status()).toBe(200);
  return socket;
};
/** Whether a new connection is closed without an answer. */
const isRefused = async (url: string): Promise<boolean> => {
  const socket = new RawSocket(url).send(probe.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  await socket.closed;
  return socket.text === '';
};

describe('connections of an address', () => {
  it('that are idle give way to new ones: the oldest first, and those that showed a token last', async () => {
    await beside(api(), { connectionsPerAddress: 4 }, async (url) => {
      const known = await answered(url, authorized('/api/v1/plans'));
      const strangers = [await answered(url, probe), await answered(url, probe), await answered(url, probe)];
      // Its last request came after those of the others.
      await strangers[0]?.again(probe);
      const later = [await answered(url, probe), await answered(url, probe)];
      await Promise.all([strangers[1]?.closed, strangers[2]?.closed]);
      await known.again(authorized('/api/v1/plans'));
      await strangers[0]?.again(probe);
      const others = [
        await answered(url, authorized('/api/v1/plans')),
        await answered(url, authorized('/api/v1/plans')),
        await answered(url, authorized('/api/v1/plans')),
      ];
      await Promise.all([strangers[0], ...later].map(async (each) => each?.closed));
      // No stranger is left.
      (await answered(url, probe)).destroy();
      await known.closed;
      for (const each of others) each.destroy();
    });
  });

  it('with a request under way, or a WebSocket with a token, do not give way', async () => {
    await beside(api(), { connectionsPerAddress: 4 }, async (url) => {
      const socket = await opened(url);
      // Its body does not come.
      const posted =
        `POST /api/v1/usage HTTP/1.1\r\nHost: ledger\r\nAuthorization: Bearer ${tokenOf('ingest')}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';
      const underWay = Array.from({ length: 3 }, () => new RawSocket(url).send(posted));
      expect(await Promise.all(underWay.map(async (each) => each.status()))).toEqual([100, 100, 100]);
      expect(await isRefused(url)).toBe(true);
      expect(socket.readyState).toBe(WebSocket.OPEN);
      underWay[0]?.send('[]');
      while (await isRefused(url));
      for (const each of underWay) each.destroy();
      socket.close();
    });
  });

  it('of a WebSocket without a token give way', async () => {
    await beside(api(), { connectionsPerAddress: 1 }, async (url) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
      await once(socket, 'open');
      const closed = once(socket, 'close');
      (await answered(url, probe)).destroy();
      await closed;
    });
  });

  it('are not counted where they are of a trusted proxy', async () => {
    await beside(api(), { connectionsPerAddress: 5, trustedProxies: '127.0.0.1' }, async (url) => {
      const open = await Promise.all(Array.from({ length: 20 }, async () => answered(url, probe)));
      for (const each of open) await each.again(probe);
      for (const each of open) each.destroy();
    });
  });
});

/** A WebSocket whose token was accepted. */
async function opened(url: string, headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, { protocols: 'graphql-transport-ws', headers });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${tokenOf('tenant')}` } }));
  await once(socket, 'message');
  return socket;
}

describe('an id that looks like another', () => {
  const UNSEEN = 'contains characters that cannot be seen (control, format, filler or unassigned ones)';

  it.each([
    ['ac\u200bme', UNSEEN],
    ['acme\u202e', UNSEEN],
    ['acme\u0378', UNSEEN],
    ['cafe\u0301', 'is not in the Unicode form NFC'],
  ])('as %j is refused at every door', async (id, message) => {
    const tenant = { command: 'register-tenant', tenantId: id, name: 'Acme', currency: 'USD' };
    expect(problemIn(await api().command(tenant)).errors).toEqual([{ field: 'tenantId', message }]);
    expect(problemIn(await api().command({ ...tenant, tenantId: 'another', idempotencyKey: id })).errors).toEqual([
      { field: 'idempotencyKey', message },
    ]);
    const reading = {
      ...{ deploymentId: 'acme-prod', resourceId: id, billingKind: 'gateway', granularity: 'hour', quantity: '1' },
      period: { start: '2026-04-03T00:00:00Z', end: '2026-04-03T01:00:00Z' },
    };
    const event = { specversion: '1.0', type: 'gateway', id, source: 'meter', subject: 'acme-prod', data: {} };
    expect((await api().post('ingest', '/api/v1/usage', [reading, event])).body).toMatchObject({
      items: [
        { status: 'rejected', error: { errors: [{ field: 'resourceId', message }] } },
        { status: 'rejected', error: { errors: expect.arrayContaining([{ field: 'id', message }]) } },
      ],
    });
    const query = `tenantId=${encodeURIComponent(id)}`;
    expect(problemIn(await api().get('operator', `/api/v1/invoices?${query}`)).errors).toEqual([
      { field: 'tenantId', message },
    ]);
    const token = await mintToken(SECRET, { sub: id, role: 'operator', ttl: '1h' }, NOW);
    expect(problemIn(await api().get(token, '/api/v1/tenants'))).toMatchObject({ status: 401 });
  });
});

describe('an id of something to explain', () => {
  it.each([
    ...[
      'usage:a%/b/c/2026-04-01T00:00:00Z',
      'usage:a/b/%FF/2026-04-01T00:00:00Z',
      'usage:a/b/%00/2026-04-01T00:00:00Z',
    ],
    ...['usage:a/b/c/%', 'margin:2026-04/USD/a%', 'margin:2026-04/USD/%00'],
  ])('%s names nothing, and is no fault of the ledger', async (id) => {
    const path = `/api/v1/audit/explain/${encodeURIComponent(id)}`;
    expect(problemIn(await api().get('platform_admin', path))).toMatchObject({ status: 404 });
  });
});

describe('a WebSocket', () => {
  const ping = JSON.stringify({ type: 'ping', payload: { text: 'a'.repeat(1000) } });

  it('behind a trusted proxy shares its limit with those of its own network only', async () => {
    await beside(api(), { trustedProxies: '127.0.0.1' }, async (url) => {
      // Each may send 256 kB at once, and those of a network 1 MB together: these send 4 MB.
      const sockets = async (addressOf: (n: number) => string): Promise<WebSocket[]> =>
        Promise.all(Array.from({ length: 18 }, async (_, n) => opened(url, { 'x-forwarded-for': addressOf(n) })));
      const apart = await sockets((n) => `2001:db8:0:${n}::1`);
      await Promise.all(apart.map(async (each) => sentTo(each, 220)));
      // They are looked at every 100 ms.
      for (let n = 0; n < 20; n += 1) for (const each of apart) await sentTo(each, 1);
      for (const each of apart) each.close();
      await Promise.all(apart.map(async (each) => once(each, 'close')));
      const together = await sockets((n) => `2001:db8::${n + 1}`);
      const cut = Promise.race(together.map(async (each) => once(each, 'close')));
      for (const each of together) for (let n = 0; n < 220; n += 1) each.send(ping);
      await cut;
      for (const each of together) each.close();
    });
  });

  /** Sends so many pings, and waits for the answer to each. */
  const sentTo = async (socket: WebSocket, count: number): Promise<void> => {
    let left = count;
    const all = Promise.withResolvers<undefined>();
    const answered = (): void => {
      left -= 1;
      if (left === 0) all.resolve(undefined);
    };
    socket.addEventListener('message', answered);
    for (let n = 0; n < count; n += 1) socket.send(ping);
    await all.promise;
    socket.removeEventListener('message', answered);
  };

  it('that sends more than it may is cut', async () => {
    const socket = await opened(api().url);
    // 256 kB at once, and 64 kB a second.
    for (let n = 0; n < 1000; n += 1) socket.send(ping);
    await once(socket, 'close');
    expect(socket.readyState).toBe(WebSocket.CLOSED);
  });

  it('of an unknown protocol is answered with the known one, and the client closes it', async () => {
    const socket = new RawSocket(api().url).send(
      'GET /graphql HTTP/1.1\r\nHost: ledger\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        `Sec-WebSocket-Protocol: ${'A'.repeat(10_000)}\r\n\r\n`,
    );
    expect(await socket.status()).toBe(101);
    expect(socket.text).toContain('\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n');
    expect(socket.text).not.toContain('AAA');
    socket.destroy();
  });
});

describe('requests that wait in the line of a connection', () => {
  it('are ended when it is closed, so that the API can stop', async () => {
    await beside(api(), {}, async (url) => {
      const socket = new RawSocket(url).send(
        largeRequest(tokenOf('operator')) +
          `GET /api/v1/tenants HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokenOf('operator')}\r\n\r\n`.repeat(20),
      );
      expect(await socket.status()).toBe(200);
      socket.stopReading();
      const underWay = async (): Promise<number> => {
        const text = await (await fetch(`${url}/metrics`)).text();
        return Number(/^ledgerline_http_requests_under_way (\d+)$/m.exec(text)?.[1]);
      };
      // The large one, those behind it, and the one that asks.
      expect(await underWay()).toBe(22);
      socket.destroy();
      while ((await underWay()) > 1);
      // The end of the API would wait for them without end.
    });
  });
});

describe('a hostile request to GraphQL', () => {
  const nested = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels);
  const document = (definitions: unknown) => JSON.stringify({ kind: 'Document', definitions });
  const field = { kind: 'Field', name: { kind: 'Name', value: '__typename' } };
  const named = 'query($n: Int!) { tenants(limit: $n) { items { tenantId } } }';
  const queries: readonly unknown[] = [
    ...[null, 1, true, [], {}, '', ' ', 'null', '1', '[]', '"x"', 'true', '{}', '{', '}', '# nothing', '{ "', '\ud800'],
    ...[document([]), document(null), document([null]), '{"kind":"Document"}', { kind: 'Document', definitions: [] }],
    document([{ kind: 'OperationDefinition', operation: 'query', selectionSet: { selections: [field] } }]),
    document([{ kind: 'OperationDefinition', operation: 'query', selectionSet: null }]),
    ...['[', '{a:', '[{a:'].map((open) => `{ quote(plan: ${nested(1600, open, '}')}) { total } }`),
    ...[100, 1000, 2400].map((levels) => `{ quote(plan: ${nested(levels, '[', ']')}, usage: {}) { total } }`),
    `mutation { execute(commands: [${nested(2000, '[', ']')}]) { status } }`,
    // What looks like the end of a text is within it.
    `{ quote(plan: ["""\\"""\\""" """, ${nested(2400, '[', ']')}], usage: {}) { total } }`,
    ...[nested(1600, '{a', '}'), nested(1200, '{... ', '}'), `query($a: ${nested(2000, '[', ']')}) { a }`],
    ...[`{ __typename ${'@a'.repeat(2000)} }`, `{ __typename ${'@skip(if: true) '.repeat(700)} }`],
    ...['subscription { projectionLag { lag } }', 'fragment F on Query { ...F } { ...F }', 'type A { a: Int }'],
    ...['{ constructor }', '{ __proto__ }', '{ events(after: "0x10") { items { type } } }', named],
    ...['mutation { execute(commands: [null]) { status } }', '{ invoicePreview(tenantId: {}, at: 1) { total } }'],
  ];
  const bodies: readonly unknown[] = [
    ...[null, 1, 'x', true, [], [null], {}, { persisted: true }, { extensions: { persistedQuery: {} } }],
    ...queries.map((query) => ({ query })),
    ...[1, 'x', []].map((variables) => ({ query: '{ __typename }', variables })),
    ...['x', 1, {}].map((operationName) => ({ query: '{ __typename }', operationName })),
    ...['x', 1e9, {}, null].map((n) => ({ query: named, variables: { n } })),
    {
      query: 'mutation($c: [JSON!]!) { execute(commands: $c) { status } }',
      variables: { c: Array.from({ length: 9000 }, () => null) },
    },
  ];
  const zAsked = z
    .object({ query: z.string(), variables: z.unknown().optional(), operationName: z.unknown().optional() })
    .partial()
    .catch({});
  const INTERNAL =
    /undefined|cannot read|destructure|call stack|is not a function|not iterable|document object|definitions|internal|\bAST\b|mer_err|node_modules/i;
  const zCoded = z.looseObject({
    message: z.string().min(1),
    extensions: z.looseObject({ code: z.enum(ERROR_CODES) }),
  });
  const zRefused = z.union([zProblem, z.looseObject({ errors: z.array(zCoded).min(1) })]);

  it.each(bodies.map((body) => [JSON.stringify(body).slice(0, 60), body] as const))(
    '%s is refused with a code and a plain text',
    async (_, body) => {
      const { query, variables, operationName } = zAsked.parse(body);
      const answers = [await api().post('operator', '/graphql', body)];
      if (query !== undefined && variables === undefined && operationName === undefined)
        answers.push(await api().get('operator', `/graphql?query=${encodeURIComponent(query.toWellFormed())}`));
      for (const answer of answers) {
        expect([200, 400, 405, 414, 431]).toContain(answer.status);
        expect(zRefused.safeParse(answer.body).error).toBeUndefined();
        expect(JSON.stringify(answer.body)).not.toMatch(INTERNAL);
      }
    },
  );

  const lag = { query: 'subscription { projectionLag { lag } }' };
  const subscribe = (more: object) => ({ type: 'subscribe', id: '1', payload: lag, ...more });
  const messages: readonly unknown[] = [
    ...[null, 1, 'x', [], {}, { type: 1 }, { type: 'ka' }, { type: 'next', id: '1' }, { type: 'connection_ack' }],
    ...[{ type: 'complete' }, { type: 'complete', id: 1 }, { type: 'start', id: '1', payload: lag }],
    ...[undefined, 1, {}, '', 'x'.repeat(200)].map((id) => subscribe({ id })),
    ...[undefined, null, 1, 'x', [], {}].map((payload) => subscribe({ payload })),
    ...queries.filter((query) => query !== lag.query).map((query) => subscribe({ payload: { query } })),
    ...[1, [], 'x'].map((variables) => subscribe({ payload: { ...lag, variables } })),
    ...[1, 'x'].map((operationName) => subscribe({ payload: { ...lag, operationName } })),
    ...[[null], [{ type: 'connectionInit', payload: {} }]].map((extensions) => subscribe({ extensions })),
    subscribe({
      payload: {
        query: 'subscription($a: String!) { invoiceState(tenantId: $a) { invoiceId } }',
        variables: { a: {} },
      },
    }),
    subscribe({ payload: { query: `subscription { invoiceState { ${nested(20, 'a {', '}')} } }` } }),
    subscribe({ payload: { query: 'subscription { invoiceState { nonsense } }' } }),
    { type: 'connection_init', payload: 1 },
  ];

  it.each(
    ['{', '', '\0', ...messages.map((each) => JSON.stringify(each))].map((text) => [text.slice(0, 60), text] as const),
  )('in a message %s has an answer with a code, or ends the WebSocket with a reason', async (_, text) => {
    const socket = await opened(api().url);
    const { promise: ended, resolve } = Promise.withResolvers<object>();
    socket.addEventListener('close', ({ code, reason }) => {
      resolve({ code, reason });
    });
    socket.addEventListener('message', ({ data }) => {
      resolve(z.looseObject({}).parse(JSON.parse(String(data))));
    });
    socket.send(text);
    const end = await ended;
    if ('code' in end)
      expect(end).toEqual({ code: 4400, reason: 'malformed_request: the message does not follow its protocol' });
    else {
      const zError = z.looseObject({ type: z.literal('error'), id: z.string(), payload: z.array(zCoded).min(1) });
      expect(zError.safeParse(end).error).toBeUndefined();
      expect(JSON.stringify(end)).not.toMatch(INTERNAL);
    }
    socket.close();
  });

  it('without a token before it ends the WebSocket', async () => {
    const socket = new WebSocket(`${api().url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const { promise: ended, resolve } = Promise.withResolvers<[number, string]>();
    socket.addEventListener('close', ({ code, reason }) => {
      resolve([code, reason]);
    });
    await once(socket, 'open');
    socket.send(JSON.stringify(subscribe({})));
    expect(await ended).toEqual([4401, 'unauthenticated: send connection_init with a token first']);
  });
});

describe('the memory of the API', () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  const usedMb = async (): Promise<number> => {
    // What ended in this turn of the event loop is let go of in the next ones.
    for (let n = 0; n < 3; n += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (typeof collect === 'function') Reflect.apply(collect, undefined, []);
    }
    return process.memoryUsage().heapUsed / 1e6;
  };

  it('keeps no query: one of 5,000 tokens takes 2.5 MB', async () => {
    const ask = async (name: string) =>
      api().post('operator', '/graphql', { query: `{ ${name}: __typename ${'__typename '.repeat(4900)} }` });
    await ask('first');
    const before = await usedMb();
    for (let n = 0; n < 40; n += 1) expect((await ask(`a${n}`)).status).toBe(400);
    expect((await usedMb()) - before).toBeLessThan(30);
  });

  it('keeps no answer for a connection that stays open', async () => {
    const compressed = largeRequest(tokenOf('operator')).replace('Host: a\r\n', 'Host: a\r\nAccept-Encoding: gzip\r\n');
    const open: RawSocket[] = [];
    const before = await usedMb();
    for (let n = 0; n < 3; n += 1) {
      const socket = new RawSocket(api().url).send(compressed);
      await socket.status();
      while (!socket.text.endsWith('\r\n0\r\n\r\n')) await new Promise((resolve) => setImmediate(resolve));
      socket.text = '';
      await socket.again(probe);
      open.push(socket);
    }
    // Each answer has some 40 MB.
    expect((await usedMb()) - before).toBeLessThan(30);
    for (const each of open) each.destroy();
  });
});
