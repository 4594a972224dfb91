import { z } from 'zod';
import { zMargin } from '#operations/margin';
import { zId, zInstant, zText } from '#domain/schema';
import { ROLES } from '#ledger/caller';
import { isCorrection } from '#ledger/command';
import { zBasedOn } from '#ledger/define-command';
import { zOutcome } from '#operations/answers';
import { COMMANDS } from '#operations/operations';
import { EVENT_TYPE, EVENTS_TYPE, zCloudEvent } from '../cloud-event.js';
import { MAX_COMMANDS } from '../commands.http.js';
import { zIngested } from '../ingest.answer.js';
import { MAX_ITEMS, zSentObservation } from '../ingest.http.js';
import { PROBLEM_TYPE, zProblem } from '../problem.js';
import { zIssuedToken, zNewToken } from '../tokens.http.js';
import { fieldsOf, type Json, jsonSchema, type JsonObject, type OperationObject } from './json-schema.js';
import { json, media, PROBLEM, refusals } from './responses.js';

/** The operations with a body that are not queries: commands, usage, preview and GraphQL. */

/** The fields of every command besides its own. */
const zEnvelope = z.object({
  idempotencyKey: zId
    .optional()
    .describe('The same command again is unchanged. With a different body it is a conflict'),
  occurredAt: zInstant.optional().describe('When it happened. Default: the time of recording'),
  reason: zText.optional(),
});

export function aboutCommands(components: Record<string, Json>): OperationObject {
  const envelope = jsonSchema('envelope', zEnvelope, 'input', components);
  const correction = jsonSchema('envelope', zEnvelope.extend(zBasedOn.shape), 'input', components);
  for (const [name, { summary, fields }] of COMMANDS)
    components[name] = commandSchema(
      name,
      { ...jsonSchema(name, fields, 'input', components), description: summary },
      isCorrection(name) ? correction : envelope,
    );
  const references = [...COMMANDS.keys()].map((name) => ({ $ref: `#/components/schemas/${name}` }));
  components['Command'] = {
    oneOf: references,
    discriminator: {
      propertyName: 'command',
      mapping: Object.fromEntries([...COMMANDS.keys()].map((name) => [name, `#/components/schemas/${name}`])),
    },
  };
  components['CommandOutcome'] = jsonSchema('CommandOutcome', zOutcome, 'output', components);
  const command = { $ref: '#/components/schemas/Command' };
  const outcome = { $ref: '#/components/schemas/CommandOutcome' };
  return {
    operationId: 'commands',
    tags: ['Commands'],
    summary: 'Executes one command, or an array of commands in order. A refusal does not stop the rest',
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        required: false,
        description: 'The idempotencyKey of a single command, instead of the field in its body',
        schema: { type: 'string' },
      },
    ],
    requestBody: {
      required: true,
      content: json(
        { oneOf: [command, { type: 'array', items: command, maxItems: MAX_COMMANDS }] },
        Object.fromEntries([...COMMANDS].map(([name, { example }]) => [name, { command: name, ...example }])),
      ),
    },
    responses: {
      200: {
        description:
          'The outcome of the command, or of each command of an array. If a single command is refused: its problem',
        content: json({ oneOf: [outcome, { type: 'array', items: outcome }] }),
      },
    },
  };
}

const OBSERVATION_EXAMPLE = {
  deploymentId: 'acme-prod',
  resourceId: 'gw-1',
  billingKind: 'gateway',
  period: { start: '2026-04-03T00:00:00Z', end: '2026-04-04T00:00:00Z' },
  granularity: 'day',
  quantity: '8',
};
const EVENT_EXAMPLE = {
  specversion: '1.0',
  id: '00001',
  source: 'gw-1',
  type: 'gateway',
  subject: 'acme-prod',
  time: '2026-04-04T12:00:00Z',
  data: { quantity: '2', route: '/hello' },
};

export function aboutIngest(components: Record<string, Json>): OperationObject {
  const named = (name: string, schema: z.ZodType, io: 'input' | 'output'): Json => {
    components[name] = jsonSchema(name, schema, io, components);
    return { $ref: `#/components/schemas/${name}` };
  };
  const [observation, event] = [
    named('SentObservation', zSentObservation, 'input'),
    named('CloudEvent', zCloudEvent, 'input'),
  ];
  const many = (item: Json): Json => ({ type: 'array', items: item, maxItems: MAX_ITEMS });
  const ofOne = {
    type: 'object',
    properties: { deploymentId: { type: 'string' }, observations: many({ type: 'object' }) },
    required: ['deploymentId', 'observations'],
  };
  return {
    operationId: 'ingest',
    tags: ['Usage'],
    summary: 'Receives observations and CloudEvents 1.0, one or many. Each has its own result and can be sent again',
    description: 'A CloudEvent in binary mode has its attributes in headers and its data as the body.',
    parameters: ['specversion', 'id', 'source', 'type', 'subject', 'time'].map((name) => ({
      name: `ce-${name}`,
      in: 'header',
      required: false,
      schema: { type: 'string' },
    })),
    requestBody: {
      required: true,
      content: {
        ...json(
          { anyOf: [observation, ofOne, event, many({ anyOf: [observation, event] })] },
          { one: OBSERVATION_EXAMPLE, several: [OBSERVATION_EXAMPLE, EVENT_EXAMPLE] },
        ),
        [EVENT_TYPE]: media(event, { event: EVENT_EXAMPLE }),
        [EVENTS_TYPE]: media(many(event), { batch: [EVENT_EXAMPLE] }),
      },
    },
    responses: {
      200: { description: 'The result of each item', content: json(named('Ingested', zIngested, 'output')) },
    },
  };
}

const PREVIEW_EXAMPLE = {
  commands: [
    {
      command: 'correct-usage',
      deploymentId: 'acme-prod',
      resourceId: 'gw-1',
      billingKind: 'gateway',
      period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
      granularity: 'day',
      quantity: '6',
      reason: 'what if',
    },
  ],
  period: '2026-04',
};

export function aboutPreview(components: Record<string, Json>): OperationObject {
  components['Preview'] = jsonSchema('Preview', zPreviewed, 'output', components);
  const commands = {
    type: 'array',
    items: { $ref: '#/components/schemas/Command' },
    minItems: 1,
    maxItems: MAX_COMMANDS,
  };
  const at = { type: 'string', description: 'The instant up to which open lines are rated. Default: now' };
  const period = {
    type: 'string',
    description: 'A month: the answer has its margin without and with the commands (platform_admin)',
  };
  return {
    operationId: 'preview',
    tags: ['Commands'],
    summary: 'Previews the changes in money that commands would make now. Nothing is recorded',
    requestBody: {
      required: true,
      content: json(
        {
          type: 'object',
          properties: { commands, at, period, currency: { type: 'string' } },
          required: ['commands'],
          additionalProperties: false,
        },
        { correction: PREVIEW_EXAMPLE },
      ),
    },
    responses: { 200: { description: 'OK', content: json({ $ref: '#/components/schemas/Preview' }) } },
  };
}

const TOKEN_EXAMPLE = { role: 'auditor', actor: 'mira', expiresAt: '2026-07-01T00:00:00Z' };

export function aboutTokens(components: Record<string, Json>): OperationObject {
  components['NewToken'] = jsonSchema('NewToken', zNewToken, 'input', components);
  components['IssuedToken'] = jsonSchema('IssuedToken', zIssuedToken, 'output', components);
  return {
    operationId: 'issueToken',
    tags: ['Operation'],
    summary: 'Issues a bearer token. An event records its id, role and end; the token itself is shown once',
    requestBody: {
      required: true,
      content: json({ $ref: '#/components/schemas/NewToken' }, { auditor: TOKEN_EXAMPLE }),
    },
    responses: { 200: { description: 'The token', content: json({ $ref: '#/components/schemas/IssuedToken' }) } },
  };
}

const zPreviewed = z.looseObject({
  lines: z.array(
    z.looseObject({
      tenantId: z.string(),
      invoiceId: z.string().nullable().describe('The issued invoice that would be corrected. null: the part is open'),
      number: z.string().nullable().describe('The number of this invoice'),
      lineId: z.string(),
      currency: z.string(),
      before: z.string(),
      after: z.string(),
      difference: z.string(),
      tax: z.looseObject({ before: z.string(), after: z.string(), difference: z.string() }),
    }),
  ),
  byTenant: z.array(
    z.looseObject({ tenantId: z.string(), currency: z.string(), difference: z.string(), taxDifference: z.string() }),
  ),
  total: z.string().nullable().describe('null: the lines are in several currencies'),
  position: z
    .int()
    .describe('The log position of the preview. A correction with it as basedOn is refused if it changed'),
  commands: z.array(z.looseObject({ index: z.int(), command: z.string(), status: z.string() })),
  remetered: z.array(z.string()).describe('Days that would be metered again'),
  margin: z
    .strictObject({ before: zMargin, after: zMargin })
    .optional()
    .describe('Of the month that was given, without and with the commands'),
  addressees: z
    .array(
      z.strictObject({
        ...{ tenantId: z.string(), currency: z.string() },
        invoiceId: z.string().nullable().describe('null: what is open, and would be on the next invoice as of `at`'),
        number: z.string().nullable().describe('null: it is not issued'),
        status: z.enum(['open', 'draft', 'issued', 'paid']).describe('One that is issued or paid stays as it is'),
        before: z.string().nullable().describe('Whom it is addressed to. null: the tenant itself'),
        after: z
          .string()
          .nullable()
          .describe('Whom it would be addressed to if it were issued after the commands. null: the tenant itself'),
      }),
    )
    .optional()
    .describe('Invoices that payers which are set or corrected address to another. Absent: no payer is'),
  thresholds: z
    .array(
      z.strictObject({
        ...{ tenantId: z.string(), budgetId: z.string(), month: z.string(), threshold: z.string() },
        change: z.enum(['reached', 'undone']),
        value: z.string().nullable().describe('null: there is no such budget in the month any more'),
        limit: z.string().nullable(),
      }),
    )
    .optional()
    .describe('What the worker would record of budgets that are set or corrected. Absent: none is'),
  alerts: z
    .array(
      z.strictObject({
        ...{ alertId: z.string(), period: z.string(), currency: z.string() },
        ...{ tenantId: z.string().nullable(), provider: z.string().nullable(), kind: z.string().nullable() },
        change: z.enum(['raised', 'cleared']),
        value: z.string().nullable().describe('In percent or points'),
      }),
    )
    .optional()
    .describe('What the worker would record by rules that are set or corrected. Absent: none is'),
});

const GRAPHQL_EXAMPLE = {
  query: '{ tenants(limit: 10) { items { tenantId name deployments { deploymentId } } nextCursor } }',
};

/** Served by mercurius, not by a controller. */
export function graphQlPaths(): Record<string, Json> {
  const asked = { query: { type: 'string' }, operationName: { type: ['string', 'null'] } };
  const refusal = {
    type: 'object',
    properties: {
      code: jsonSchema('code', zProblem.shape.code, 'output', {}),
      status: { type: 'integer' },
      errors: { type: 'array', items: { $ref: '#/components/schemas/FieldError' } },
    },
    required: ['code', 'status'],
  };
  const position = { type: 'object', properties: { line: { type: 'integer' }, column: { type: 'integer' } } };
  const error = {
    type: 'object',
    properties: {
      message: { type: 'string' },
      path: { type: 'array', items: { type: ['string', 'integer'] } },
      locations: { type: 'array', items: position },
      extensions: refusal,
    },
    required: ['message', 'extensions'],
  };
  const answer = {
    type: 'object',
    properties: {
      data: { type: ['object', 'null'] },
      errors: { type: 'array', items: error },
      extensions: {
        type: 'object',
        description: 'Only if events that are recorded can’t be projected: the data is as of position',
        properties: {
          staleSince: { type: 'string', format: 'date-time' },
          stale: { type: 'string' },
          position: { type: 'integer' },
        },
      },
    },
  };
  /** A GraphQL response if the query is at fault, a problem if the request is. */
  const refused = (description: string): Json => ({
    description,
    content: { ...json(answer), [PROBLEM_TYPE]: media(PROBLEM) },
  });
  const of = (about: JsonObject, more: JsonObject = {}): JsonObject => ({
    tags: ['GraphQL'],
    description: `For ${ROLES.join(', ')}.`,
    security: [{ bearer: [] }],
    'x-roles': ROLES,
    ...about,
    responses: {
      200: {
        description: 'The data, and an error with code and status for each field without data',
        content: json(answer),
      },
      400: refused('Invalid query (`invalid_query`, also too deep), or too costly'),
      401: refusals[401],
      403: refused('Not allowed for this role, and the query has no other data'),
      429: refusals[429],
      503: refused('Temporarily unavailable'),
      default: refusals.default,
      ...more,
    },
  });
  const inQuery = (name: string, example?: string): Json => ({
    name,
    in: 'query',
    required: example !== undefined,
    schema: { type: 'string' },
    ...(example === undefined ? {} : { example }),
  });
  return {
    get: of(
      {
        operationId: 'graphqlQuery',
        summary: 'Executes a GraphQL query. With an upgrade to WebSocket: GraphQL subscriptions',
        parameters: [inQuery('query', GRAPHQL_EXAMPLE.query), inQuery('variables'), inQuery('operationName')],
      },
      { 405: refused('A mutation. Send it by POST') },
    ),
    post: of({
      operationId: 'graphql',
      summary:
        'Executes a GraphQL query or mutation: all queries of this document, with the same parameters, and relations',
      requestBody: {
        required: true,
        content: json(
          { type: 'object', properties: { ...asked, variables: { type: ['object', 'null'] } }, required: ['query'] },
          { tenants: GRAPHQL_EXAMPLE },
        ),
      },
    }),
  };
}

/** A command in a request: its name, its own fields, and the envelope. */
function commandSchema(name: string, schema: JsonObject, envelope: JsonObject): JsonObject {
  const own = fieldsOf(schema);
  const common = fieldsOf(envelope).filter((field) => own.every((each) => each.name !== field.name));
  const properties = Object.fromEntries([...own, ...common].map((field) => [field.name, field.schema]));
  return {
    ...schema,
    properties: { command: { const: name }, ...properties },
    required: ['command', ...own.filter(({ required }) => required).map((field) => field.name)],
  };
}
