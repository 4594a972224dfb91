import { z } from 'zod';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };
/** An operation of the OpenAPI document. */
export type OperationObject = JsonObject & { readonly responses: JsonObject };

const zJsonObject = z.record(z.string(), z.json());

/**
 * What a schema accepts (`input`) or answers (`output`) as JSON Schema 2020-12, the version of OpenAPI 3.1. Its
 * definitions are moved to `components/schemas`, because `$ref` starts at the root of the document. Unnamed definitions
 * are named after the schema.
 */
export function jsonSchema(
  name: string,
  schema: z.ZodType,
  io: 'input' | 'output',
  components: Record<string, Json>,
): JsonObject {
  // Checks written in code have no JSON Schema: only the type remains.
  const {
    $schema: _,
    $defs: definitions = {},
    ...rest
  } = zJsonObject.parse(z.toJSONSchema(schema, { io, unrepresentable: 'any' }));
  const moved = (reference: string): string => {
    if (reference === '#') return `#/components/schemas/${name}`;
    return reference.replace(/^#\/\$defs\/(.*)$/, (_all, id: string) => `#/components/schemas/${placeOf(name, id)}`);
  };
  // A named schema is a definition too, and the root refers to it.
  const root = rest['$ref'] === `#/$defs/${name}` ? zJsonObject.parse(zJsonObject.parse(definitions)[name]) : rest;
  for (const [id, definition] of Object.entries(zJsonObject.parse(definitions)))
    components[placeOf(name, id)] = withReferences(withoutId(definition), moved);
  return zJsonObject.parse(withReferences(withoutId(root), moved));
}

/** zod names an unnamed definition `__schema0`. */
const placeOf = (name: string, id: string): string => (id.startsWith('__') ? `${name}.${id}` : id);

/** The name is the key of the definition. As a keyword, `id` has no meaning in JSON Schema 2020-12. */
function withoutId(definition: Json): Json {
  const { id: _, ...rest } = zJsonObject.parse(definition);
  return rest;
}

function withReferences(value: Json, moved: (reference: string) => string): Json {
  if (Array.isArray(value)) return value.map((each: Json) => withReferences(each, moved));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === '$ref' && typeof each === 'string' ? moved(each) : withReferences(each, moved),
    ]),
  );
}

/** The fields of an object schema, and whether each is required. */
export function fieldsOf(
  schema: JsonObject,
): { readonly name: string; readonly required: boolean; readonly schema: Json }[] {
  const required = z.array(z.string()).catch([]).parse(schema['required']);
  return Object.entries(zJsonObject.catch({}).parse(schema['properties'])).map(([name, each]) => ({
    name,
    required: required.includes(name),
    schema: each,
  }));
}
