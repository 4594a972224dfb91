import { z } from 'zod';
import type { DefinedQuery } from '#ledger/query';
import { fieldName } from '../field-name.js';
import { POSITION, STALE, STALE_SINCE } from '../http.js';
import { zProblem } from '../problem.js';
import type { Route } from '../routes.js';
import { zWaiting } from '../wait-for.js';
import { fieldsOf, type Json, jsonSchema, type JsonObject, type OperationObject } from './json-schema.js';
import { aboutCommands, aboutIngest, aboutPreview, aboutTokens, graphQlPaths } from './operations.js';
import { json, refusals } from './responses.js';
import { subjectOf, TAGS } from './subjects.js';

/**
 * Builds the OpenAPI 3.1 document from the routes of the application, the schemas of queries and commands, and their
 * roles. Nothing in it is written twice.
 */
export function openApiDocument(routes: readonly Route[]): JsonObject {
  const components: Record<string, Json> = {};
  components['Problem'] = jsonSchema('Problem', zProblem, 'output', components);
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes.filter(({ path }) => !isConsole(path)))
    (paths[documentedPath(route)] ??= {})[route.method.toLowerCase()] = operation(route, components);
  paths['/graphql'] = graphQlPaths();
  return {
    openapi: '3.1.0',
    info: {
      title: 'Ledgerline',
      version: '1',
      description:
        'An event-sourced billing ledger for cloud usage.' +
        ' Decimals and money are strings; instants are RFC 3339 in UTC; periods are half-open.' +
        ' Every read can be as of an earlier instant or log position.' +
        ' Every write can be sent again: it changes nothing.',
      contact: { name: 'The operator of this ledger' },
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...TAGS],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'Claims: sub, role, and tenantId for a tenant',
        },
      },
    },
  };
}

/** The console is for people: programs use what it uses. */
const isConsole = (path: string): boolean => path === '/' || path.startsWith('/console');

const documentedPath = ({ path }: Route): string => path.replace(/:(\w+)/g, '{$1}');

function operation(route: Route, components: Record<string, Json>): JsonObject {
  const { roles, query } = route.access;
  const about = query === undefined ? aboutRoute(route, components) : aboutQuery(route, query, components);
  if (roles === 'everyone')
    return {
      ...about,
      description: 'Open to all, without a token.',
      security: [],
      responses: { ...about.responses, 429: refusals[429] },
    };
  return {
    ...about,
    description: `For ${roles.join(', ')}.`,
    security: [{ bearer: [] }],
    'x-roles': roles,
    responses: { ...about.responses, ...refusals },
  };
}

function aboutQuery(route: Route, query: DefinedQuery, components: Record<string, Json>): OperationObject {
  const { answer, example } = query;
  const name = fieldName(query.name);
  const answerName = z.globalRegistry.get(answer)?.id ?? `${name}Answer`;
  components[answerName] = jsonSchema(answerName, answer, 'output', components);
  const about = {
    operationId: name,
    tags: [subjectOf(route.path)],
    summary: query.summary,
    responses: {
      200: {
        description: 'The answer',
        headers: MOMENT_HEADERS,
        content: { [query.media ?? 'application/json']: { schema: { $ref: `#/components/schemas/${answerName}` } } },
      },
    },
  };
  const askedName = `${name}Question`;
  const asked = jsonSchema(askedName, query.params, 'input', components);
  if (route.method === 'POST') {
    components[askedName] = asked;
    return {
      ...about,
      requestBody: {
        required: true,
        content: json({ $ref: `#/components/schemas/${askedName}` }, { [query.name]: example }),
      },
    };
  }
  return {
    ...about,
    responses: { ...about.responses, 304: { description: 'Not changed since the ETag in If-None-Match' } },
    parameters: [...fieldsOf(asked), ...fieldsOf(jsonSchema('Waiting', zWaiting, 'input', components))].map(
      ({ name: field, required, schema }) =>
        route.path.includes(`:${field}`)
          ? { name: field, in: 'path', required: true, schema, ...exampleOf(example, field) }
          : { name: field, in: 'query', required, schema, ...exampleOf(example, field) },
    ),
  };
}

/** The headers of an answer: its moment, and whether it lacks events because they can't be projected. */
const MOMENT_HEADERS: JsonObject = {
  [POSITION]: { description: 'The log position that the answer is as of', schema: { type: 'integer' } },
  [STALE]: {
    description: 'Only if events that are recorded can’t be projected: the reason',
    schema: { type: 'string' },
  },
  [STALE_SINCE]: {
    description: 'With it: when the first of these events was recorded',
    schema: { type: 'string', format: 'date-time' },
  },
};

const exampleOf = (example: Readonly<Record<string, unknown>>, field: string): JsonObject =>
  field in example ? { example: z.json().parse(example[field]) } : {};

/** The routes that answer no query: pages, probes, and those for commands and usage. */
function aboutRoute(route: Route, components: Record<string, Json>): OperationObject {
  if (route.path.endsWith('/commands')) return aboutCommands(components);
  if (route.path.endsWith('/usage')) return aboutIngest(components);
  if (route.path.endsWith('/preview')) return aboutPreview(components);
  if (route.path.endsWith('/tokens')) return aboutTokens(components);
  const last = route.path.split('/').at(-1) ?? '';
  const [summary, type, schema] = PAGES.get(route.path) ?? [];
  if (summary === undefined || type === undefined)
    throw new Error(`${route.path} is not described in the OpenAPI document`);
  return {
    operationId: fieldName(last.replaceAll('.', '-')),
    tags: [subjectOf(route.path)],
    summary,
    responses: {
      200: { description: 'OK', content: { [type]: schema === undefined ? {} : { schema } } },
      ...(last === 'ready'
        ? { 503: { description: 'Not ready, or only for reads', content: { [type]: { schema: NOT_READY } } } }
        : {}),
    },
    ...(last === 'ready' ? { parameters: [FOR_READS] } : {}),
  };
}

const FOR_READS: JsonObject = {
  name: 'for',
  in: 'query',
  required: false,
  description: 'An API whose projections are halted or stuck, or whose database is read-only, is ready for reads',
  schema: { const: 'reads' },
};

const READINESS: JsonObject = {
  ...Object.fromEntries(['position', 'head', 'lag', 'lagSeconds'].map((name) => [name, { type: 'integer' }])),
  state: { enum: ['halted', 'stuck', 'read_only', 'not_writable'] },
  reason: { type: 'string' },
  staleSince: { type: 'string', format: 'date-time' },
};
const NOT_READY: JsonObject = {
  type: 'object',
  properties: {
    ...READINESS,
    status: { enum: ['degraded', 'not_ready'] },
    code: { type: 'string' },
    position: { type: ['integer', 'null'], description: 'null: not known' },
    head: { type: ['integer', 'null'], description: 'null: not known' },
  },
  required: ['status', 'code', 'reason', 'position', 'head'],
};

const PAGES: ReadonlyMap<string, readonly [summary: string, type: string, schema?: JsonObject]> = new Map([
  ['/api/docs', ['This document as a web page', 'text/html']],
  ['/graphiql', ['An editor of GraphQL queries as a web page', 'text/html']],
  ['/api/docs-json', ['This document as JSON', 'application/json']],
  ['/metrics', ['Metrics for Prometheus', 'text/plain']],
  [
    '/health/live',
    [
      'The process responds',
      'application/json',
      { type: 'object', properties: { status: { const: 'live' } }, required: ['status'] },
    ],
  ],
  [
    '/health/ready',
    [
      'The database can write, and the projections are not halted or stuck. lag is in events, lagSeconds in time',
      'application/json',
      {
        type: 'object',
        properties: { status: { enum: ['ready', 'degraded'] }, ...READINESS },
        required: ['status', 'position', 'head', 'lag', 'lagSeconds'],
      },
    ],
  ],
]);
