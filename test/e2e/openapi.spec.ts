import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import addFormats from 'ajv-formats';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { COMMANDS } from '#operations/operations';
import { Outbox } from '#exchange/webhooks/outbox';
import { readMessages } from '#exchange/webhooks/messages';
import { LedgerCore } from '#ledger/ledger-core';
import { Audit } from '#audit/audit';
import { evaluateAlerts } from '#billing/alerts/evaluate-alerts';
import { instant } from '#domain/time/instant';
import { Ledger } from '#operations/ledger';
import { newSigner } from '#transparency/note';
import { TestApi } from '../support/api.js';
import { propose } from '../support/proposals.js';
import { sourcesIn } from '../architecture/sources.js';

const zExamples = z.record(z.string(), z.object({ summary: z.string().optional(), value: z.unknown() }));
const zMedia = z.looseObject({ schema: z.json(), examples: zExamples.optional() });
const zOperation = z.looseObject({
  operationId: z.string(),
  summary: z.string().min(1),
  security: z.array(z.json()),
  parameters: z
    .array(
      z.looseObject({
        name: z.string(),
        in: z.enum(['path', 'query', 'header']),
        required: z.boolean().default(false),
        schema: z.json(),
        example: z.unknown().optional(),
      }),
    )
    .default([]),
  requestBody: z.looseObject({ content: z.record(z.string(), zMedia) }).optional(),
  responses: z.record(
    z.string(),
    z.looseObject({ description: z.string(), content: z.record(z.string(), zMedia.or(z.looseObject({}))).optional() }),
  ),
});
const zDocument = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), zOperation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.json()) }),
});
type Operation = z.output<typeof zOperation>;

let api: TestApi;
let document: z.output<typeof zDocument>;
let operations: { path: string; method: string; operation: Operation }[];

beforeAll(async () => {
  api = await TestApi.startEmpty();
  await propose(api.app.get(LedgerCore), 'example');
  document = zDocument.parse((await api.get(null, '/api/docs-json')).body);
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
});
afterAll(async () => {
  await api.close();
});

it('passes the rules that Redocly recommends, and has what Spectral asks for besides', async () => {
  const { body } = await api.get(null, '/api/docs-json');
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source: JSON.stringify(body), config });
  expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual([]);
  // What Spectral asks for besides: a contact, groups that are described, a description of each operation, items of
  // each list.
  const zTagged = z.object({
    info: z.object({ contact: z.object({ name: z.string() }) }),
    tags: z.array(z.object({ name: z.string(), description: z.string() })),
  });
  const tags = new Set(zTagged.parse(body).tags.map(({ name }) => name));
  for (const { operation } of operations)
    expect({ ...operation, known: tags.has(String(operation['tags'])) }).toMatchObject({
      description: expect.any(String),
      known: true,
    });
  expect(listsWithoutItems(body)).toEqual([]);
});

/** The schemas of type array that do not say what is in them. */
function listsWithoutItems(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  const isBare = 'type' in value && value.type === 'array' && !('items' in value);
  return [...(isBare ? [value] : []), ...Object.values(value).flatMap(listsWithoutItems)];
}

/**
 * Where the document says nothing of further fields, the test allows none: an answer may not have what is not
 * described.
 */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, each]) => [key, key === 'examples' || key === 'example' ? each : closed(each)]),
  );
  return 'properties' in inner && !('additionalProperties' in inner)
    ? { ...inner, additionalProperties: false }
    : inner;
}

/** By strictness: what all schemas refer to is compiled once. */
const compilers = new Map<boolean, Ajv2020>();

function compilerOf(strictly: boolean): Ajv2020 {
  const known = compilers.get(strictly);
  if (known !== undefined) return known;
  const ajv = new Ajv2020({ strict: false, allErrors: true, inlineRefs: false });
  addFormats.default(ajv);
  ajv.addFormat('decimal', /^-?\d+(\.\d+)?$/);
  const { schemas } = document.components;
  ajv.addSchema({ $id: 'document', components: { schemas: strictly ? closed(schemas) : schemas } });
  compilers.set(strictly, ajv);
  return ajv;
}

function validator(schema: unknown, strictly = true): (value: unknown) => string[] {
  const text = JSON.stringify(strictly ? closed(schema) : schema);
  const inDocument: unknown = JSON.parse(text.replaceAll('"#/components/', '"document#/components/'));
  const validate = compilerOf(strictly).compile(z.record(z.string(), z.unknown()).parse(inDocument));
  return (value) =>
    validate(value)
      ? []
      : (validate.errors ?? []).map(
          ({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
        );
}

function operationAt(path: string, method: string): Operation {
  const operation = document.paths[path]?.[method];
  if (operation === undefined) throw new Error(`${method} ${path} is not in the document`);
  return operation;
}

const answerSchema = (operation: Operation, status: number, type?: string): unknown => {
  const { content = {} } = operation.responses[String(status)] ?? operation.responses['default'] ?? { content: {} };
  return (type === undefined ? Object.values(content)[0] : content[type])?.['schema'];
};

/** The order in which the examples of commands tell their story. What the story needs besides, is written out. */
const STORY: readonly (string | { readonly command: string; readonly [field: string]: string })[] = [
  'register-tenant',
  'set-tax',
  'withdraw',
  'correct-tax',
  'correct-tenant',
  'set-grace-period',
  'register-deployment',
  { command: 'register-tenant', tenantId: 'globex', name: 'Globex', currency: 'USD' },
  'set-payer',
  'correct-payer',
  {
    command: 'register-deployment',
    deploymentId: 'trial',
    tenantId: 'acme',
    name: 'Trial',
    from: '2026-04-01T00:00:00Z',
  },
  'assign-deployment',
  'correct-assignment',
  'correct-deployment',
  'publish-plan',
  'start-subscription',
  'set-overrides',
  'correct-overrides',
  'set-commitment',
  'correct-commitment',
  'set-rate',
  'correct-rate',
  'withdraw-rate',
  'observe-resource',
  'sync-resources',
  'correct-resource',
  'configure-metering',
  'run-metering',
  'remove-resource',
  'observe-usage',
  'correct-usage',
  'record-cost',
  'correct-cost',
  'record-provider-total',
  'correct-provider-total',
  'set-cost-sharing',
  'correct-cost-sharing',
  'set-kind-mapping',
  'correct-kind-mapping',
  'set-budget',
  'correct-budget',
  'set-margin-alert',
  'correct-margin-alert',
  'set-cost-rate',
  'correct-cost-rate',
  'grant-credit',
  'grant-coupon',
  'revoke-credit',
  {
    command: 'withdraw',
    ...{ what: 'revoke-credit', creditId: 'spring', tenantId: 'acme', currency: 'USD', reason: 'it stays' },
  },
  { command: 'create-invoice', tenantId: 'acme', asOf: '2026-04-15T00:00:00Z' },
  'void-invoice',
  'create-invoice',
  'issue-invoice',
  'create-credit-note',
  'issue-consolidated-invoice',
  'void-consolidated-invoice',
  'record-payment',
  'record-transfer',
  'record-refund',
  'apply-payment',
  'close-period',
  'reopen-period',
  'pay-invoice',
  'correct-price',
  'correct-plan',
  'prune-usage',
  'skip-event',
  'acknowledge-removal',
  'rebuild-projections',
  'accept-rebuild',
  'cancel-rebuild',
  'roll-back-projections',
  'change-plan',
  'cancel-subscription',
  'correct-subscription',
  'waive-usage',
  'issue-token',
  'revoke-token',
  'register-webhook',
  'change-webhook',
  'rotate-webhook-secret',
  'pause-webhook',
  'resume-webhook',
  'replay-webhook',
  { command: 'register-webhook', webhookId: 'old-books', url: 'https://books.example/old' },
  'remove-webhook',
  'approve-proposal',
  'reject-proposal',
];
const exampleOf = (name: string): { readonly command: string } => ({ command: name, ...COMMANDS.get(name)?.example });

/** What this story gives no cause for: no halt of the projections, no removed event, no retention, no proposal. */
const REFUSED = new Map([
  ['skip-event', [409, 'not_halted']],
  ['acknowledge-removal', [409, 'nothing_removed']],
  ['prune-usage', [409, 'retention_not_over']],
  // No worker runs.
  ['accept-rebuild', [409, 'rebuild_not_compared']],
  ['approve-proposal', [404, 'unknown_proposal']],
  ['reject-proposal', [404, 'unknown_proposal']],
]);

describe('the examples', () => {
  it('of commands: each command has one, and all are executed in order', async () => {
    const told = STORY.filter((each) => typeof each === 'string');
    expect([...told].sort()).toEqual([...COMMANDS.keys()].sort());
    const commands = operationAt('/api/v1/commands', 'post');
    const valid = validator(answerSchema(commands, 200));
    const accepts = validator(commands.requestBody?.content['application/json']?.schema, false);
    for (const example of STORY.map((each) => (typeof each === 'string' ? exampleOf(each) : each))) {
      expect({ example, faults: accepts(example) }).toEqual({ example, faults: [] });
      const { status, body } = await api.post('platform_admin', '/api/v1/commands', example);
      const refused = REFUSED.get(example.command);
      if (refused !== undefined) {
        expect({ example, refused: [status, body] }).toMatchObject({ refused: [refused[0], { code: refused[1] }] });
        continue;
      }
      expect({ example, status, body, faults: valid(body) }).toMatchObject({
        status: 200,
        body: { status: 'done' },
        faults: [],
      });
    }
  });

  it('of every other operation get the documented response', async () => {
    await api.app.get(Audit).checkpoint(newSigner('ledgerline/specs'));
    // No worker runs: what it would raise of a rule that any margin meets.
    const rule = { alertId: 'any', when: 'margin_below', percent: '1000', effectiveFrom: '2026-01-01T00:00:00Z' };
    await api.post('platform_admin', '/api/v1/commands', { command: 'set-margin-alert', ...rule });
    await api.app.get(Ledger).catchUp();
    const worker = { actor: 'scheduler', role: 'operator' as const, now: instant('2026-08-01T00:00:00Z') };
    expect((await evaluateAlerts(api.app.get(LedgerCore), worker, null)).raised).toBeGreaterThan(0);
    // No worker runs: a message waits.
    const core = api.app.get(LedgerCore);
    const { messages } = await readMessages(core, { after: 0, upTo: await core.log.head(), count: 1, tenantId: null });
    await new Outbox(core.pool).add(
      'books',
      { round: 0, replays: 0, changed: 0, position: 0, event_id: null },
      messages,
    );
    for (const { path, method, operation } of operations) {
      const ok = operation.responses['200'];
      expect({ path, ok: ok !== undefined }).toEqual({ path, ok: true });
      const [type, media] = Object.entries(ok?.content ?? {})[0] ?? ['', {}];
      for (const [, body] of bodiesOf(operation)) {
        const answer = await api.ask(
          'platform_admin',
          method.toUpperCase(),
          pathOf(path, operation),
          body?.text,
          body === undefined ? {} : { 'content-type': body.type },
        );
        expect({ path, body, status: answer.status, answer: answer.body }).toMatchObject({ status: 200 });
        expect(answer.headers.get('content-type')).toContain(type);
        const schema = 'schema' in media ? media.schema : undefined;
        if (schema !== undefined)
          expect({ path, faults: validator(schema)(answer.body) }).toEqual({ path, faults: [] });
        // An empty list promises nothing.
        if (typeof answer.body === 'object' && answer.body !== null && 'items' in answer.body)
          expect({ path, items: answer.body.items }).not.toEqual({ path, items: [] });
      }
    }
  });

  it('of an explanation: every kind of id is explained as documented', async () => {
    const valid = validator(answerSchema(operationAt('/api/v1/audit/explain/{id}', 'get'), 200));
    const zOpen = z.object({ items: z.array(z.object({ lineId: z.string(), invoiceId: z.string().nullable() })) });
    const zEvents = z.object({ items: z.array(z.object({ position: z.int(), type: z.string() })) });
    const open =
      zOpen
        .parse((await api.get('operator', '/api/v1/lines?at=2026-06-15T00:00:00Z')).body)
        .items.find(({ invoiceId }) => invoiceId === null)?.lineId ?? '';
    const events = zEvents.parse((await api.get('platform_admin', '/api/v1/audit/events?limit=1000')).body).items;
    const cost = events.find(({ type }) => type === 'CostRecorded')?.position ?? 0;
    const rate = events.find(({ type }) => type === 'RateSet')?.position ?? 0;
    const explained: string[] = [];
    for (const id of [
      'INV-000001',
      open,
      'usage:acme-prod/gateway/gw-1/2026-04-02T00:00:00Z',
      'margin:2026-04',
      String(cost),
      String(rate),
    ]) {
      const { status, body } = await api.get(
        'platform_admin',
        `/api/v1/audit/explain/${encodeURIComponent(id)}?at=2026-06-15T00:00:00Z`,
      );
      expect({ id, status, body, faults: valid(body) }).toMatchObject({ id, status: 200, faults: [] });
      explained.push(z.object({ is: z.string() }).parse(body).is);
    }
    expect(explained).toEqual(['issued', 'open line', 'usage record', 'margin', 'event', 'event']);
  });

  it('of commands may have the common fields, and those of corrections basedOn', () => {
    const zFields = z.looseObject({ properties: z.record(z.string(), z.unknown()) });
    const zChoices = z.looseObject({ anyOf: z.array(zFields) }).or(z.looseObject({ oneOf: z.array(zFields) }));
    for (const name of COMMANDS.keys()) {
      const schema = document.components.schemas[name];
      const choices = zFields.or(zChoices).parse(schema);
      const shapes =
        'properties' in choices
          ? [zFields.parse(choices)]
          : z.array(zFields).parse('anyOf' in choices ? choices['anyOf'] : choices['oneOf']);
      for (const { properties } of shapes) {
        expect({ name, fields: Object.keys(properties) }).toEqual({
          name,
          fields: expect.arrayContaining(['command', 'idempotencyKey', 'occurredAt', 'reason']),
        });
        const isCorrection = name.startsWith('correct-') || name === 'withdraw';
        expect({ name, basedOn: 'basedOn' in properties }).toEqual({ name, basedOn: isCorrection });
      }
    }
  });

  it('of each request match its schema', () => {
    for (const { path, operation } of operations) {
      for (const [type, { schema, examples = {} }] of Object.entries(operation.requestBody?.content ?? {})) {
        expect({ path, type, examples: Object.keys(examples).length > 0 }).toEqual({ path, type, examples: true });
        for (const { value } of Object.values(examples))
          expect({ path, faults: validator(schema, false)(value) }).toEqual({ path, faults: [] });
      }
      for (const { name, schema, example, required } of operation.parameters) {
        if (required || example !== undefined)
          expect({ path, name, faults: validator(schema, false)(example) }).toEqual({ path, name, faults: [] });
      }
    }
  });
});

/** The path with the examples of its parameters. */
function pathOf(path: string, { parameters }: Operation): string {
  const given = parameters.filter(({ example }) => example !== undefined);
  const filled = given
    .filter((each) => each.in === 'path')
    .reduce((text, { name, example }) => text.replace(`{${name}}`, encodeURIComponent(String(example))), path);
  const query = new URLSearchParams(
    Object.fromEntries(given.filter((each) => each.in === 'query').map(({ name, example }) => [name, String(example)])),
  );
  return query.size === 0 ? filled : `${filled}?${query.toString()}`;
}

function bodiesOf(operation: Operation): [string, { type: string; text: string } | undefined][] {
  const content = Object.entries(operation.requestBody?.content ?? {});
  if (content.length === 0) return [['', undefined]];
  return content.flatMap(([type, { examples = {} }]) =>
    Object.entries(examples)
      .filter(([name]) => !COMMANDS.has(name))
      .map(([name, { value }]): [string, { type: string; text: string }] => [
        name,
        { type, text: JSON.stringify(value) },
      ]),
  );
}

describe('a refusal', () => {
  const refusals: readonly [string, string | null, string, string, string | undefined, number][] = [
    ['no token', null, 'GET', '/api/v1/tenants', undefined, 401],
    ['another role', 'tenant', 'GET', '/api/v1/resources', undefined, 403],
    ['what there is not', 'operator', 'GET', '/api/v1/invoices/none', undefined, 404],
    ['a wrong parameter', 'operator', 'GET', '/api/v1/tenants?limit=0', undefined, 400],
    ['a wrong field', 'operator', 'POST', '/api/v1/commands', '{"command":"register-tenant"}', 400],
    [
      'another body',
      'operator',
      'POST',
      '/api/v1/commands',
      '{"command":"register-tenant","tenantId":"acme","name":"A","currency":"EUR"}',
      409,
    ],
    ['a position that the log does not have', 'operator', 'GET', '/api/v1/tenants?waitFor=99999999', undefined, 400],
    ['GraphQL without a token', null, 'POST', '/graphql', '{"query":"{ __typename }"}', 401],
    ['GraphQL with a body that is no JSON', 'operator', 'POST', '/graphql', '{', 400],
    ['a wrong query', 'operator', 'POST', '/graphql', '{"query":"{ nonsense }"}', 400],
    ['a wrong query by GET', 'operator', 'GET', '/graphql?query={nonsense}', undefined, 400],
    [
      'a mutation by another role',
      'auditor',
      'POST',
      '/graphql',
      '{"query":"mutation { execute(commands: []) { status } }"}',
      403,
    ],
    ['a mutation by GET', 'operator', 'GET', '/graphql?query=mutation{execute(commands:[]){status}}', undefined, 405],
  ];
  it.each(refusals)('%s is a documented problem', async (_, who, method, path, body, status) => {
    const answer = await api.ask(who, method, path, body);
    const operation = operationAt(path.split('?')[0]?.replace('/none', '/{id}') ?? '', method.toLowerCase());
    expect(answer.status).toBe(status);
    expect(operation.responses[String(status)]).toBeDefined();
    const schema = answerSchema(operation, status, answer.headers.get('content-type')?.split(';')[0]);
    expect(schema).toBeDefined();
    expect(validator(schema)(answer.body)).toEqual([]);
  });

  it('is also too many requests or unavailable on every route with a token', () => {
    for (const { path, method, operation } of operations.filter(({ operation: { security } }) => security.length > 0))
      expect({ path, method, statuses: Object.keys(operation.responses) }).toEqual({
        path,
        method,
        statuses: expect.arrayContaining(['400', '401', '403', '429', '503', 'default']),
      });
  });

  it('has a documented code: all codes of the sources (UPDATE_CODES=1 writes them)', async () => {
    const file = new URL('../../apps/api/src/error-codes.ts', import.meta.url);
    const raised =
      /\b(?:(?:invalid|notFound|conflict|unavailable|DomainError|refuse)\(\s*|unknown: )'([a-z][a-z0-9_]+)'/g;
    const codes = new Set<string>([
      'unauthenticated',
      'unknown_route',
      'malformed_request',
      'body_too_large',
      'url_too_long',
      'unsupported_media_type',
      'too_many_requests',
      'request_timed_out',
      'headers_too_large',
      'overloaded',
      'internal',
      'invalid_parameter',
      'invalid_input',
      'invalid_query',
    ]);
    for (const { path, text } of [...sourcesIn('apps'), ...sourcesIn('libs')])
      if (!path.endsWith('.spec.ts'))
        for (const [, code] of text.matchAll(raised)) if (code !== undefined) codes.add(code);
    const lines = [...codes].sort().map((code) => `  '${code}',\n`);
    const listed =
      `/** Every code that a refusal may have; a test finds them in the sources. */\nexport const ERROR_CODES: ` +
      `readonly string[] = [\n${lines.join('')}];\n`;
    if (process.env['UPDATE_CODES'] === '1') await writeFile(file, listed);
    expect(await readFile(file, 'utf8')).toBe(listed);
    for (const code of codes) expect(JSON.stringify(document.components.schemas['Problem'])).toContain(`"${code}"`);
  });
});
