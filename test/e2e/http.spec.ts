import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { startApi } from '#api/start';
import { apiForAll, clock, LISTENING, logger, problemIn, SECRET } from '../support/api.js';
import { tenant } from '../support/commands.js';
import { on } from '../support/log.js';

const api = apiForAll();
const zDone = z.object({ position: z.int() });

describe('a read', () => {
  it('has an ETag, and is not sent again while it is unchanged', async () => {
    const first = await api().get('operator', '/api/v1/tenants');
    const tag = first.headers.get('etag') ?? '';
    expect(tag).toMatch(/^W\/"[\w-]{27}"$/);
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    for (const given of [tag, `"other", ${tag}`, '*', tag.replace('W/', '')]) {
      const again = await api().get('operator', '/api/v1/tenants', { 'if-none-match': given });
      expect({ given, status: again.status, body: again.body, tag: again.headers.get('etag') }).toEqual({
        given,
        status: 304,
        body: '',
        tag,
      });
    }
    // HEAD says what GET would, without the body.
    for (const [given, status] of [
      ['"other"', 200],
      [tag, 304],
    ] as const) {
      const head = await fetch(`${api().url}/api/v1/tenants`, {
        method: 'HEAD',
        headers: { authorization: `Bearer ${api().tokens.get('operator') ?? ''}`, 'if-none-match': given },
      });
      expect([
        head.status,
        head.headers.get('etag'),
        head.headers.get('cache-control'),
        head.headers.get('content-length'),
      ]).toEqual([status, tag, 'private, no-cache', String(JSON.stringify(first.body).length)]);
    }
    await api().command(tenant('changed'));
    const changed = await api().get('operator', '/api/v1/tenants', { 'if-none-match': tag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).not.toBe(tag);
    expect((await api().get('operator', '/api/v1/tenants?asOf=1', { 'if-none-match': tag })).status).toBe(200);
  });

  it('is compressed if it is large and the client accepts that', async () => {
    const raw = await new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
      request(`${api().url}/api/docs-json`, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
        const chunks: Buffer[] = [];
        response
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => resolve({ encoding: response.headers['content-encoding'], body: Buffer.concat(chunks) }));
      })
        .once('error', reject)
        .end();
    });
    expect(raw.encoding).toBe('gzip');
    expect(JSON.parse(gunzipSync(raw.body).toString())).toMatchObject({ openapi: '3.1.0' });
    expect((await api().get(null, '/health/live')).headers.get('content-encoding')).toBeNull();
  });

  it('has stable pages: a write between two pages is on neither', async () => {
    const zPage = z.object({ items: z.array(z.object({ tenantId: z.string() })), nextCursor: z.string().nullable() });
    const before = zPage
      .parse((await api().get('operator', '/api/v1/tenants')).body)
      .items.map(({ tenantId }) => tenantId);
    const paged: string[] = [];
    for (let cursor: string | null = '', page = 0; cursor !== null; page += 1) {
      const { items, nextCursor } = zPage.parse(
        (await api().get('operator', `/api/v1/tenants?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`)).body,
      );
      paged.push(...items.map(({ tenantId }) => tenantId));
      await api().command(tenant(`between-${page}`));
      cursor = nextCursor;
    }
    expect(paged).toEqual(before);
  });

  it('waits for the position of a command, up to a time limit', async () => {
    const { position } = zDone.parse((await api().command(tenant('waited-for'))).body);
    expect((await api().get('operator', `/api/v1/tenants?tenantId=waited-for&waitFor=${position}`)).status).toBe(200);
    // No command has returned it, so nobody waits for it.
    expect(problemIn(await api().get('operator', `/api/v1/tenants?waitFor=${position + 1}`))).toMatchObject({
      status: 400,
      code: 'position_ahead',
      errors: [{ field: 'waitFor' }],
    });
    await api().whileNothingIsProjected(async () => {
      const written = zDone.parse((await api().command(tenant('not-projected'))).body).position;
      const late = await api().get('operator', `/api/v1/tenants?waitFor=${written}&waitTimeoutMs=100`);
      expect(problemIn(late)).toMatchObject({
        status: 503,
        code: 'position_not_reached',
        detail: expect.stringContaining(`read models are at ${position}`),
      });
      expect(late.headers.get('retry-after')).toBe('1');
    });
    expect((await api().get('operator', `/api/v1/tenants?waitFor=${position + 1}`)).status).toBe(200);
    for (const [query, field] of [
      ['waitFor=soon', 'waitFor'],
      ['waitFor=', 'waitFor'],
      ['waitFor=0x1', 'waitFor'],
      ['waitFor=1e0', 'waitFor'],
      ['waitFor=1&waitFor=2', 'waitFor'],
      ['waitFor=-1', 'waitFor'],
      ['waitFor=1&waitTimeoutMs=60000', 'waitTimeoutMs'],
      ['waitFor=1&waitTimeoutMs=', 'waitTimeoutMs'],
    ])
      expect(problemIn(await api().get('operator', `/api/v1/tenants?${query}`))).toMatchObject({
        status: 400,
        code: 'invalid_parameter',
        errors: [{ field }],
      });
  });
});

describe('an answer', () => {
  it('names its log position: of a read, what it is as of; of a write, its last event', async () => {
    const at = ({ headers }: { headers: Headers }) => Number(headers.get('ledgerline-position'));
    const written = await api().command(tenant('placed'));
    const { position } = zDone.parse(written.body);
    expect(at(written)).toBe(position);
    // Both are recorded: the last one counts, also if the first of an array is repeated after it.
    const both = await api().post('operator', '/api/v1/commands', [tenant('placed-2'), tenant('placed')]);
    expect(at(both)).toBe(position + 1);
    expect(at(await api().get('operator', '/api/v1/tenants'))).toBe(position + 1);
    expect(at(await api().get('operator', `/api/v1/tenants?asOf=${position}`))).toBe(position);
    const query = `{ tenants { items { tenantId } } then: tenants(asOf: "${position}") { items { tenantId } } }`;
    expect(at(await api().post('operator', '/graphql', { query }))).toBe(position);
    const reading = {
      deploymentId: 'd',
      resourceId: 'r',
      billingKind: 'cpu',
      period: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z' },
      granularity: 'hour',
      quantity: '1',
    };
    await api().command({
      command: 'register-deployment',
      deploymentId: 'd',
      tenantId: 'placed',
      name: 'D',
      from: '2026-01-01T00:00:00Z',
    });
    const sent = await api().post('operator', '/api/v1/usage', reading);
    expect(at(sent)).toBe(zDone.parse(sent.body).position);
  });
});

describe('a write', () => {
  it('with an idempotency key is done once: a repetition gets the same answer, another body is refused', async () => {
    const command = { ...tenant('keyed'), idempotencyKey: 'key-1' };
    const [first, again] = [await api().command(command), await api().command(command)];
    expect(first).toMatchObject({ status: 200, body: { status: 'done' } });
    expect(again).toMatchObject({ status: 200, body: { status: 'unchanged' } });
    expect(problemIn(await api().command({ ...command, name: 'Other' }))).toMatchObject({
      status: 409,
      code: 'conflicting_body',
    });
    expect(problemIn(await api().command({ ...tenant('another'), idempotencyKey: 'key-1' }))).toMatchObject({
      status: 409,
    });
  });

  it('reads the key of one command from its header, and refuses an invalid one', async () => {
    const send = async (body: unknown, key: string) =>
      api().post('operator', '/api/v1/commands', body, { 'idempotency-key': key });
    expect([await send(tenant('by-header'), 'key-2'), await send(tenant('by-header'), 'key-2')]).toMatchObject([
      { body: { status: 'done' } },
      { body: { status: 'unchanged' } },
    ]);
    expect(problemIn(await send(tenant('another'), 'key-2'))).toMatchObject({ status: 409, code: 'conflicting_body' });
    expect(await send({ ...tenant('by-header'), idempotencyKey: 'key-2' }, 'key-2')).toMatchObject({
      body: { status: 'unchanged' },
    });
    const refused = [
      [[tenant('a'), tenant('b')], 'key-3', []],
      [{ ...tenant('a'), idempotencyKey: 'key-4' }, 'key-3', [{ field: 'idempotencyKey' }]],
      [tenant('a'), 'k'.repeat(1000), [{ field: 'idempotencyKey' }]],
    ] as const;
    for (const [body, key, errors] of refused)
      expect(problemIn(await send(body, key))).toMatchObject({ status: 400, code: 'invalid_input', errors });
    expect((await api().get('operator', '/api/v1/tenants?tenantId=a')).status).toBe(404);
  });
});

describe('every response', () => {
  it('has the id of its request, also if the URL is invalid', async () => {
    for (const path of ['/', '/api/v1/nothing', '/api/v1/invoices/%zz']) {
      const { headers } = await api().get(null, path, { 'x-request-id': 'asked-1', 'x-correlation-id': 'run-1' });
      expect({ path, ids: [headers.get('x-request-id'), headers.get('x-correlation-id')] }).toEqual({
        path,
        ids: ['asked-1', 'run-1'],
      });
      expect((await api().get(null, path)).headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
    }
  });

  it('has the security headers for browsers', async () => {
    for (const path of ['/', '/api/v1/tenants', '/health/live', '/api/v1/nothing']) {
      const { headers } = await api().get(null, path);
      expect(
        Object.fromEntries(
          [
            'x-content-type-options',
            'referrer-policy',
            'cross-origin-resource-policy',
            'x-frame-options',
            'x-powered-by',
          ].map((name) => [name, headers.get(name)]),
        ),
      ).toEqual({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'x-frame-options': 'SAMEORIGIN',
        'x-powered-by': null,
      });
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });
});

/** Until so many of the API's statements wait for a lock. */
async function waitForLocks(count: number): Promise<void> {
  const asked =
    'SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND ' +
    "wait_event_type = 'Lock'";
  const zCount = z.tuple([z.object({ count: z.int() })]);
  while (zCount.parse((await api().database.pool.query(asked)).rows)[0].count < count)
    await new Promise((resolve) => setImmediate(resolve));
}

async function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  const response = await fetch(url, { headers });
  await response.text();
  return response.status;
}

describe('load', () => {
  it('is limited per token: 429 with Retry-After', async () => {
    const limited = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      ...LISTENING,
      requestsPerMinute: 3,
      logger,
      clock,
    });
    const ask = async (who: string, path = '/api/v1/tenants') => {
      const response = await fetch(`${limited.url}${path}`, {
        headers: { authorization: `Bearer ${api().tokens.get(who) ?? ''}` },
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    };
    try {
      for (let n = 0; n < 3; n += 1) expect((await ask('operator')).status).toBe(200);
      const refused = await ask('operator');
      expect(problemIn(refused)).toMatchObject({
        status: 429,
        code: 'too_many_requests',
        detail: expect.stringMatching(/More than 3 requests in a minute. Retry after \d+ s/),
      });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await ask('auditor')).status).toBe(200);
      for (let n = 0; n < 10; n += 1) expect((await ask('operator', '/health/live')).status).toBe(200);
    } finally {
      await limited.close();
    }
  });

  it('is limited by the token in any spelling of its header, and refused tokens by their address', async () => {
    const limited = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      ...LISTENING,
      requestsPerMinute: 3,
      unauthenticatedPerMinute: 3,
      logger,
      clock,
    });
    const ask = async (authorization: string) => statusOf(`${limited.url}/api/v1/tenants`, { authorization });
    const inTurn = async (headers: readonly string[]) =>
      headers.reduce<Promise<number[]>>(
        async (statuses, header) => [...(await statuses), await ask(header)],
        Promise.resolve([]),
      );
    const token = api().tokens.get('operator') ?? '';
    try {
      expect(
        await inTurn([`Bearer ${token}`, `bearer  ${token}`, `BEARER ${' '.repeat(50)}${token}`, `Bearer   ${token}`]),
      ).toEqual([200, 200, 200, 429]);
      expect(await inTurn(['Bearer junk-1', 'Bearer junk-2', 'Basic junk', 'Bearer junk-3', 'Bearer junk-4'])).toEqual([
        401, 401, 401, 429, 429,
      ]);
      // Another collector behind the same address.
      expect(await ask(`Bearer ${api().tokens.get('auditor') ?? ''}`)).toBe(200);
    } finally {
      await limited.close();
    }
  });

  it.each([
    [
      'is limited by the address that a trusted proxy gives',
      { trustedProxies: '127.0.0.0/8' },
      [401, 401, 401, 429, 401],
    ],
    ['by nobody else’s word for it', {}, [401, 401, 401, 429, 429]],
  ])('%s', async (_, trusted, expected) => {
    const limited = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      ...LISTENING,
      ...trusted,
      requestsPerMinute: 3,
      unauthenticatedPerMinute: 3,
      logger,
      clock,
    });
    try {
      const statuses: number[] = [];
      for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2'])
        statuses.push(await statusOf(`${limited.url}/api/v1/tenants`, { 'x-forwarded-for': address }));
      expect(statuses).toEqual(expected);
    } finally {
      await limited.close();
    }
  });

  /**
   * An API that processes two requests at a time, and requests that wait because nothing can be appended. `release`
   * ends that.
   */
  const whileNothingIsAppended = async (
    patienceMs: number,
    ask: (url: string, headers: Record<string, string>, release: () => Promise<unknown>) => Promise<void>,
  ) => {
    const small = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      ...LISTENING,
      requestsAtOnce: 2,
      queriesAtOnce: 2,
      requestsAtOncePerTenant: 2,
      patienceMs,
      logger,
      clock,
    });
    const blocker = await api().database.pool.connect();
    try {
      await blocker.query('BEGIN; LOCK TABLE ledgerline_log.head IN EXCLUSIVE MODE');
      await ask(
        small.url,
        { authorization: `Bearer ${api().tokens.get('operator') ?? ''}`, 'content-type': 'application/json' },
        async () => blocker.query('ROLLBACK'),
      );
    } finally {
      blocker.release();
      await small.close();
    }
  };
  const zItems = z.object({ items: z.array(z.object({ tenantId: z.string() })) });
  const tenantsNamed = async (prefix: string) =>
    zItems
      .parse((await api().get('operator', '/api/v1/tenants')).body)
      .items.map(({ tenantId }) => tenantId)
      .filter((id) => id.startsWith(prefix))
      .sort();

  it('above the limit is refused with 503 and not processed, except probes', async () => {
    await whileNothingIsAppended(50, async (url, headers, release) => {
      let refusals = 0;
      const refused = Promise.withResolvers<undefined>();
      const answers = Array.from({ length: 40 }, async (_, n) => {
        const response = await fetch(`${url}/api/v1/commands`, {
          method: 'POST',
          headers,
          body: JSON.stringify(tenant(`shed-${n}`)),
        });
        const answer = {
          n,
          status: response.status,
          retry: response.headers.get('retry-after'),
          body: await response.json(),
        };
        if (response.status === 503 && (refusals += 1) === 38) refused.resolve(undefined);
        return answer;
      });
      await refused.promise;
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('\nledgerline_http_requests_shed_total 38\n');
      await release();
      const [accepted, shed] = [200, 503].map(async (status) =>
        (await Promise.all(answers)).filter((answer) => answer.status === status),
      );
      expect(await accepted).toHaveLength(2);
      expect(await shed).toMatchObject(
        Array.from({ length: 38 }, () => ({ retry: '1', body: { code: 'overloaded' } })),
      );
      expect(await tenantsNamed('shed-')).toEqual(((await accepted) ?? []).map(({ n }) => `shed-${n}`).sort());
    });
  });

  it('that comes in a burst waits for its turn, also behind a closed connection', async () => {
    await whileNothingIsAppended(60_000, async (url, headers, release) => {
      const hangUp = new AbortController();
      const send = async (n: number, signal?: AbortSignal) =>
        fetch(`${url}/api/v1/commands`, {
          method: 'POST',
          headers,
          body: JSON.stringify(tenant(`burst-${n}`)),
          signal: signal ?? null,
        });
      const first = [send(0), send(1)];
      await waitForLocks(1);
      const gone = send(9, hangUp.signal).catch(() => null);
      const later = [2, 3, 4, 5].map(async (n) => send(n));
      hangUp.abort();
      expect(await gone).toBeNull();
      await release();
      const answers = await Promise.all([...first, ...later]);
      expect(
        await Promise.all(
          answers.map(async (each) => {
            await each.text();
            return each.status;
          }),
        ),
      ).toEqual([200, 200, 200, 200, 200, 200]);
      expect((await tenantsNamed('burst-')).slice(0, 6)).toEqual([
        'burst-0',
        'burst-1',
        'burst-2',
        'burst-3',
        'burst-4',
        'burst-5',
      ]);
    });
  });

  it('counts a request exactly until its work is done, also after the client closed the connection', async () => {
    const small = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      ...LISTENING,
      requestsAtOnce: 2,
      queriesAtOnce: 2,
      requestsAtOncePerTenant: 2,
      patienceMs: 10,
      logger,
      clock,
    });
    const headers = { authorization: `Bearer ${api().tokens.get('operator') ?? ''}` };
    const blocker = await api().database.pool.connect();
    try {
      await blocker.query('BEGIN; LOCK TABLE ledgerline.tenants IN ACCESS EXCLUSIVE MODE');
      const hangUp = new AbortController();
      const gone = [1, 2].map(async () =>
        fetch(`${small.url}/api/v1/tenants`, { headers, signal: hangUp.signal }).catch(() => null),
      );
      await waitForLocks(2);
      hangUp.abort();
      expect(await Promise.all(gone)).toEqual([null, null]);
      // Their work is not done.
      expect(await statusOf(`${small.url}/api/v1/rates`, headers)).toBe(503);
      await blocker.query('ROLLBACK');
      const statuses: number[] = [];
      while (statuses.at(-1) !== 200 && statuses.length < 1000)
        statuses.push(await statusOf(`${small.url}/api/v1/rates`, headers));
      expect(statuses.at(-1)).toBe(200);
    } finally {
      blocker.release();
      await small.close();
    }
  });

  it('does not count open WebSockets', async () => {
    const small = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      ...LISTENING,
      requestsAtOnce: 1,
      queriesAtOnce: 1,
      logger,
      clock,
    });
    const sockets = [1, 2].map(
      () => new WebSocket(`${small.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws'),
    );
    try {
      await Promise.all(
        sockets.map(
          async (socket) =>
            new Promise((resolve) => {
              socket.addEventListener('open', resolve);
            }),
        ),
      );
      expect(
        await statusOf(`${small.url}/api/v1/rates`, { authorization: `Bearer ${api().tokens.get('operator') ?? ''}` }),
      ).toBe(200);
    } finally {
      for (const socket of sockets) socket.close();
      await small.close();
    }
  });
});
