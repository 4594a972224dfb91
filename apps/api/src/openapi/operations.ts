import { z } from 'zod';
import { zId, zInstant, zText } from '#domain/schema';
import { ROLES } from '#ledger/caller';
import { isCorrection, zBasedOn } from '#ledger/define-command';
import { zOutcome } from '#operations/answers';
import { COMMANDS } from '#operations/operations';
import { EVENT_TYPE, EVENTS_TYPE, zCloudEvent } from '../cloud-event.js';
import { MAX_COMMANDS } from '../commands.http.js';
import { zIngested } from '../ingest.answer.js';
import { MAX_ITEMS, zSentObservation } from '../ingest.http.js';
import { PROBLEM_TYPE, zProblem } from '../problem.js';
import { fieldsOf, type Json, jsonSchema, type JsonObject, type OperationObject } from './json-schema.js';
import { json, media, PROBLEM, refusals } from './responses.js';

/** What is asked with a body of its own: commands, usage, a preview, and GraphQL. */

/** What any command may carry besides its own fields. */
const zEnvelope = z.object({
  idempotencyKey: zId.optional().describe('The same again is unchanged; with another body a conflict'),
  occurredAt: zInstant.optional().describe('When it happened; otherwise the time of recording'),
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
    tags: ['commands'],
    summary: 'Executes one command, or an array of them in order; a refusal does not stop the rest',
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        required: false,
        description: 'The idempotencyKey of a single command that has none in its body',
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
        description: 'The outcome of the one, or of each: a single command that is refused answers with its problem',
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
    tags: ['usage'],
    summary:
      'Takes observations and CloudEvents 1.0, one or many; each is answered by itself, and may be sent again for ever',
    description: 'A CloudEvent in binary mode has its attributes in headers, and its data alone as the body.',
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
    responses: { 200: { description: 'What became of each', content: json(named('Ingested', zIngested, 'output')) } },
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
  const at = { type: 'string', description: 'Up to when open lines are rated; now unless given' };
  const period = {
    type: 'string',
    description: 'The month whose margin is answered, without the commands and with them (platform_admin)',
  };
  return {
    operationId: 'preview',
    tags: ['commands'],
    summary: 'What commands would change, in money, were they carried out now; nothing is kept',
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

const zPreviewed = z.looseObject({
  lines: z.array(
    z.looseObject({
      tenantId: z.string(),
      invoiceId: z
        .string()
        .nullable()
        .describe('The issued invoice that the difference would correct; null: the part is open'),
      lineId: z.string(),
      before: z.string(),
      after: z.string(),
      difference: z.string(),
    }),
  ),
  byTenant: z.array(z.looseObject({ tenantId: z.string(), currency: z.string(), difference: z.string() })),
  total: z.string().nullable().describe('null where the lines are in several currencies'),
});

const GRAPHQL_EXAMPLE = {
  query: '{ tenants(limit: 10) { items { tenantId name deployments { deploymentId } } nextCursor } }',
};

/** Served by Mercurius itself, beside the controllers. */
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
      path: { type: 'array' },
      locations: { type: 'array', items: position },
      extensions: refusal,
    },
    required: ['message', 'extensions'],
  };
  const answer = {
    type: 'object',
    properties: { data: { type: ['object', 'null'] }, errors: { type: 'array', items: error } },
  };
  /** Of the query, GraphQL's own answer; of the request that it came in, a problem. */
  const refused = (description: string): Json => ({
    description,
    content: { ...json(answer), [PROBLEM_TYPE]: media(PROBLEM) },
  });
  const of = (about: JsonObject, more: JsonObject = {}): JsonObject => ({
    tags: ['graphql'],
    security: [{ bearer: [] }],
    'x-roles': ROLES,
    ...about,
    responses: {
      200: {
        description: 'Data, and the errors of fields that have none: each with its code and status',
        content: json(answer),
      },
      400: refused('The query is wrong, too deep (`invalid_query`) or too costly'),
      401: refusals[401],
      403: refused('Not for this role, where the query leaves no other data'),
      429: refusals[429],
      503: refused('Try again later'),
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
        summary: 'A GraphQL query; with an upgrade to WebSocket, GraphQL subscriptions',
        parameters: [inQuery('query', GRAPHQL_EXAMPLE.query), inQuery('variables'), inQuery('operationName')],
      },
      { 405: refused('A mutation: send it by POST') },
    ),
    post: of({
      operationId: 'graphql',
      summary:
        'A GraphQL query or mutation: every query of this document by the same names and parameters, with relations',
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

/** A command as it is sent: its name, its own fields, and the envelope. */
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
