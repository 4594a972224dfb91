import { beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { mintToken } from '#runtime/token';
import { settingsFrom } from '#api/environment';
import { problemOf, zProblem } from '#api/problem';
import { Routes } from '#api/routes';
import { startApi } from '#api/start';
import { QUERIES } from '#operations/operations';
import { instant } from '#domain/time/instant';
import { UnknownOutcome } from '#event-store/port';
import { ROLES } from '#ledger/caller';
import {
  type Answer,
  apiForAll,
  april,
  clock,
  LISTENING,
  logger,
  NOW,
  problemIn,
  SECRET,
  STORY,
  type TestApi,
} from '../support/api.js';
import { EVERYONE, restRoutes } from '../support/rest-routes.js';
import { on } from '../support/log.js';
import { testDatabase } from '../support/postgres.js';

const api = apiForAll();
beforeAll(async () => {
  // The story asks for no rebuild.
  await api().post('platform_admin', '/api/v1/commands', { command: 'rebuild-projections', rebuildId: 'asked' });
});
const ask: TestApi['ask'] = (...asked) => api().ask(...asked);
const get: TestApi['get'] = (...asked) => api().get(...asked);
const post: TestApi['post'] = (...asked) => api().post(...asked);

const ALL = ROLES;

const TABLE = restRoutes(api);

const cases = [...TABLE].map(([route, each]) => ({ route, ...each }));
const askCase = (who: string | null, { route, example, body }: (typeof cases)[number]): Promise<Answer> =>
  route.startsWith('POST') ? post(who, example(), body) : get(who, example());

describe('roles', () => {
  it('has every served route in the table, and no other', () => {
    expect([...TABLE.keys()].sort()).toEqual([...api().served].sort());
  });

  it.each(cases)('$route is for $for', async (each) => {
    const anonymous = await askCase(null, each);
    if (each.for === EVERYONE) {
      expect(anonymous.status).toBe(200);
      return;
    }
    expect(problemIn(anonymous)).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(anonymous.headers.get('www-authenticate')).toBe('Bearer');
    for (const role of ALL) {
      const answer = await askCase(role, each);
      if (each.for.includes(role))
        expect({ role, status: answer.status, body: answer.body }).toMatchObject({ role, status: 200 });
      else expect({ role, ...problemIn(answer) }).toMatchObject({ role, status: 403, code: 'forbidden' });
    }
  });

  it.each(cases.filter(({ query }) => query !== undefined))('$route answers as its schema says', async (each) => {
    const { body } = await askCase('platform_admin', each);
    const { answer } = QUERIES.get(each.query ?? '') ?? {};
    expect(answer?.safeParse(body).error?.issues).toBeUndefined();
    // An empty list promises nothing.
    if (each.mayBeEmpty !== true && typeof body === 'object' && body !== null && 'items' in body)
      expect(body.items).not.toEqual([]);
  });

  it('does not start if a route does not declare its roles', async () => {
    @Controller('naked')
    class Naked {
      @Get()
      answer(): string {
        return 'to anyone';
      }
    }
    const module = { module: Naked, imports: [DiscoveryModule], controllers: [Naked], providers: [Routes] };
    await expect(NestFactory.createApplicationContext(module, { logger: false, abortOnError: false })).rejects.toThrow(
      /^\/naked .* does not declare who may use it/,
    );
  });
});

describe('tokens', () => {
  const bad = async (token: string) => problemIn(await get(token, '/api/v1/tenants'));

  it('refuses an invalid token, another secret, a missing signature, and an expired token', async () => {
    const expired = await mintToken(
      SECRET,
      { sub: 'late', role: 'operator', ttl: '1h' },
      instant('2026-04-14T00:00:00Z'),
    );
    const foreign = await mintToken(SECRET.toUpperCase(), { sub: 'foreign', role: 'operator', ttl: '1h' }, NOW);
    const parts = ['{"alg":"none"}', '{"sub":"x","role":"platform_admin"}', ''];
    const unsigned = parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
    for (const token of ['nonsense', 'a.b.c', foreign, unsigned, expired])
      expect(await bad(token)).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect((await bad(expired)).detail).toBe('the token has expired');
  });

  it('refuses an unknown role, and role tenant without a tenant', async () => {
    const sign = (claims: Record<string, unknown>) =>
      new SignJWT({ sub: 'x', exp: Date.parse(NOW) / 1000 + 60, ...claims })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(SECRET));
    expect(await bad(await sign({ role: 'root' }))).toMatchObject({ status: 403, code: 'unknown_role' });
    expect(await bad(await sign({ role: 'tenant' }))).toMatchObject({ status: 403, code: 'no_tenant' });
    for (const role of ['platform_admin', 'operator', 'auditor'])
      expect(await bad(await sign({ role, tenantId: 'acme' }))).toMatchObject({
        ...{ status: 403, code: 'tenant_not_allowed' },
        detail: `a token with role ${role} reads all tenants, so it must not have a tenantId. Use role tenant, or omit it.`,
      });
    for (const sub of [' ', ' x', 'x\u00a0'])
      expect(await bad(await sign({ role: 'auditor', sub }))).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect((await get(await sign({ roles: ['auditor'] }), '/api/v1/tenants')).status).toBe(200);
    expect(await bad(await sign({ role: 'auditor', exp: undefined }))).toMatchObject({
      ...{ status: 401, code: 'unauthenticated' },
      detail: 'the token has no expiry (exp), or it is not a number. Issue it with one.',
    });
  });

  it('verifies tokens with published keys, never uses such a key as secret, and reports missing keys', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
    const keys = createServer((_, response) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })),
    );
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
    const address = z.object({ port: z.number() }).parse(keys.address());
    const keyed = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      jwksUrl: `http://127.0.0.1:${address.port}/jwks`,
      ...LISTENING,
      logger,
      clock,
    });
    const statusOf = async (token: string) =>
      (await fetch(`${keyed.url}/api/v1/tenants`, { headers: { authorization: `Bearer ${token}` } })).status;
    const sign = (kid: string) =>
      new SignJWT({ role: 'operator' })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setSubject('x')
        .setExpirationTime(new Date('2026-04-16T00:00:00Z'))
        .sign(privateKey);
    try {
      expect(await statusOf(await sign('k1'))).toBe(200);
      expect(await statusOf(await sign('k2'))).toBe(401);
      expect(await statusOf(api().tokens.get('operator') ?? '')).toBe(200);
      const confused = await new SignJWT({ role: 'operator' })
        .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
        .setSubject('x')
        .sign(new TextEncoder().encode(JSON.stringify(jwk)));
      expect(await statusOf(confused)).toBe(401);
    } finally {
      await keyed.close();
    }
    keys.closeAllConnections();
    await new Promise((resolve) => keys.close(resolve));
    const cut = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      jwksUrl: `http://127.0.0.1:${address.port}/jwks`,
      ...LISTENING,
      logger,
      clock,
    });
    try {
      expect(
        (await fetch(`${cut.url}/api/v1/tenants`, { headers: { authorization: `Bearer ${await sign('k1')}` } })).status,
      ).toBe(503);
    } finally {
      await cut.close();
    }
  });
});

describe('data of another tenant', () => {
  it('is not found', async () => {
    const paths = [
      `/api/v1/invoices/${api().invoiceId}`,
      `/api/v1/lines/${api().lineId}`,
      `/api/v1/credit-notes/${api().creditNoteId}`,
      '/api/v1/credit-notes?invoiceId=INV-000001',
      '/api/v1/credit-notes?invoiceId=INV-000999',
      '/api/v1/credits?tenantId=acme',
      '/api/v1/invoices/preview?tenantId=acme',
      '/api/v1/invoices?tenantId=acme',
      '/api/v1/lines?tenantId=acme',
      '/api/v1/tenants?tenantId=acme',
      '/api/v1/deployments?tenantId=acme',
      '/api/v1/subscriptions?subscriptionId=acme-sub',
      '/api/v1/usage?deploymentId=acme-prod',
      '/api/v1/usage-records?deploymentId=acme-prod',
    ];
    for (const path of paths)
      expect({ path, ...problemIn(await get('globex', path)) }).toMatchObject({ path, status: 404 });
  });

  it('is in no list', async () => {
    expect(await get('globex', '/api/v1/tenants')).toMatchObject({
      status: 200,
      body: { items: [{ tenantId: 'globex' }] },
    });
    for (const list of ['invoices', 'lines', 'deployments', 'subscriptions', 'usage-records'])
      expect({ list, ...(await get('globex', `/api/v1/${list}`)) }).toMatchObject({
        list,
        status: 200,
        body: { items: [] },
      });
  });
});

describe('commands', () => {
  const tenant = { command: 'register-tenant', tenantId: 'initech', name: 'Initech', currency: 'EUR' };

  it('responds to one command with its outcome: done, unchanged, or a conflict as a problem', async () => {
    expect(await post('operator', '/api/v1/commands', tenant)).toMatchObject({
      status: 200,
      body: { command: 'register-tenant', status: 'done' },
    });
    expect(await post('operator', '/api/v1/commands', tenant)).toMatchObject({
      status: 200,
      body: { command: 'register-tenant', status: 'unchanged' },
    });
    expect(problemIn(await post('operator', '/api/v1/commands', { ...tenant, currency: 'USD' })).status).toBe(409);
  });

  it('names the faulty fields of an invalid command', async () => {
    const problem = problemIn(await post('operator', '/api/v1/commands', { ...tenant, tenantId: '', colour: 'red' }));
    expect(problem).toMatchObject({ status: 400, code: 'invalid_input', type: '/api/docs#invalid' });
    expect(problem.errors.map(({ field }) => field).sort()).toEqual(['colour', 'tenantId']);
    expect(problemIn(await post('operator', '/api/v1/commands', { command: 'fly' }))).toMatchObject({
      status: 400,
      code: 'unknown_command',
    });
    expect(problemIn(await post('operator', '/api/v1/commands', 'fly')).status).toBe(400);
    const unknown = {
      command: 'register-deployment',
      deploymentId: 'd',
      tenantId: 'nobody',
      name: 'd',
      from: april.start,
    };
    expect(problemIn(await post('operator', '/api/v1/commands', unknown))).toMatchObject({
      status: 404,
      code: 'unknown_tenant',
    });
  });

  it('executes an array in order, and a refusal does not stop the rest', async () => {
    const hooli = { ...tenant, tenantId: 'hooli' };
    const answer = await post('operator', '/api/v1/commands', [
      hooli,
      { ...hooli, currency: 'USD' },
      { command: 'fly' },
      hooli,
    ]);
    expect(answer).toMatchObject({
      status: 200,
      body: [
        { index: 0, command: 'register-tenant', status: 'done' },
        { index: 1, command: 'register-tenant', status: 'refused', error: {} },
        { index: 2, command: 'fly', status: 'refused', error: { code: 'unknown_command' } },
        { index: 3, command: 'register-tenant', status: 'unchanged' },
      ],
    });
    expect(await post('operator', '/api/v1/commands', [])).toMatchObject({ status: 200, body: [] });
  });

  it('lets role ingest append usage of its own tenant only', async () => {
    expect(problemIn(await post('ingest', '/api/v1/commands', tenant))).toMatchObject({
      status: 403,
      code: 'forbidden',
    });
    expect(await post('ingest', '/api/v1/commands', [STORY[6], tenant])).toMatchObject({
      status: 200,
      body: [
        { index: 0, status: 'unchanged' },
        { index: 1, command: 'register-tenant', status: 'refused', error: { code: 'forbidden' } },
      ],
    });
    api().tokens.set(
      'ingest of globex',
      await mintToken(SECRET, { sub: 'agent', role: 'ingest', tenantId: 'globex', ttl: '1h' }, NOW),
    );
    expect(problemIn(await post('ingest of globex', '/api/v1/commands', STORY[6])).status).toBe(404);
  });
});

describe('figures', () => {
  it('bill 8 gateway units at 0.50, and the base fee in arrears only after the month', async () => {
    // 8 × 0.50 = 4.00
    const { body } = await get('tenant', `/api/v1/invoices/${api().invoiceId}`);
    expect(body).toMatchObject({
      status: 'issued',
      lines: [{ billingKind: 'gateway', quantity: '8', net: '4.00' }],
      subtotal: '4.00',
      tax: '0.00',
      total: '4.00',
    });
  });

  it('compare revenue with cost', async () => {
    // 4.00 − 0.01 credited = 3.99; 3.99 − 3.00 = 0.99, 24.8 % of 3.99
    const { body } = await get('platform_admin', '/api/v1/dashboard/margin?period=2026-04-15');
    expect(body).toMatchObject({
      period: '2026-04',
      currency: 'USD',
      overall: { revenue: '3.99', cogs: '3.00', margin: '0.99', marginPct: '24.8' },
    });
  });

  it('continues a list with the parameters of its first page, repeated or not, and refuses others', async () => {
    const path = '/api/v1/usage-records?limit=1';
    const zPage = z.object({ items: z.array(z.unknown()), nextCursor: z.string().nullable() });
    const first = zPage.parse((await get('operator', `${path}&deploymentId=acme-prod&start=${april.start}`)).body);
    const cursor = `cursor=${first.nextCursor ?? ''}`;
    const [silent, again] = await Promise.all(
      [`${path}&${cursor}`, `${path}&${cursor}&deploymentId=acme-prod`].map(async (url) =>
        zPage.parse((await get('operator', url)).body),
      ),
    );
    expect(silent?.items).toHaveLength(1);
    expect(again).toEqual(silent);
    expect(problemIn(await get('operator', `${path}&${cursor}&deploymentId=other`))).toMatchObject({
      status: 400,
      code: 'invalid_cursor',
      errors: [{ field: 'deploymentId' }],
    });
  });

  it('pages by cursor', async () => {
    const zPage = z.object({ items: z.array(z.object({ tenantId: z.string() })), nextCursor: z.string().nullable() });
    const first = zPage.parse((await get('operator', '/api/v1/tenants?limit=1')).body);
    expect(first.items).toHaveLength(1);
    const second = zPage.parse(
      (await get('operator', `/api/v1/tenants?limit=1&cursor=${first.nextCursor ?? ''}`)).body,
    );
    expect(second.items[0]?.tenantId).not.toBe(first.items[0]?.tenantId);
    // What no list gave out: nested beyond measure, or with what no database takes.
    const made = (cursor: unknown) => Buffer.from(JSON.stringify(cursor)).toString('base64url');
    const deep = JSON.parse('['.repeat(4000) + ']'.repeat(4000)) as unknown;
    for (const cursor of [
      made({ list: 'tenants', asked: { a: deep }, next: 'x' }),
      made({ list: 'tenants', asked: {}, next: made({ position: 1, after: ['\u0000'] }) }),
    ])
      expect(problemIn(await get('operator', `/api/v1/tenants?limit=1&cursor=${cursor}`))).toMatchObject({
        status: 400,
        code: 'invalid_cursor',
      });
    // It is of this list alone.
    expect(problemIn(await get('operator', `/api/v1/deployments?cursor=${first.nextCursor ?? ''}`))).toMatchObject({
      status: 400,
      code: 'invalid_cursor',
    });
    expect(problemIn(await get('operator', '/api/v1/tenants?cursor=x')).errors).toEqual([
      expect.objectContaining({ field: 'cursor' }),
    ]);
  });

  it('answers as of an earlier position', async () => {
    expect(await get('operator', '/api/v1/tenants?asOf=0')).toMatchObject({ status: 200, body: { items: [] } });
  });
});

describe('problems', () => {
  it.each([
    ['an unknown route', 'GET', '/api/v1/nothing', undefined, 404, 'unknown_route'],
    ['another method', 'DELETE', '/api/v1/tenants', undefined, 404, 'unknown_route'],
    ['a URL that is none', 'GET', '/api/v1/invoices/%zz', undefined, 400, 'malformed_request'],
    ['malformed JSON', 'POST', '/api/v1/commands', '{"command":', 400, 'malformed_request'],
    ['no body', 'POST', '/api/v1/commands', '', 400, 'malformed_request'],
    ['a poisoned prototype', 'POST', '/api/v1/commands', '{"__proto__":{"role":"x"}}', 400, 'invalid_input'],
    ['the same in a query', 'POST', '/api/v1/quotes', '{"__proto__":{"role":"x"}}', 400, 'malformed_request'],
    ['an unknown parameter', 'GET', '/api/v1/tenants?colour=red', undefined, 400, 'invalid_parameter'],
    ['a parameter twice', 'GET', '/api/v1/tenants?tenantId=a&tenantId=b', undefined, 400, 'invalid_parameter'],
    ...['0x10', '1e2', '%205', '%2B5', '5.0', '', '%D9%A5'].flatMap((text) =>
      ['tenants?limit', 'audit/events?after', 'tenants?waitFor', 'tenants?waitTimeoutMs'].map(
        (field): [string, string, string, undefined, number, string] => [
          `"${field}=${text}"`,
          ...(['GET', `/api/v1/${field}=${text}`, undefined] as const),
          ...([400, 'invalid_parameter'] as const),
        ],
      ),
    ),
    ['a limit of nothing', 'GET', '/api/v1/tenants?limit=0', undefined, 400, 'invalid_parameter'],
    ['an id that is none', 'GET', '/api/v1/invoices/none', undefined, 404, 'unknown_invoice'],
    ['a quote that is no object', 'POST', '/api/v1/quotes', '[]', 400, 'invalid_input'],
  ])('answers %s', async (_, method, path, body, status, code) => {
    expect(problemIn(await ask('operator', method, path, body))).toMatchObject({ status, code });
  });

  it('accepts only JSON, up to the maximum size', async () => {
    const headers = { authorization: `Bearer ${api().tokens.get('operator') ?? ''}` };
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const response = await fetch(`${api().url}/api/v1/commands`, {
        method: 'POST',
        headers: { ...headers, 'content-type': type },
        body: 'command=fly',
      });
      expect(zProblem.parse(await response.json())).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    }
    const large = await post('operator', '/api/v1/commands', { command: 'x'.repeat(17 * 1024 * 1024) });
    expect(problemIn(large)).toMatchObject({ status: 413, code: 'body_too_large' });
  });

  it('has the id of the request, or that of the caller if it is valid', async () => {
    const idFor = async (id: string) =>
      (await fetch(`${api().url}/health/live`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await idFor('trace-1')).toBe('trace-1');
    expect(await idFor('<b>')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is unavailable and not ready without its database, without details', async () => {
    const other = await testDatabase();
    const failing = await startApi({ ...on(other.url), jwtSecret: SECRET, ...LISTENING, logger, clock });
    const status = async (path: string) => {
      const response = await fetch(`${failing.url}${path}`, {
        headers: { authorization: `Bearer ${api().tokens.get('operator') ?? ''}` },
      });
      return { status: response.status, body: await response.json() };
    };
    try {
      expect(await status('/health/ready')).toEqual({
        status: 200,
        body: { status: 'ready', position: 0, head: 0, lag: 0, lagSeconds: 0 },
      });
      await other.drop();
      const broken = await status('/api/v1/tenants');
      expect(broken).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
      expect(JSON.stringify(broken.body)).not.toMatch(/test_|select|postgres/i);
      // An answer is kept for a second.
      while ((await status('/health/ready')).status === 200);
      expect(await status('/health/ready')).toEqual({
        status: 503,
        body: {
          status: 'not_ready',
          code: 'database_unavailable',
          reason: 'The database does not respond. Send the same request again: nothing is recorded twice.',
          position: null,
          head: null,
        },
      });
      expect((await status('/health/live')).status).toBe(200);
    } finally {
      await failing.close();
    }
  });
});

describe('a thrown error', () => {
  it('leaks nothing unless it is a refusal', () => {
    const problem = problemOf(new Error('password=hunter2 in SELECT * FROM tenants'));
    expect(problem).toMatchObject({ status: 500, code: 'internal', errors: [] });
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|SELECT/);
  });

  it('is "unavailable" if the database or the log does not respond', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:5432'), { code: 'ECONNREFUSED' });
    expect(problemOf(new AggregateError([refused]))).toMatchObject({ status: 503, code: 'database_unavailable' });
    expect(problemOf(new Error('Connection terminated unexpectedly'))).toMatchObject({
      status: 503,
      code: 'database_unavailable',
    });
    expect(problemOf(new UnknownOutcome('no answer'))).toMatchObject({ status: 503, code: 'outcome_unknown' });
  });
});

describe('pages', () => {
  it('documents every served route with the roles of the guard', async () => {
    const zDocument = z.looseObject({
      openapi: z.string(),
      paths: z.record(z.string(), z.record(z.string(), z.looseObject({ 'x-roles': z.array(z.string()).optional() }))),
    });
    const { body } = await get(null, '/api/docs-json');
    const { openapi, paths } = zDocument.parse(body);
    expect(openapi).toBe('3.1.0');
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    // The console is for people.
    const forPrograms = [...api().served].filter((route) => !/^GET \/(console.*)?$/.test(route));
    expect(documented.sort()).toEqual(forPrograms.sort());
    expect(paths['/api/v1/dashboard/margin']?.['get']?.['x-roles']).toEqual(['platform_admin']);
    const text = JSON.stringify(body);
    for (const [, pointer] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
      expect(body).toHaveProperty(['components', 'schemas', pointer ?? '']);
  });

  it('shows the types that problems link to in the docs', async () => {
    const { body, headers } = await get(null, '/api/docs');
    expect(headers.get('content-type')).toMatch(/^text\/html/);
    for (const kind of ['invalid', 'not_found', 'conflict', 'forbidden', 'unavailable', 'unauthenticated', 'internal'])
      expect(body).toContain(`id="${kind}"`);
  });

  it('serves what is always the same in each encoding that a client accepts', async () => {
    const asked = async (encoding: string) =>
      fetch(`${api().url}/api/docs-json`, { headers: { 'accept-encoding': encoding } });
    const answers = await Promise.all(['br, gzip;q=0.5', 'deflate', 'identity'].map(asked));
    expect(answers.map(({ headers }) => headers.get('content-encoding'))).toEqual(['gzip', 'deflate', null]);
    const [zipped, deflated, plain] = await Promise.all(answers.map(async (answer) => answer.text()));
    expect([zipped, deflated]).toEqual([plain, plain]);
  });

  it('serves a console without inline scripts', async () => {
    const page = await get(null, '/');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(page.body).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=/);
    // Each response has its own nonce for styles, in its policy and in its page.
    const nonce = /'nonce-([^']{24})'/.exec(policy)?.[1] ?? '';
    expect(page.body).toContain(`content="${nonce}"`);
    expect((await get(null, '/')).body).not.toContain(nonce);
    const program = /src="(\/console\/assets\/[^"]+\.js)"/.exec(String(page.body))?.[1] ?? '';
    const { headers } = await get(null, program);
    expect(headers.get('content-type')).toMatch(/^text\/javascript/);
    expect(headers.get('cache-control')).toContain('immutable');
    const missing = await get(null, '/console/assets/nothing.js');
    expect([missing.status, missing.headers.get('cache-control')]).toEqual([404, 'no-store']);
  });
});

describe('the environment', () => {
  it('is read once, with its defaults', () => {
    expect(
      settingsFrom({ DATABASE_URL: 'postgres://localhost/ledger', LEDGERLINE_JWT_SECRET: SECRET, EVENT_STORE_URL: '' }),
    ).toEqual({
      databaseUrl: 'postgres://localhost/ledger',
      jwtSecret: SECRET,
      host: '127.0.0.1',
      port: 3000,
      requestsPerMinute: 120_000,
      unauthenticatedPerMinute: 600,
      connectionsPerAddress: 1000,
      requestsAtOnce: 64,
      queryTimeoutMs: 60_000,
      usageYears: { back: 10, ahead: 1 },
      logLevel: 'info',
      tokenRules: { withoutEnd: false },
      transferMs: 60_000,
      queriesAtOnce: 10,
    });
  });

  it.each([
    ['ledgerline', 'EVENT_STORE_PREFIX must be at most 100 letters'],
    ['acme-usage-', 'EVENT_STORE_PREFIX must not have a name of streams after its first part'],
    ['acme.line-eu-', 'EVENT_STORE_PREFIX must not have a name of streams after its first part'],
  ])('has no prefix %s, which could not be told from those of others', (prefix, message) => {
    const given = { DATABASE_URL: 'postgres://localhost/ledger', LEDGERLINE_JWT_SECRET: SECRET };
    expect(() => settingsFrom({ ...given, EVENT_STORE_PREFIX: prefix })).toThrow(message);
    for (const fine of ['ledgerline-eu-', 'usage-', 'a.line_'])
      expect(settingsFrom({ ...given, EVENT_STORE_PREFIX: fine })).toMatchObject({ port: 3000 });
  });

  it('is refused with all its faults in one error', () => {
    const faults = new RegExp(
      [
        'DATABASE_URL is not set',
        'LEDGERLINE_JWT_SECRET must have at least 32 characters',
        'LEDGERLINE_JWT_LONGEST_LIFE must be a duration',
        'LEDGERLINE_PORT must be a port',
      ].join('.*\\n.*'),
    );
    const wrong = { LEDGERLINE_JWT_SECRET: 'short', LEDGERLINE_PORT: '70000', LEDGERLINE_JWT_LONGEST_LIFE: 'a month' };
    expect(() => settingsFrom(wrong)).toThrow(faults);
  });
});
