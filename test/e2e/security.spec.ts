import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { fieldName } from '#api/field-name';
import { Routes } from '#api/routes';
import { startApi } from '#api/start';
import { instant } from '#domain/time/instant';
import { LedgerCore } from '#ledger/ledger-core';
import { QUERIES } from '#operations/operations';
import { mintToken } from '#runtime/token';
import { apiForAll, april, LISTENING, logger, NOW, problemIn, SECRET, type TestApi } from '../support/api.js';
import { on } from '../support/log.js';

const api = apiForAll();

/** The REST route of a query, with these parameters. */
function restOf(
  name: string,
  params: Readonly<Record<string, unknown>>,
): { method: string; path: string; body: string | undefined } {
  const route = api()
    .app.get(Routes)
    .all.find(({ access }) => access.query?.name === name);
  if (route === undefined) throw new Error(`${name} has no route`);
  if (route.method === 'POST') return { method: 'POST', path: route.path, body: JSON.stringify(params) };
  const path = route.path.replace(/:(\w+)/g, (_all, field: string) =>
    encodeURIComponent(z.string().catch('none').parse(params[field])),
  );
  const query = Object.entries(params).filter(([field]) => !route.path.includes(`:${field}`));
  const search = new URLSearchParams(Object.fromEntries(query.map(([field, value]) => [field, String(value)])));
  return { method: 'GET', path: `${path}?${search.toString()}`, body: undefined };
}

const ask = (who: string, name: string, params: Readonly<Record<string, unknown>>): ReturnType<TestApi['ask']> => {
  const { method, path, body } = restOf(name, params);
  return api().ask(who, method, path, body);
};

/** acme's own ids, where the examples have those of their story. */
const idsOf = (name: string): Readonly<Record<string, unknown>> => {
  const example = QUERIES.get(name)?.example ?? {};
  const own: Readonly<Record<string, string>> = {
    invoice: api().invoiceId,
    line: api().lineId,
    'credit-note': api().creditNoteId,
    explain: api().invoiceId,
    ...Object.fromEntries(['document', 'ubl', 'cii'].map((form) => [`invoice-${form}`, api().invoiceId])),
    ...Object.fromEntries(['document', 'ubl', 'cii'].map((form) => [`credit-note-${form}`, api().creditNoteId])),
  };
  const id = own[name];
  return id === undefined ? example : { ...example, id };
};

describe('a tenant', () => {
  it.each(
    [...QUERIES.values()].filter(({ roles }) => roles.includes('tenant')).map(({ name, params }) => ({ name, params })),
  )('sees nothing of another tenant in $name, with any parameters', async ({ name, params }) => {
    const fields = new Set(Object.keys(params.shape));
    const asks = [
      {},
      idsOf(name),
      ...[
        { tenantId: 'acme' },
        { tenantIds: 'acme' },
        { payerId: 'acme' },
        { deploymentId: 'acme-prod' },
        { deploymentIds: 'acme-prod' },
        { subscriptionId: 'acme-sub' },
        { subscriptionIds: 'acme-sub' },
      ].filter((each) => Object.keys(each).every((field) => fields.has(field))),
    ];
    for (const params of asks) {
      const { status, body } = await ask('globex', name, params);
      expect([200, 400, 404]).toContain(status);
      // The plan and the rate are of acme too: neither is public.
      if (status === 200)
        expect({ params, leaked: JSON.stringify(body).match(/acme|gw-1|standard|fra1/gi) }).toEqual({
          ...{ params, leaked: null },
        });
    }
    // The same of acme itself is not nothing: the check above would see it.
    if (
      !['budgets', 'commitments', 'credits', 'credit-notes', 'payers', 'payments', 'rates', 'transfers'].includes(name)
    )
      expect(JSON.stringify((await ask('tenant', name, idsOf(name))).body)).toMatch(/acme|gateway/);
  });
});

describe('an explanation', () => {
  const explained = (who: string, id: string): ReturnType<TestApi['ask']> => ask(who, 'explain', { id });
  const RECORD = 'usage:acme-prod/gateway/gw-1/2026-04-02T00:00:00Z';

  it('gives a tenant arithmetic, usage and prices of its own, and no event, person, reason or file', async () => {
    const issued = await explained('tenant', api().invoiceId);
    // 8 of 10.00 a gateway at 0.50 = 4.00
    expect(issued.body).toMatchObject({
      is: 'issued',
      rows: expect.arrayContaining([
        expect.objectContaining({ arithmetic: '8 × 0.50 = 4.00', because: [], events: [] }),
      ]),
    });
    const record = await explained('tenant', RECORD);
    expect(record.body).toMatchObject({
      is: 'usage record',
      versions: [{ quantity: '8', file: null, event: null, until: null, metered: [] }],
      usedIn: [{ tenantId: 'acme' }],
    });
    for (const { body } of [
      issued,
      record,
      await explained('tenant', api().lineId),
      await explained('tenant', 'CN-000001'),
    ])
      expect(JSON.stringify(body).match(/@specs|"actor"|"stream"|"position"/g)).toBeNull();
    // Staff sees who it was: the check above would see it.
    expect(JSON.stringify((await explained('operator', api().invoiceId)).body)).toMatch(/@specs/);
  });

  it.each(['INV-000001', 'CN-000001', RECORD, '1', 'tenant-acme#0', 'margin:2026-04', 'margin:2026-04/USD/acme'])(
    'of %s is as unknown to another tenant as that of nothing',
    async (id) => {
      const { status, code } = problemIn(await explained('globex', id));
      const nothing = problemIn(await explained('globex', id.replace(/1$/, '9').replace('gw-1', 'gw-9')));
      expect({ status, code }).toEqual({ status: 404, code: nothing.code });
    },
  );

  it.each(['1', 'tenant-acme#0', 'margin:2026-04', 'margin:2026-04/USD/acme'])(
    'of the event or margin %s is for no tenant, not even its own',
    async (id) => {
      expect(problemIn(await explained('tenant', id))).toMatchObject({ status: 404, code: 'nothing_to_explain' });
    },
  );
});

const zPlans = z.object({ items: z.array(z.object({ planId: z.string() })) });

describe('plans and rates', () => {
  const start = '2026-01-01T00:00:00Z';
  const plan = (planId: string, more: object = {}) => ({
    ...{ command: 'publish-plan', planId, name: `Plan ${planId}`, currency: 'USD', baseFee: '7.00' },
    ...{ paymentTerm: 'in_arrears', effectiveFrom: start, items: [] },
    ...more,
  });
  const rate = (location: string, more: object = {}) => ({
    ...{ command: 'set-rate', resourceType: 'VmCores', resourceFamily: 'std', location, unitPrice: '0.07' },
    ...{ effectiveFrom: start, ...more },
  });
  const subscribed = (subscriptionId: string, deploymentId: string, planId: string) => ({
    ...{ command: 'start-subscription', subscriptionId, deploymentId, planId, from: april.start },
  });
  const deployed = (deploymentId: string, tenantId: string, from = april.start) => ({
    ...{ command: 'register-deployment', deploymentId, tenantId, name: deploymentId, from },
  });
  const used = (billingKind: string, location: string, month = '04') => ({
    ...{ resourceId: `of ${location}`, billingKind, granularity: 'day', quantity: '1' },
    period: { start: `2026-${month}-20T00:00:00Z`, end: `2026-${month}-21T00:00:00Z` },
    rateKey: { resourceType: 'VmCores', resourceFamily: 'std', location },
  });
  const done = async (...commands: object[]): Promise<number> => {
    const { body } = await api().command(commands);
    const outcomes = z.array(z.looseObject({ status: z.string(), position: z.number().optional() })).parse(body);
    expect(outcomes).toEqual(outcomes.map((each) => ({ ...each, status: 'done' })));
    return Math.max(...outcomes.map(({ position }) => position ?? 0));
  };
  const zListed = z.object({
    items: z.array(z.object({ planId: z.string().optional(), location: z.string().optional() })),
  });
  const listed = async (path: string, who = 'globex'): Promise<string[]> => {
    const { items } = zListed.parse((await api().get(who, `/api/v1/${path}`)).body);
    return [...new Set(items.map(({ planId, location }) => planId ?? location ?? ''))];
  };

  /** The last position before the mistaken subscription, and its own. */
  const at = { before: 0, mistaken: 0 };

  beforeAll(async () => {
    const card = { items: [{ billingKind: 'cpu', price: { model: 'rate_card' } }] };
    at.before = await done(
      ...['secret', 'past', 'before', 'after', 'mistake', 'later'].map((planId) => plan(planId)),
      ...[plan('open', { public: true }), plan('basic', card)],
      ...[rate('list', { public: true }), rate('own'), rate('curious'), rate('others'), rate('earlier')],
    );
    at.mistaken = await done(
      ...[deployed('globex-prod', 'globex'), subscribed('globex-sub', 'globex-prod', 'past')],
      { command: 'change-plan', subscriptionId: 'globex-sub', planId: 'basic', at: '2026-04-10T00:00:00Z' },
      { command: 'change-plan', subscriptionId: 'globex-sub', planId: 'later', at: '2027-01-01T00:00:00Z' },
      ...[deployed('handed', 'acme', '2026-03-01T00:00:00Z'), subscribed('handed-sub', 'handed', 'before')],
      { command: 'change-plan', subscriptionId: 'handed-sub', planId: 'after', at: '2026-04-11T00:00:00Z' },
      { command: 'assign-deployment', deploymentId: 'handed', tenantId: 'globex', from: '2026-04-12T00:00:00Z' },
      // No plan rates `memory` by the rate card: a key in its readings opens nothing.
      {
        command: 'observe-usage',
        deploymentId: 'globex-prod',
        observations: [used('cpu', 'own'), used('memory', 'curious')],
      },
      { command: 'observe-usage', deploymentId: 'acme-prod', observations: [used('cpu', 'others')] },
      { command: 'observe-usage', deploymentId: 'handed', observations: [used('cpu', 'earlier', '03')] },
      ...[deployed('globex-test', 'globex'), subscribed('mistaken-sub', 'globex-test', 'mistake')],
    );
    await done({
      ...{ command: 'withdraw', what: 'start-subscription', subscriptionId: 'mistaken-sub', reason: 'a mistake' },
    });
  });

  const OWN = ['after', 'basic', 'later', 'open', 'past'];

  it('are those of the own subscriptions and usage, and the public ones', async () => {
    expect(await listed('plans')).toEqual(OWN);
    expect(await listed('rates')).toEqual(['list', 'own']);
    expect(await listed('plans', 'operator')).toEqual([...OWN, 'before', 'mistake', 'secret', 'standard'].sort());
    expect(await listed('rates?resourceType=VmCores', 'operator')).toEqual([
      ...['curious', 'earlier', 'list', 'others', 'own'],
    ]);
    expect(await listed('plans?limit=2')).toEqual(OWN.slice(0, 2));
  });

  it('of others are not found, as if they were not there', async () => {
    const quoted = async (planId: string) =>
      api().post('globex', '/api/v1/quotes', { planId, usage: {}, period: april });
    const without = ({ body }: { readonly body: unknown }, planId: string) =>
      JSON.stringify(body).replaceAll(planId, '…');
    for (const planId of ['secret', 'before', 'mistake', 'standard']) {
      const listing = await api().get('globex', `/api/v1/plans?planId=${planId}`);
      expect({ planId, ...problemIn(listing) }).toMatchObject({ planId, status: 404, code: 'unknown_plan' });
      expect(without(listing, planId)).toBe(
        without(await api().get('globex', '/api/v1/plans?planId=no-plan'), 'no-plan'),
      );
      const quote = await quoted(planId);
      expect({ planId, ...problemIn(quote) }).toMatchObject({ planId, status: 404, code: 'unknown_plan' });
      expect(without(quote, planId)).toBe(without(await quoted('no-plan'), 'no-plan'));
    }
    for (const planId of OWN.filter((each) => each !== 'later')) expect((await quoted(planId)).status).toBe(200);
  });

  it('as of a position are those that were known to be its own then, or are now', async () => {
    expect(await listed(`plans?asOf=${at.before}`)).toEqual(OWN);
    expect(await listed(`plans?asOf=${at.mistaken}`)).toEqual([...OWN, 'mistake'].sort());
    expect(await listed(`rates?asOf=${at.before}`)).toEqual(['list', 'own']);
  });

  it('are hidden in relations of GraphQL and in subscriptions too', async () => {
    const query = `{
      subscriptions { items { planId plans { planId planVersions { planId name } } planVersions { planId name } } }
      deployments { items { subscriptions { planId planVersions { planId } plans { planVersions { planId } } } } }
      quote(planId: "open", usage: {}) { planVersions { planId } }
      plans { items { planId name } }
      rates { items { location } }
    }`;
    const { body } = await api().post('globex', '/graphql', { query });
    expect(body).not.toHaveProperty('errors');
    const text = JSON.stringify(body);
    expect(text.match(/secret|before|mistake|standard|curious|others|earlier/gi)).toBeNull();
    for (const planId of OWN) expect(text).toContain(`"${planId}"`);
  });

  it('become public by their terms, and are stated again without a change', async () => {
    const again = await api().command([
      plan('secret', { public: false }),
      plan('open', { public: true }),
      plan('open'),
    ]);
    expect(again.body).toMatchObject([
      { status: 'unchanged' },
      { status: 'unchanged' },
      { status: 'refused', error: { code: 'conflicting_body' } },
    ]);
    const corrected = (isPublic: boolean) => ({
      ...{ command: 'correct-plan', planId: 'secret', effectiveFrom: start, public: isPublic, reason: 'the list' },
    });
    await done(corrected(true));
    expect(await listed('plans')).toEqual([...OWN, 'secret'].sort());
    const mistake = await api().app.get(LedgerCore).projector.position();
    await done(corrected(false));
    expect(await listed('plans')).toEqual(OWN);
    // What was public by mistake is not shown as of then either.
    const then = await api().get('globex', `/api/v1/plans?asOf=${mistake}`);
    expect(zPlans.parse(then.body).items.map(({ planId }) => planId)).not.toContain('secret');
    expect(await api().get('globex', `/api/v1/plans?planId=secret&asOf=${mistake}`)).toMatchObject({ status: 404 });
    // New terms are not public because earlier ones are.
    await done(plan('open', { effectiveFrom: '2026-05-01T00:00:00Z', baseFee: '8.00' }));
    expect((await api().get('globex', '/api/v1/plans?planId=open')).body).toMatchObject({
      items: [{ baseFee: '7.00', public: true, effectiveUntil: '2026-05-01T00:00:00Z' }],
    });
    expect((await api().get('globex', '/api/v1/plans?planId=open&at=2026-06-01T00:00:00Z')).body).toMatchObject({
      items: [],
    });
  });
});

describe('a small request', () => {
  it('with very many faults gets a small answer soon', async () => {
    const plan = { planId: 'a', items: Array.from({ length: 4000 }, () => ({})) };
    const unknown = Object.fromEntries(Array.from({ length: 15_000 }, (_, n) => [`k${n}`, 1]));
    const asked = await api().post('globex', '/api/v1/quotes', { usage: {}, plan });
    // The plan has no name, currency, base fee, payment term and start; each of 4,000 items no billing kind and price.
    expect(problemIn(asked).errors.at(-1)).toEqual({
      ...{ field: '', message: 'and 7985 more faults, which are not listed' },
    });
    const sent = problemIn(await api().post('ingest', '/api/v1/commands', { command: 'observe-usage', ...unknown }));
    // deploymentId and observations are missing: 15,002 faults, of which 20 are listed.
    expect(sent.errors).toHaveLength(21);
    expect(sent.errors.at(-1)?.message).toBe('and 14982 more faults, which are not listed');
    const items = z
      .object({ items: z.array(z.object({ error: z.object({ errors: z.array(z.unknown()) }) })) })
      .parse((await api().post('ingest', '/api/v1/usage', [unknown])).body).items;
    expect(items[0]?.error.errors).toHaveLength(21);
  });

  it('with very many values is no question', async () => {
    const items = Array.from({ length: 20_001 }, () => ({}));
    const { body } = await api().post('globex', '/graphql', {
      query: 'query($plan: JSON!) { quote(plan: $plan, usage: {}) { total } }',
      variables: { plan: { items } },
    });
    for (const answer of [
      JSON.stringify(body),
      problemIn(await api().post('globex', '/api/v1/quotes', { items })).detail,
    ])
      expect(answer).toContain('quote: the parameters have more than 20000 values. Ask for less.');
  });
});

describe('SQL in parameters', () => {
  const ATTEMPTS = [
    "'; DROP TABLE ledgerline.tenants; --",
    "acme' OR '1'='1",
    'acme"; SELECT pg_sleep(10); --',
    '$1',
    '%',
    "\\'; --",
    '{"$gt":""}',
    'acme/**/UNION/**/SELECT',
  ];

  it.each([...QUERIES.keys()])(
    'of %s is text: nothing is executed, nothing fails, and no more data is shown',
    async (name) => {
      const { params } = QUERIES.get(name) ?? {};
      const example = idsOf(name);
      const texts = Object.entries<z.ZodType>(params?.shape ?? {})
        .filter(([, { type }]) => ['string', 'pipe', 'union', 'enum', 'optional'].includes(type))
        .map(([field]) => field);
      for (const field of texts)
        for (const attempt of ATTEMPTS) {
          const { status, body } = await ask('platform_admin', name, { ...example, [field]: attempt });
          expect({
            field,
            attempt,
            status: [200, 400, 404].includes(status) ? 'answered' : status,
            body: status >= 500 ? body : null,
          }).toEqual({ field, attempt, status: 'answered', body: null });
          if (
            status === 200 &&
            typeof body === 'object' &&
            body !== null &&
            'items' in body &&
            !['asOf', 'knownAt', 'cursor', 'limit'].includes(field)
          )
            expect({ field, attempt, items: body.items }).toEqual({ field, attempt, items: [] });
        }
      const { items } = z
        .object({ items: z.array(z.object({ tenantId: z.string() })) })
        .parse((await api().get('operator', '/api/v1/tenants')).body);
      expect(items.map(({ tenantId }) => tenantId)).toEqual(['acme', 'globex']);
    },
  );

  it('by GraphQL and in commands is text too', async () => {
    for (const attempt of ATTEMPTS) {
      const { status, body } = await api().post('operator', '/graphql', {
        query: `query($id: String) { ${fieldName('usage-records')}(resourceId: $id) { items { resourceId } } }`,
        variables: { id: attempt },
      });
      expect({ status, body }).toEqual({ status: 200, body: { data: { usageRecords: { items: [] } } } });
      expect(
        (
          await api().post('operator', '/api/v1/preview', {
            commands: [{ command: 'register-tenant', tenantId: attempt, name: attempt, currency: 'USD' }],
          })
        ).status,
      ).toBe(200);
    }
  });
});

describe('a revoked token', () => {
  it('is refused within five seconds, also while the projections are halted; others are not', async () => {
    let now = NOW;
    const running = await startApi({
      ...on(api().database.url),
      ...{ jwtSecret: SECRET, ...LISTENING, logger, clock: { now: () => now } },
    });
    const claims = { sub: 'acme', role: 'tenant', tenantId: 'acme', ttl: '1h' } as const;
    const [lost, kept, without] = await Promise.all([
      mintToken(SECRET, { id: 'lost', ...claims }, NOW),
      mintToken(SECRET, { id: 'kept', ...claims }, NOW),
      mintToken(SECRET, claims, NOW),
    ]);
    const status = async (token: string) =>
      (await fetch(`${running.url}/api/v1/plans`, { headers: { authorization: `Bearer ${token}` } })).status;
    const execute = async (command: object) => api().post('platform_admin', '/api/v1/commands', command);
    const issue = { command: 'issue-token', actor: 'acme', role: 'tenant', tenantId: 'acme' };
    const until = { expiresAt: '2026-07-01T00:00:00Z' };
    try {
      for (const tokenId of ['lost', 'kept'])
        expect(await execute({ ...issue, tokenId, ...until })).toMatchObject({ body: { status: 'done' } });
      expect(await Promise.all([lost, kept, without].map(status))).toEqual([200, 200, 200]);
      const { log } = api().app.get(LedgerCore);
      const unreadable = { id: randomUUID(), type: 'Strange', data: '{}', metadata: '{"actor":"another program"}' };
      const { position } = await log.append('a-stream', await log.revisionOf('a-stream'), [unreadable]);
      const revoked = await execute({ command: 'revoke-token', tokenId: 'lost', reason: 'sent by mail' });
      expect(revoked).toMatchObject({ body: { status: 'done' } });
      now = instant('2026-04-15T00:00:05Z');
      expect(await Promise.all([lost, kept, without].map(status))).toEqual([401, 200, 200]);
      await execute({ command: 'skip-event', position, reason: 'of another program' });
      expect(await execute({ command: 'revoke-token', tokenId: 'none', reason: 'a typo' })).toMatchObject({
        status: 404,
        body: { code: 'unknown_token' },
      });
    } finally {
      await running.close();
    }
  });
});

describe('an issued token', () => {
  it('is answered once, and is never longer valid than a token may be', async () => {
    const running = await startApi({
      ...{ ...on(api().database.url), jwtSecret: SECRET, ...LISTENING, logger, tokenRules: { longestLife: '1h' } },
      clock: { now: () => instant('2026-04-15T00:00:00.9Z') },
    });
    const send = async (token: string, path: string, body?: object) => {
      const answer = await fetch(`${running.url}/api/v1/${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    };
    const root = await mintToken(SECRET, { sub: 'root', role: 'platform_admin', ttl: '1h' }, NOW);
    try {
      // 3600.3 seconds. A token has whole seconds: from 00:00:00 to 01:00:01 are 3601.
      expect(await send(root, 'tokens', { role: 'auditor', expiresAt: '2026-04-15T01:00:01.2Z' })).toMatchObject({
        status: 400,
        body: { code: 'invalid_ttl' },
      });
      const once = { role: 'auditor', tokenId: 'once', expiresAt: '2026-04-15T01:00:00.9Z' };
      const { status, body } = await send(root, 'tokens', once);
      expect([status, (await send(String(body['token']), 'plans')).status]).toEqual([200, 200]);
      expect(await send(root, 'tokens', once)).toMatchObject({
        status: 409,
        body: {
          code: 'token_exists',
          detail: 'token once is already issued, and can’t be shown again. Revoke it, and issue another one.',
        },
      });
    } finally {
      await running.close();
    }
  });
});

describe('published keys', () => {
  it('rotate, end within a minute of their withdrawal, and are kept while their server does not respond', async () => {
    const pair = async (kid: string) => {
      const { publicKey, privateKey } = await generateKeyPair('ES256');
      const sign = () =>
        new SignJWT({ role: 'operator' })
          .setProtectedHeader({ alg: 'ES256', kid })
          .setSubject('x')
          .setExpirationTime(new Date('2026-04-16T00:00:00Z'))
          .sign(privateKey);
      return { jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }, sign };
    };
    const [old, next] = [await pair('2026-04'), await pair('2026-05')];
    let published = [old.jwk];
    let isDown = false;
    const keys = createServer((_, response) =>
      response
        .writeHead(isDown ? 500 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ keys: published })),
    );
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
    const { port } = z.object({ port: z.number() }).parse(keys.address());
    let time = Date.parse(NOW);
    const keyed = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      jwksUrl: `http://127.0.0.1:${port}/jwks`,
      ...LISTENING,
      logger,
      clock: { now: () => instant(new Date(time).toISOString()) },
    });
    const status = async (token: string) =>
      (await fetch(`${keyed.url}/api/v1/tenants`, { headers: { authorization: `Bearer ${token}` } })).status;
    try {
      expect(await status(await old.sign())).toBe(200);
      const socket = await openSocket(keyed.url, await old.sign());
      published = [next.jwk, old.jwk];
      // For an unknown key, the keys are fetched once a second at most: until then the new one is not known.
      while ((await status(await next.sign())) === 401) await new Promise((resolve) => setTimeout(resolve, 100));
      expect(await status(await next.sign())).toBe(200);
      expect(await status(await old.sign())).toBe(200);
      published = [next.jwk];
      time += 60_000;
      expect(await status(await old.sign())).toBe(401);
      expect(await status(await next.sign())).toBe(200);
      // Nor does it begin a subscription on a socket that is open.
      socket.send(
        JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { projectionLag { lag } }' } }),
      );
      expect(await closed(socket)).toEqual([4401, 'unauthenticated: the token is not valid']);
      isDown = true;
      time += 9 * 60_000;
      expect(await status(await next.sign())).toBe(200);
      time += 60_000;
      expect(await status(await next.sign())).toBe(503);
      isDown = false;
      expect(await status(await next.sign())).toBe(200);
    } finally {
      await keyed.close();
      keys.closeAllConnections();
      await new Promise((resolve) => keys.close(resolve));
    }
  });
});

/** A WebSocket whose token was accepted. */
async function openSocket(url: string, token: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await new Promise((resolve) => {
    socket.addEventListener('open', resolve);
  });
  const welcomed = new Promise((resolve) => {
    socket.addEventListener('message', resolve, { once: true });
  });
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
  await welcomed;
  return socket;
}

const closed = async (socket: WebSocket): Promise<[number, string]> =>
  new Promise((resolve) => {
    socket.addEventListener('close', ({ code, reason }) => {
      resolve([code, reason]);
    });
  });
