import { z } from 'zod';

/** Generates the typed client from the OpenAPI document: a type for each schema, a method for each operation. */

type Schema = Readonly<Record<string, unknown>>;
const zSchema = z.record(z.string(), z.unknown());
const zOperation = z.looseObject({
  operationId: z.string(),
  summary: z.string(),
  parameters: z
    .array(
      z.object({ name: z.string(), in: z.enum(['path', 'query', 'header']), required: z.boolean(), schema: zSchema }),
    )
    .default([]),
  requestBody: z.object({ content: z.record(z.string(), z.looseObject({ schema: zSchema })) }).optional(),
  responses: z.looseObject({
    200: z.object({ content: z.record(z.string(), z.looseObject({ schema: zSchema.optional() })) }),
  }),
});
const zDocument = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), zOperation)),
  components: z.object({ schemas: z.record(z.string(), zSchema) }),
});

export function clientOf(document: unknown): string {
  const { paths, components } = zDocument.parse(document);
  const types = Object.entries(components.schemas)
    .filter(([name]) => !isAnyJson(name))
    .map(([name, schema]) => `export type ${typeName(name)} = ${typeOf(schema)};`);
  const operations = Object.entries(paths)
    .filter(([path]) => path.startsWith('/api/v1/'))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => methodOf(path, method.toUpperCase(), operation)),
    );
  return `/** Generated from the OpenAPI document: a change to it is made there. */
import { type ClientOptions, Requester } from './runtime.js';

${types.join('\n')}

/** Every operation of the API. Errors: LedgerlineProblem. */
export class Ledgerline {
  private readonly requester: Requester;

  constructor(options: ClientOptions) {
    this.requester = new Requester(options);
  }

${operations.join('\n\n')}
}
`;
}

/** zod names schemas of any JSON `…__schema0`. */
const isAnyJson = (name: string): boolean => name.includes('__schema');

/** `observe-usage` becomes ObserveUsage. */
const typeName = (name: string): string =>
  name
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');

const quoted = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

function typeOf(schema: Schema): string {
  const { $ref, anyOf, oneOf, type } = schema;
  if (typeof $ref === 'string')
    return isAnyJson($ref) ? 'unknown' : typeName($ref.replace('#/components/schemas/', ''));
  if ('const' in schema) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => JSON.stringify(value)).join(' | ');
  const choices = anyOf ?? oneOf;
  if (Array.isArray(choices)) return union(choices.map((each) => typeOf(zSchema.parse(each))));
  if (Array.isArray(type)) return union(type.map((each: unknown) => typeOf({ ...schema, type: each })));
  if (type === 'array') return `readonly (${typeOf(zSchema.catch({}).parse(schema['items']))})[]`;
  if (type === 'object' || 'properties' in schema) return objectOf(schema);
  if (type === 'string' || type === 'boolean' || type === 'null') return type;
  return type === 'number' || type === 'integer' ? 'number' : 'unknown';
}

const union = (types: readonly string[]): string => [...new Set(types)].join(' | ');

function objectOf(schema: Schema): string {
  const required = z.array(z.string()).catch([]).parse(schema['required']);
  const properties = z.record(z.string(), zSchema).catch({}).parse(schema['properties']);
  const fields = Object.entries(properties).map(
    ([name, each]) => `readonly ${quoted(name)}${required.includes(name) ? '' : '?'}: ${typeOf(each)}`,
  );
  if (fields.length > 0) return `{ ${fields.join('; ')} }`;
  const values = zSchema.safeParse(schema['additionalProperties']);
  return `Readonly<Record<string, ${values.success ? typeOf(values.data) : 'unknown'}>>`;
}

type Operation = z.output<typeof zOperation>;

function methodOf(path: string, method: string, operation: Operation): string {
  const { operationId, summary, requestBody, responses } = operation;
  // Headers are only for clients that can't send a body: here, an event is an object.
  const parameters = operation.parameters.filter((each) => each.in !== 'header');
  const answer = Object.values(responses[200].content)[0]?.schema;
  const body = requestBody?.content['application/json']?.schema;
  const inPath = parameters.filter((each) => each.in === 'path').map(({ name }) => name);
  const fields = parameters.map(
    ({ name, required, schema }) =>
      `${quoted(name)}${required ? '' : '?'}: ${typeOf(schema)}${required ? '' : ' | undefined'}`,
  );
  const isOptional = parameters.every(({ required }) => !required);
  const given = parameters.length === 0 ? [] : [`question: { ${fields.join('; ')} }${isOptional ? ' = {}' : ''}`];
  const filled = inPath.reduce((text, name) => text.replace(`{${name}}`, `\${encodeURIComponent(${name})}`), path);
  const [taken, query] =
    inPath.length === 0 ? ['', 'question'] : [`    const { ${inPath.join(', ')}, ...query } = question;\n`, 'query'];
  const call = [
    `method: '${method}'`,
    `path: ${inPath.length === 0 ? `'${path}'` : `\`${filled}\``}`,
    ...(parameters.length === 0 ? [] : [query === 'query' ? 'query' : `query: ${query}`]),
    ...(body === undefined ? [] : ['body']),
  ];
  const taking = [...(body === undefined ? [] : [`body: ${typeOf(body)}`]), ...given].join(', ');
  return `  /** ${summary}. */
  async ${operationId}(${taking}): Promise<${answer === undefined ? 'unknown' : typeOf(answer)}> {
${taken}    return this.requester.send({ ${call.join(', ')} });
  }`;
}
