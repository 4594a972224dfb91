import { z } from 'zod';
import { zId, zInstant, zText } from '#domain/schema';
import { ROLES } from '#ledger/caller';
import { isCorrection, zBasedOn } from '#ledger/command';
import { zOutcome } from '#operations/answers';
import { COMMANDS } from '#operations/commands/index';
import { EVENT_TYPE, EVENTS_TYPE, zCloudEvent } from '../cloud-event.js';
import { MAX_COMMANDS } from '../commands.http.js';
import { zIngested } from '../ingest.answer.js';
import { MAX_ITEMS, zSentObservation } from '../ingest.http.js';
import { PROBLEM_TYPE, zProblem } from '../problem.js';
import { COMMAND_EXAMPLES, GRAPHQL_EXAMPLE, INGEST_EXAMPLES, PREVIEW_EXAMPLE } from './examples.js';
import { fieldsOf, type Json, jsonSchema, type JsonObject } from './json-schema.js';
import { json, media, PROBLEM, refusals } from './responses.js';

/** What is asked with a body of its own: commands, usage, a preview, and GraphQL. */

/** What any command may carry besides its own fields. */
const zEnvelope = z.object({
  idempotencyKey: zId.optional().describe('The same again is unchanged; with another body a conflict'),
  occurredAt: zInstant.optional().describe('When it happened; otherwise the time of recording'),
  reason: zText.optional(),
});

export function aboutCommands(components: Record<string, Json>): JsonObject {
  const envelope = jsonSchema('envelope', zEnvelope, 'input', components);
  const correction = jsonSchema('envelope', zEnvelope.extend(zBasedOn.shape), 'input', components);
  for (const [name, { schema }] of COMMANDS)
    components[name] = commandSchema(
      name,
      jsonSchema(name, schema, 'input', components),
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
        Object.fromEntries(COMMAND_EXAMPLES),
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

export function aboutIngest(components: Record<string, Json>): JsonObject {
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
          { one: INGEST_EXAMPLES.observation, several: [INGEST_EXAMPLES.observation, INGEST_EXAMPLES.event] },
        ),
        [EVENT_TYPE]: media(event, { event: INGEST_EXAMPLES.event }),
        [EVENTS_TYPE]: media(many(event), { batch: [INGEST_EXAMPLES.event] }),
      },
    },
    responses: { 200: { description: 'What became of each', content: json(named('Ingested', zIngested, 'output')) } },
  };
}

export function aboutPreview(components: Record<string, Json>): JsonObject {
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

/** A command as it is sent: its own fields, its name, and the envelope. A choice of shapes has them in each. */
function commandSchema(name: string, schema: JsonObject, envelope: JsonObject): JsonObject {
  for (const choice of ['anyOf', 'oneOf']) {
    const options = schema[choice];
    if (Array.isArray(options))
      return { ...schema, [choice]: options.map((each: JsonObject) => commandSchema(name, each, envelope)) };
  }
  const own = fieldsOf(schema);
  const common = fieldsOf(envelope).filter((field) => own.every((each) => each.name !== field.name));
  const properties = Object.fromEntries([...own, ...common].map((field) => [field.name, field.schema]));
  return {
    ...schema,
    properties: { command: { const: name }, ...properties },
    required: ['command', ...own.filter(({ required }) => required).map((field) => field.name)],
  };
}
