import { z } from 'zod';
import { zId, zInstant, zText } from '#domain/schema';
import { COMMANDS } from '#ledger/commands/index';
import { QUERIES } from '#ledger/queries/index';
import { MAX_COMMANDS } from '../commands.http.js';
import { KINDS, PROBLEM_TYPE, zProblem } from '../problem.js';
import type { Route } from '../routes.js';
import { ANSWERS } from './answers.js';
import { fieldsOf, type Json, jsonSchema, type JsonObject } from './json-schema.js';

/**
 * The OpenAPI 3.1 document, made of what runs: the routes of the application, the schemas that queries and commands are checked
 * by, the roles that the guard asks. Nothing in it is written a second time.
 */
export function openApiDocument(routes: readonly Route[]): JsonObject {
  const components: Record<string, Json> = { Problem: jsonSchema('Problem', zProblem, 'output', {}) };
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) (paths[documentedPath(route)] ??= {})[route.method.toLowerCase()] = operation(route, components);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Ledgerline',
      version: '1',
      description:
        'An event-sourced billing ledger for cloud usage.' +
        ' Decimals and money are strings; instants are RFC 3339 in UTC; periods are half-open.' +
        ' Every read may be asked as of an earlier instant or log position. Every write may be sent again: it changes nothing.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Claims: sub, role, and tenantId for a tenant' },
      },
    },
  };
}

const documentedPath = ({ path }: Route): string => path.replace(/:(\w+)/g, '{$1}');

function operation(route: Route, components: Record<string, Json>): JsonObject {
  const { roles, query } = route.access;
  const about = query === undefined ? aboutRoute(route, components) : aboutQuery(route, query, components);
  if (roles === 'everyone') return { ...about, security: [] };
  return { ...about, security: [{ bearer: [] }], 'x-roles': roles, responses: { ...responsesOf(about), ...refusals } };
}

const responsesOf = (about: JsonObject): JsonObject => {
  const { responses } = about;
  return typeof responses === 'object' && responses !== null && !Array.isArray(responses) ? (responses as JsonObject) : {};
};

const problemResponse = (description: string): Json => ({
  description,
  content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
});

const refusals: JsonObject = {
  401: problemResponse('No valid token'),
  ...Object.fromEntries(Object.values(KINDS).map(({ status, title }) => [String(status), problemResponse(title)])),
  default: problemResponse('Any other problem'),
};

const json = (schema: Json): Json => ({ 'application/json': { schema } });

function aboutQuery(route: Route, name: string, components: Record<string, Json>): JsonObject {
  const query = QUERIES.get(name);
  const answer = ANSWERS.get(name);
  if (query === undefined || answer === undefined) throw new Error(`the query ${name} of ${route.path} is not described`);
  const answerName = `${camelCase(name)}Answer`;
  components[answerName] = jsonSchema(answerName, answer, 'output', components);
  const about = {
    operationId: camelCase(name),
    tags: [subjectOf(route)],
    summary: query.summary,
    responses: { 200: { description: 'The answer', content: { [query.media ?? 'application/json']: { schema: { $ref: `#/components/schemas/${answerName}` } } } } },
  };
  const askedName = `${camelCase(name)}Question`;
  const asked = jsonSchema(askedName, query.params, 'input', components);
  if (route.method === 'POST') {
    components[askedName] = asked;
    return { ...about, requestBody: { required: true, content: json({ $ref: `#/components/schemas/${askedName}` }) } };
  }
  return {
    ...about,
    parameters: fieldsOf(asked).map(({ name: field, required, schema }) =>
      route.path.includes(`:${field}`)
        ? { name: field, in: 'path', required: true, schema }
        : { name: field, in: 'query', required, schema },
    ),
  };
}

/** The routes that answer no query: a page, a probe, or the commands. */
function aboutRoute(route: Route, components: Record<string, Json>): JsonObject {
  if (route.path.endsWith('/commands')) return aboutCommands(components);
  if (route.path.endsWith('/preview')) return aboutPreview(components);
  const last = route.path.split('/').at(-1) ?? '';
  const [summary, type] = PAGES.get(route.path) ?? [];
  if (summary === undefined || type === undefined) throw new Error(`${route.path} is not described in the OpenAPI document`);
  return {
    operationId: camelCase(last === '' ? 'console' : last.replaceAll('.', '-')),
    tags: [subjectOf(route)],
    summary,
    responses: { 200: { description: 'OK', content: { [type]: {} } }, ...(last === 'ready' ? { 503: problemResponse('Not ready') } : {}) },
  };
}

const PAGES: ReadonlyMap<string, readonly [summary: string, type: string]> = new Map([
  ['/', ['The console', 'text/html']],
  ['/console/console.js', ['The console, its script', 'text/javascript']],
  ['/console/console.css', ['The style of the console and the docs', 'text/css']],
  ['/api/docs', ['This document, to read', 'text/html']],
  ['/api/docs-json', ['This document', 'application/json']],
  ['/health/live', ['The process answers', 'application/json']],
  ['/health/ready', ['The database answers; lag is how many events the read models are behind', 'application/json']],
]);

const subjectOf = ({ path }: Route): string => (path.startsWith('/api/v1/') ? (path.split('/')[3] ?? '') : 'service');

const camelCase = (name: string): string => name.replace(/-(\w)/g, (_all, letter: string) => letter.toUpperCase());

/** What any command may carry besides its own fields. */
const zEnvelope = z.object({
  idempotencyKey: zId.optional().describe('The same again is unchanged; with another body a conflict'),
  occurredAt: zInstant.optional().describe('When it happened; otherwise the time of recording'),
  reason: zText.optional(),
});

function aboutCommands(components: Record<string, Json>): JsonObject {
  const envelope = jsonSchema('envelope', zEnvelope, 'input', components);
  for (const [name, { schema }] of COMMANDS)
    components[name] = commandSchema(name, jsonSchema(name, schema, 'input', components), envelope);
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
    requestBody: { required: true, content: json({ oneOf: [command, { type: 'array', items: command, maxItems: MAX_COMMANDS }] }) },
    responses: {
      200: {
        description: 'The outcome of the one, or of each: a single command that is refused answers with its problem',
        content: json({ oneOf: [outcome, { type: 'array', items: outcome }] }),
      },
    },
  };
}

function aboutPreview(components: Record<string, Json>): JsonObject {
  components['Preview'] = jsonSchema('Preview', zPreviewed, 'output', components);
  const commands = { type: 'array', items: { $ref: '#/components/schemas/Command' }, minItems: 1, maxItems: MAX_COMMANDS };
  const at = { type: 'string', description: 'Up to when open lines are rated; now unless given' };
  const period = { type: 'string', description: 'The month whose margin is answered, without the commands and with them (platform_admin)' };
  return {
    operationId: 'preview',
    tags: ['commands'],
    summary: 'What commands would change, in money, were they carried out now; nothing is kept',
    requestBody: {
      required: true,
      content: json({ type: 'object', properties: { commands, at, period, currency: { type: 'string' } }, required: ['commands'], additionalProperties: false }),
    },
    responses: { 200: { description: 'OK', content: json({ $ref: '#/components/schemas/Preview' }) } },
  };
}

const zPreviewed = z.looseObject({
  lines: z.array(
    z.looseObject({
      tenantId: z.string(),
      invoiceId: z.string().nullable().describe('The issued invoice that the difference would correct; null: the part is open'),
      lineId: z.string(),
      before: z.string(),
      after: z.string(),
      difference: z.string(),
    }),
  ),
  byTenant: z.array(z.looseObject({ tenantId: z.string(), currency: z.string(), difference: z.string() })),
  total: z.string().nullable().describe('null where the lines are in several currencies'),
});

const zOutcome = z.looseObject({
  index: z.int().optional().describe('In the array that was posted'),
  command: z.string(),
  status: z.enum(['done', 'unchanged', 'refused']),
  result: z.looseObject({}).optional(),
  position: z.int().optional().describe('In the log, of its last event'),
  error: z.looseObject({ code: z.string(), message: z.string(), errors: zProblem.shape.errors.optional() }).optional(),
});

/** A command as it is sent: its own fields, its name, and the envelope. A choice of shapes has them in each. */
function commandSchema(name: string, schema: JsonObject, envelope: JsonObject): JsonObject {
  for (const choice of ['anyOf', 'oneOf']) {
    const options = schema[choice];
    if (Array.isArray(options)) return { ...schema, [choice]: options.map((each: JsonObject) => commandSchema(name, each, envelope)) };
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
