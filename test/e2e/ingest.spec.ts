import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { zIngested } from '#api/ingest.answer';
import { mintToken } from '#runtime/token';
import { drawnBatch, hostile, itemsOf } from '../support/hostile-usage.js';
import { checkedOn } from '../support/properties.js';
import { apiForAll, april, NOW, problemIn, SECRET } from '../support/api.js';

const api = apiForAll();
const send = async (body: unknown, who = 'ingest', type = 'application/json') => {
  const answer = await api().ask(who, 'POST', '/api/v1/usage', JSON.stringify(body), { 'content-type': type });
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
  return zIngested.parse(answer.body);
};
const hour = (n: number, more: object = {}) => ({
  resourceId: 'gw-1',
  billingKind: 'gateway',
  period: {
    start: `2026-04-10T${String(n).padStart(2, '0')}:00:00Z`,
    end: `2026-04-10T${String(n + 1).padStart(2, '0')}:00:00Z`,
  },
  granularity: 'hour',
  quantity: '1',
  ...more,
});
const of = (observation: object, deploymentId = 'acme-prod') => ({ deploymentId, ...observation });
/** As OpenMeter's own documentation has it, but for the subject. */
const EVENT = {
  specversion: '1.0',
  type: 'request',
  id: '00001',
  time: '2026-04-01T00:00:00.001Z',
  source: 'service-0',
  subject: 'acme-prod',
  data: { method: 'GET', route: '/hello' },
};
const zRecords = z.object({ items: z.array(z.looseObject({ quantity: z.string() })) });
const records = async (query: string) =>
  zRecords.parse((await api().get('operator', `/api/v1/usage-records?deploymentId=acme-prod&${query}`)).body).items;

describe('POST /usage', () => {
  it('refuses readings far from now one by one, and makes no partition for them', async () => {
    // 300 different months, as a clumsy client has them: years 2100 to 2124.
    const far = Array.from({ length: 300 }, (_, n) => {
      const month = `${2100 + Math.floor(n / 12)}-${String((n % 12) + 1).padStart(2, '0')}`;
      return of(
        hour(1, { billingKind: 'far', period: { start: `${month}-01T01:00:00Z`, end: `${month}-01T02:00:00Z` } }),
      );
    });
    const answer = await send([
      ...far,
      of(hour(1, { billingKind: 'far', period: { start: '2026-05-01T01:00:00Z', end: '2026-05-01T02:00:00Z' } })),
    ]);
    expect(answer.items.slice(0, 300).map(({ status }) => status)).toEqual(Array(300).fill('rejected'));
    expect(answer.items[0]).toMatchObject({ error: { code: 'usage_out_of_range' } });
    expect(answer.items[300]).toMatchObject({ status: 'accepted' });
  });

  it('refuses a body that is not UTF-8: two ids would become one', async () => {
    const body = Buffer.concat([Buffer.from('[{"deploymentId":"d'), Buffer.from([0xff]), Buffer.from('"}]')]);
    const answer = async (path: string) => api().ask('operator', 'POST', path, new Uint8Array(body));
    expect(await answer('/graphql')).toMatchObject({ status: 400 });
    for (const path of ['/api/v1/usage', '/api/v1/commands'])
      expect(problemIn(await answer(path))).toMatchObject({
        status: 400,
        code: 'malformed_request',
        detail: 'The body is not text in UTF-8, as JSON must be (RFC 8259). Encode it in UTF-8.',
      });
  });

  it('refuses a body that gives a field twice: parsers differ in which one counts', async () => {
    const twice = '{"a":[{"amount":"1","amount":"100"}]}';
    const answer = async (path: string, body: string) => api().ask('operator', 'POST', path, body);
    expect(await answer('/graphql', twice)).toMatchObject({ status: 400 });
    for (const path of ['/api/v1/quotes', '/api/v1/preview'])
      expect(problemIn(await answer(path, twice))).toMatchObject({
        status: 400,
        code: 'malformed_request',
        detail: 'The body gives the field a[0].amount twice. Give it once.',
      });
    // In a list, each item has its own answer.
    expect((await answer('/api/v1/commands', `[${twice},${twice}]`)).body).toMatchObject([
      { status: 'refused', error: { message: 'command: a[0].amount is given twice. Give it once' } },
      { status: 'refused' },
    ]);
    expect(problemIn(await answer('/api/v1/commands', twice))).toMatchObject({ status: 400, code: 'invalid_input' });
    const readings = '{"deploymentId":"acme-prod","observations":[{"attributes":{"a":1,"a":1}}]}';
    expect((await answer('/api/v1/usage', readings)).body).toMatchObject({
      items: [{ error: { errors: [{ field: 'attributes.a', message: 'is given twice. Give it once' }] } }],
    });
  });

  it('refuses bytes that are not UTF-8 in the URL and in headers', async () => {
    const status = async (path: string) => (await api().get('operator', path)).status;
    for (const path of [
      '/api/v1/usage-records?deploymentId=%FF',
      '/api/v1/lines/%FF',
      '/api/v1/usage-records?%C3%28=1',
    ])
      expect({ path, status: await status(path) }).toEqual({ path, status: 400 });
    expect(await status('/graphql?query={tenants{items{name}}}%FF')).toBe(400);
    expect(await status('/api/v1/usage-records?resourceId=caf%C3%A9%25FF')).toBe(200);
    const event = { 'ce-specversion': '1.0', 'ce-type': 'binary', 'ce-source': 's', 'ce-subject': 'acme-prod' };
    for (const id of ['%FF', '100%', '\u00c3\u00a9'])
      expect(
        problemIn(await api().ask('ingest', 'POST', '/api/v1/usage', undefined, { ...event, 'ce-id': id })),
      ).toMatchObject({ status: 400, code: 'invalid_input', errors: [{ field: 'ce-id' }] });
    const named = { command: 'register-tenant', tenantId: 'named', name: 'Named', currency: 'USD' };
    expect(
      problemIn(await api().post('operator', '/api/v1/commands', named, { 'idempotency-key': '\u00c3\u00a9' })),
    ).toMatchObject({ status: 400, errors: [{ field: 'Idempotency-Key' }] });
  });

  it('gives each observation its own result: accepted, duplicate, conflict, rejected', async () => {
    const body = [
      of(hour(0)),
      of(hour(0)),
      of(hour(0, { quantity: '2' })),
      of(hour(1, { quantity: 'many' })),
      of(hour(2), 'nobody'),
      of(hour(3)),
    ];
    const answer = await send(body);
    expect(answer).toMatchObject({
      items: [
        { index: 0, status: 'accepted' },
        { index: 1, status: 'duplicate' },
        { index: 2, status: 'conflict', error: { code: 'usage_conflict' } },
        {
          index: 3,
          status: 'rejected',
          error: {
            code: 'invalid_input',
            errors: [{ field: 'quantity', message: 'is not a plain decimal such as "12.50"' }],
          },
        },
        { index: 4, status: 'rejected', error: { code: 'unknown_deployment' } },
        { index: 5, status: 'accepted' },
      ],
      accepted: 2,
      duplicate: 1,
      conflict: 1,
      rejected: 2,
    });
    expect(
      (
        await api().get(
          'operator',
          '/api/v1/usage?deploymentId=acme-prod&start=2026-04-10T00:00:00Z&end=2026-04-11T00:00:00Z' +
            `&waitFor=${answer.position ?? 0}`,
        )
      ).body,
    ).toEqual({ gateway: '2' });
    // Its hours are recorded: the day would count twice. And a day of one hour is none.
    const day = { period: { start: '2026-04-10T00:00:00Z', end: '2026-04-11T00:00:00Z' }, granularity: 'day' };
    expect(await send([of(hour(0, day)), of(hour(0, { granularity: 'day' })), of(hour(3))])).toMatchObject({
      items: [
        { status: 'conflict', error: { code: 'usage_overlap' } },
        { status: 'rejected', error: { code: 'invalid_input', errors: [{ field: 'period' }] } },
        { status: 'duplicate' },
      ],
    });
    // Sent again, and by someone else, in another form: nothing is counted twice.
    const again = await send({ deploymentId: 'acme-prod', observations: [hour(0), hour(3)] }, 'operator');
    expect(again).toMatchObject({ accepted: 0, duplicate: 2, position: null });
    expect(await send(of(hour(0, { quantity: '7' })), 'operator')).toMatchObject({
      conflict: 1,
      items: [{ error: { message: expect.stringContaining('is recorded with quantity 1, not 7: use correct-usage') } }],
    });
    expect(await records('billingKind=gateway&start=2026-04-10T00:00:00Z')).toHaveLength(2);
  });

  it('tells the role ingest of a conflict only that there is one', async () => {
    const period = { start: '2026-04-06T00:00:00Z', end: '2026-04-07T00:00:00Z' };
    const known = of(hour(0, { period, granularity: 'day', resourceId: 'gw-told', quantity: '41', provider: 'aws' }));
    const event = { ...EVENT, id: 'only-one', time: period.start, data: { quantity: '41', secret: 'attribute' } };
    const readings = [known, { ...known, provider: 'gcp' }, event];
    expect(await send(readings, 'operator')).toMatchObject({ accepted: 3 });
    const unnamed = { ...known, quantity: '40', provider: undefined };
    const conflict = {
      code: 'usage_conflict',
      message:
        'a reading with the same key and another content is known. Nothing was changed.' +
        ' An operator can correct what is recorded.',
    };
    const overlap = hour(0, { period: { ...period, end: '2026-04-06T01:00:00Z' }, resourceId: 'gw-told' });
    const items = [{ ...known, quantity: '40' }, { ...event, data: {} }, { ...event, type: 'x' }, of(overlap), unnamed];
    const answer = await send(items);
    expect(answer.items.map(({ error }) => error)).toEqual([
      ...[conflict, conflict, conflict],
      {
        code: 'usage_overlap',
        message:
          'a reading of the other granularity is known: a day and its hours would count twice.' +
          ' Nothing was changed. An operator can correct what is recorded.',
      },
      {
        code: 'ambiguous_provider',
        message: 'several providers have this resource: name the provider.',
        errors: [{ field: expect.any(String), message: 'several providers have this resource: name the provider' }],
      },
    ]);
    // The same by a command, by itself, and under an idempotency key.
    const { deploymentId, ...observation } = known;
    const command = (quantity: string, idempotencyKey?: string) => ({
      ...{ command: 'observe-usage', deploymentId, observations: [{ ...observation, quantity }], idempotencyKey },
    });
    const single = problemIn(await api().post('ingest', '/api/v1/usage', { ...event, data: {} }));
    expect(single).toMatchObject({ status: 409, detail: conflict.message });
    expect(problemIn(await api().post('ingest', '/api/v1/commands', command('40')))).toMatchObject({
      ...{ status: 409, code: 'usage_conflict', detail: conflict.message },
      errors: [{ field: 'observations[0]', message: 'a reading with the same key and another content is known' }],
    });
    await api().post('ingest', '/api/v1/commands', command('41', 'told'));
    const reused = problemIn(await api().post('ingest', '/api/v1/commands', command('42', 'told')));
    expect(reused).toMatchObject({ status: 409, code: 'conflicting_body' });
    expect(JSON.stringify([answer, single, reused])).not.toMatch(/41|acme|aws|gcp|attribute/);
  });

  it('accepts several deployments and months in one request', async () => {
    await api().command({
      command: 'register-deployment',
      deploymentId: 'acme-test',
      tenantId: 'acme',
      name: 'Test',
      from: april.start,
    });
    const may = { start: '2026-05-01T00:00:00Z', end: '2026-05-01T01:00:00Z' };
    expect(
      await send([
        of(hour(4)),
        of(hour(4), 'acme-test'),
        of(hour(4, { period: may })),
        of(hour(4, { period: may }), 'acme-test'),
      ]),
    ).toMatchObject({ accepted: 4 });
  });

  it('lets a token append usage only while the deployment belonged to its tenant', async () => {
    api().tokens.set(
      'ingest of globex',
      await mintToken(SECRET, { sub: 'agent', role: 'ingest', tenantId: 'globex', ttl: '1h' }, NOW),
    );
    const refused = await send([of(hour(5)), { ...EVENT, id: 'foreign' }], 'ingest of globex');
    expect(refused).toMatchObject({
      rejected: 2,
      items: [{ error: { code: 'unknown_deployment' } }, { id: 'foreign', error: { code: 'unknown_deployment' } }],
    });
    await api().command([
      { command: 'register-deployment', deploymentId: 'moved', tenantId: 'acme', name: 'Moved', from: april.start },
      { command: 'assign-deployment', deploymentId: 'moved', tenantId: 'globex', from: '2026-04-10T06:00:00Z' },
    ]);
    expect(await send([of(hour(5), 'moved'), of(hour(6), 'moved')], 'ingest of globex')).toMatchObject({
      items: [{ status: 'rejected' }, { status: 'accepted' }],
    });
  });

  it('refuses a body that is not usage, or too large, as a whole', async () => {
    for (const [body, code] of [
      [null, 'invalid_input'],
      ['usage', 'invalid_input'],
      [{ deploymentId: 'acme-prod', observations: 1 }, 'invalid_input'],
      // Whose it is would be a guess.
      [{ deploymentId: 'acme-prod', observations: [of(hour(9), 'globex-prod')] }, 'invalid_input'],
      [
        {
          deploymentId: 'acme-prod',
          observations: [{ specversion: '1.0', id: 'o', source: 's', type: 'requests', subject: 'globex-prod' }],
        },
        'invalid_input',
      ],
      [Array.from({ length: 10_001 }, () => ({})), 'too_many_items'],
    ] as const)
      expect(problemIn(await api().post('ingest', '/api/v1/usage', body))).toMatchObject({ status: 400, code });
    expect(await send([])).toMatchObject({ items: [], accepted: 0, position: null });
  });

  it('compares simultaneous readings of many deployments each with its own deployment', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `fleet-${n}`);
    await api().command(
      names.map((deploymentId) => ({
        command: 'register-deployment',
        deploymentId,
        tenantId: 'acme',
        name: 'Fleet',
        from: april.start,
      })),
    );
    const readings = (quantity: (n: number) => string) =>
      names.map((name, n) => of(hour(n % 4, { quantity: quantity(n) }), name));
    // The same resource and kind in all: those of odd numbers are recorded.
    expect(await send(readings(String).filter((_, n) => n % 2 === 1))).toMatchObject({ accepted: 10 });
    // Then all at once, each in a request of its own: every third says another quantity.
    const answers = await Promise.all(
      readings((n) => String(n % 3 === 0 ? n + 100 : n)).map(async (reading) => send(reading, 'operator')),
    );
    expect(answers.map(({ items }) => items[0]?.status)).toEqual(
      names.map((_, n) => (n % 2 === 0 ? 'accepted' : n % 3 === 0 ? 'conflict' : 'duplicate')),
    );
    for (const [n, { items }] of answers.entries())
      if (n % 6 === 3) expect(items[0]?.error?.message).toContain(`is recorded with quantity ${n}, not ${n + 100}`);
  });

  it('rejects only the reading that no read model can store', async () => {
    const observations = [
      hour(10),
      hour(11, { attributes: { a: '\u0000' } }),
      hour(12, { resourceId: 'r\ud800' }),
      hour(13, { subAttribution: JSON.parse('{"a":'.repeat(3000) + '1' + '}'.repeat(3000)) as object }),
    ];
    const rejected = (field: string, message: string) => ({
      status: 'rejected',
      error: { code: 'invalid_input', errors: [{ field, message: expect.stringContaining(message) }] },
    });
    expect(await send({ deploymentId: 'acme-prod', observations })).toMatchObject({
      accepted: 1,
      items: [
        { status: 'accepted' },
        rejected('attributes.a', 'contains a NUL character'),
        rejected('resourceId', 'half a surrogate pair'),
        rejected(`subAttribution${'.a'.repeat(63)}`, 'nested deeper than 64 levels'),
      ],
    });
    expect(
      await send([
        { ...EVENT, id: 'x\ud800' },
        { ...EVENT, id: 'whole', time: '2026-06-05T00:00:00Z' },
      ]),
    ).toMatchObject({ items: [rejected('id', 'half a surrogate pair'), { status: 'accepted' }] });
    expect((await api().get('operator', '/api/v1/projections')).body).toMatchObject({ state: 'current' });
  });

  it('compares a reading with recorded ones, never with a refused one', async () => {
    const at = (quantity: string) => of(hour(9, { resourceId: 'gw-9', quantity }));
    expect(await send(at('1'))).toMatchObject({ accepted: 1 });
    const statuses = async (body: object[]) => (await send(body)).items.map(({ status }) => status);
    expect(await statuses([at('7'), at('7')])).toEqual(['conflict', 'conflict']);
    expect(await statuses([at('7'), at('1')])).toEqual(['conflict', 'duplicate']);
    // One that names a provider and is refused names it for no other.
    expect(
      await statuses([
        of(hour(9, { resourceId: 'gw-9', quantity: '7', provider: 'aws' })),
        of(hour(9, { resourceId: 'gw-9', provider: 'gcp' })),
      ]),
    ).toEqual(['conflict', 'duplicate']);
    // Each by a sender of its own, all at once: they are decided on together, and told of what is recorded alone.
    const answers = await Promise.all(
      ['7', '1', '7', '1', '8', '1'].map(async (quantity) => send(at(quantity), 'operator')),
    );
    expect(answers.map(({ items }) => items[0]?.status)).toEqual([
      'conflict',
      'duplicate',
      'conflict',
      'duplicate',
      'conflict',
      'duplicate',
    ]);
    expect(answers[4]?.items[0]?.error?.message).toContain('is recorded with quantity 1, not 8');
  });

  it('records what many callers send to one deployment at the same time, each with its own actor', async () => {
    const day = (n: number) => ({
      resourceId: `r-${n}`,
      billingKind: 'gateway',
      period: { start: '2026-04-11T00:00:00Z', end: '2026-04-12T00:00:00Z' },
      granularity: 'day',
      quantity: '1',
    });
    const ask = (n: number) =>
      api().ask(n % 2 === 0 ? 'ingest' : 'operator', 'POST', '/api/v1/usage', JSON.stringify(of(day(n % 50))), {
        'x-request-id': `sent-${n}`,
      });
    // 50 readings, each sent twice.
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => ask(n)));
    const statuses = answers.map(({ body }) => zIngested.parse(body).items[0]?.status);
    expect([
      statuses.filter((each) => each === 'accepted').length,
      statuses.filter((each) => each === 'duplicate').length,
    ]).toEqual([50, 50]);
    expect(await records('start=2026-04-11T00:00:00Z&end=2026-04-12T00:00:00Z')).toHaveLength(50);
    const zEvents = z.object({
      items: z.array(
        z.object({
          actor: z.string(),
          data: z.object({ observations: z.array(z.object({ resourceId: z.string() })) }),
        }),
      ),
    });
    const events = zEvents.parse(
      (await api().get('operator', '/api/v1/audit/events?stream=usage-acme-prod-2026-04&limit=1000&type=UsageObserved'))
        .body,
    );
    const actors = new Map(
      events.items.flatMap(({ actor, data }) => data.observations.map(({ resourceId }) => [resourceId, actor])),
    );
    for (const [n, status] of statuses.entries())
      if (status === 'accepted')
        expect({ n, actor: actors.get(`r-${n % 50}`) }).toEqual({
          n,
          actor: n % 2 === 0 ? 'ingest@specs' : 'operator@specs',
        });
  });

  it('refuses a reading that is too large for the log by itself', async () => {
    const period = { start: '2026-05-02T01:00:00Z', end: '2026-05-02T02:00:00Z' };
    const large = of(hour(1, { period, attributes: { text: 'x'.repeat(1_000_000) } }));
    const answer = await send([of(hour(1, { period, resourceId: 'small' })), large]);
    expect(answer).toMatchObject({
      accepted: 1,
      items: [
        { status: 'accepted' },
        {
          status: 'rejected',
          // 1,000,000 characters, and {"text":"…"} and null around them.
          error: { code: 'event_too_large', message: expect.stringMatching(/^the reading has 1000\d{3} bytes\./) },
        },
      ],
    });
  });
});

describe('a batch of good and hostile items', () => {
  const sendText = async (texts: readonly string[]) => {
    const answer = await api().ask('ingest', 'POST', '/api/v1/usage', `[${texts.join(',')}]`);
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
    return zIngested.parse(answer.body).items;
  };
  const recordedOf = async (kind: string) =>
    (await records(`billingKind=${kind}`))
      .map((each) => zKept.parse(each))
      .map((each) => keptAs(each))
      .sort();

  it('rejects every hostile item by itself, in one request', async () => {
    const items = hostile('hostile');
    const verdicts = await sendText(items);
    expect(
      items
        .map((text, index) => ({ text: text.slice(0, 300), status: verdicts[index]?.status }))
        .filter(({ status }) => status !== 'rejected'),
    ).toEqual([]);
    expect(await recordedOf('hostile')).toEqual([]);
  });

  it('is answered item by item: what is accepted is recorded, and nothing else', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(drawnBatch, async (drawn) => {
        run += 1;
        const kind = `random-${run}`;
        const batch = itemsOf(drawn, kind);
        const verdicts = await sendText(batch.map(({ text }) => text));
        // The first reading of a key counts: the same again is a duplicate, another quantity is a conflict.
        const first = new Map<string, string>();
        const expected = batch.map(({ recorded }) => {
          if (recorded === null) return 'rejected';
          const known = first.get(recorded.key);
          first.set(recorded.key, known ?? recorded.quantity);
          return known === undefined ? 'accepted' : known === recorded.quantity ? 'duplicate' : 'conflict';
        });
        expect(verdicts.map(({ status }) => status)).toEqual(expected);
        expect(await recordedOf(kind)).toEqual([...first].map(([key, quantity]) => `${key}: ${quantity}`).sort());
        // Sent again, nothing is added.
        const again = await sendText(batch.map(({ text }) => text));
        expect(again.map(({ status }) => status)).toEqual(
          expected.map((status) => (status === 'accepted' ? 'duplicate' : status)),
        );
      }),
      checkedOn(15),
    );
  });
});

const zKept = z.object({ resourceId: z.string(), quantity: z.string(), period: z.object({ start: z.string() }) });
const keptAs = ({ resourceId, quantity, period }: z.output<typeof zKept>): string =>
  `${resourceId} ${period.start}: ${quantity}`;

describe('CloudEvents', () => {
  it('are accepted as sent to OpenMeter: one, and a batch', async () => {
    expect(await send(EVENT, 'ingest', 'application/cloudevents+json')).toMatchObject({
      items: [{ id: '00001', status: 'accepted' }],
    });
    const batch = [
      { ...EVENT, id: '00002', data: { ...EVENT.data, value: '12.5' } },
      { ...EVENT, id: '00003', data: { quantity: 3, resourceId: 'gw-9' } },
      { ...EVENT, id: '00004', data: undefined },
    ];
    expect(await send(batch, 'ingest', 'application/cloudevents-batch+json; charset=UTF-8')).toMatchObject({
      accepted: 3,
    });
    // 1 + 12.5 + 3 + 1
    expect(
      (
        await api().get(
          'operator',
          '/api/v1/usage?deploymentId=acme-prod&start=2026-04-01T00:00:00Z&end=2026-04-01T01:00:00Z',
        )
      ).body,
    ).toEqual({ request: '17.5' });
    expect(await records('billingKind=request&resourceId=gw-9')).toMatchObject([
      { sourceId: 'service-0/00003', granularity: 'event', quantity: '3' },
    ]);
    expect(await records('billingKind=request&resourceId=service-0')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          sourceId: 'service-0/00001',
          quantity: '1',
          period: { start: '2026-04-01T00:00:00.001Z', end: '2026-04-01T00:00:00.001001Z' },
          attributes: { method: 'GET', route: '/hello' },
        }),
      ]),
    );
  });

  it('are accepted in binary mode: attributes in headers, and data as the body or none', async () => {
    const sent = async (headers: Record<string, string>, body?: string) => {
      const answer = await api().ask('ingest', 'POST', '/api/v1/usage', body, headers);
      expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
      return zIngested.parse(answer.body);
    };
    const attributes = {
      'ce-specversion': '1.0',
      'ce-type': 'binary',
      'ce-source': 'caf%C3%A9 1',
      'ce-subject': 'acme-prod',
      'ce-time': '2026-04-05T12:00:00.123456789Z',
      'ce-traceparent': '00-0-0-00',
    };
    expect(
      await sent(
        { ...attributes, 'ce-id': 'b1', 'content-type': 'application/json; charset=utf-8' },
        '{"quantity":"2","route":"/hello"}',
      ),
    ).toMatchObject({ items: [{ index: 0, id: 'b1', status: 'accepted' }] });
    expect(await sent({ ...attributes, 'ce-id': 'b2' })).toMatchObject({ items: [{ id: 'b2', status: 'accepted' }] });
    expect(await records('billingKind=binary')).toMatchObject([
      {
        sourceId: 'caf%C3%A9%201/b1',
        resourceId: 'café 1',
        quantity: '2',
        attributes: { route: '/hello' },
        period: { start: '2026-04-05T12:00:00.123456Z' },
      },
      { quantity: '1', attributes: null },
    ]);
    // The same event in either mode is one.
    const { subject, type, specversion } = { subject: 'acme-prod', type: 'binary', specversion: '1.0' };
    expect(
      await send({ specversion, id: 'b2', source: 'café 1', subject, type }, 'ingest', 'application/cloudevents+json'),
    ).toMatchObject({ duplicate: 1 });
    const bad = { 'ce-id': 'b3', 'ce-specversion': '1.0' };
    expect(problemIn(await api().ask('ingest', 'POST', '/api/v1/usage', undefined, bad))).toMatchObject({
      status: 400,
      errors: [{ field: 'source' }, { field: 'type' }, { field: 'subject' }],
    });
  });

  it('may have null for optional fields', async () => {
    expect(
      await send({ ...EVENT, id: 'nulls', time: null, datacontenttype: null, dataschema: null, data: null }),
    ).toMatchObject({ accepted: 1 });
  });

  it('may have data of any type of JSON, with parameters', async () => {
    const types = ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.acme+json'];
    const events = [...types, 'application/jsonl'].map((datacontenttype, n) => ({
      ...EVENT,
      id: `typed-${n}`,
      datacontenttype,
    }));
    expect(await send(events)).toMatchObject({ accepted: 3, rejected: 1 });
  });

  it('are one or an array, as their content type says', async () => {
    const observation = of(hour(12));
    for (const [type, body, detail] of [
      ['application/cloudevents+json', [EVENT], 'For an array, use application/cloudevents-batch+json'],
      ['application/cloudevents-batch+json', EVENT, 'For one event, use application/cloudevents+json'],
    ] as const)
      expect(problemIn(await api().post('ingest', '/api/v1/usage', body, { 'content-type': type }))).toMatchObject({
        status: 400,
        code: 'invalid_input',
        detail: expect.stringContaining(detail),
      });
    const typed = { 'content-type': 'application/cloudevents+json' };
    expect(problemIn(await api().post('ingest', '/api/v1/usage', observation, typed))).toMatchObject({
      status: 400,
      detail: expect.stringMatching(/^event: /),
    });
    // By itself it is a request. In an array each has its own answer.
    const unknown = { ...EVENT, id: 'lost', subject: 'nobody' };
    expect(problemIn(await api().post('ingest', '/api/v1/usage', unknown))).toMatchObject({
      status: 404,
      code: 'unknown_deployment',
    });
    expect(await send([unknown])).toMatchObject({ rejected: 1 });
  });

  it('are identified by source and id without a time limit, also with another time', async () => {
    const event = { ...EVENT, id: 'once', data: { quantity: '5' } };
    expect(await send(event)).toMatchObject({ accepted: 1 });
    const { time: _, ...untimed } = event;
    const years = { ...event, time: '2031-01-01T00:00:00Z' };
    expect(await send([event, untimed, years, event])).toMatchObject({ accepted: 0, duplicate: 4 });
    const conflictOf = async (body: object): Promise<object> =>
      problemIn(await api().post('operator', '/api/v1/usage', body));
    expect(await conflictOf({ ...years, data: { quantity: '6' } })).toMatchObject({
      status: 409,
      code: 'usage_conflict',
      detail: expect.stringContaining('with quantity 5, not 6'),
    });
    expect(await conflictOf({ ...event, type: 'another' })).toMatchObject({
      status: 409,
      detail:
        'the event with this source and id is recorded as request of service-0, not as another of service-0:' +
        ' give each event an id of its own. To correct what is recorded, use correct-usage.',
    });
    expect(await send([{ ...event, type: 'another' }])).toMatchObject({ conflict: 1 });
    expect(await send({ ...event, source: 'service-1' })).toMatchObject({ accepted: 1 });
    // The same, twice, and new: once, if it says the same.
    const twice = { ...EVENT, id: 'twice' };
    expect(
      await send([twice, { ...twice, time: '2026-05-05T00:00:00Z' }, { ...twice, data: { quantity: '9' } }]),
    ).toMatchObject({ accepted: 1, duplicate: 1, conflict: 1 });
  });

  it('that contradict what is recorded are told which command corrects it, as a refused command is', async () => {
    const [recorded, twice] = [of(hour(8, { resourceId: 'gw-r', quantity: '1' })), { ...EVENT, id: 'told' }];
    expect(await send(recorded)).toMatchObject({ accepted: 1 });
    const messages = async (body: object[]) =>
      (await send(body, 'operator')).items.map(({ error }) => error?.message ?? '');
    expect(await messages([twice, { ...twice, data: { quantity: '9' } }])).toEqual([
      '',
      expect.stringMatching(
        /^event .* was sent twice, with different contents\. To correct what is recorded, use correct-usage\.$/,
      ),
    ]);
    // A message that names the command already is left as it is.
    const [told = ''] = await messages([of(hour(8, { resourceId: 'gw-r', quantity: '2' }))]);
    expect(told.match(/correct-usage/g)).toHaveLength(1);
    // A reading that is rejected for another reason has nothing to be corrected.
    const [other = ''] = await messages([{ ...recorded, deploymentId: 'nobody' }]);
    expect(other).toBe('deployment nobody is not registered');
  });

  it('without a time are counted once, also if many send them at the same time', async () => {
    const { time: _, ...untimed } = EVENT;
    const months = ['2026-04-01', '2026-05-01', '2026-06-01'].map((day) => `${day}T00:00:00Z`);
    const events = [{ ...untimed, id: 'raced' }, ...months.map((time) => ({ ...untimed, id: 'raced', time }))];
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => send(events[n % 4])));
    expect(answers.map(({ accepted }) => accepted).reduce((a, b) => a + b)).toBe(1);
    expect(answers.map(({ duplicate }) => duplicate).reduce((a, b) => a + b)).toBe(11);
  });

  it('are refused with every faulty field', async () => {
    const wrong = {
      specversion: '0.3',
      id: '',
      source: 'service-0',
      type: 'request',
      time: 'yesterday',
      datacontenttype: 'text/xml',
      data: { quantity: 0.1 + 0.2 },
    };
    const { items } = await send([
      wrong,
      { ...EVENT, id: 'x', data_base64: 'AAAA' },
      { ...EVENT, id: 'y', data: { quantity: '1', value: '2' } },
    ]);
    expect(items[0]?.error?.errors?.map(({ field }) => field).sort()).toEqual([
      'data.quantity',
      'datacontenttype',
      'id',
      'specversion',
      'subject',
      'time',
    ]);
    expect(items[1]).toMatchObject({ status: 'rejected', error: { errors: [{ field: 'data_base64' }] } });
    expect(items[2]).toMatchObject({ status: 'rejected', error: { errors: [{ field: 'data.value' }] } });
  });
});
