import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { getNamedType, type GraphQLObjectType, isLeafType, isObjectType, printSchema } from 'graphql';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { fieldName } from '#api/field-name';
import { LedgerCore } from '#ledger/ledger-core';
import { type Role, ROLES } from '#ledger/caller';
import { mintToken } from '#runtime/token';
import { QUERIES } from '#operations/operations';
import { apiForAll, NOW, SECRET, STORY } from '../support/api.js';
import { READ, rootFields, STAFF } from '../support/root-fields.js';

const api = apiForAll();
beforeAll(async () => api().order({ command: 'rebuild-projections', rebuildId: 'r' }));
const zAnswer = z.object({
  data: z.record(z.string(), z.json()).nullable(),
  errors: z
    .array(z.looseObject({ message: z.string(), extensions: z.looseObject({ code: z.string(), status: z.int() }) }))
    .default([]),
});

async function query(who: string, text: string, variables?: object) {
  const { status, body } = await api().post(who, '/graphql', {
    query: text,
    ...(variables === undefined ? {} : { variables }),
  });
  return { status, ...zAnswer.parse(body) };
}
const schema = () => api().app.get(GraphQLSchemaHost).schema;
const codes = (errors: z.output<typeof zAnswer>['errors']): string[] => errors.map(({ extensions: { code } }) => code);

/** All of a type's fields that are not relations, down to the leaves. */
function everything(type: GraphQLObjectType): string {
  const fields = Object.values(type.getFields()).filter(
    ({ name }) =>
      !['tenant', 'deployment', 'subscription', 'subscriptions', 'planVersions', 'deployments'].includes(name) ||
      isOwnField(type, name),
  );
  return `{ ${fields
    .map(({ name, type: of }) => {
      const inner = getNamedType(of);
      return isObjectType(inner) ? `${name} ${everything(inner)}` : name;
    })
    .join(' ')} }`;
}
/** The accrual's `subscriptions` are its own. */
const isOwnField = ({ name }: GraphQLObjectType, field: string): boolean =>
  name === 'Accrual' && field === 'subscriptions';

function selectionOf(field: string): string {
  const type = getNamedType(schema().getQueryType()?.getFields()[field]?.type);
  if (type === undefined || isLeafType(type)) return '';
  if (!isObjectType(type)) throw new Error(`${field} is of type ${type.name}`);
  return everything(type);
}

const TABLE = rootFields(api);
const cases = [...TABLE].map(([field, each]) => ({ field, ...each }));
const asked = ({ field, given }: (typeof cases)[number]): string =>
  `{ ${field}${given?.() ?? ''} ${selectionOf(field)} }`;

describe('root fields', () => {
  it('are all in the table, one for each query', () => {
    const fields = Object.keys(schema().getQueryType()?.getFields() ?? {});
    expect([...TABLE.keys()].sort()).toEqual(fields.sort());
    expect([...QUERIES.keys()].map(fieldName).sort()).toEqual(fields);
    expect(Object.keys(schema().getMutationType()?.getFields() ?? {})).toEqual(['execute']);
  });

  it('have the parameters of REST, including asOf', () => {
    for (const { name, params } of QUERIES.values()) {
      const args =
        schema()
          .getQueryType()
          ?.getFields()
          [fieldName(name)]?.args.map((each) => each.name) ?? [];
      expect({ name, args: args.sort() }).toEqual({ name, args: Object.keys(params.shape).sort() });
      expect({ name, isAsOf: args.includes('asOf') }).toEqual({
        name,
        isAsOf: !/^(verify|last-check|webhook-deliveries|webhook-secret)$/.test(name),
      });
    }
  });

  it.each(cases)('$field is for $for, and answers what REST does', async (each) => {
    for (const role of ROLES) {
      const { status, data, errors } = await query(role, asked(each));
      expect({ role, status, codes: codes(errors) }).toEqual({
        role,
        status: 200,
        codes: each.for.includes(role) ? [] : ['forbidden'],
      });
      if (!each.for.includes(role)) {
        expect(data).toEqual({ [each.field]: null });
        continue;
      }
      const rest =
        each.body === undefined
          ? await api().get(role, `/api/v1${each.rest()}`)
          : await api().post(role, `/api/v1${each.rest()}`, each.body);
      expect(withoutNulls(data?.[each.field])).toEqual(withoutNulls(rest.body));
    }
  });

  it('are not even named without a token', async () => {
    for (const ask of [
      api().post(null, '/graphql', { query: '{ __schema { types { name } } }' }),
      api().get(null, '/graphql?query={__typename}'),
    ])
      expect(await ask).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  });

  it('are independent: a refused field does not affect the others', async () => {
    const { status, data, errors } = await query(
      'tenant',
      '{ tenants { items { tenantId } } margin(period: "2026-04") { currency } usage(deploymentId: "nope") ' +
        'limited: tenants(limit: 0) { nextCursor } }',
    );
    expect({ status, data }).toEqual({
      status: 200,
      data: { tenants: { items: [{ tenantId: 'acme' }] }, margin: null, usage: null, limited: null },
    });
    expect(Object.fromEntries(errors.map(({ path, extensions }) => [String(path), extensions.code]))).toEqual({
      margin: 'forbidden',
      limited: 'invalid_parameter',
      usage: 'unknown_deployment',
    });
  });
});

/** REST leaves out what there is not; GraphQL says null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null)
      .map(([key, each]) => [key, withoutNulls(each)]),
  );
}

describe('relations', () => {
  const DEEP =
    '{ tenants { items { tenantId name deployments { deploymentId tenant { name } subscriptions { ' +
    'subscriptionId tenant { name } planVersions { name } } } } } }';

  it('lead from an object to related objects, in both directions', async () => {
    const { data } = await query('operator', DEEP);
    expect(data).toMatchObject({
      tenants: {
        items: [
          {
            tenantId: 'acme',
            deployments: [
              {
                deploymentId: 'acme-prod',
                tenant: { name: 'Acme' },
                subscriptions: [
                  { subscriptionId: 'acme-sub', tenant: { name: 'Acme' }, planVersions: [{ name: 'Standard' }] },
                ],
              },
            ],
          },
          { tenantId: 'globex', deployments: [] },
        ],
      },
    });
    const lines = await query(
      'operator',
      '{ lines { items { billingKind subscription { planId } rows { net } tenant { name } } } }',
    );
    expect(lines.data).toMatchObject({
      lines: {
        items: expect.arrayContaining([
          expect.objectContaining({ subscription: { planId: 'standard' }, tenant: { name: 'Acme' } }),
        ]),
      },
    });
  });

  it('are as of the position of their object', async () => {
    // 1: acme is registered, 3: acme-prod, 5: its subscription.
    const { data } = await query(
      'operator',
      '{ then: tenants(asOf: "3") { items { tenantId deployments { deploymentId subscriptions { ' +
        'subscriptionId } } } } now: tenants { items { deployments { subscriptions { subscriptionId } } } } }',
    );
    expect(data).toEqual({
      then: {
        items: [
          { tenantId: 'acme', deployments: [{ deploymentId: 'acme-prod', subscriptions: [] }] },
          { tenantId: 'globex', deployments: [] },
        ],
      },
      now: { items: [{ deployments: [{ subscriptions: [{ subscriptionId: 'acme-sub' }] }] }, { deployments: [] }] },
    });
  });

  it('show a tenant nothing of another tenant', async () => {
    await api().command([
      {
        command: 'register-deployment',
        deploymentId: 'moved',
        tenantId: 'acme',
        name: 'Moved',
        from: '2026-04-01T00:00:00Z',
      },
      { command: 'assign-deployment', deploymentId: 'moved', tenantId: 'globex', from: '2026-04-10T00:00:00Z' },
    ]);
    const { data } = await query(
      'globex',
      '{ tenants { items { tenantId deployments { deploymentId assignments { tenantId tenant { name } } } } } ' +
        'hidden: tenants(tenantIds: ["acme", "globex"]) { items { tenantId } } before: deployments(tenantIds: ' +
        '["acme"]) { items { deploymentId } } }',
    );
    expect(data).toEqual({
      tenants: {
        items: [
          {
            tenantId: 'globex',
            deployments: [{ deploymentId: 'moved', assignments: [{ tenantId: 'globex', tenant: { name: 'Globex' } }] }],
          },
        ],
      },
      hidden: { items: [{ tenantId: 'globex' }] },
      before: { items: [] },
    });
  });

  it('cost the same statements for two tenants and for forty', async () => {
    let queries = 0;
    const { pool } = api().app.get(LedgerCore);
    const count = (): void => {
      queries += 1;
    };
    const counted = async (): Promise<number> => {
      await query('operator', DEEP);
      queries = 0;
      pool.on('acquire', count);
      const { errors } = await query('operator', DEEP);
      pool.off('acquire', count);
      expect(errors).toEqual([]);
      return queries;
    };
    const few = await counted();
    const more = Array.from({ length: 38 }, (_, n) => [
      { command: 'register-tenant', tenantId: `t${n}`, name: `T${n}`, currency: 'USD' },
      {
        command: 'register-deployment',
        deploymentId: `d${n}`,
        tenantId: `t${n}`,
        name: `D${n}`,
        from: '2026-04-01T00:00:00Z',
      },
      {
        command: 'start-subscription',
        subscriptionId: `s${n}`,
        deploymentId: `d${n}`,
        planId: 'standard',
        from: '2026-04-01T00:00:00Z',
      },
    ]).flat();
    await api().command(more);
    expect(few).toBeGreaterThan(5);
    expect(await counted()).toBe(few);
  });
});

describe('limits', () => {
  it('page by cursor, with all pages as of the first', async () => {
    const zPage = z.object({
      tenants: z.object({ items: z.array(z.object({ tenantId: z.string() })), nextCursor: z.string() }),
    });
    const first = zPage.parse(
      (await query('operator', '{ tenants(limit: 1) { items { tenantId } nextCursor } }')).data,
    );
    await api().command({ command: 'register-tenant', tenantId: 'aaa', name: 'Late', currency: 'USD' });
    const { data } = await query(
      'operator',
      'query($cursor: String) { tenants(limit: 1, cursor: $cursor) { items { tenantId } } }',
      { cursor: first.tenants.nextCursor },
    );
    expect([first.tenants.items[0]?.tenantId, data]).toEqual([
      'acme',
      { tenants: { items: [{ tenantId: 'globex' }] } },
    ]);
  });

  it('refuse a query that is too deep, too costly, too long or invalid before anything is read', async () => {
    const deep = `{ tenants { items ${'{ tenantId deployments { tenant '.repeat(7)} { name } ${'} }'.repeat(7)} } }`;
    const one = (n: number): string => `t${n}: tenants(limit: 10000) { items { tenantId name } }`;
    const many = `{ ${Array.from({ length: 40 }, (_, n) => one(n)).join(' ')} }`;
    const byVariable =
      'query($limit: Int) { lines(limit: $limit) { items { rows { ref quantity unitAmount gross discount ' +
      'credit net rowId kind reason tax taxRatePercent } lineId net quantity status tenantId currency ' +
      'billingKind subscriptionId deploymentId invoiceId parentLineId period { start end } a: period { start ' +
      'end } b: period { start end } c: period { start end } d: period { start end } e: period { start end } ' +
      'f: period { start end } g: period { start end } h: period { start end } i: period { start end } j: ' +
      'period { start end } } } }';
    const refusals = [
      [deep, undefined, 'invalid_query', /depth/],
      [many, undefined, 'query_too_costly', /Use a smaller limit/],
      [byVariable, { limit: 10_000 }, 'query_too_costly', /limit × fields/],
      [`{ ${'__typename '.repeat(6000)} }`, undefined, 'invalid_query', /tokens/],
      ['{ margn { currency } }', undefined, 'invalid_query', /Did you mean "margin"/],
      ['{', undefined, 'invalid_query', /Syntax Error/],
    ] as const;
    for (const [text, variables, code, message] of refusals)
      expect(await query('operator', text, variables)).toMatchObject({
        status: 400,
        data: null,
        errors: [{ message: expect.stringMatching(message), extensions: { code } }],
      });
    expect((await query('operator', byVariable, { limit: 10 })).status).toBe(200);
    const byDefault = byVariable.replace('$limit: Int', '$limit: Int = 10000');
    for (const variables of [undefined, {}])
      expect(await query('operator', byDefault, variables)).toMatchObject({
        status: 400,
        errors: [{ extensions: { code: 'query_too_costly' } }],
      });
    expect((await query('operator', byDefault, { limit: 10 })).status).toBe(200);
    // null is no limit given: the usual one.
    expect((await query('operator', byDefault, { limit: null })).status).toBe(
      (await query('operator', byVariable)).status,
    );
    // 30 levels of a fragment that holds the next one twice: 2^30 fields, were each looked at.
    const nested = Array.from(
      { length: 30 },
      (_, n) => `fragment F${n} on Query { ${n === 29 ? '__typename' : `...F${n + 1} ...F${n + 1}`} }`,
    ).join(' ');
    expect((await query('operator', `{ ...F0 } ${nested}`)).status).toBe(200);
  });

  it('allow introspection', async () => {
    const { getIntrospectionQuery } = await import('graphql');
    expect(await query('tenant', getIntrospectionQuery())).toMatchObject({ status: 200, errors: [] });
  });
});

describe('mutations', () => {
  it('execute commands in order, by the roles of POST /commands', async () => {
    const text =
      'mutation($commands: [JSON!]!) { execute(commands: $commands) { index command status result error { ' +
      'code errors { field } } } }';
    const tenant = { command: 'register-tenant', tenantId: 'umbrella', name: 'Umbrella', currency: 'USD' };
    const { data } = await query('operator', text, { commands: [tenant, tenant, { ...tenant, tenantId: '' }] });
    expect(data).toMatchObject({
      execute: [
        { index: 0, status: 'done', error: null },
        { index: 1, status: 'unchanged' },
        { index: 2, status: 'refused', error: { code: 'invalid_input', errors: [{ field: 'tenantId' }] } },
      ],
    });
    for (const role of ROLES.filter((each) => !['platform_admin', 'operator', 'ingest'].includes(each)))
      expect(codes((await query(role, text, { commands: [tenant] })).errors)).toEqual(['forbidden']);
    expect((await query('ingest', text, { commands: [STORY[6]] })).data).toMatchObject({
      execute: [{ status: 'unchanged' }],
    });
  });

  it('are not executed by GET', async () => {
    const { status } = await api().get(
      'operator',
      `/graphql?query=${encodeURIComponent('mutation { execute(commands: []) { status } }')}`,
    );
    expect(status).toBe(405);
  });
});

describe('subscriptions', () => {
  it('send each changed invoice that the caller may see, right after the change', async () => {
    const subscribed = await subscribe(
      'tenant',
      'subscription { invoiceState { invoiceId status number total tenant { name } } }',
    );
    const others = await subscribe('globex', 'subscription { invoiceState { invoiceId } }');
    await api().command({
      ...{ command: 'set-payer', tenantId: 'acme', payerId: 'globex' },
      ...{ effectiveFrom: '2026-04-01T00:00:00Z', effectiveUntil: '2026-05-01T00:00:00Z' },
    });
    const payer = await subscribe('globex', 'subscription { invoiceState(payerId: "globex") { invoiceId status } }');
    const zMade = z.object({ result: z.object({ invoices: z.array(z.object({ invoiceId: z.string() })) }) });
    const made = zMade.parse(
      (await api().command({ command: 'create-invoice', tenantId: 'acme', asOf: '2026-05-01T00:00:00Z' })).body,
    );
    const invoiceId = made.result.invoices[0]?.invoiceId ?? '';
    await api().command({ command: 'issue-invoice', invoiceId, at: '2026-05-01T00:00:00Z' });
    // The base fee in arrears: 10.00; April's 8 units are billed already.
    expect(await subscribed.next(2)).toEqual([
      {
        data: { invoiceState: { invoiceId, status: 'draft', number: null, total: '10.00', tenant: { name: 'Acme' } } },
      },
      {
        data: {
          invoiceState: { invoiceId, status: 'issued', number: 'INV-000002', total: '10.00', tenant: { name: 'Acme' } },
        },
      },
    ]);
    expect(others.received).toEqual([]);
    // The payer gets it once it is issued.
    expect(await payer.next(1)).toEqual([{ data: { invoiceState: { invoiceId, status: 'issued' } } }]);
    payer.close();
    subscribed.close();
    others.close();
  });

  it('send the position of the projections', async () => {
    const lag = await subscribe('operator', 'subscription { projectionLag { name position head lag } }');
    const [first] = await lag.next(1);
    expect(first).toMatchObject({
      data: { projectionLag: expect.arrayContaining([expect.objectContaining({ name: 'invoices' })]) },
    });
    await api().command({ command: 'register-tenant', tenantId: 'stark', name: 'Stark', currency: 'USD' });
    await api().get('operator', '/api/v1/tenants');
    const [second] = (await lag.next(2)).slice(1);
    expect(second).not.toEqual(first);
    lag.close();
  });

  /** Whom each is for. One that is not in the table fails below. */
  const SUBSCRIPTIONS: ReadonlyMap<string, { readonly for: readonly Role[]; readonly asks: string }> = new Map([
    ['projectionLag', { for: STAFF, asks: 'projectionLag { lag }' }],
    ['invoiceState', { for: READ, asks: 'invoiceState { invoiceId }' }],
  ]);

  it('are for their roles, and need a token', async () => {
    expect(Object.keys(schema().getSubscriptionType()?.getFields() ?? {}).sort()).toEqual(
      [...SUBSCRIPTIONS.keys()].sort(),
    );
    for (const [field, { for: roles, asks }] of SUBSCRIPTIONS) {
      for (const role of ROLES.filter((each) => !roles.includes(each))) {
        const refused = await subscribe(role, `subscription { ${asks} }`);
        expect({ field, role, said: await refused.next(1) }).toMatchObject({
          field,
          role,
          said: [
            [
              {
                message: expect.stringContaining(`role "${role}" may not use ${field}`),
                extensions: { code: 'forbidden', status: 403 },
              },
            ],
          ],
        });
        refused.close();
      }
      for (const role of roles) {
        // A caller with the right role gets no error: the lag immediately, and invoices when there is one.
        const allowed = await subscribe(role, `subscription { ${asks} }`);
        if (field === 'projectionLag')
          expect({ role, said: await allowed.next(1) }).toMatchObject({
            role,
            said: [{ data: { projectionLag: expect.any(Array) } }],
          });
        expect({ role, said: allowed.received.filter((each) => Array.isArray(each)) }).toEqual({ role, said: [] });
        allowed.close();
      }
    }
    await expect(subscribe('nonsense', 'subscription { projectionLag { lag } }')).rejects.toThrow(/^closed/);
  });

  const INVOICES = 'subscription { invoiceState { invoiceId } }';
  const LAG = 'subscription { projectionLag { lag } }';

  it('are validated at their start, against the schema and the rights of the caller', async () => {
    const wrong = [
      [
        'tenant',
        'subscription { invoiceState { invoiceId nonsense } }',
        'invalid_query',
        /Cannot query field "nonsense"/,
      ],
      [
        'tenant',
        'subscription { invoiceState(tenant: "acme") { invoiceId } }',
        'invalid_query',
        /Unknown argument "tenant"/,
      ],
      [
        'operator',
        'subscription { invoiceState { invoiceId } projectionLag { lag } }',
        'invalid_query',
        /only one top level field/,
      ],
      ['operator', `subscription { projectionLag { ${'lag '.repeat(6000)} } }`, 'invalid_query', /tokens/],
      ['tenant', 'subscription { invoiceState(tenantId: "globex") { invoiceId } }', 'unknown_tenant', /globex/],
      ['operator', 'subscription { invoiceState(tenantId: "nobody") { invoiceId } }', 'unknown_tenant', /nobody/],
      ['tenant', 'subscription { invoiceState(payerId: "globex") { invoiceId } }', 'unknown_tenant', /globex/],
      ['operator', 'subscription { invoiceState(payerId: "nobody") { invoiceId } }', 'unknown_tenant', /nobody/],
    ] as const;
    for (const [who, text, code, message] of wrong) {
      const refused = await subscribe(who, text);
      expect({ text, said: await refused.next(1) }).toMatchObject({
        text,
        said: [[{ message: expect.stringMatching(message), extensions: { code } }]],
      });
      refused.close();
    }
  });

  it('end with the token, and do not start without a valid one, with the reason in the close frame', async () => {
    const lasting = async (ttl: string) => mintToken(SECRET, { sub: 'brief', role: 'operator', ttl }, NOW);
    const brief = dial();
    brief.send('connection_init', { payload: { authorization: `Bearer ${await lasting('1s')}` } });
    brief.send('subscribe', { id: '1', payload: { query: LAG } });
    expect(await brief.closed).toEqual([4401, 'unauthenticated: the token has expired']);
    expect(brief.types()).toEqual(expect.arrayContaining(['connection_ack', 'next']));
    const stranger = await new SignJWT({ role: 'king', exp: Date.parse(NOW) / 1000 + 60 })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('x')
      .sign(new TextEncoder().encode(SECRET));
    const refused = [
      [{}, 4401, 'unauthenticated: no token. Send { "authorization": "Bearer …" } as payload of connection_init.'],
      [{ authorization: 'Bearer nonsense' }, 4401, 'unauthenticated: the token is not valid'],
      [{ authorization: `Bearer ${stranger}` }, 4403, expect.stringContaining('unknown_role: ')],
    ] as const;
    for (const [payload, code, reason] of refused) {
      const socket = dial();
      socket.send('connection_init', { payload });
      expect(await socket.closed).toEqual([code, reason]);
      expect(socket.types()).toEqual([]);
    }
    const twice = await connected('operator');
    twice.send('connection_init', { payload: { authorization: `Bearer ${await lasting('1h')}` } });
    expect(await twice.closed).toEqual([4409, expect.stringContaining('already_connected: ')]);
    const staying = await connected(await lasting('1d'));
    // Who says nothing is not waited for; who did, and whose token has not expired, stays.
    expect(await dial().closed).toEqual([1006, '']);
    staying.send('subscribe', { id: '1', payload: { query: LAG } });
    expect(await staying.told('next')).toMatchObject({ id: '1' });
    staying.close();
  });

  it('end with a message that is not UTF-8', async () => {
    const { hostname, port } = new URL(api().url);
    const socket = connect(Number(port), hostname);
    const headers = [
      ...['GET /graphql HTTP/1.1', 'Host: ledgerline', 'Connection: Upgrade', 'Upgrade: websocket'],
      ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='],
      'Sec-WebSocket-Protocol: graphql-transport-ws',
    ];
    const text = Buffer.from('{"type":"ping","payload":{"a":"\u00ff"}}', 'latin1');
    socket.write(`${headers.join('\r\n')}\r\n\r\n`); // Then a text frame, masked with zeros.
    socket.write(Buffer.from([0x81, 0x80 + text.length, 0, 0, 0, 0, ...text]));
    const answer = await buffer(socket);
    // A close frame of two bytes: 1007, invalid payload.
    expect([...answer.subarray(-4)]).toEqual([0x88, 2, 1007 >> 8, 1007 & 0xff]);
  });

  it('are limited per socket, and sockets per token', async () => {
    const socket = await connected('tenant');
    for (let n = 0; n < 11; n += 1) socket.send('subscribe', { id: `${n}`, payload: { query: INVOICES } });
    expect(await socket.told('error')).toMatchObject({ payload: [{ extensions: { code: 'too_many_subscriptions' } }] });
    expect(socket.types()).toEqual(['connection_ack', 'error']);
    socket.send('complete', { id: '3' });
    socket.send('subscribe', { id: 'another', payload: { query: INVOICES } });
    socket.send('subscribe', { id: 'wrong', payload: { query: 'subscription { projectionLag { lag } }' } });
    expect(await socket.told('error', 2)).toMatchObject({
      id: 'wrong',
      payload: [{ extensions: { code: 'too_many_subscriptions' } }],
    });
    socket.send('complete', { id: '4' });
    // What is refused takes no place.
    for (const n of [3, 4, 5]) {
      socket.send('subscribe', { id: 'wrong', payload: { query: 'subscription { projectionLag { lag } }' } });
      expect(await socket.told('error', n)).toMatchObject({
        id: 'wrong',
        payload: [{ extensions: { code: 'forbidden' } }],
      });
    }
    socket.send('subscribe', { id: '5', payload: { query: INVOICES } });
    expect(await socket.closed).toEqual([4409, 'subscriber_exists: subscription 5 already exists']);

    const sockets = await Promise.all(Array.from({ length: 20 }, async () => connected('auditor')));
    const more = dial();
    more.send('connection_init', { payload: { authorization: `Bearer ${api().tokens.get('auditor') ?? ''}` } });
    expect(await more.closed).toEqual([4400, expect.stringContaining('too_many_websockets: ')]);
    sockets[0]?.close();
    await sockets[0]?.closed;
    const again = await connected('auditor');
    for (const each of [...sockets, again]) each.close();
  });
});

/** A WebSocket, message by message. */
function dial() {
  const socket = new WebSocket(`${api().url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const messages: { type: string; id?: string | undefined; payload?: unknown }[] = [];
  let wake = (): void => undefined;
  const isOpen = new Promise((resolve) => (socket.onopen = resolve));
  const closed = new Promise<[number, string]>(
    (resolve) =>
      (socket.onclose = ({ code, reason }) => {
        resolve([code, reason]);
      }),
  );
  socket.onmessage = ({ data }) => {
    messages.push(
      z
        .looseObject({ type: z.string(), id: z.string().optional(), payload: z.unknown().optional() })
        .parse(JSON.parse(String(data))),
    );
    wake();
  };
  return {
    closed,
    send: (type: string, more: object) =>
      void isOpen.then(() => {
        socket.send(JSON.stringify({ type, ...more }));
      }),
    types: () => messages.map(({ type }) => type),
    /** The nth message of this type. */
    async told(type: string, nth = 1) {
      const those = () => messages.filter((each) => each.type === type);
      while (those().length < nth) await new Promise<void>((resolve) => (wake = resolve));
      return those()[nth - 1];
    },
    close: () => {
      socket.close();
    },
  };
}

async function connected(who: string) {
  const socket = dial();
  socket.send('connection_init', { payload: { authorization: `Bearer ${api().tokens.get(who) ?? who}` } });
  await socket.told('connection_ack');
  return socket;
}

/** What a WebSocket client of the protocol graphql-transport-ws gets. */
async function subscribe(who: string, text: string) {
  const socket = new WebSocket(`${api().url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const received: unknown[] = [];
  const ready = Promise.withResolvers<void>();
  let wake = (): void => undefined;
  socket.onmessage = ({ data }) => {
    const { type, payload } = z
      .looseObject({ type: z.string(), payload: z.unknown().optional() })
      .parse(JSON.parse(String(data)));
    if (type === 'connection_ack') ready.resolve();
    if (type === 'next' || type === 'error') received.push(payload);
    wake();
  };
  socket.onclose = ({ code }) => ready.reject(new Error(`closed, code ${code}`));
  await new Promise((resolve) => (socket.onopen = resolve));
  socket.send(
    JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api().tokens.get(who) ?? who}` } }),
  );
  await ready.promise;
  socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: text } }));
  // The subscription begins where the log is when it is read: an answer to a second message says that the first was.
  await api().get('operator', '/api/v1/projections');
  return {
    received,
    async next(count: number): Promise<unknown[]> {
      while (received.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return received.slice(0, count);
    },
    close: () => socket.close(),
  };
}

describe('the schema', () => {
  it('is the one in apps/api/schema.graphql (UPDATE_SCHEMA=1 writes it again)', async () => {
    const file = new URL('../../apps/api/schema.graphql', import.meta.url);
    const printed = `${printSchema(schema())}\n`;
    if (process.env['UPDATE_SCHEMA'] === '1') await writeFile(file, printed);
    expect(await readFile(file, 'utf8')).toBe(printed);
  });
});
